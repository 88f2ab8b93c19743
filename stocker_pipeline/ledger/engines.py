"""Connections to the ledger's database: its URL, its settings, its driver, its file.

Belongs here: all that differs between SQLite and PostgreSQL before the first statement. Stays out:
transactions and what is in them.
"""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.util import LRUCache

from stocker_pipeline.domain.errors import ConfigurationRefused

WAIT_SECONDS = 5
"""How long a statement waits for another process before the transaction is tried again."""
_SQLITE_PRAGMAS = (
    f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # Else INSERT OR REPLACE deletes a row without asking the triggers.
    "PRAGMA recursive_triggers = ON",
    "PRAGMA trusted_schema = OFF",
)
_POSTGRES_SETTINGS = (
    "-c timezone=UTC -c statement_timeout=30s "
    f"-c lock_timeout={WAIT_SECONDS}s -c idle_in_transaction_session_timeout=60s "
    "-c default_transaction_isolation=read\\ committed"
)
_READS = "stocker_reads"


class _Compiled(LRUCache[tuple[Any, ...], Any]):
    """Statements that are compiled once in a process rather than once in each engine.

    An engine lives as long as a stage or a sensor's tick, and compiling what it asks takes longer
    than asking it. SQLAlchemy's key begins with the dialect's object, which each engine has anew.
    """

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(_of_kind(key), default)

    def __setitem__(self, key: tuple[Any, ...], value: Any) -> None:
        super().__setitem__(_of_kind(key), value)


def _of_kind(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *statement = key
    return type(dialect), dialect.server_version_info, *statement


_COMPILED = _Compiled(capacity=1000)


def ledger_url(text: str) -> URL:
    """The URL with the driver written into it: psycopg for every PostgreSQL.

    Raises:
        ConfigurationRefused: It is no URL, of another database, or of a SQLite without a file.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise _refused("a text that is no database URL") from None
    backend = {"postgres": "postgresql"}.get(url.get_backend_name(), url.get_backend_name())
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise _refused(f"a URL of {backend}")
    if not url.database or url.database == ":memory:":
        raise _refused("a SQLite database in memory, which ends with the process")
    return url.set(drivername="sqlite+pysqlite")


def sqlite_file(url: URL) -> Path:
    """Where a SQLite ledger lives."""
    return Path(str(url.database)).expanduser().absolute()


def shown(url: URL) -> str:
    """The URL for messages, without its password."""
    return url.render_as_string(hide_password=True)


def create_file(path: Path) -> None:
    """Make an empty database file that only its owner may read; leave one that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)


def open_engine(url: URL) -> Engine:
    """An engine whose transactions begin as the ledger needs them."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url.set(database=str(sqlite_file(url))),
            connect_args={"cached_statements": 512},
            execution_options={"compiled_cache": _COMPILED},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(
            url,
            connect_args={"options": _POSTGRES_SETTINGS},
            pool_pre_ping=True,
            execution_options={"compiled_cache": _COMPILED},
        )
    except ModuleNotFoundError as error:
        raise ConfigurationRefused(
            "the package psycopg, which a PostgreSQL ledger needs",
            f"an installation without {error.name}",
            where=shown(url),
            remedy="Install the extra: pip install 'stocker-pipeline[postgres]'.",
        ) from error


def reading(connection: Connection) -> Connection:
    """The connection, so that its next transaction sees one moment and blocks nobody."""
    if connection.dialect.name == "sqlite":
        return connection.execution_options(**{_READS: True})
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def revision(connection: Connection) -> str | None:
    """The revision that the database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # The driver's own transactions begin too late and too weak; ours are begun below.
    connection.isolation_level = None
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _refused(received: str) -> ConfigurationRefused:
    return ConfigurationRefused(
        "sqlite:////absolute/path/ledger.db or postgresql://user@host/database",
        received,
        where="the URL of the ledger",
        remedy="Set STOCKER_LEDGER_URL.",
    )
