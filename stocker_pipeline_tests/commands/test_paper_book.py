"""``stocker status|ticket|explain|positions|orders|fills``: what a person reads about a book."""

import json
from datetime import UTC, datetime

import pytest

from stocker_pipeline_tests.commands.paper import BOOK, FIRST, LAST, NEXT

NEW_YEAR = datetime(2026, 1, 1, 12, tzinfo=UTC)


def answer(paper, *arguments, code=0):
    found, text, error = paper(*arguments, "--json")
    assert found == code, error or text
    return json.loads(text)


def test_status_tells_state_last_session_and_value(paper):
    found = answer(paper, "status", BOOK)
    assert (found["state"], found["last_session"], found["outcome"]) == (
        "ARMED",
        str(LAST),
        "TRADED",
    )
    assert found["nav"] == pytest.approx(98_320.2719, abs=0)
    assert found["next"][-1]["session"] == str(NEXT)
    code, text, _ = paper("status", BOOK)
    assert code == 0
    # Time is moved here: the book's session says when, not the hour at which it was replayed.
    for words in (
        f"ARMED since session {FIRST}",
        "NAV 98,320.2719",
        f"stocker day {BOOK} --session {NEXT}",
    ):
        assert words in text


def test_status_in_real_time_tells_the_instant_and_not_the_session(paper, book_home, monkeypatch):
    from stocker_pipeline.commands import paper_book

    found = answer(paper, "status", BOOK)
    shown = []
    monkeypatch.setattr(paper_book, "say", shown.append)
    paper_book._print_status({**found, "environment": "paper", "state_since": NEW_YEAR, "next": []})
    assert "ARMED since 2026-01-01 07:00:00 EST" in shown[0]


def test_no_table_of_a_replayed_book_shows_the_hour_of_the_replay(paper, desk):
    with desk() as opened:
        opened.broker.control.trade_by_hand("AAPL", 5, 2_000_000)
    assert paper("reconcile", BOOK)[0] == 7
    found = answer(paper, "status", BOOK)
    assert found["breaks"][0]["since"]
    assert {row["session"] for row in found["alerts"]} == {str(LAST)}
    text = paper("status", BOOK)[1]
    assert "breaks with the broker" in text
    for instant in (found["state_since"], found["breaks"][0]["since"], found["alerts"][0]["at"]):
        assert instant[:10] not in text


def test_status_of_a_book_in_real_time_tells_what_comes_in_new_york(paper, monkeypatch):
    from stocker_pipeline.commands import paper_book

    found = answer(paper, "status", BOOK)
    times = [item["at"] for item in found["next"]]
    assert times[1] == "2010-01-19T13:00:00+00:00"
    rows = paper_book.shown_rows([{"at": paper_book_instant(times[1])}])
    assert rows == [{"at": "2010-01-19 08:00:00 EST"}]


def paper_book_instant(text):
    from datetime import datetime

    return datetime.fromisoformat(text)


def test_status_of_a_book_that_has_not_begun_says_how_it_begins(stocker):
    code, text, _ = stocker("status", BOOK)
    assert code == 0
    assert "has not begun" in text
    assert f"stocker day {BOOK} --session" in text
    assert answer(stocker, "status", BOOK)["state"] is None


def test_the_ticket_tells_what_would_be_ordered_and_writes_nothing(paper, ledger):
    before = answer(paper, "db", "hash", BOOK)
    found = answer(paper, "ticket", BOOK)
    assert found["session"] == str(NEXT)
    rows = found["orders"] + found["without_order"]
    assert sorted(row["symbol"] for row in rows) == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    assert all(row["why"] for row in rows)
    assert answer(paper, "db", "hash", BOOK) == before
    assert ledger.read(lambda r: r.session(BOOK, NEXT)) is None
    assert "a dry run, nothing is sent" in paper("ticket", BOOK)[1]


def test_the_ticket_is_what_the_day_then_decides(paper, ledger):
    rows = answer(paper, "ticket", BOOK)["orders"]
    answer(paper, "day", BOOK, "--session", NEXT)
    orders = ledger.read(lambda r: r.orders(BOOK, session=NEXT))
    assert {row["symbol"]: row["quantity"] for row in rows} == {
        order.intent.key.symbol: order.intent.quantity for order in orders
    }


def test_explain_leads_from_momentum_to_the_fill(paper):
    found = answer(paper, "explain", BOOK, LAST, "GOOG")
    chain = found["chain"]
    assert chain["momentum"] is not None
    assert chain["held"] + chain["ordered"] == chain["desired"]
    (order,) = found["orders"]
    assert [event["state"] for event in order["events"]] == ["SENDING", "ACKED", "FILLED"]
    (fill,) = found["fills"]
    assert fill["quantity"] == chain["ordered"]
    code, text, _ = paper("explain", BOOK, LAST, "GOOG")
    assert code == 0
    assert f"{LAST} 09:30:00 EST" in text
    assert "change of price over the lookback" in text


def test_positions_orders_and_fills_of_a_range(paper):
    held = answer(paper, "positions", BOOK)
    assert held["session"] == str(LAST)
    everything = answer(paper, "orders", BOOK)["orders"]
    first_day = answer(paper, "orders", BOOK, "--to", FIRST)["orders"]
    assert 0 < len(first_day) < len(everything)
    fills = answer(paper, "fills", BOOK)["fills"]
    total = {row["symbol"]: 0 for row in fills}
    for row in fills:
        total[row["symbol"]] += row["quantity"]
    assert {row["symbol"]: row["quantity"] for row in held["positions"]} == total
    assert "none" in paper("fills", BOOK, "--from", "2010-02-01")[1]


def test_what_is_written_wrong_is_refused_with_what_there_is(paper):
    for arguments, code, words in (
        (("status", "trend_papr"), 4, BOOK),
        (("explain", BOOK, LAST, "GOG"), 5, "AAPL, FB, GOOG, IBM, MSFT"),
        (("explain", BOOK, "2010-01-16", "GOOG"), 3, "2010-01-19"),
        (("explain", BOOK, NEXT, "GOOG"), 5, "not decided"),
        (("ticket", BOOK, "--session", LAST), 5, str(NEXT)),
        (("orders", BOOK, "--from", LAST, "--to", FIRST), 3, "not after"),
    ):
        found, _, error = paper(*arguments)
        assert (found, words in error) == (code, True), (arguments, error)
