"""When things happen on the day of a session: instants that follow New York's clock.

Belongs here: times of the day's stages and of the broker's window. Stays out: what is done then.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from stocker_pipeline.domain.session import NEW_YORK, SessionCalendar, instant

WINDOW_OPENS: Final = time(19, 0)
"""On the evening before: Alpaca takes market-on-open orders from here on."""
WINDOW_CLOSES: Final = time(9, 20)
"""Alpaca refuses them from 09:28 on; the minutes between are ours to be slow in."""
OPEN_STAGE: Final = time(8, 0)
CLOSE_STAGE_AFTER: Final = timedelta(minutes=90)
"""17:30 on a full day, 14:30 on a half day."""


@dataclass(frozen=True)
class TradingDay:
    """The instants of one session, UTC.

    Attributes:
        window_opens_at, window_closes_at: Between these, and not at the second, an order is sent.
        open_stage_at: When signals, targets and orders are made.
        opens_at, closes_at: The exchange's open and close.
        close_stage_at: When fills are collected and the book is settled.
    """

    session: date
    window_opens_at: datetime
    open_stage_at: datetime
    window_closes_at: datetime
    opens_at: datetime
    closes_at: datetime
    close_stage_at: datetime

    @classmethod
    def of(cls, session: date, calendar: SessionCalendar) -> "TradingDay":
        """The day of a session.

        Raises:
            InputRefused: The date is no session of the calendar.
        """
        closes_at = calendar.closes_at(session)
        return cls(
            session,
            instant(session - timedelta(days=1), WINDOW_OPENS),
            instant(session, OPEN_STAGE),
            instant(session, WINDOW_CLOSES),
            calendar.opens_at(session),
            closes_at,
            closes_at + CLOSE_STAGE_AFTER,
        )

    def takes_orders(self, at: datetime) -> bool:
        """Whether an order for this session may leave now."""
        return self.window_opens_at <= at < self.window_closes_at


def shown(at: datetime) -> str:
    """An instant as a person in New York reads it."""
    return f"{at.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M}"
