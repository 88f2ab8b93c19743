"""What a person enters because of a difference with the broker: all of it, or nothing."""

import shutil
from dataclasses import replace

import pytest

from stocker_pipeline.domain.errors import BookRefused, InputRefused
from stocker_pipeline.gateways.brokers.broker import ReadFailed
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.ledger.invariants import run_invariants
from stocker_pipeline.stages.adopt import Resolution, explained, reconcile_now
from stocker_pipeline.stages.day import close_session, collect_session, open_session
from stocker_pipeline.stages.patience import Waits
from stocker_pipeline_tests.stages.book_day import (  # noqa: F401
    FIRST,
    LAST,
    NEXT,
    desk,
    empty_folder,
    home_in,
    home_of_book,
    move_to,
    traded_folder,
)
from stocker_pipeline_tests.stages.paper_day import BOOK, evening, morning

PRICE_E4 = 2_000_000


def word(**entries):
    return Resolution(author="me", reason="because", **entries)


def ghost(desk, quantity=5, symbol="AAPL"):  # noqa: F811
    """A fill by hand, after the close of ``LAST``; returns its id."""
    desk.broker.control.trade_by_hand(symbol, quantity, PRICE_E4)
    return desk.broker.control.truth().executions[-1].execution_id


def suspended(desk):  # noqa: F811
    rows = desk.ledger.read(lambda r: r.open_suspense(desk.broker.name, desk.account))
    return [row.execution.execution_id for row in rows]


def versions(desk):  # noqa: F811
    return [(row.session, row.version) for row in desk.ledger.read(lambda r: r.snapshots(BOOK))]


def kinds(found):
    return {broken.kind.value for broken in found.breaks}


def test_a_book_that_agrees_is_compared_and_not_changed(desk):  # noqa: F811
    before = digest(desk.ledger, BOOK)
    compared = len(desk.ledger.read(lambda r: r.reconciliations(BOOK)))
    found = reconcile_now(desk)
    assert (found.session, found.entered, found.breaks, found.waits) == (LAST, [], [], "")
    assert len(desk.ledger.read(lambda r: r.reconciliations(BOOK))) == compared + 1
    assert digest(desk.ledger, BOOK) == before


def test_a_word_that_says_nothing_enters_nothing(desk):  # noqa: F811
    assert word().empty
    assert not word(ignore=("a",)).empty
    before = versions(desk)
    assert reconcile_now(desk, word()).entered == []
    assert versions(desk) == before


def test_an_adopted_fill_makes_the_book_the_brokers_own(desk):  # noqa: F811
    key = ghost(desk)
    assert kinds(reconcile_now(desk)) == {"quantity", "cash"}
    found = reconcile_now(desk, word(adopt=(key,)))
    assert (found.breaks, suspended(desk)) == ([], [])
    assert found.entered[0].startswith(f"adopted +5 AAPL at 200.0000 in {LAST} ({key})")
    assert found.entered[1] == f"settled {LAST} to {LAST} again"
    truth = desk.broker.control.truth()
    rows = desk.ledger.read(lambda r: r.positions(BOOK, LAST))
    assert {row.symbol: row.quantity for row in rows} == {
        symbol: held.quantity for symbol, held in truth.positions.items()
    }
    snapshot = desk.ledger.read(lambda r: r.snapshot(BOOK, LAST))
    assert snapshot.cash_e4 == truth.cash_e4
    assert (snapshot.version, snapshot.reason) == (2, "me: because")
    assert run_invariants(desk.ledger, BOOK) == []


def test_a_fill_of_an_earlier_session_settles_every_session_since_again(home_of_book):  # noqa: F811
    with home_of_book.desk(evening(LAST)) as at_last:
        key = ghost(at_last)
        reconcile_now(at_last)
    with home_of_book.desk(evening(NEXT)) as at_next:
        close_session(at_next, NEXT)
        found = reconcile_now(at_next, word(adopt=(key,)))
        assert f"settled {LAST} to {NEXT} again" in found.entered
        assert versions(at_next)[-2:] == [(LAST, 2), (NEXT, 2)]
        assert found.breaks == []
        assert run_invariants(at_next.ledger, BOOK) == []


def test_an_ignored_fill_leaves_the_book_as_it_was_and_the_break_open(desk):  # noqa: F811
    key, before = ghost(desk), versions(desk)
    found = reconcile_now(desk, word(ignore=(key,)))
    assert found.entered == [f"ignored +5 AAPL at 200.0000 in {LAST} ({key})"]
    assert suspended(desk) == []
    assert versions(desk) == before
    assert kinds(found) == {"quantity", "cash"}


def test_one_wrong_id_and_nothing_of_the_rest_is_entered(desk):  # noqa: F811
    key = ghost(desk)
    reconcile_now(desk)
    before = digest(desk.ledger, BOOK)
    with pytest.raises(BookRefused, match=f"in suspense: {key}"):
        reconcile_now(desk, word(adopt=(key, "no-such")))
    assert suspended(desk) == [key]
    assert digest(desk.ledger, BOOK) == before


def test_a_fill_without_bars_at_this_desk_is_not_adopted(desk):  # noqa: F811
    key = ghost(desk)
    reconcile_now(desk)
    elsewhere = replace(desk, panel=without(desk.panel, "AAPL"))
    with pytest.raises(BookRefused, match="a symbol with bars at this desk"):
        reconcile_now(elsewhere, word(adopt=(key,)))
    assert suspended(desk) == [key]


def without(panel, symbol):
    """The panel as it says it is, without the name of a symbol."""
    return replace(panel, symbols=tuple(name for name in panel.symbols if name != symbol))


def test_cash_is_adjusted_by_what_a_person_says_and_the_rest_stays_open(desk):  # noqa: F811
    desk.broker.move_cash(-25_000, LAST, "two fees")
    found = reconcile_now(desk, word(adjust_cash_e4=-12_500))
    assert kinds(found) == {"cash"}
    with pytest.raises(InputRefused, match="not made before"):
        reconcile_now(desk, word(adjust_cash_e4=-12_500))
    assert [flow.amount_e4 for flow in desk.ledger.read(lambda r: r.flows(BOOK))] == [-12_500]
    rest = reconcile_now(desk, word(adjust_cash_e4=-12_501))
    assert kinds(rest) == {"cash"}
    done = reconcile_now(desk, word(adjust_cash_e4=1))
    assert done.breaks == []
    assert desk.ledger.read(lambda r: r.snapshot(BOOK, LAST)).flows_e4 == -25_000
    assert run_invariants(desk.ledger, BOOK) == []


def test_cash_that_is_equal_is_not_adjusted(desk):  # noqa: F811
    before = versions(desk)
    with pytest.raises(BookRefused, match="whose cash is not ours"):
        reconcile_now(desk, word(adjust_cash_e4=5))
    assert versions(desk) == before


def test_shares_nobody_explains_are_booked_as_the_difference(desk):  # noqa: F811
    key = ghost(desk)
    reconcile_now(desk, word(ignore=(key,)))
    found = reconcile_now(desk, word(position="AAPL", price_e4=PRICE_E4))
    assert found.breaks == []
    booked = desk.ledger.read(lambda r: r.executions(BOOK, session=LAST))
    (made,) = [b.execution for b in booked if b.execution.execution_id.startswith("balance-")]
    assert (made.quantity, made.price_e4, made.commission_e4) == (5, PRICE_E4, 0)
    with pytest.raises(BookRefused, match="positions differ: there is none"):
        reconcile_now(desk, word(position="AAPL", price_e4=PRICE_E4))
    assert run_invariants(desk.ledger, BOOK) == []


def test_a_symbol_that_agrees_is_not_adopted_and_those_that_differ_are_named(desk):  # noqa: F811
    ghost(desk)
    with pytest.raises(BookRefused, match="positions differ: AAPL"):
        reconcile_now(desk, word(position="IBM"))
    assert versions(desk)[-1] == (LAST, 1)


def test_nothing_is_booked_into_a_book_without_a_settled_session(
    empty_folder,  # noqa: F811
    tmp_path,
):
    home = home_in(shutil.copytree(empty_folder, tmp_path / "young"))
    with home.desk(morning(FIRST)) as young:
        with pytest.raises(BookRefused, match="has begun"):
            reconcile_now(young)
        open_session(young, FIRST)
        key = ghost(young)
        for entry in ({"position": "AAPL"}, {"adjust_cash_e4": -100}):
            with pytest.raises(BookRefused, match="with a settled session"):
                reconcile_now(young, word(**entry))
        assert young.ledger.read(lambda r: r.flows(BOOK)) == []
        assert suspended(young) == [key]


def test_a_session_under_way_is_not_compared_and_no_difference_is_entered(desk):  # noqa: F811
    move_to(desk, morning(NEXT))
    open_session(desk, NEXT)
    move_to(desk, evening(NEXT))
    collect_session(desk, NEXT)
    compared = len(desk.ledger.read(lambda r: r.reconciliations(BOOK)))
    found = reconcile_now(desk)
    assert f"stocker day {BOOK} --session {NEXT} --stage close" in found.waits
    assert len(desk.ledger.read(lambda r: r.reconciliations(BOOK))) == compared
    with pytest.raises(Waits, match="under_way"):
        reconcile_now(desk, word(adjust_cash_e4=100))
    assert desk.ledger.read(lambda r: r.flows(BOOK)) == []


def test_a_broker_that_does_not_answer_ends_with_a_wait_and_nothing_entered(desk, monkeypatch):  # noqa: F811
    key = ghost(desk)
    reconcile_now(desk)
    before = digest(desk.ledger, BOOK)

    def silent(cursor):
        raise ReadFailed("no answer")

    monkeypatch.setattr(desk.broker, "executions", silent)
    with pytest.raises(Waits, match="broker_silent"):
        reconcile_now(desk, word(adopt=(key,)))
    assert suspended(desk) == [key]
    assert digest(desk.ledger, BOOK) == before


def test_an_explanation_has_both_sides_and_what_can_be_done(desk):  # noqa: F811
    key = ghost(desk)
    desk.broker.control.foreign_order("IBM", 3, NEXT)
    reconcile_now(desk)
    told = {item["symbol"]: item for item in desk.ledger.read(lambda r: explained(r, BOOK))}
    assert set(told) == {"AAPL", "cash", "IBM"}
    quantity = told["AAPL"]
    assert int(quantity["the_broker_says"].split()[0]) == int(quantity["we_say"].split()[0]) + 5
    assert [row["execution"] for row in quantity["suspense"]] == [key]
    assert any(f"--adopt {key}" in line for line in quantity["what_to_do"])
    assert {row["symbol"] for row in quantity["fills"]} <= {"AAPL"}
    assert any("--adjust-cash AMOUNT" in line for line in told["cash"]["what_to_do"])
    assert any("Cancel the order" in line for line in told["IBM"]["what_to_do"])
    reconcile_now(desk, word(ignore=(key,)))
    (without_fill,) = [
        item for item in desk.ledger.read(lambda r: explained(r, BOOK)) if item["symbol"] == "AAPL"
    ]
    assert any("--adopt-position AAPL" in line for line in without_fill["what_to_do"])


def test_only_the_last_five_sessions_of_a_symbol_are_told(desk):  # noqa: F811
    ghost(desk)
    reconcile_now(desk)
    told = {item["symbol"]: item for item in desk.ledger.read(lambda r: explained(r, BOOK))}
    sessions = [record.session for record in desk.ledger.read(lambda r: r.sessions(BOOK))]
    every = desk.ledger.read(lambda r: r.orders(BOOK))
    aapl = [o.intent.key.session for o in every if o.intent.key.symbol == "AAPL"]
    shown = [row["session"] for row in told["AAPL"]["orders"]]
    assert shown == [session for session in aapl if session in sessions[-5:]]
    assert len(shown) < len(aapl)
