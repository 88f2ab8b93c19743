"""Schedules that know the exchange's sessions and in which environments they run.

A tick ends with runs for sessions that are named by the calendar, or with a reason why there is
none. Dagster's own schedules of partitioned jobs take the latest partition, which on a holiday is a
session that has not happened. Belongs here: from a tick to run requests. Stays out: what a job
does, and its last checks; a tick may come late or twice, so a job that sends orders checks itself.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import dagster as dg

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.domain.session import NEW_YORK, Clock, SessionCalendar, SystemClock
from stocker_pipeline.settings import Environment, Settings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

TIMEZONE = "America/New_York"
SESSION_TAG = "stocker/session"
_SPAN = timedelta(days=45)


@dataclass(frozen=True)
class Tick:
    """One tick of a schedule.

    Attributes:
        scheduled_at: When it was due, an instant.
        evaluated_at: When it is decided; after downtime that can be hours later.
        calendar: Sessions of some weeks around both.
    """

    scheduled_at: datetime
    evaluated_at: datetime
    calendar: SessionCalendar

    @property
    def day(self) -> date:
        """The date in New York for which the tick was due."""
        return self.scheduled_in_new_york.date()

    @property
    def scheduled_in_new_york(self) -> datetime:
        """When it was due, on New York's clock."""
        return self.scheduled_at.astimezone(NEW_YORK)

    @property
    def late_by(self) -> timedelta:
        """How long after its time the tick is decided."""
        return max(self.evaluated_at - self.scheduled_at, timedelta(0))


Decide = Callable[[Tick], tuple[date, ...] | str]
"""From a tick to the sessions to run, or one sentence that says why none is."""


def each_session(tick: Tick) -> tuple[date, ...] | str:
    """The tick's own date where that is a session."""
    if tick.calendar.is_session(tick.day):
        return (tick.day,)
    return (
        f"{tick.day} ({tick.day:%A}) is no session; next to it: {tick.calendar.nearest(tick.day)}"
    )


def first_session_of_month(tick: Tick) -> tuple[date, ...] | str:
    """The first session of the tick's month, on that session and on every later one.

    With ``once_into`` a tick that was missed, or a run that failed, is made up for by the next
    session's tick, and a session that is done is not run again.
    """
    sessions = each_session(tick)
    if isinstance(sessions, str):
        return sessions
    return (tick.calendar.session_on_or_after(tick.day.replace(day=1)),)


def session_schedule(
    name: str,
    *,
    job: "dg.JobDefinition | UnresolvedAssetJobDefinition",
    cron: str,
    environments: Collection[Environment],
    decide: Decide,
    description: str,
    once_into: dg.AssetKey | None = None,
    partitioned: bool = True,
    clock: Clock | None = None,
) -> dg.ScheduleDefinition:
    """A schedule in New York's time that runs a job for the sessions it names.

    It is switched on where ``STOCKER_ENV`` is one of ``environments``. Elsewhere it is off, and a
    tick of a schedule that somebody switched on by hand is skipped with that reason.

    Args:
        cron: When it ticks, in America/New_York; a time between 02:00 and 03:00 does not exist
            on one day of the year.
        environments: Where it runs, at least one. No default: each schedule says so itself.
        decide: Pure; reads the tick alone.
        once_into: Leave out sessions whose partition of this asset is materialised.
        partitioned: Whether the job has a partition of each session; else it is run as it is.
        clock: None = wall time.

    Raises:
        ConfigurationRefused: No environment, or one that does not exist. When it is loaded.
    """
    _refuse_environments(name, environments)
    reader = clock or SystemClock()

    def evaluate(
        context: dg.ScheduleEvaluationContext,
    ) -> Iterator[dg.SkipReason | dg.RunRequest]:
        now = Settings().env
        if now not in environments:
            runs_in = ", ".join(sorted(environments))
            yield dg.SkipReason(f"{name} runs in {runs_in}; STOCKER_ENV is {now}")
            return
        tick = _tick(context.scheduled_execution_time, reader.now())
        decided = decide(tick)
        if isinstance(decided, str):
            yield dg.SkipReason(decided)
            return
        _refuse_later(decided, tick, name)
        done = context.instance.get_materialized_partitions(once_into) if once_into else set()
        wanted = [str(session) for session in decided if str(session) not in done]
        if not wanted:
            yield dg.SkipReason(f"{', '.join(map(str, decided))} is done already")
        for session in wanted:
            # The key is unique per tick only: it keeps one tick from running twice, no more.
            yield dg.RunRequest(
                run_key=f"{name}:{session}",
                partition_key=session if partitioned else None,
                tags={SESSION_TAG: session},
            )

    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=TIMEZONE,
        execution_fn=evaluate,
        description=f"{description} Runs in: {', '.join(sorted(environments))}.",
        default_status=dg.DefaultScheduleStatus.RUNNING
        if Settings().env in environments
        else dg.DefaultScheduleStatus.STOPPED,
    )


def _tick(scheduled_at: datetime, evaluated_at: datetime) -> Tick:
    days = [at.astimezone(NEW_YORK).date() for at in (scheduled_at, evaluated_at)]
    calendar = SessionCalendar.between(min(days) - _SPAN, max(days) + _SPAN)
    return Tick(scheduled_at, evaluated_at, calendar)


def _refuse_environments(name: str, environments: Collection[Environment]) -> None:
    known = get_args(Environment)
    if isinstance(environments, str) or not environments or set(environments) - set(known):
        raise ConfigurationRefused(
            f"the environments in which it runs, of {', '.join(known)}",
            repr(environments),
            where=f"schedule {name}",
            remedy="Declare them; a schedule that does not say where it runs is not loaded.",
        )


def _refuse_later(sessions: tuple[date, ...], tick: Tick, name: str) -> None:
    """A partition exists from midnight on, so a wrong decision could ask for a future one."""
    today = tick.evaluated_at.astimezone(NEW_YORK).date()
    for session in sessions:
        tick.calendar.require(session, where=f"schedule {name}")
        if session > today:
            raise InputRefused(
                f"a session up to {today}",
                str(session),
                where=f"schedule {name}",
                remedy="The rule that decides names a session that has not begun: correct it.",
            )
