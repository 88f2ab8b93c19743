"""Sessions as Dagster partitions. The partition key is the session's date and nothing else."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

import dagster as dg

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.session import SessionCalendar

_HORIZON = timedelta(days=366 * 3)
"""Holidays are excluded this far ahead of the last known session; a code reload extends it."""


@lru_cache(maxsize=4)
def session_calendar(first: date, today: date) -> SessionCalendar:
    """The calendar behind the partitions."""
    return SessionCalendar.between(first, today + _HORIZON)


@lru_cache(maxsize=4)
def session_partitions(first: date, today: date) -> dg.DailyPartitionsDefinition:
    """One partition per session from ``first`` on, today's included from midnight.

    Weekends and holidays are exclusions of a *daily* definition: a weekday cron would hide Friday
    until Monday. ``end_offset=1`` makes today's session exist before it is over.
    """
    holidays = session_calendar(first, today).holidays(first, today + _HORIZON)
    return dg.DailyPartitionsDefinition(
        start_date=first.isoformat(),
        timezone="America/New_York",
        end_offset=1,
        exclusions=["0 0 * * 6,0", *[datetime(day.year, day.month, day.day) for day in holidays]],
    )


def contiguous_range(
    keys: Sequence[str], calendar: SessionCalendar, *, where: str
) -> tuple[date, date]:
    """First and last session of a run's partition keys.

    Raises:
        BookRefused: The keys leave out a session in between.
    """
    days = sorted(date.fromisoformat(key) for key in keys)
    wanted = calendar.sessions(days[0], days[-1]).tolist()
    absent = sorted(set(wanted) - set(days))
    if absent or len(days) != len(wanted):
        raise BookRefused(
            f"every session from {days[0]} to {days[-1]} in one run",
            f"{len(days)} sessions, without {absent[0] if absent else 'repeats'}",
            where=where,
            remedy="Choose one unbroken range of partitions.",
        )
    return days[0], days[-1]
