"""Run stages of the day for a range of sessions of one portfolio, in the time of its environment.

In ``dev`` time is moved: a range of past sessions is replayed at full speed. Elsewhere it is the
wall's: what is late stays unsent. Belongs here: which stages run in which time. Stays out: what
they do, and Dagster.
"""

import enum
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from stocker_pipeline.domain.session import Clock, FixedClock, SessionCalendar, SystemClock
from stocker_pipeline.domain.trading_day import TradingDay
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.engines import ledger_url, sqlite_file
from stocker_pipeline.stages import day as days
from stocker_pipeline.stages.audit import HEADS_FILE, note_head
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.desks import simulated_desk
from stocker_pipeline.stages.kill_file import KILL_FILE, note_kill_file
from stocker_pipeline.stages.walk import move_to, whole_day
from stocker_pipeline.strategies.portfolio import Portfolio


class Stage(enum.StrEnum):
    """A part of the day that can be run alone."""

    OPEN = "open"
    FILLS = "fills"
    CLOSE = "close"


@dataclass(frozen=True)
class Venue:
    """Where portfolios of one environment are traded.

    Attributes:
        accounts: Folder of the simulated broker's own files.
    """

    environment: str
    ledger_url: str
    accounts: Path

    @property
    def kill_file(self) -> Path:
        """The file that stops everything while it exists; beside the folder of accounts."""
        return self.accounts.parent / KILL_FILE

    @property
    def replays(self) -> bool:
        """Whether time is moved here instead of waited for."""
        return self.environment == "dev"

    def clock(self, session: date) -> Clock:
        """Wall time, or a clock that stands before the open of ``session``."""
        if not self.replays:
            return SystemClock()
        calendar = SessionCalendar.between(session, session)
        return FixedClock(TradingDay.of(session, calendar).open_stage_at)

    @property
    def audit_heads(self) -> Path:
        """Where the last entry of the audit log is noted, outside the database."""
        return self.accounts.parent / HEADS_FILE

    @contextmanager
    def ledger(self, *, notes_head: bool = True) -> Iterator[Ledger]:
        """The environment's ledger; a file that is not there yet is made.

        Args:
            notes_head: Whether the audit log's last entry is noted afterwards.

        Raises:
            ConfigurationRefused: It is of another revision or environment, or the database is new.
        """
        target = ledger_url(self.ledger_url)
        if target.get_backend_name() == "sqlite" and not sqlite_file(target).exists():
            # Alembic takes longer to load than a book that is there takes to read.
            from stocker_pipeline.ledger.migrate import upgrade

            upgrade(self.ledger_url)
        with Ledger.open(self.ledger_url, clock=SystemClock(), environment=self.environment) as it:
            note_kill_file(it, self.kill_file)
            yield it
            if notes_head:
                note_head(it, self.audit_heads)

    @contextmanager
    def desk(
        self,
        name: str,
        portfolio: Portfolio,
        lake: Lake,
        clock: Clock,
        last: date,
        *,
        also: Collection[str] = (),
    ) -> Iterator[Desk]:
        """A desk for sessions up to ``last``; ``also`` as in ``simulated_desk``."""
        with (
            self.ledger() as ledger,
            simulated_desk(
                name,
                portfolio,
                environment=self.environment,
                ledger=ledger,
                lake=lake,
                accounts=self.accounts,
                clock=clock,
                last=last,
                also=also,
            ) as desk,
        ):
            yield desk


def run_stages(
    venue: Venue,
    name: str,
    portfolio: Portfolio,
    lake: Lake,
    sessions: Sequence[date],
    stages: Collection[Stage],
) -> Iterator[days.StageReport]:
    """Run ``stages`` of each session in order; yields one report per session.

    Raises:
        BookRefused: A session does not follow the book, or a replayed one could not be closed.
        ConfigurationRefused: The ledger is not this environment's.
    """
    clock = venue.clock(sessions[0])
    with venue.desk(name, portfolio, lake, clock, sessions[-1]) as desk:
        for session in sessions:
            yield run_session(desk, session, stages)


def run_session(desk: Desk, session: date, stages: Collection[Stage]) -> days.StageReport:
    """Run ``stages`` of one session; the report is the last one's."""
    clock, times = desk.clock, desk.day(session)
    moved = clock if isinstance(clock, FixedClock) else None
    if moved and {Stage.OPEN, Stage.CLOSE} <= set(stages):
        return whole_day(desk, moved, session)
    report = days.StageReport(session, "none", "nothing_chosen", "no stage was chosen")
    for stage, run, at in (
        (Stage.OPEN, days.open_session, times.open_stage_at),
        (Stage.FILLS, days.collect_session, times.close_stage_at),
        (Stage.CLOSE, days.close_session, times.close_stage_at),
    ):
        if stage not in stages:
            continue
        if moved:
            move_to(moved, at)
        report = run(desk, session)
        if report.waits:
            break
    return report
