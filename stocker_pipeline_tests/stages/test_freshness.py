"""Late is measured from a session's close; weekends, holidays and half days included."""

from datetime import UTC, date, datetime, timedelta

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.stages.freshness import DUE_AFTER_CLOSE, due_session, freshness
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline_tests.stages.fake_gate import find_nothing
from stocker_pipeline_tests.stages.scripted_market import DAYS, FIRST, LAST, quiet_market

BOTH = ["AAA", "BBB"]
FRIDAY_CLOSE = datetime(2024, 1, 12, 21, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2024-01-12 20:59", "2024-01-11"),
        ("2024-01-12 22:29", "2024-01-11"),
        ("2024-01-12 22:30", "2024-01-12"),
        ("2024-01-14 12:00", "2024-01-12"),
        # Martin Luther King's day.
        ("2024-01-16 02:00", "2024-01-12"),
        ("2024-01-16 22:30", "2024-01-16"),
        # The half day after Thanksgiving closes at 18:00 UTC.
        ("2024-11-29 19:29", "2024-11-27"),
        ("2024-11-29 19:30", "2024-11-29"),
        # Summer time: 16:00 New York is 20:00 UTC.
        ("2024-07-01 21:30", "2024-07-01"),
    ],
)
def test_bars_are_due_ninety_minutes_after_a_sessions_own_close(now, due):
    session, since = due_session(at(now))
    assert str(session) == due
    assert since <= at(now) < since + timedelta(days=5)


def known(lake, market, now):
    ingest(market, lake, BOTH, FIRST, LAST, clock=market.clock, judge=find_nothing)
    return freshness(lake, FixedClock(now))


def test_bars_of_friday_are_fresh_until_tuesdays_are_due(lake):
    found = known(lake, quiet_market(), at("2024-01-16 22:29"))
    assert found.fresh
    assert found.late_by == timedelta(0)
    assert found.late_sessions == 0
    found = freshness(lake, FixedClock(at("2024-01-16 22:31")))
    assert not found.fresh
    assert (found.due, found.latest) == (date(2024, 1, 16), DAYS[-1])
    assert found.late_by == timedelta(minutes=1)
    assert found.late_symbols == {"AAA": DAYS[-1], "BBB": DAYS[-1]}
    assert found.late_sessions == 1, "the weekend and the holiday are none"
    assert freshness(lake, FixedClock(at("2024-01-19 23:00"))).late_sessions == 4


def test_one_symbol_that_is_behind_the_others_is_late(lake):
    market = quiet_market()
    del market.bars["BBB", DAYS[-1]]
    found = known(lake, market, FRIDAY_CLOSE + DUE_AFTER_CLOSE)
    assert not found.fresh
    assert found.late_symbols == {"BBB": DAYS[-2]}


def test_a_symbol_without_bars_for_long_is_gone_and_not_late(lake):
    market = quiet_market()
    for day in DAYS[1:]:
        del market.bars["BBB", day]
    assert known(lake, market, FRIDAY_CLOSE + DUE_AFTER_CLOSE).fresh


def test_an_empty_lake_is_not_fresh(lake):
    found = freshness(lake, FixedClock(FRIDAY_CLOSE))
    assert not found.fresh
    assert found.latest is None
