"""Many days of a paper book at full speed: the same stages, on a clock that is moved.

Belongs here: the order of a day's stages and what is done where one waits. Stays out: what the
stages do, and what a day in real time waits for.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.stages.day import (
    StageReport,
    close_session,
    done_before,
    open_session,
)
from stocker_pipeline.stages.desk import Desk

_CLOSE_AGAIN_AFTER = timedelta(hours=1)
_CLOSE_TRIES = 8


def move_to(clock: FixedClock, at: datetime) -> None:
    """Let it be ``at``, or stay where a slow stage has brought the clock."""
    clock.advance(max(at - clock.now(), timedelta(0)))


def walk(desk: Desk, clock: FixedClock, sessions: Sequence[date]) -> Iterator[StageReport]:
    """Run each session's day; yields the report of its close.

    Raises:
        BookRefused: A session could not be closed.
    """
    for session in sessions:
        yield whole_day(desk, clock, session)


def whole_day(desk: Desk, clock: FixedClock, session: date) -> StageReport:
    """One session from before its open to after its close; one that is done stays as it is."""
    times = desk.day(session)
    move_to(clock, times.open_stage_at)
    done = done_before(desk, session)
    if done is not None:
        return done
    report = open_session(desk, session)
    if report.waits:
        # What was not there at eight is waited for until the window closes, and not longer.
        move_to(clock, times.window_closes_at)
        report = open_session(desk, session)
    move_to(clock, times.close_stage_at)
    for _ in range(_CLOSE_TRIES):
        report = close_session(desk, session)
        if not report.waits:
            return report
        clock.advance(_CLOSE_AGAIN_AFTER)
    raise BookRefused(
        "a session that can be closed",
        f"{report.waits}: {report.reason}",
        where=f"portfolio {desk.name}, session {session}",
        remedy="See `stocker status`; ingest the session's bars, or look at the broker's orders.",
    )
