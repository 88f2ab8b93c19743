"""Trading sessions of the exchange, and the only reader of wall time.

A *session* is a trading date of the calendar XNYS. Belongs here: which dates are sessions, when
they open and close, and what time it is. Stays out: what happens in a session, and where the
irregular days come from (``xnys``).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from time import sleep
from typing import Literal, NoReturn, Protocol, Self
from zoneinfo import ZoneInfo

import numpy as np

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.xnys import (
    EARLIEST,
    LATEST,
    REGULAR_CLOSE,
    REGULAR_OPEN,
    irregular_days,
)

NEW_YORK = ZoneInfo("America/New_York")
_MARGIN = timedelta(days=20)
_DAY = np.timedelta64(1, "D")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, order=True)
class Session:
    """A trading date. Its text form is the partition key."""

    day: date

    @classmethod
    def parse(cls, text: str, calendar: "SessionCalendar | None" = None) -> Self:
        """The session written ``YYYY-MM-DD``.

        Args:
            calendar: Whose sessions count; None = a calendar around the date.

        Raises:
            InputRefused: The text is no date, or the date is no session; the neighbours are named.
        """
        day = parsed_date(text, where="session")
        (calendar or SessionCalendar.between(day, day)).require(day, where="session")
        return cls(day)

    def __str__(self) -> str:
        return self.day.isoformat()


def parsed_date(text: str, *, where: str) -> date:
    """The date written ``YYYY-MM-DD``, in no other form.

    Raises:
        InputRefused: The text has another form, or names a day that no month has.
    """
    try:
        # The standard parser also takes 20040102 and 2004-W01-5, which are no partition keys.
        if _ISO_DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InputRefused(
        "a date as YYYY-MM-DD", repr(text), where=where, remedy="Write it like 2004-01-02."
    )


class SessionCalendar:
    """The sessions of XNYS over a span of dates, half days included.

    Dates outside the span are refused, never answered with "no session". The span reaches 20 days
    beyond the dates asked for, so that the neighbours of a session at its edge are known.
    """

    def __init__(self, first: date, last: date) -> None:
        if not EARLIEST <= first <= last <= LATEST:
            raise InputRefused(
                f"dates from {EARLIEST} to {LATEST}, the first not after the last",
                f"{first} to {last}",
                where="session calendar",
                remedy="Correct the dates; earlier holidays of the exchange are not known.",
            )
        self.first = max(first - _MARGIN, EARLIEST)
        self.last = min(last + _MARGIN, LATEST)
        irregular = irregular_days(self.last)
        days = np.arange(np.datetime64(self.first), np.datetime64(self.last) + _DAY)
        self._is_open = np.is_busday(days, holidays=irregular.closed)
        self._days = days[self._is_open]
        self._days.flags.writeable = False
        self._early_closes = irregular.early_closes

    @classmethod
    def between(cls, first: date, last: date) -> "SessionCalendar":
        """A calendar that covers ``first`` to ``last`` and some days on either side; cached.

        Raises:
            InputRefused: ``first`` is after ``last``, or a date is outside 1970 to 2100.
        """
        return _calendar(first, last)

    def sessions(self, first: date, last: date) -> np.ndarray:
        """Sessions from ``first`` to ``last``, both included, datetime64[D], ascending."""
        self._covered(first)
        self._covered(last)
        low = np.searchsorted(self._days, np.datetime64(first), side="left")
        high = np.searchsorted(self._days, np.datetime64(last), side="right")
        return self._days[low:high]

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on this date."""
        return bool(self._is_open[(self._covered(day) - self.first).days])

    def are_sessions(self, days: np.ndarray) -> np.ndarray:
        """For each datetime64[D] whether it is a session; bool, of the same shape.

        A date outside the calendar's span is refused like everywhere else.
        """
        if days.size:
            self._covered(days.min().item())
            self._covered(days.max().item())
        return self._is_open[(days - np.datetime64(self.first)).astype(np.int64)]

    def require(self, day: date, *, where: str) -> None:
        """Refuse a date that is no session, naming the sessions next to it.

        Raises:
            InputRefused: The date is no session.
        """
        if not self.is_session(day):
            raise InputRefused(
                f"a session of XNYS (nearest: {self.nearest(day)})",
                f"{day} ({day:%A})",
                where=where,
                remedy="Name a session.",
            )

    def nearest(self, day: date) -> str:
        """The sessions before and after a date, as text for messages."""
        return f"{self.previous_session(day)}, {self.next_session(day)}"

    def next_session(self, day: date) -> date:
        """The first session after ``day``."""
        return self._day(self._row(day, side="right"), day)

    def previous_session(self, day: date) -> date:
        """The last session before ``day``."""
        return self._day(self._row(day, side="left") - 1, day)

    def session_on_or_after(self, day: date) -> date:
        """``day`` itself where it is a session, else the next one."""
        return self._day(self._row(day, side="left"), day)

    def session_on_or_before(self, day: date) -> date:
        """``day`` itself where it is a session, else the one before."""
        return self._day(self._row(day, side="right") - 1, day)

    def opens_at(self, session: date) -> datetime:
        """The open as a UTC instant."""
        self.require(session, where="session")
        return instant(session, REGULAR_OPEN)

    def closes_at(self, session: date) -> datetime:
        """The close as a UTC instant; on a half day 13:00 New York (14:00 before 1993)."""
        self.require(session, where="session")
        return instant(session, self._early_closes.get(session, REGULAR_CLOSE))

    def is_half_day(self, session: date) -> bool:
        """Whether the session closes early."""
        self.require(session, where="session")
        return session in self._early_closes

    def holidays(self, first: date, last: date) -> list[date]:
        """Weekdays from ``first`` to ``last`` on which the exchange does not trade."""
        self._covered(first)
        self._covered(last)
        days = np.arange(np.datetime64(first), np.datetime64(last) + _DAY)
        closed: list[date] = np.setdiff1d(days[np.is_busday(days)], self._days).tolist()
        return closed

    def last_closed_session(self, at: datetime) -> date:
        """The latest session whose close has passed at this instant."""
        session = self.session_on_or_before(_new_york(at).date())
        return session if self.closes_at(session) <= at else self.previous_session(session)

    def current_session(self, at: datetime) -> date:
        """The session of this instant's date in New York, else the next one."""
        return self.session_on_or_after(_new_york(at).date())

    def _covered(self, day: date) -> date:
        if not self.first <= day <= self.last:
            self._refuse(day)
        return day

    def _row(self, day: date, *, side: Literal["left", "right"]) -> int:
        return int(np.searchsorted(self._days, np.datetime64(self._covered(day)), side=side))

    def _day(self, row: int, asked: date) -> date:
        if not 0 <= row < len(self._days):
            self._refuse(asked)
        day: date = self._days[row].item()
        return day

    def _refuse(self, day: date) -> NoReturn:
        raise InputRefused(
            f"a date between {self._days[0]} and {self._days[-1]}",
            str(day),
            where="session calendar",
            remedy="Ask a calendar that covers the date.",
        )


@lru_cache(maxsize=64)
def _calendar(first: date, last: date) -> SessionCalendar:
    return SessionCalendar(first, last)


def instant(day: date, new_york: time) -> datetime:
    """A time of New York's clock on a date, as a UTC instant."""
    return datetime.combine(day, new_york, NEW_YORK).astimezone(UTC)


def _new_york(at: datetime) -> datetime:
    return _aware(at).astimezone(NEW_YORK)


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        # astimezone would read it in the machine's own zone, and the answer would depend on it.
        raise ValueError(f"wanted an instant with a time zone; received {at}, which has none")
    return at


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """The instant now, with time zone UTC."""

    def wait(self, by: timedelta) -> None:
        """Let time pass."""


class SystemClock:
    """Wall time. The only place in the project that reads it."""

    def now(self) -> datetime:
        """The machine's instant."""
        return datetime.now(UTC)

    def wait(self, by: timedelta) -> None:
        """Sleep."""
        sleep(by.total_seconds())


class FixedClock:
    """A clock that stands still until it is moved, for tests and replays."""

    def __init__(self, at: datetime) -> None:
        self._at = _aware(at).astimezone(UTC)

    def now(self) -> datetime:
        """The instant last set."""
        return self._at

    def advance(self, by: timedelta) -> None:
        """Move forward."""
        if by < timedelta(0):
            raise ValueError(f"wanted a step forward or none; received {by}")
        self._at += by

    def wait(self, by: timedelta) -> None:
        """Move forward; nobody sleeps."""
        self.advance(by)
