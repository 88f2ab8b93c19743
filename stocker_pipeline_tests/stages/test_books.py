"""A backtest in ranges: continued, replaced, restarted, and refused where there is a hole."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stocker_pipeline.domain.errors import BookRefused, InputRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BOOK_DATASETS, DATASETS, FILLS, SNAPSHOTS
from stocker_pipeline.stages.books import opening_of, refuse_capital_on_continuation
from stocker_pipeline.stages.forecast import forecast
from stocker_pipeline.stages.ingest import Brought, ingest
from stocker_pipeline.stages.trade import trade
from stocker_pipeline_tests.stages.market_day import (
    CALENDAR,
    FIRST,
    LAST,
    SYMBOLS,
    TwoSymbolMarket,
    small_portfolio,
)

PORTFOLIO = small_portfolio()
MIDDLE, NEXT = date(2020, 3, 31), date(2020, 4, 1)
SPLIT, DIVIDEND = CALENDAR.sessions(FIRST, LAST)[[60, 80]].tolist()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(str(tmp_path / "lake"))
    ingest(TwoSymbolMarket(), made, SYMBOLS, FIRST, LAST)
    return made


def backtest(lake: Lake, first: date, last: date, *, portfolio=PORTFOLIO, restart: bool = False):
    opening = opening_of(lake, "p", CALENDAR, first, restart=restart)
    forecast(lake, "p", portfolio, opening, first, last)
    return trade(lake, "p", portfolio, opening, first, last)


def stored(lake: Lake) -> dict[str, pa.Table]:
    return {dataset.name: lake.read(dataset, portfolio="p") for dataset in BOOK_DATASETS}


def test_two_ranges_leave_the_same_book_as_one(lake, tmp_path):
    backtest(lake, FIRST, LAST)
    at_once = stored(lake)
    backtest(lake, FIRST, MIDDLE)
    backtest(lake, NEXT, LAST)
    assert stored(lake) == at_once
    assert at_once["fills"].num_rows > 20
    assert at_once["corporate_action_entries"].num_rows == 2


def test_single_sessions_one_after_the_other_leave_the_same_book_as_one_range(lake):
    last = date(2020, 4, 29)
    backtest(lake, FIRST, last)
    at_once = stored(lake)
    assert at_once["corporate_action_entries"]["session"].to_pylist() == [SPLIT, DIVIDEND]
    backtest(lake, FIRST, date(2020, 3, 25))
    # Singly around the split and around the dividend, and in one range between them.
    for day in CALENDAR.sessions(date(2020, 3, 26), date(2020, 4, 1)).tolist():
        backtest(lake, day, day)
    backtest(lake, date(2020, 4, 2), date(2020, 4, 24))
    for day in CALENDAR.sessions(date(2020, 4, 27), last).tolist():
        backtest(lake, day, day)
    assert stored(lake) == at_once


def test_running_a_range_again_replaces_it_and_removes_what_came_after(lake):
    backtest(lake, FIRST, LAST)
    again = backtest(lake, FIRST, MIDDLE)
    assert again.removed_sessions == len(CALENDAR.sessions(NEXT, LAST))
    for dataset in BOOK_DATASETS:
        sessions = lake.read(dataset, portfolio="p")["session"]
        assert pc.max(sessions).as_py() <= MIDDLE, dataset.name


def test_a_range_in_the_middle_continues_from_the_session_before_it(lake):
    backtest(lake, FIRST, LAST)
    before = lake.read(SNAPSHOTS, portfolio="p")
    backtest(lake, NEXT, LAST)
    assert lake.read(SNAPSHOTS, portfolio="p").equals(before)


def test_a_hole_is_refused_with_the_range_that_would_close_it(lake):
    backtest(lake, FIRST, MIDDLE)
    with pytest.raises(BookRefused, match="Backfill 2020-04-01 to 2020-04-30 first"):
        backtest(lake, date(2020, 5, 1), LAST)


def test_the_first_range_of_all_may_start_anywhere_and_starts_with_the_capital(lake):
    result = backtest(lake, NEXT, LAST)
    first = result.tables["snapshots"].slice(0, 1).to_pylist()[0]
    assert first["session"] == NEXT
    assert first["initial_capital"] == 100_000


def test_a_restart_begins_a_new_book_and_removes_the_old_one(lake):
    backtest(lake, FIRST, LAST)
    backtest(lake, NEXT, LAST, restart=True)
    rows = lake.read(SNAPSHOTS, portfolio="p")
    assert pc.min(rows["session"]).as_py() == NEXT
    assert lake.read(FILLS, portfolio="p", last=MIDDLE).num_rows == 0


def test_capital_cannot_be_changed_in_the_middle_of_a_book(lake):
    backtest(lake, FIRST, MIDDLE)
    opening = opening_of(lake, "p", CALENDAR, NEXT, restart=False)
    with pytest.raises(BookRefused, match="initial_capital only where the book begins"):
        refuse_capital_on_continuation("p", opening)


def test_sessions_that_were_not_ingested_are_refused(lake):
    with pytest.raises(InputRefused, match="none on 2020-07-01 and 1 more"):
        backtest(lake, FIRST, date(2020, 7, 2))


def test_signals_of_other_parameters_are_not_traded_on(lake):
    opening = opening_of(lake, "p", CALENDAR, FIRST, restart=False)
    forecast(lake, "p", PORTFOLIO, opening, FIRST, LAST)
    with pytest.raises(BookRefused, match="made with other parameters"):
        trade(lake, "p", small_portfolio(lookback=12), opening, FIRST, LAST)
    assert lake.version(SNAPSHOTS) is None


def test_sessions_without_signals_are_refused(lake):
    opening = opening_of(lake, "p", CALENDAR, FIRST, restart=False)
    forecast(lake, "p", PORTFOLIO, opening, FIRST, MIDDLE)
    with pytest.raises(BookRefused, match="none for 2020-04-01"):
        trade(lake, "p", PORTFOLIO, opening, FIRST, LAST)


def test_a_book_that_its_fills_do_not_explain_is_refused(lake):
    backtest(lake, FIRST, MIDDLE)
    fills = lake.read(FILLS, portfolio="p").drop_columns("portfolio")
    lake.replace(FILLS, fills.slice(1), first=FIRST, portfolio="p")
    with pytest.raises(BookRefused, match="add up to the book of 2020-03-31"):
        backtest(lake, NEXT, LAST)


def test_a_run_killed_before_its_snapshots_were_written_is_not_done(lake, monkeypatch):
    backtest(lake, FIRST, LAST)
    whole = stored(lake)
    opening = opening_of(lake, "p", CALENDAR, NEXT, restart=False)
    forecast(lake, "p", PORTFOLIO, opening, NEXT, LAST)
    replace, seen = lake.replace, []

    def killed(dataset, rows, **where):
        if dataset is SNAPSHOTS and seen:
            raise KeyboardInterrupt
        seen.append(dataset)
        return replace(dataset, rows, **where)

    monkeypatch.setattr(lake, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        trade(lake, "p", PORTFOLIO, opening, NEXT, LAST)
    monkeypatch.undo()
    assert pc.max(lake.read(SNAPSHOTS, portfolio="p")["session"]).as_py() == MIDDLE
    backtest(lake, NEXT, LAST)
    assert stored(lake) == whole


def test_the_same_ingest_twice_writes_nothing_new(lake):
    before = lake.versions(DATASETS)
    again = ingest(TwoSymbolMarket(), lake, SYMBOLS, FIRST, LAST)
    assert lake.versions(DATASETS) == before
    assert again.bars == Brought(fetched=2 * len(CALENDAR.sessions(FIRST, LAST)))
