"""``stocker monitor`` and ``stocker metrics``, and the breaker in ``stocker status``."""

import json
from pathlib import Path

from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline_tests.commands.paper import BOOK, LAST
from stocker_pipeline_tests.gateways.test_metrics import parsed


def test_a_quiet_book_is_watched_without_a_finding(paper, ledger):
    code, text, error = paper("monitor", BOOK, "--json")
    assert code == 0, error or text
    found = json.loads(text)
    assert (found["state"], found["raised"]) == ("ARMED", 0)
    loss = next(row for row in found["monitors"] if row["monitor"] == "daily_loss")
    assert (loss["session"], loss["finding"], loss["bound"]) == (str(LAST), "clear", -0.03)
    assert ledger.read(lambda r: r.alerts(BOOK)) == []


def test_what_is_raised_is_told_with_exit_code_7_and_acted_on_once(paper, desk, ledger):
    with desk() as opened:
        opened.broker.control.trade_by_hand("AAPL", 5, 2_000_000)
    assert paper("reconcile", BOOK)[0] == 7
    code, text, _ = paper("monitor", BOOK)
    assert code == 7
    assert "raised  foreign_activity" in text
    assert "raised  reconciliation" in text
    assert "the portfolio is KILLED" in text
    assert ledger.read(lambda r: r.control(BOOK)).state is ControlState.KILLED
    alerts = ledger.read(lambda r: r.alerts(BOOK))
    code, text, _ = paper("monitor", BOOK)
    assert code == 7
    assert "→" not in text
    assert ledger.read(lambda r: r.alerts(BOOK)) == alerts


def test_a_book_that_has_not_begun_is_refused(stocker, home):
    code, _, error = stocker("monitor", BOOK)
    assert code == 5
    assert "a book that has begun" in error


def test_status_says_what_would_trip_the_breaker_in_dollars(paper, ledger):
    row = ledger.read(lambda r: r.latest_snapshot(BOOK))
    trips = row.peak_nav_e4 / 1e4 * 0.9
    _, text, _ = paper("status", BOOK)
    assert f"not tripped: a close below {trips:,.2f} dollars trips it" in text
    found = json.loads(paper("status", BOOK, "--json")[1])["breaker"]
    assert found["tripped"] is False
    assert found["trips_below_nav"] == trips
    assert found["drawdown"] == row.drawdown


def test_metrics_are_printed_or_written_and_are_the_ledgers(paper, ledger, tmp_path: Path):
    row = ledger.read(lambda r: r.latest_snapshot(BOOK))
    code, text, error = paper("metrics")
    assert code == 0, error
    assert parsed(text)["stocker_nav_usd"] == {(BOOK,): row.nav_e4 / 1e4}
    assert parsed(text)["stocker_sessions_total"][BOOK, "TRADED"] > 0
    assert parsed(text)["stocker_last_bar_age_sessions"][(BOOK,)] > 1000
    path = tmp_path / "stocker.prom"
    assert paper("metrics", "--textfile", path)[0] == 0
    assert parsed(path.read_text())["stocker_nav_usd"] == {(BOOK,): row.nav_e4 / 1e4}


def test_two_ways_out_and_a_wrong_address_are_refused(paper, tmp_path: Path):
    both = paper("metrics", "--textfile", tmp_path / "x", "--serve", "127.0.0.1:1")
    assert (both[0], "Leave one out" in both[2]) == (3, True)
    for address in ("9464x", "127.0.0.1", "127.0.0.1:70000"):
        code, _, error = paper("metrics", "--serve", address)
        assert code == 3, address
        assert "HOST:PORT" in error
