"""Partitions are sessions, and to the outside they are Dagster's own daily ones."""

from datetime import UTC, date, datetime
from itertools import islice

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.orchestration.partitions import (
    contiguous_range,
    session_calendar,
    session_partitions,
)

FIRST, TODAY = date(2000, 3, 1), date(2026, 11, 20)
OURS = session_partitions(FIRST, TODAY)
STOCK = dg.DailyPartitionsDefinition(
    start_date=FIRST.isoformat(),
    timezone=OURS.timezone,
    end_offset=OURS.end_offset,
    exclusions=OURS.exclusions,
)
NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
KEYS = STOCK.get_partition_keys(current_time=NOW)


def test_partitions_are_the_sessions_of_the_calendar():
    partitions = session_partitions(date(2012, 10, 1), date(2012, 11, 30))
    keys = partitions.get_partition_keys(current_time=None)
    keys = [key for key in keys if key <= "2012-11-30"]
    assert "2012-10-29" not in keys, "the exchange was closed for a hurricane"
    assert "2012-11-22" not in keys
    assert "2012-11-23" in keys, "a half day is a session"
    assert len(keys) == len(set(keys)) == 42


def test_keys_with_a_session_left_out_are_refused():
    with pytest.raises(BookRefused, match="without 2020-01-03"):
        contiguous_range(["2020-01-02", "2020-01-06"], session_calendar(FIRST, TODAY), where="test")


def test_the_keys_are_those_of_a_daily_definition_with_the_same_exclusions():
    assert OURS.get_partition_keys(current_time=NOW) == KEYS
    assert KEYS[-1] == "2026-11-20", "today's is there from midnight on"
    for now in (datetime(1999, 1, 1), datetime(2012, 10, 29, 12), datetime(2031, 1, 1)):
        at = now.replace(tzinfo=UTC)
        assert OURS.get_partition_keys(current_time=at) == STOCK.get_partition_keys(current_time=at)
    assert OURS.get_first_partition_window() == STOCK.get_first_partition_window()
    assert OURS.has_partition_key("2012-10-26") and not OURS.has_partition_key("2012-10-29")


@given(
    instant=st.datetimes(datetime(1999, 12, 1), datetime(2031, 1, 1)),
    ignore_exclusions=st.booleans(),
)
def test_from_any_instant_the_next_windows_are_the_same(instant, ignore_exclusions):
    """Before the first session, over changes of the clock, and beyond the last known holiday."""
    ours, stock = (
        list(islice(each._iterate_time_windows(instant.timestamp(), ignore_exclusions), 8))
        for each in (OURS, STOCK)
    )
    assert ours == stock
    assert [window.end.timestamp() for window in ours] == [
        window.end.timestamp() for window in stock
    ]


@given(bounds=st.tuples(st.integers(0, len(KEYS) - 1), st.integers(0, len(KEYS) - 1)))
def test_a_range_is_stored_as_the_same_windows(bounds):
    chosen = KEYS[min(bounds) : min(min(bounds) + 400, max(bounds) + 1)]
    ours, stock = (
        dg.serialize_value(each.subset_with_partition_keys(chosen).to_serializable_subset())
        for each in (OURS, STOCK)
    )
    assert ours == stock


def test_it_equals_the_daily_definition_and_hashes_like_it():
    assert OURS == STOCK
    assert hash(OURS) == hash(STOCK)


def test_a_definition_without_holidays_lists_nothing_and_is_right():
    bare = type(OURS)(start_date="2024-01-01", timezone=OURS.timezone, exclusions=["0 0 * * 6,0"])
    assert bare.get_partition_keys()[:6][-1] == "2024-01-08"
