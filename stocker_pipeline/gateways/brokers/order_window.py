"""When a market-on-open order is taken, and for which session, by the clock in New York.

Alpaca takes it from 19:00 to 09:28 New York and refuses it between. The calendar is asked for the
session, never the day of the week. What Alpaca does on the evening before a day without a session
is not documented; here only the evening before the session itself counts.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from stocker_pipeline.domain.session import NEW_YORK, SessionCalendar
from stocker_pipeline.domain.xnys import EARLIEST, LATEST

TAKEN_FROM = time(19, 0)
TAKEN_UNTIL = time(9, 28)
REFUSAL = "opg orders must be submitted after 7:00pm and before 9:28am"


@dataclass(frozen=True)
class OrderWindow:
    """From when until when orders for the open of a session are taken; ``until`` is too late."""

    session: date
    since: datetime
    until: datetime

    def takes(self, at: datetime) -> bool:
        """Whether an order that arrives at this instant is taken."""
        return self.since <= at < self.until


def calendar_around(day: date) -> SessionCalendar:
    """A calendar that covers the year of ``day`` and its neighbours; one for all days of a year."""
    first, last = date(day.year - 1, 1, 1), date(day.year + 1, 12, 31)
    return SessionCalendar.between(max(first, EARLIEST), min(last, LATEST))


def window_of(session: date) -> OrderWindow:
    """The window of a session.

    Raises:
        InputRefused: The date is no session.
    """
    calendar_around(session).require(session, where="session of an order")
    return _window(session)


def next_window(at: datetime) -> OrderWindow:
    """The window of the next session whose orders are not too late at this instant.

    Its session is the one at whose open an order would trade, whether it is taken yet or not.
    """
    today = at.astimezone(NEW_YORK).date()
    calendar = calendar_around(today)
    window = _window(calendar.session_on_or_after(today))
    return window if at < window.until else _window(calendar.next_session(today))


def last_open(at: datetime) -> date:
    """The latest session whose open has passed at this instant."""
    today = at.astimezone(NEW_YORK).date()
    calendar = calendar_around(today)
    session = calendar.session_on_or_before(today)
    return session if calendar.opens_at(session) <= at else calendar.previous_session(session)


def opens_at(session: date) -> datetime:
    """The open of a session, UTC."""
    return calendar_around(session).opens_at(session)


@lru_cache(maxsize=8)
def next_open(session: date) -> tuple[date, datetime]:
    """The session after this one and its open, UTC; asked at every call of the broker."""
    following = calendar_around(session).next_session(session)
    return following, opens_at(following)


@lru_cache(maxsize=8)
def _window(session: date) -> OrderWindow:
    return OrderWindow(
        session,
        since=_utc(session - timedelta(days=1), TAKEN_FROM),
        until=_utc(session, TAKEN_UNTIL),
    )


def _utc(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)
