"""``stocker runs``: what a person and what a program get to see."""

import json
from datetime import UTC, datetime

import pytest

from stocker_pipeline.orchestration import run_books
from stocker_pipeline.orchestration.run_books import BacktestRun

BEGUN = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
DONE = BacktestRun(
    "a7dad12d-d26b-42fe-8c38-ad34a37c5726",
    "trend_backtest",
    "SUCCESS",
    BEGUN,
    "2004-01-02",
    "2009-12-31",
    {"restart": True, "parameters": {"lookback": 63}},
    94_457.0358,
    0.12,
)
FAILED = BacktestRun(
    "713893d3-d26b-42fe-8c38-ad34a37c5726",
    "buy_and_hold_backtest",
    "FAILURE",
    BEGUN,
    "2004-01-02",
    "2009-12-31",
)


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> list[BacktestRun]:
    """What Dagster remembers."""
    found = [DONE, FAILED]

    def remembered(_: object, portfolio: str | None, *, limit: int) -> list[BacktestRun]:
        return [run for run in found if portfolio in (None, run.portfolio)][:limit]

    monkeypatch.setattr(run_books, "run_history", remembered)
    return found


def test_each_run_is_a_line_with_what_was_changed_and_how_it_ended(stocker, history) -> None:
    code, text, _ = stocker("runs")
    assert code == 0
    done, failed = (line for line in text.splitlines() if "_backtest" in line)
    for words in ("a7dad12d", "2026-01-05 09:30", "lookback=63, restart=True", "94,457.04"):
        assert words in done
    assert "713893d3" in failed
    assert "FAILURE" in failed


def test_a_program_gets_whole_ids_and_numbers(stocker, history) -> None:
    code, text, _ = stocker("runs", "trend_backtest", "--json")
    assert code == 0
    (found,) = json.loads(text)
    assert found["run_id"] == DONE.run_id
    assert found["nav_usd"] == 94_457.0358
    assert found["overrides"] == {"restart": True, "parameters": {"lookback": 63}}


def test_before_the_first_backtest_it_says_how_to_run_one(stocker, history) -> None:
    history.clear()
    code, text, _ = stocker("runs")
    assert code == 0
    assert "stocker backtest" in text


def test_an_unknown_portfolio_is_refused(stocker, history) -> None:
    code, _, error = stocker("runs", "trend_backtests")
    assert code == 4
    assert "trend_backtest" in error
