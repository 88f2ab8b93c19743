"""One process at a time for a portfolio, and a number that outdates whoever came before.

A lease is a row with a rising token. Every write that matters carries its token, and the database
refuses an old one: a holder that was thought dead and was not can do no harm. Belongs here: who
holds a lease, and when another may take it. Stays out: what is done under it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import and_, bindparam, select
from sqlalchemy.engine import Connection

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.ledger.errors import LeaseHeld, LeaseLost
from stocker_pipeline.ledger.facts import insert_into
from stocker_pipeline.ledger.processes import Holder, is_dead, this_process
from stocker_pipeline.ledger.tables.sessions import lease_ends, leases, portfolios

TIME_TO_LIVE = timedelta(minutes=15)
"""How long a holder on another host, from which nothing is heard, is waited for."""

_ended = lease_ends.c.ended_at
_newest = (
    select(
        *(leases.c[name] for name in ("token", "stage", "session", "host", "pid")),
        leases.c.process_started,
        leases.c.acquired_at,
        leases.c.expires_at,
        _ended,
    )
    .select_from(
        leases.outerjoin(
            lease_ends,
            and_(
                leases.c.portfolio == lease_ends.c.portfolio,
                leases.c.token == lease_ends.c.token,
            ),
        )
    )
    .where(leases.c.portfolio == bindparam("portfolio"))
    .order_by(leases.c.token.desc())
    .limit(1)
)
_live_token = _newest.with_only_columns(leases.c.token).where(_ended.is_(None))


@dataclass(frozen=True)
class Lease:
    """The right to write a portfolio's book until it ends or is taken over."""

    portfolio: str
    token: int
    session: date
    stage: str
    expires_at: datetime


def acquire(
    connection: Connection,
    portfolio: str,
    session: date,
    stage: str,
    *,
    now: datetime,
    ttl: timedelta,
) -> Lease:
    """Take the lease, from a dead or expired holder too. The portfolio's row must be locked.

    Raises:
        LeaseHeld: Somebody is at work.
        BookRefused: There is no such portfolio.
    """
    known = select(portfolios.c.portfolio).where(portfolios.c.portfolio == portfolio)
    if connection.execute(known).first() is None:
        raise BookRefused(
            "a portfolio that was opened in this ledger",
            repr(portfolio),
            where="lease",
            remedy="Open the portfolio first.",
        )
    token = 1
    last = _last(connection, portfolio)
    if last is not None:
        token = last.token + 1
        if last.ended_at is None:
            end(connection, portfolio, last.token, how=_why_over(last, now), now=now)
    me = this_process()
    lease = Lease(portfolio, token, session, stage, now + ttl)
    connection.execute(
        insert_into(leases),
        {
            "portfolio": portfolio,
            "token": token,
            "session": session,
            "stage": stage,
            "host": me.host,
            "pid": me.pid,
            "process_started": me.started,
            "acquired_at": now,
            "expires_at": lease.expires_at,
        },
    )
    return lease


def end(connection: Connection, portfolio: str, token: int, *, how: str, now: datetime) -> None:
    """Write that a lease is over."""
    connection.execute(
        insert_into(lease_ends),
        {"portfolio": portfolio, "token": token, "ended_at": now, "how": how},
    )


def is_live(connection: Connection, lease: Lease) -> bool:
    """Whether this lease is the last one and has not ended."""
    # Only the last lease of a portfolio can be without an end: the database sees to it.
    live = connection.execute(_live_token, {"portfolio": lease.portfolio}).scalar()
    return live == lease.token


def require(connection: Connection, lease: Lease) -> None:
    """Refuse to go on under a lease that is not the portfolio's live one.

    Raises:
        LeaseLost: It ended, or another process took over.
    """
    if not is_live(connection, lease):
        raise LeaseLost(
            "the portfolio's live lease",
            f"fence broken by token {lease.token}, which has ended",
            where=f"portfolio {lease.portfolio}, session {lease.session}, stage {lease.stage}",
            remedy="Stop: another process took over and goes on from what is written.",
        )


class _Last:
    """The last lease of a portfolio."""

    def __init__(self, row: tuple) -> None:
        self.token, self.stage, self.session = int(row[0]), str(row[1]), row[2]
        self.holder = Holder(row[3], row[4], row[5])
        self.acquired_at, self.expires_at, self.ended_at = row[6], row[7], row[8]


def _last(connection: Connection, portfolio: str) -> _Last | None:
    row = connection.execute(_newest, {"portfolio": portfolio}).first()
    return None if row is None else _Last(tuple(row))


def _why_over(last: _Last, now: datetime) -> str:
    if is_dead(last.holder):
        return "dead"
    if now >= last.expires_at:
        return "expired"
    holder = last.holder
    raise LeaseHeld(
        "a portfolio on which nobody is at work",
        f"stage {last.stage} of {last.session} by process {holder.pid} on {holder.host} since "
        f"{last.acquired_at:%Y-%m-%d %H:%M:%S} UTC",
        where=f"lease {last.token}",
        remedy=f"Wait for it; at {last.expires_at:%Y-%m-%d %H:%M:%S} UTC it counts as gone.",
    )
