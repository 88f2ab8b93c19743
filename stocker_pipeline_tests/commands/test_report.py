"""``stocker report``: pages of a paper book and of a backtest, and what they add up to."""

import json
from pathlib import Path

import pytest

from stocker_pipeline.analytics.day_numbers import profits_of
from stocker_pipeline.analytics.day_values import Traded
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.stages.books import opening_of
from stocker_pipeline.stages.forecast import forecast
from stocker_pipeline.stages.portfolios import named_portfolio
from stocker_pipeline.stages.report_backtest import days_of_backtest
from stocker_pipeline.stages.report_day import days_of_book
from stocker_pipeline.stages.trade import trade
from stocker_pipeline_tests.commands.conftest import venue_at
from stocker_pipeline_tests.commands.paper import BOOK, FIRST, LAST, NEXT
from stocker_pipeline_tests.test_cli_imports import loaded

SESSIONS = SessionCalendar.between(FIRST, LAST).sessions(FIRST, LAST).tolist()
BACKTEST = "trend_backtest"


def answer(stocker, *arguments, code=0):
    found, text, error = stocker("report", *arguments, "--json")
    assert found == code, error or text
    return json.loads(text)


def by_symbol(fills):
    return sorted(fills, key=lambda fill: fill.symbol)


@pytest.fixture
def backtest(book_home: Path) -> Lake:
    """The lake of the traded home, in which a backtest ran over the sessions of the book."""
    lake, chosen = Lake(str(book_home / "lake")), named_portfolio(BACKTEST)
    calendar = SessionCalendar.between(FIRST, LAST)
    opening = opening_of(lake, BACKTEST, calendar, FIRST, restart=True)
    forecast(lake, BACKTEST, chosen, opening, FIRST, LAST)
    trade(lake, BACKTEST, chosen, opening, FIRST, LAST)
    return lake


def test_the_report_of_a_paper_book_is_a_file_and_an_answer(paper, book_home, ledger):
    found = answer(paper, BOOK)
    snapshot = ledger.read(lambda r: r.latest_snapshot(BOOK))
    page = book_home / "reports" / "daily" / BOOK / f"{LAST}.html"
    assert found["report"] == str(page)
    assert (found["session"], found["outcome"]) == (str(LAST), "TRADED")
    assert found["nav"] == snapshot.nav_e4 / 1e4
    assert sum(found["profit_by_symbol"].values()) == pytest.approx(found["profit"], abs=1e-6)
    text = page.read_text()
    for words in (f"Ticket of the next session, {NEXT}", "As it would be decided now", "momentum"):
        assert words in text
    assert not list(page.parent.glob("*.partial"))
    code, printed, _ = paper("report", BOOK)
    assert (code, f"{LAST}.html" in printed) == (0, True)


def test_a_page_loads_nothing_that_it_does_not_use(book_home):
    modules = loaded("report", BOOK, "--json")
    assert "sqlalchemy" in modules
    unused = {"alembic", "dagster", "duckdb", "matplotlib", "pandas", "plotly", "scipy.linalg"}
    assert sorted(unused & modules) == []


def test_writing_a_report_changes_nothing_in_the_book(paper):
    def state():
        code, text, _ = paper("db", "hash", BOOK, "--json")
        assert code == 0
        return text

    before = state()
    answer(paper, BOOK)
    answer(paper, BOOK, "--week", LAST)
    assert state() == before


def test_profits_of_every_session_are_its_change_of_nav_to_the_cent(book_home, ledger):
    lake, chosen = Lake(str(book_home / "lake")), named_portfolio(BOOK)
    snapshots = ledger.read(lambda r: r.snapshots(BOOK))
    days = days_of_book(venue_at(book_home), lake, BOOK, chosen, SESSIONS)
    before = snapshots[0].initial_capital_e4
    for day, snapshot in zip(days, snapshots, strict=True):
        found = profits_of(day)
        assert found.rest_e4 == 0, day.session
        assert sum(row.profit_e4 for row in found.rows) == snapshot.nav_e4 - before
        before = snapshot.nav_e4
    assert any(day.fills for day in days)


def test_a_session_without_a_fill_has_the_fills_of_the_last_one_that_had_some(book_home):
    lake, chosen = Lake(str(book_home / "lake")), named_portfolio(BOOK)
    last = None
    quiet = []
    for day in days_of_book(venue_at(book_home), lake, BOOK, chosen, SESSIONS):
        if day.fills:
            assert day.traded_before is None
            last = day
        elif last is None:
            assert day.traded_before is None
        else:
            assert day.traded_before == Traded(last.session, last.fills, last.decisions)
            quiet.append(day.session)
    assert quiet


def test_a_backtest_of_the_same_sessions_has_the_same_numbers_on_its_page(book_home, backtest):
    paper = days_of_book(venue_at(book_home), backtest, BOOK, named_portfolio(BOOK), SESSIONS)
    twin = days_of_backtest(backtest, BACKTEST, named_portfolio(BACKTEST), SESSIONS)
    for ours, theirs in zip(paper, twin, strict=True):
        assert ours.book.nav_e4 == theirs.book.nav_e4
        assert profits_of(ours).rows == profits_of(theirs).rows
        assert ours.decisions == theirs.decisions
        assert by_symbol(ours.fills) == by_symbol(theirs.fills)
        assert (ours.traded_before is None) == (theirs.traded_before is None)
        if ours.traded_before is not None and theirs.traded_before is not None:
            assert ours.traded_before.session == theirs.traded_before.session
            assert ours.traded_before.decisions == theirs.traded_before.decisions
            assert by_symbol(ours.traded_before.fills) == by_symbol(theirs.traded_before.fills)
        assert (ours.ticket.session, ours.ticket.rows) == (
            theirs.ticket.session,
            theirs.ticket.rows,
        )
    assert [day.ticket.state for day in twin] == ["decided"] * (len(twin) - 1) + ["preview"]


def test_the_report_of_a_backtest_is_its_tear_sheet_and_its_last_session(
    paper, backtest, book_home
):
    found = answer(paper, BACKTEST)
    reports = book_home / "reports"
    assert found["report"] == str(reports / f"{BACKTEST}.html")
    assert found["daily"] == str(reports / "daily" / BACKTEST / f"{LAST}.html")
    assert Path(found["daily"]).exists()
    one = answer(paper, BACKTEST, "--session", FIRST)
    assert (one["kind"], one["session"]) == ("backtest", str(FIRST))


def test_a_week_writes_its_review_and_the_reports_of_its_sessions(paper, book_home):
    found = answer(paper, BOOK, "--week", "2010-01-13")
    assert found["sessions"] == [f"2010-01-{day}" for day in (11, 12, 13, 14, 15)]
    reports = book_home / "reports"
    assert found["report"] == str(reports / "weekly" / BOOK / "2010-W02.html")
    assert len(list((reports / "daily" / BOOK).iterdir())) == 5
    week = Path(found["report"]).read_text()
    days = [answer(paper, BOOK, "--session", day) for day in found["sessions"]]
    assert sum(day["profit"] for day in days) == pytest.approx(found["profit"])
    assert f'href="../../daily/{BOOK}/2010-01-13.html"' in week


def test_what_is_bad_is_told_first_and_as_an_answer(paper, ledger):
    ledger.write(
        None, lambda w: w.set_control(BOOK, ControlState.KILLED, author="me", reason="<b>no</b>")
    )
    found = answer(paper, BOOK)
    assert found["look_at"][0] == "The book is KILLED (me: <b>no</b>)."
    text = Path(found["report"]).read_text()
    assert text.index("&lt;b&gt;no&lt;/b&gt;") < text.index("Profit by symbol")
    assert "<b>no" not in text


def test_a_book_is_reported_without_a_market_and_the_page_says_so(book_home, tmp_path):
    empty = Lake(str(tmp_path / "no-lake"))
    (day,) = days_of_book(venue_at(book_home), empty, BOOK, named_portfolio(BOOK), [LAST])
    assert day.ticket is not None
    assert "bar of" in day.ticket.missing
    assert "not judged" in day.findings_missing
    assert profits_of(day).rest_e4 == 0
    assert day.guards


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--session", NEXT), 5, f"settled up to {LAST}"),
        (("--session", FIRST, "--week", FIRST), 3, "--session or --week"),
        (("--week", "2010-03-01"), 5, "none from 2010-03-01 to 2010-03-07"),
        (("--session", "yesterday"), 3, "yesterday"),
    ],
)
def test_what_cannot_be_reported_is_refused_and_writes_nothing(
    paper, book_home, arguments, code, words
):
    found, _, error = paper("report", BOOK, *arguments)
    assert (found, words in " ".join(error.split())) == (code, True), error
    assert not (book_home / "reports" / "daily").exists()


def test_a_book_that_has_not_begun_has_no_report(stocker):
    code, _, error = stocker("report", BOOK)
    assert code == 5
    assert f"stocker day {BOOK}" in " ".join(error.split())
