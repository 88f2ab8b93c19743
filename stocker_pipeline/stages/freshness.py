"""Whether the lake's bars are as new as they should be, by session and not by wall clock.

A bar is due some time after its session's close, on half days too. Weekends and holidays have no
session, so nothing becomes stale on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.session import Clock, SessionCalendar
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.stages.judgement import live_bars
from stocker_pipeline.stages.session_quality import GONE_AFTER_SESSIONS

DUE_AFTER_CLOSE = timedelta(minutes=90)
"""Vendors correct the closing auction for an hour; the daily ingest starts at 17:30."""
_SPAN = timedelta(days=60)


@dataclass(frozen=True)
class Freshness:
    """What should be there, and what is.

    Attributes:
        due: The latest session whose bars should be there.
        due_at: Since when.
        latest: The latest session with a bar; None = there is no bar.
        late_by: How long the bars of ``due`` have been late; zero where none is.
        late_symbols: Symbol → its latest session, of symbols that were there not long before.
    """

    due: date
    due_at: datetime
    latest: date | None
    late_by: timedelta
    late_symbols: dict[str, date]

    @property
    def fresh(self) -> bool:
        """Whether every bar that is due is there."""
        return self.latest is not None and self.latest >= self.due and not self.late_symbols

    @property
    def late_sessions(self) -> int | None:
        """Sessions up to ``due`` that have no bar at all after ``latest``; None without a bar."""
        if self.latest is None:
            return None
        if self.latest >= self.due:
            return 0
        calendar = SessionCalendar.between(self.latest, self.due)
        return len(calendar.sessions(self.latest, self.due)) - 1


def due_session(at: datetime) -> tuple[date, datetime]:
    """The latest session whose bars are due at this instant, and since when they are."""
    today = at.date()
    calendar = SessionCalendar.between(today - _SPAN, today)
    due = calendar.last_closed_session(at - DUE_AFTER_CLOSE)
    return due, calendar.closes_at(due) + DUE_AFTER_CLOSE


def freshness(lake: Lake, clock: Clock, symbols: Sequence[str] | None = None) -> Freshness:
    """How late the bars of ``symbols`` are; None = of every symbol that the lake has."""
    now = clock.now()
    due, due_at = due_session(now)
    newest = live_bars(lake, symbols).group_by("symbol").aggregate([("session", "max")])
    latest = pc.max(newest["session_max"]).as_py()
    late = _late(newest, latest, due) if latest is not None else {}
    behind = latest is None or latest < due or bool(late)
    return Freshness(due, due_at, latest, now - due_at if behind else timedelta(0), late)


def _late(newest: pa.Table, latest: date, due: date) -> dict[str, date]:
    """Symbols behind ``due`` that are no further behind the others than a delisted one is."""
    reference = min(latest, due)
    calendar = SessionCalendar.between(reference - _SPAN, reference)
    recent = calendar.sessions(reference - _SPAN, reference)[-GONE_AFTER_SESSIONS - 1 :][0].item()
    rows = zip(newest["symbol"].to_pylist(), newest["session_max"].to_pylist(), strict=True)
    return {symbol: last for symbol, last in sorted(rows) if recent <= last < due}
