"""The irregular days of XNYS: weekdays without a session, and sessions that close early.

The library exchange_calendars is the authority, but importing it (and pandas with it) costs every
command about two seconds. So its answer is kept beside this module in ``xnys.csv``, with the
version that gave it. Another installed version may know of a closure that the table does not:
then the table is left alone and the library is asked. Stays out: everything regular.

Renew the table after an upgrade::

    python -m stocker_pipeline.domain.xnys > xnys.csv
    mv xnys.csv stocker_pipeline/domain/xnys.csv
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from importlib import metadata, resources

import numpy as np

EARLIEST = date(1970, 1, 1)
"""exchange_calendars knows no regular holiday before 1970: it calls 1969-12-25 a session."""
LATEST = date(2100, 12, 31)
TABLE_LAST = date(2060, 12, 31)
REGULAR_OPEN, REGULAR_CLOSE = time(9, 30), time(16)


@dataclass(frozen=True)
class IrregularDays:
    """Exceptions to "every weekday is a session from 09:30 to 16:00 New York time".

    Attributes:
        closed: Weekdays without a session, datetime64[D], ascending.
        early_closes: Session → its close, New York time.
    """

    closed: np.ndarray
    early_closes: Mapping[date, time]


def irregular_days(last: date) -> IrregularDays:
    """The exceptions from ``EARLIEST`` to at least ``last``."""
    version, table = _table()
    if last <= TABLE_LAST and version == metadata.version("exchange_calendars"):
        return table
    return reckoned(max(last, TABLE_LAST))


@lru_cache(maxsize=2)
def reckoned(last: date) -> IrregularDays:
    """The exceptions from ``EARLIEST`` to ``last`` as the installed exchange_calendars has them."""
    # Imported here because of the two seconds that the table saves.
    from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar

    calendar = XNYSExchangeCalendar(start=str(EARLIEST), end=str(last))
    days = np.arange(np.datetime64(EARLIEST), np.datetime64(last) + np.timedelta64(1, "D"))
    closed = np.setdiff1d(days[np.is_busday(days)], calendar.sessions.values.astype("M8[D]"))
    closes = calendar.closes.dt.tz_convert("America/New_York")
    early = {
        day.date(): close.time() for day, close in closes.items() if close.time() != REGULAR_CLOSE
    }
    return IrregularDays(closed, early)


@lru_cache(maxsize=1)
def _table() -> tuple[str, IrregularDays]:
    text = resources.files(__package__).joinpath("xnys.csv").read_text(encoding="ascii")
    version, _, *rows = text.split()
    exceptions = [row.split(",") for row in rows]
    closed = np.array([day for day, kind in exceptions if kind == "closed"], dtype="datetime64[D]")
    early = {
        date.fromisoformat(day): time.fromisoformat(kind)
        for day, kind in exceptions
        if kind != "closed"
    }
    return version, IrregularDays(closed, early)


def _as_text(days: IrregularDays) -> str:
    rows = {str(day): "closed" for day in days.closed}
    rows |= {str(day): f"{close:%H:%M}" for day, close in days.early_closes.items()}
    lines = [f"{day},{kind}" for day, kind in sorted(rows.items())]
    return "\n".join([metadata.version("exchange_calendars"), "day,closes_at", *lines]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(_as_text(reckoned(TABLE_LAST)))
