"""``stocker compare``: portfolios, a paper book, folders and runs, side by side."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import SNAPSHOTS
from stocker_pipeline.stages.books import opening_of
from stocker_pipeline.stages.forecast import forecast
from stocker_pipeline.stages.portfolios import named_portfolio
from stocker_pipeline.stages.report_compare import RunBook, book_of_backtest, comparison_path
from stocker_pipeline.stages.trade import trade
from stocker_pipeline_tests.commands.paper import BOOK, FIRST, LAST, SESSIONS
from stocker_pipeline_tests.stages.market_day import two_symbol_tables

TREND, HOLD = "trend_backtest", "buy_and_hold_backtest"


def answer(stocker, *arguments, code=0):
    found, text, error = stocker("compare", *arguments, "--json")
    assert found == code, error or text
    return json.loads(text)


def backtested(lake: Lake, name: str, **changes: object):
    """Run a backtest over the sessions of the book; versions of the tables after it."""
    chosen = named_portfolio(name).with_overrides(changes, initial_capital=None, where="test")
    opening = opening_of(lake, name, SessionCalendar.between(FIRST, LAST), FIRST, restart=True)
    forecast(lake, name, chosen, opening, FIRST, LAST)
    return chosen, trade(lake, name, chosen, opening, FIRST, LAST).written


@pytest.fixture
def backtests(book_home: Path) -> Lake:
    made = Lake(str(book_home / "lake"))
    backtested(made, TREND)
    backtested(made, HOLD)
    return made


def test_two_backtests_and_the_paper_book_of_the_same_rules(paper, backtests, book_home):
    found = answer(paper, TREND, HOLD, BOOK)
    page = book_home / "reports" / "compare" / f"{TREND}__{HOLD}__{BOOK}.html"
    assert found["report"] == str(page)
    assert page.exists()
    assert (found["first"], found["last"], found["sessions"]) == (str(FIRST), str(LAST), SESSIONS)
    trend, hold, book = found["books"]
    assert (trend["kind"], book["kind"]) == ("backtest", "paper book")
    # Money of the ledger and of the lake differ in their last digits as floats, not in cents.
    same = ("final_nav", "commissions", "slippage_usd", "trades")
    for name in same:
        assert book["own_metrics"][name] == pytest.approx(trend["own_metrics"][name], abs=1e-6)
    assert hold["metrics"]["total_return"] != trend["metrics"]["total_return"]
    assert "strategy" in found["differs"]
    assert trend["facts"]["reproduced"].startswith("run again")
    text = paper("compare", TREND, HOLD)[1]
    assert "Maximum drawdown" in text
    assert "what differs" in text


def test_a_run_is_read_as_it_left_the_lake(backtests):
    chosen, versions = backtested(backtests, TREND, buffer=0.0)
    then = backtests.read(SNAPSHOTS, portfolio=TREND)
    backtested(backtests, TREND)
    now = backtests.read(SNAPSHOTS, portfolio=TREND)
    assert not then.equals(now)
    run = RunBook("a run", TREND, chosen, versions, {"buffer": 0.0})
    book = book_of_backtest(backtests, run)
    assert book.record.snapshots.equals(then.drop_columns("portfolio"))
    assert (book.facts["buffer"], book.facts["overrides"]) == (0.0, "buffer 0.0")
    assert book.facts["reproduced"].startswith("run again")


def test_a_book_made_with_other_numbers_says_that_it_was(paper, backtests):
    backtested(backtests, TREND, buffer=0.0)
    trend, _ = answer(paper, TREND, HOLD)["books"]
    assert "cannot be made again" in trend["facts"]["reproduced"]


def test_folders_of_simulate_are_compared_too(stocker, tmp_path, monkeypatch):
    bars = tmp_path / "bars.parquet"
    pq.write_table(two_symbol_tables()[0], bars)
    short = ("--set", "lookback=10", "--set", "window=30")
    for name, costs in (("cheap", 0), ("dear", 50)):
        code, _, error = stocker(
            *("simulate", "--bars", bars, "--portfolio", "trend", "--out", tmp_path / name),
            *(*short, "--set", f"slippage_bps={costs}"),
        )
        assert code == 0, error
    monkeypatch.chdir(tmp_path)
    cheap, dear = answer(stocker, "cheap", "dear")["books"]
    assert cheap["metrics"]["total_return"] > dear["metrics"]["total_return"]
    (tmp_path / "dear" / "fills.parquet").unlink()
    code, _, error = stocker("compare", "cheap", "dear")
    assert (code, "fills.parquet" in error) == (3, True)


@pytest.mark.parametrize(
    ("books", "code", "words"),
    [
        (("nobody", TREND), 4, "the id of a Dagster run"),
        ((TREND, HOLD), 5, f"stocker backtest {TREND}"),
        ((BOOK, TREND), 5, "not begun"),
    ],
)
def test_what_cannot_be_compared_is_refused_and_writes_nothing(stocker, home, books, code, words):
    found, _, error = stocker("compare", *books)
    told = " ".join(error.split())
    assert found == code, told
    assert words in told or "has begun" in told
    assert not (home / "reports").exists()


def test_a_page_of_any_labels_has_a_plain_name(tmp_path):
    path = comparison_path(tmp_path, ["../../etc/passwd", "a b<c>", "."])
    assert path == tmp_path / "compare" / "etc-passwd__a-b-c__book.html"
