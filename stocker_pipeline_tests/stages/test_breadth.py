"""Breadth of the lake's market: what is counted, and that a range is replaced as it is."""

from datetime import timedelta
from pathlib import Path

import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BREADTH, MARKET_DATASETS
from stocker_pipeline.stages.breadth import store_breadth
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline_tests.stages.fake_gate import judge
from stocker_pipeline_tests.stages.scripted_market import (
    DAYS,
    FIRST,
    LAST,
    numbers,
    quiet_market,
)

SYMBOLS = ("AAA", "BBB")


@pytest.fixture
def market(clock):
    made = quiet_market(clock)
    made.bars["AAA", DAYS[4]] = numbers(5.0)
    return made


@pytest.fixture
def lake(tmp_path: Path, market, clock) -> Lake:
    made = Lake(str(tmp_path / "lake"))
    ingest(market, made, SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
    return made


def moves(lake: Lake) -> dict[str, tuple[int, int, int]]:
    return {
        str(row["session"]): (row["advancing"], row["declining"], row["symbols"])
        for row in lake.read(BREADTH).to_pylist()
    }


def test_the_rows_of_a_range_are_stored_with_the_history_before_it(lake):
    result = store_breadth(lake, DAYS[4], DAYS[5], judge=judge)
    assert moves(lake) == {str(DAYS[4]): (1, 1, 2), str(DAYS[5]): (2, 0, 2)}
    assert result.rows.schema.equals(BREADTH.schema)
    assert lake.read(BREADTH).equals(result.rows)
    assert (result.symbols, result.without_bars) == (2, 0)
    assert result.version == lake.version(BREADTH)
    assert result.read == lake.versions(MARKET_DATASETS)


def test_day_by_day_is_the_range_at_once_and_again_is_the_same(lake):
    for day in DAYS:
        store_breadth(lake, day, day, judge=judge)
    daily = lake.read(BREADTH)
    store_breadth(lake, FIRST, LAST, judge=judge)
    assert lake.read(BREADTH).equals(daily)
    store_breadth(lake, DAYS[2], DAYS[3], judge=judge)
    assert lake.read(BREADTH).equals(daily)


def test_a_quarantined_bar_does_not_count(lake, market, clock):
    market.bars["AAA", DAYS[4]] = numbers(5_000.0)
    clock.advance(timedelta(hours=1))
    ingest(market, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
    store_breadth(lake, DAYS[4], DAYS[5], judge=judge)
    assert moves(lake) == {str(DAYS[4]): (1, 0, 1), str(DAYS[5]): (2, 0, 2)}


def test_symbols_choose_whose_bars_count(lake):
    result = store_breadth(lake, DAYS[4], DAYS[4], symbols=["AAA"], judge=judge)
    assert moves(lake) == {str(DAYS[4]): (0, 1, 1)}
    assert result.symbols == 1


def test_a_session_that_was_not_ingested_is_told(lake):
    result = store_breadth(lake, DAYS[-1], DAYS[-1] + timedelta(days=7), judge=judge)
    assert result.without_bars == 4
    assert moves(lake)[str(DAYS[-1])] == (2, 0, 2)


def test_a_lake_without_bars_is_refused_and_nothing_is_written(tmp_path, lake):
    with pytest.raises(InputRefused, match="stocker ingest"):
        store_breadth(Lake(str(tmp_path / "empty")), FIRST, LAST, judge=judge)
    with pytest.raises(InputRefused, match="at least one bar up to"):
        store_breadth(lake, DAYS[0] - timedelta(days=9), DAYS[0] - timedelta(days=1), judge=judge)
    assert lake.version(BREADTH) is None
