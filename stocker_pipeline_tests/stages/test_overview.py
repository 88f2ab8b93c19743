"""What a person asks about a paper book, against what its rows say."""

import shutil
from datetime import timedelta

import pytest

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.engine.rebalance import Decision
from stocker_pipeline.ledger.control_records import ControlState, OverrideRecord
from stocker_pipeline.ledger.records import CashFlow, FlowKind, OutcomeRecord
from stocker_pipeline.risk.overrides import OverrideKind, OverrideReason
from stocker_pipeline.stages.adopt import reconcile_now
from stocker_pipeline.stages.day import close_session, open_session
from stocker_pipeline.stages.overview import (
    begun,
    explain,
    flows_of,
    meaning_of,
    next_session_of,
    positions_of,
    status_of,
    ticket_of,
)
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


def status(desk):  # noqa: F811
    return desk.ledger.read(lambda r: status_of(r, desk.name, desk.clock.now()))


def ticket(desk):  # noqa: F811
    return desk.ledger.read(lambda r: ticket_of(r, desk, NEXT))


def test_a_status_repeats_the_last_snapshot_and_outcome(desk):  # noqa: F811
    snapshot = desk.ledger.read(lambda r: r.latest_snapshot(BOOK))
    ended = desk.ledger.read(lambda r: r.outcome(BOOK, LAST))
    found = status(desk)
    assert found["last_session"] == snapshot.session == LAST
    assert (found["nav"], found["cash"]) == (snapshot.nav_e4 / 1e4, snapshot.cash_e4 / 1e4)
    assert found["drawdown"] == snapshot.drawdown
    assert (found["outcome"], found["outcome_reason"]) == (ended.outcome.value, ended.reason)
    assert (found["breaks"], found["locked"], found["suspense"]) == ([], [], [])


def test_a_book_without_a_settled_session_is_its_capital(empty_folder, tmp_path):  # noqa: F811
    home = home_in(shutil.copytree(empty_folder, tmp_path / "young"))
    with home.desk(morning(FIRST)) as young:
        open_session(young, FIRST)
        found = status(young)
        held = young.ledger.read(lambda r: positions_of(r, BOOK))
    assert (found["last_session"], found["outcome"]) == (None, None)
    assert found["nav"] == found["cash"] == young.portfolio.initial_capital
    assert {item["session"] for item in found["next"]} == {FIRST}
    assert (held["session"], held["positions"]) == (None, [])


def test_a_status_before_the_decision_names_five_hours_and_after_it_two(desk):  # noqa: F811
    whats = [item["what"] for item in status(desk)["next"]]
    assert whats[:2] == ["orders may be sent from", "decide and send"]
    assert len(whats) == 5
    move_to(desk, morning(NEXT))
    open_session(desk, NEXT)
    whats = [item["what"] for item in status(desk)["next"]]
    assert whats == ["open of the exchange", "collect fills and settle"]


def test_what_should_have_happened_by_now_is_late(desk):  # noqa: F811
    day = desk.day(NEXT)

    def late(now):
        found = desk.ledger.read(lambda r: status_of(r, BOOK, now))["next"]
        return [item["what"] for item in found if item["late"]]

    assert late(day.window_opens_at) == []
    assert late(day.window_closes_at) == ["orders may be sent from", "decide and send"]
    assert len(late(day.close_stage_at + timedelta(seconds=1))) == 5


def test_a_state_is_told_with_the_first_session_that_it_holds_for(desk):  # noqa: F811
    assert status(desk)["state_since_session"] == FIRST
    desk.ledger.write(
        None,
        lambda w: w.set_control(BOOK, ControlState.REDUCE_ONLY, author="me", reason="too hot"),
    )
    found = status(desk)
    assert (found["state"], found["state_reason"]) == ("REDUCE_ONLY", "me: too hot")
    assert found["state_since_session"] == NEXT
    move_to(desk, morning(NEXT))
    open_session(desk, NEXT)
    move_to(desk, evening(NEXT))
    close_session(desk, NEXT)
    assert next_session_of_now(desk) > NEXT
    assert status(desk)["state_since_session"] == NEXT


def next_session_of_now(desk):  # noqa: F811
    return desk.ledger.read(lambda r: next_session_of(r, BOOK))


def test_orders_that_may_still_trade_are_in_the_status_until_they_end(desk):  # noqa: F811
    sell_everything(desk)
    move_to(desk, morning(NEXT))
    open_session(desk, NEXT)
    working = status(desk)["working_orders"]
    assert {(row["session"], row["state"], row["attempts"]) for row in working} == {
        (NEXT, OrderState.ACKED.value, 1)
    }
    move_to(desk, evening(NEXT))
    close_session(desk, NEXT)
    assert status(desk)["working_orders"] == []


def sell_everything(desk):  # noqa: F811
    record = OverrideRecord(BOOK, OverrideKind.CLOSE_ONLY, "me", "enough", NEXT)
    desk.ledger.write(None, lambda w: w.put_override(record))


def test_a_fill_by_hand_is_in_suspense_and_locks_its_symbol(desk):  # noqa: F811
    desk.broker.control.trade_by_hand("AAPL", 5, 2_000_000)
    reconcile_now(desk)
    found = status(desk)
    assert found["locked"] == ["AAPL"]
    assert {(item["symbol"], item["kind"]) for item in found["breaks"]} == {
        ("AAPL", "quantity"),
        ("cash", "cash"),
    }
    (suspended,) = found["suspense"]
    assert (suspended["symbol"], suspended["quantity"], suspended["price"]) == ("AAPL", 5, 200.0)
    assert any("AAPL" in item["text"] for item in found["alerts"])
    assert {item["session"] for item in found["alerts"]} == {LAST}


def test_the_ticket_is_what_is_decided_after_it_and_writes_nothing(desk):  # noqa: F811
    sell_everything(desk)
    found = ticket(desk)
    assert found["written"] is False
    assert desk.ledger.read(lambda r: r.session(BOOK, NEXT)) is None
    move_to(desk, morning(NEXT))
    open_session(desk, NEXT)
    orders = desk.ledger.read(lambda r: r.orders(BOOK, session=NEXT))
    assert orders
    assert found["intents"] == [order.client_order_id for order in orders]
    assert [(row["symbol"], row["quantity"]) for row in found["orders"]] == [
        (order.intent.key.symbol, order.intent.quantity) for order in orders
    ]
    assert ticket(desk)["written"] is True


def test_the_sums_of_a_ticket_are_those_of_its_rows(desk):  # noqa: F811
    sell_everything(desk)
    found = ticket(desk)
    rows = found["orders"] + found["without_order"]
    assert {row["symbol"] for row in rows} == set(desk.portfolio.universe)
    before = sum(abs(row["held"]) * row["reference_price"] for row in rows if row["held"])
    assert found["gross_exposure_before"] == pytest.approx(before / found["nav"], rel=1e-12)
    assert found["gross_exposure_before"] > 0.5
    assert found["gross_exposure_after"] == 0.0
    assert found["commissions"] == len(found["orders"]) * 1.0
    for row in found["orders"]:
        assert row["quantity"] == -row["held"]
        assert row["notional_usd"] == row["quantity"] * row["reference_price"]
        assert row["weight_after"] == 0.0
    (force,) = found["in_force"]
    assert (force["kind"], force["symbol"], force["reason"]) == ("close_only", None, "enough")
    assert {row["overridden_by"] for row in found["orders"]} == {"close_only by me: enough"}


def test_an_explanation_is_the_decision_its_order_and_its_fill(desk):  # noqa: F811
    orders = desk.ledger.read(lambda r: r.orders(BOOK, session=LAST))
    order = orders[0]
    symbol = order.intent.key.symbol
    row = desk.ledger.read(lambda r: r.decision(BOOK, LAST, symbol))
    found = desk.ledger.read(lambda r: explain(r, BOOK, LAST, symbol))
    assert found["chain"]["target"] == row.target
    assert found["chain"]["ordered"] == order.intent.quantity == found["fills"][0]["quantity"]
    assert found["chain"]["why"] == meaning_of(row.decision)
    assert found["decided_on"] == desk.data_versions
    assert found["config_hash"] == desk.config_hash
    (shown,) = found["orders"]
    assert [event["state"] for event in shown["events"]] == ["SENDING", "ACKED", "FILLED"]
    (fill,) = found["fills"]
    assert fill["commission"] == 1.0


def test_what_was_not_decided_cannot_be_explained_and_says_what_there_is(desk):  # noqa: F811
    def refusal(session, symbol):
        with pytest.raises(BookRefused) as refused:
            desk.ledger.read(lambda r: explain(r, BOOK, session, symbol))
        return str(refused.value)

    assert "AAPL, FB, GOOG, IBM, MSFT" in refusal(LAST, "SPY")
    assert "it was not decided" in refusal(NEXT, "AAPL")
    move_to(desk, evening(NEXT))
    close_session(desk, NEXT)
    assert "the session ended SKIPPED" in refusal(NEXT, "AAPL")
    ended = desk.ledger.read(lambda r: r.outcome(BOOK, NEXT))
    assert isinstance(ended, OutcomeRecord)
    assert ended.outcome is SessionOutcome.SKIPPED


def test_money_is_booked_once_its_session_is_settled(desk):  # noqa: F811
    flow = CashFlow(BOOK, NEXT, FlowKind.DEPOSIT, 12_345_600, "w1", "me", "savings")
    desk.ledger.write(None, lambda w: w.put_flow(flow))
    (row,) = desk.ledger.read(lambda r: flows_of(r, BOOK))
    assert (row["amount"], row["kind"], row["booked"]) == (1234.56, "deposit", False)
    move_to(desk, evening(NEXT))
    close_session(desk, NEXT)
    (row,) = desk.ledger.read(lambda r: flows_of(r, BOOK))
    assert row["booked"] is True


def test_positions_are_those_of_the_last_close_with_their_value(desk):  # noqa: F811
    found = desk.ledger.read(lambda r: positions_of(r, BOOK))
    held: dict[str, int] = {}
    for lot in desk.ledger.read(lambda r: r.lots(BOOK)):
        held[lot.symbol] = held.get(lot.symbol, 0) + lot.quantity
    assert {row["symbol"]: row["quantity"] for row in found["positions"]} == held
    assert found["session"] == LAST
    worth = sum(row["market_value"] for row in found["positions"])
    assert worth + status(desk)["cash"] == pytest.approx(status(desk)["nav"], abs=1e-6)


def test_a_book_that_has_not_begun_is_refused_with_those_that_have(desk):  # noqa: F811
    with pytest.raises(BookRefused, match=f"nobody; books of this ledger: {BOOK}"):
        desk.ledger.read(lambda r: begun(r, "nobody"))


def test_every_code_of_a_decision_has_a_sentence():
    for code in (*Decision.__members__, *OverrideReason.__members__):
        assert len(meaning_of(code).split()) > 1, code
