"""Sessions as Dagster partitions. The partition key is the session's date and nothing else.

What this leans on, private in Dagster 1.13.27 and held by a test: the method
``_iterate_time_windows`` of a definition by time windows, and ``partition_loading_context``.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from functools import cached_property, lru_cache
from typing import Any

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._time import get_timezone

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.session import SessionCalendar

_HORIZON = timedelta(days=366 * 3)
"""Holidays are excluded this far ahead of the last known session; a code reload extends it."""
_WEEKEND = "0 0 * * 6,0"


class SessionPartitionsDefinition(dg.DailyPartitionsDefinition):
    """Dagster's daily definition without weekends and holidays, faster and the same to the outside.

    Dagster finds the next window by walking through all exclusions, at every weekend of a range:
    0.2 to 0.3 seconds for 13 years, 31 times in ``stocker demo``. Here the windows up to the last
    holiday are listed once. ``session_partitions`` makes it; it must exclude weekends and dates.
    """

    @cached_property
    def _known(self) -> tuple[Sequence[float], Sequence[dg.TimeWindow]]:
        """Starts as timestamps, and windows, of all sessions up to the last holiday."""
        zone, windows = get_timezone(self.timezone), list[dg.TimeWindow]()
        dates = [excluded for excluded in self.exclusions or () if not isinstance(excluded, str)]
        holidays = {datetime.fromtimestamp(each.timestamp, zone).date() for each in dates}
        day, last = self.start.date(), max(holidays, default=date.min)
        while day <= last:
            following = day + timedelta(days=1)
            if day.weekday() < 5 and day not in holidays:
                windows.append(dg.TimeWindow(_midnight(day, zone), _midnight(following, zone)))
            day = following
        return [window.start.timestamp() for window in windows], windows

    def get_partition_keys(
        self,
        current_time: datetime | None = None,
        dynamic_partitions_store: Any = None,
    ) -> Sequence[str]:
        """Every session up to today's, as of ``current_time`` or now."""
        with partition_loading_context(current_time, dynamic_partitions_store):
            starts, windows = self._known
            last = self.get_last_partition_window()
            if last is None or not windows or last.start > windows[-1].start:
                return super().get_partition_keys()
            return self._keys[: bisect_right(starts, last.start.timestamp())]

    @cached_property
    def _keys(self) -> Sequence[str]:
        return [window.start.date().isoformat() for window in self._known[1]]

    @cached_property
    def _hash(self) -> int:
        return int(super().__hash__())  # type: ignore[no-untyped-call]

    def __hash__(self) -> int:
        # Dagster's own writes down every holiday; its caches ask for it at each call.
        return self._hash

    def _iterate_time_windows(
        self, start_timestamp: float, ignore_exclusions: bool = False
    ) -> Iterable[dg.TimeWindow]:
        starts, windows = self._known
        if ignore_exclusions or not starts or start_timestamp < starts[0]:
            yield from super()._iterate_time_windows(start_timestamp, ignore_exclusions)
            return
        for at in range(bisect_left(starts, start_timestamp), len(starts)):
            yield windows[at]
        beyond = max(start_timestamp, windows[-1].end.timestamp())
        yield from super()._iterate_time_windows(beyond)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


@lru_cache(maxsize=4)
def session_calendar(first: date, today: date) -> SessionCalendar:
    """The calendar behind the partitions."""
    return SessionCalendar.between(first, today + _HORIZON)


@lru_cache(maxsize=4)
def session_partitions(first: date, today: date) -> SessionPartitionsDefinition:
    """One partition per session from ``first`` on, today's included from midnight.

    Weekends and holidays are exclusions of a *daily* definition: a weekday cron would hide Friday
    until Monday. ``end_offset=1`` makes today's session exist before it is over.
    """
    holidays = session_calendar(first, today).holidays(first, today + _HORIZON)
    return SessionPartitionsDefinition(
        start_date=first.isoformat(),
        timezone="America/New_York",
        end_offset=1,
        exclusions=[_WEEKEND, *[datetime(day.year, day.month, day.day) for day in holidays]],
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
