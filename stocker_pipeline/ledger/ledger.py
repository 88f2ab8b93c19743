"""The ledger: opening it, reading it, writing to it, and holding a portfolio while doing so.

Belongs here: transactions, their repetition, and leases around them. Stays out: what is written.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, StatementError
from tenacity import (
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_fixed,
    wait_random_exponential,
)

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.domain.errors import ConfigurationRefused, StockerError
from stocker_pipeline.domain.session import Clock
from stocker_pipeline.ledger import engines, errors, leases
from stocker_pipeline.ledger.leases import TIME_TO_LIVE, Lease
from stocker_pipeline.ledger.migrations import HEAD
from stocker_pipeline.ledger.reader import Reader
from stocker_pipeline.ledger.tables.sessions import portfolios
from stocker_pipeline.ledger.writer import Writer

T = TypeVar("T")

ATTEMPTS = 5
"""How often a transaction is begun before the database counts as busy or gone."""
_WAIT_FOR_LEASE_SECONDS = 60.0
_PAUSE = wait_random_exponential(multiplier=0.05, max=2.0)


class Ledger:
    """A database of facts, open at the revision of this code.

    Attributes:
        url: Where it is, without a password.
        dialect: ``sqlite`` or ``postgresql``.
    """

    def __init__(self, engine: Engine, url: URL, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self.url = engines.shown(url)
        self.dialect = engine.dialect.name

    @classmethod
    def open(cls, url: str, *, clock: Clock, environment: str | None = None) -> Self:
        """Open a ledger that is there.

        Args:
            environment: To which the database must belong, where it belongs to one already.

        Raises:
            ConfigurationRefused: It is not there, of another revision or of another environment.
            LedgerUnavailable: It cannot be reached or read.
        """
        target = engines.ledger_url(url)
        where = engines.shown(target)
        if target.get_backend_name() == "sqlite" and not engines.sqlite_file(target).exists():
            raise _not_current(where, "no file")
        ledger = cls(engines.open_engine(target), target, clock)
        try:
            ledger._refuse_other(environment)
        except BaseException:
            ledger.close()
            raise
        return ledger

    def now(self) -> datetime:
        """The instant by the ledger's clock."""
        return self._clock.now()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, reads: Callable[[Reader], T]) -> T:
        """Give a reader of one moment, which blocks nobody.

        Raises:
            LedgerBusy: Others held the database for too long.
            LedgerUnavailable: It cannot be reached or read.
        """

        def once() -> T:
            with self._engine.connect() as connection, engines.reading(connection).begin():
                return reads(Reader(connection))

        return self._repeated(once)

    def write(self, lease: Lease | None, writes: Callable[[Writer], T]) -> T:
        """Give a writer, and commit what it wrote; all of it or nothing.

        The whole of ``writes`` is run again, a bounded number of times, where another process was
        in the way. It must do nothing but read and write through its writer.

        Args:
            lease: Under which the portfolio is written; None for what a person does beside it,
                which waits for every portfolio.

        Raises:
            LeaseLost: The lease ended or was taken over.
            LedgerConflict: A fact is there with other content.
            LedgerRefused: A rule of the database broke.
            LedgerBusy: Others held the database for too long; nothing was written.
            LedgerUnavailable: It cannot be reached or written; nothing was written.
            CommitUnclear: The answer to the commit was lost: it is written or not. Run it again.
        """
        return self._transaction(lease, lease.portfolio if lease else None, writes)

    def _transaction(
        self, lease: Lease | None, portfolio: str | None, writes: Callable[[Writer], T]
    ) -> T:
        """The same, with only one portfolio's other writers kept out; None = those of all."""

        def once() -> T:
            with self._engine.connect() as connection:
                transaction = connection.begin()
                try:
                    self._lock(connection, portfolio)
                    if lease is not None:
                        leases.require(connection, lease)
                    answer = writes(Writer(connection, lease, self._clock.now()))
                except BaseException:
                    transaction.rollback()
                    raise
                self._commit(connection)
                return answer

        return self._repeated(once)

    @contextmanager
    def lease(
        self,
        portfolio: str,
        session: date,
        stage: str,
        *,
        ttl: timedelta = TIME_TO_LIVE,
        wait: bool = False,
    ) -> Iterator[Lease]:
        """Hold a portfolio; there is one live lease of each.

        Args:
            ttl: After which a holder counts as gone where nobody can see whether it runs.
            wait: Whether to wait up to a minute for another holder.

        Raises:
            LeaseHeld: Another process is at work, since when and on what.
            BookRefused: There is no such portfolio.
        """

        def take(writer: Writer) -> Lease:
            taken = leases.acquire(
                writer.connection, portfolio, session, stage, now=writer.now, ttl=ttl
            )
            crash_point("lease.take.inside")
            return taken

        def acquire() -> Lease:
            return self._transaction(None, portfolio, take)

        patience = Retrying(
            retry=retry_if_exception_type(errors.LeaseHeld),
            stop=stop_after_delay(_WAIT_FOR_LEASE_SECONDS if wait else 0.0),
            wait=wait_fixed(0.2),
            reraise=True,
        )
        crash_point("lease.take.before")
        held = patience(acquire)
        crash_point("lease.take.after")
        try:
            yield held
        except BaseException:
            # What went wrong inside is the news; a lease that cannot be ended ends by itself.
            with suppress(StockerError):
                self._release(held)
            raise
        self._release(held)

    def _release(self, lease: Lease) -> None:
        def end(writer: Writer) -> None:
            connection = writer.connection
            if leases.is_live(connection, lease):
                leases.end(connection, lease.portfolio, lease.token, how="released", now=writer.now)
            crash_point("lease.end.inside")

        crash_point("lease.end.before")
        self._transaction(None, lease.portfolio, end)
        crash_point("lease.end.after")

    def _lock(self, connection: Connection, portfolio: str | None) -> None:
        """Keep every other writer of the portfolio out until the end of the transaction."""
        if self.dialect == "sqlite":
            return
        query = select(portfolios.c.portfolio).order_by(portfolios.c.portfolio)
        if portfolio is not None:
            query = query.where(portfolios.c.portfolio == portfolio)
        connection.execute(query.with_for_update()).all()

    def _commit(self, connection: Connection) -> None:
        transaction = connection.get_transaction()
        assert transaction is not None
        try:
            transaction.commit()
        except DBAPIError as error:
            if errors.is_disconnected(error):
                raise errors.CommitUnclear(
                    "the database's answer to a commit",
                    f"{type(error.orig).__name__}: {str(error.orig).strip()}",
                    where=self.url,
                    remedy="Run it again: what is written already is not written twice.",
                ) from error
            raise

    def _repeated(self, once: Callable[[], T]) -> T:
        attempts = Retrying(
            retry=retry_if_exception(_worth_repeating),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_PAUSE,
            reraise=True,
        )
        try:
            return attempts(once)
        except DBAPIError as error:
            refused = errors.of_rule(error, self.url)
            if refused is None and errors.is_integrity(error):
                refused = errors.of_constraint(error, self.url)
            raise (refused or errors.of_database(error, self.url)) from error
        except StatementError as error:
            raise errors.of_value(error, self.url) from error

    def _refuse_other(self, environment: str | None) -> None:
        def state(reader: Reader) -> tuple[str | None, str | None]:
            found = engines.revision(reader.connection)
            return found, reader.environment() if found == HEAD else None

        found, owner = self.read(state)
        if found != HEAD:
            raise _not_current(self.url, f"revision {found or 'none'}")
        if None not in (environment, owner) and environment != owner:
            raise ConfigurationRefused(
                f"a ledger of the environment {environment}",
                f"one that belongs to {owner}",
                where=self.url,
                remedy="Set STOCKER_LEDGER_URL to the database of this environment.",
            )


def _worth_repeating(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and (
        errors.is_busy(error) or errors.is_disconnected(error)
    )


def _not_current(where: str, found: str) -> ConfigurationRefused:
    return ConfigurationRefused(
        f"a ledger at revision {HEAD}", found, where=where, remedy="Run: stocker db upgrade."
    )
