"""Copies of a whole ledger, and ledgers out of copies. A copy is checked before it counts.

A SQLite ledger is copied as a file, while it is in use. A PostgreSQL ledger is written as lines of
JSON, one row each, out of one moment; it can be restored into either database, and so can the file.
Belongs here: whole databases. Stays out: parts of one; nothing is ever taken out of a ledger.
"""

import gzip
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Column, Connection, Table, insert, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.domain.errors import BookRefused, InputRefused
from stocker_pipeline.ledger import engines, errors
from stocker_pipeline.ledger.audits import head_text
from stocker_pipeline.ledger.digests import digest_of
from stocker_pipeline.ledger.errors import LedgerUnavailable
from stocker_pipeline.ledger.migrate import check, upgrade
from stocker_pipeline.ledger.migrations import HEAD
from stocker_pipeline.ledger.reader import Reader
from stocker_pipeline.ledger.tables import metadata
from stocker_pipeline.ledger.types import Day, Instant, canonical_json

_SQLITE_MAGIC = b"SQLite format 3\x00"
_GZIP_MAGIC = b"\x1f\x8b"
_KIND = "stocker ledger"
_BATCH = 1000


@dataclass(frozen=True)
class Backup:
    """What a copy holds.

    Attributes:
        digests: Portfolio → the digest of its book, equal in the ledger and in the copy.
        audit_head: Number and hash of the audit log's last entry, ``12:ab…``, or empty.
    """

    path: Path
    rows: int
    digests: dict[str, str]
    audit_head: str = ""


def backup(url: str, path: Path | str) -> Backup:
    """Copy a ledger, in use or not, into a new file that only its owner may read.

    Raises:
        BookRefused: There is a file already, or the copy is not what the ledger is.
        ConfigurationRefused: There is no ledger at this revision.
        LedgerUnavailable: It cannot be read, or the file cannot be written.
    """
    source, target = engines.ledger_url(url), Path(path).absolute()
    if target.exists():
        raise BookRefused(
            "a path at which there is nothing",
            f"a file of {target.stat().st_size} bytes",
            where=str(target),
            remedy="Choose another name; a backup is never overwritten.",
        )
    crash_point("ledger.backup.before")
    half = _half(target)
    with _said(source):
        if source.get_backend_name() == "sqlite":
            _copy_file(engines.sqlite_file(source), half)
            made = _summary(_of_file(half), target)
        else:
            made = _dump(source, half, target)
    crash_point("ledger.backup.inside")
    _finish(half, target)
    crash_point("ledger.backup.after")
    return made


def restore(path: Path | str, url: str) -> Backup:
    """Make a ledger out of a copy, in a database that holds nothing yet.

    Raises:
        InputRefused: The file is no backup, of another revision, or damaged.
        BookRefused: The database holds something, or the books are not those of the copy.
        LedgerUnavailable: It cannot be written.
    """
    source, target = Path(path).absolute(), engines.ledger_url(url)
    try:
        with source.open("rb") as file:
            magic = file.read(len(_SQLITE_MAGIC))
    except OSError as error:
        raise _damaged(source, str(error.strerror)) from error
    is_file = magic == _SQLITE_MAGIC
    if not is_file and not magic.startswith(_GZIP_MAGIC):
        raise _damaged(source, "neither a SQLite file nor a compressed dump")
    crash_point("ledger.restore.before")
    with _said(target):
        _refuse_used(target)
        to_file = target.get_backend_name() == "sqlite"
        if is_file and to_file and not engines.sqlite_file(target).exists():
            half = _half(engines.sqlite_file(target))
            with _believed(source):
                _copy_file(source, half)
                _refuse_changed(half)
                wanted = _summary(_of_file(half), source)
            crash_point("ledger.restore.inside")
            _finish(half, engines.sqlite_file(target))
        else:
            if is_file:
                with _believed(source):
                    _refuse_changed(source)
            upgrade(url)
            wanted = _load_file(source, target) if is_file else _load_dump(source, target)
        made = _verified(wanted, target)
    crash_point("ledger.restore.after")
    return made


def _half(target: Path) -> Path:
    """Where a copy is made before it gets its name; what a killed process left there goes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f"{target.name}.part")
    for left in ("", "-wal", "-shm"):
        half.with_name(half.name + left).unlink(missing_ok=True)
    return half


def _finish(half: Path, target: Path) -> None:
    """Give a copy its name when every byte of it is on the disk."""
    _sync(half)
    half.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _damaged(path: Path | str, found: str) -> InputRefused:
    return InputRefused(
        f"a backup of a ledger at revision {HEAD}",
        found,
        where=str(path),
        remedy="Take another copy; the tables of another revision need the code of that revision.",
    )


@contextmanager
def _said(url: URL) -> Iterator[None]:
    """Trouble of the database in words of the ledger."""
    try:
        yield
    except DBAPIError as error:
        raise errors.of_database(error, engines.shown(url)) from error


@contextmanager
def _believed(path: Path) -> Iterator[None]:
    """Trouble of the copy as what it is: a copy that cannot be used."""
    try:
        yield
    except (DBAPIError, LedgerUnavailable, sqlite3.DatabaseError) as error:
        raise _damaged(path, str(error)) from error


def _refuse_changed(path: Path) -> None:
    faults = check(f"sqlite:///{path}")
    if faults:
        raise _damaged(path, "; ".join(faults[:3]))


@contextmanager
def _private(path: Path) -> Iterator[IO[str]]:
    engines.create_file(path)
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as file:
        yield file


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _typed(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, Day):
        return date.fromisoformat(value)
    return datetime.fromisoformat(value) if isinstance(column.type, Instant) else value


def _copy_file(source: Path, target: Path) -> None:
    engines.create_file(target)
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
        fault = new.execute("PRAGMA integrity_check").fetchone()[0]
        if fault != "ok":
            raise _damaged(source, fault)


def _of_file(path: Path) -> URL:
    return URL.create("sqlite+pysqlite", database=str(path))


@contextmanager
def _reading(url: URL) -> Iterator[Connection]:
    engine = engines.open_engine(url)
    try:
        with engine.connect() as connection, engines.reading(connection).begin():
            found = engines.revision(connection)
            if found != HEAD:
                raise _damaged(engines.shown(url), f"revision {found or 'none'}, not {HEAD}")
            yield connection
    finally:
        engine.dispose()


def _summary(url: URL, path: Path) -> Backup:
    with _reading(url) as connection:
        count = sum(
            connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in metadata.tables
        )
        return Backup(path, count, _digests(connection), head_text(Reader(connection)))


def _digests(connection: Connection) -> dict[str, str]:
    reader = Reader(connection)
    return {item.portfolio: digest_of(reader, item.portfolio) for item in reader.portfolios()}


def _dump(source: URL, half: Path, target: Path) -> Backup:
    with _reading(source) as connection, _private(half) as file:
        digests = _digests(connection)
        audit_head = head_text(Reader(connection))
        head = {"kind": _KIND, "revision": HEAD, "digests": digests, "audit_head": audit_head}
        file.write(canonical_json(head) + "\n")
        count = 0
        for table in metadata.sorted_tables:
            for values in _rows(connection, table):
                file.write(canonical_json([table.name, [_plain(item) for item in values]]) + "\n")
                count += 1
        file.write(canonical_json({"rows": count}) + "\n")
    return Backup(target, count, digests, audit_head)


def _rows(connection: Connection, table: Table) -> Iterator[tuple[Any, ...]]:
    query = select(table).order_by(*table.primary_key)
    for row in connection.execution_options(yield_per=_BATCH).execute(query):
        yield tuple(row)


def _load_file(source: Path, target: URL) -> Backup:
    with _reading(_of_file(source)) as connection:
        wanted = Backup(source, -1, _digests(connection), head_text(Reader(connection)))
        found = (
            (table, row) for table in metadata.sorted_tables for row in _rows(connection, table)
        )
        return Backup(source, _insert(target, found), wanted.digests, wanted.audit_head)


def _load_dump(source: Path, target: URL) -> Backup:
    try:
        with gzip.open(source, "rt", encoding="utf-8") as file:
            head = json.loads(file.readline())
            if head.get("kind") != _KIND or head.get("revision") != HEAD:
                raise _damaged(source, f"{head.get('kind')} at revision {head.get('revision')}")
            ends: list[int] = []
            count = _insert(target, _parsed(file, ends))
            if ends != [count]:
                raise _damaged(source, f"{count} rows, and no end that says so")
            return Backup(source, count, head["digests"], head.get("audit_head", ""))
    except (EOFError, gzip.BadGzipFile, ValueError, KeyError) as error:
        raise _damaged(source, f"{type(error).__name__}: {error}") from error


def _parsed(file: IO[str], ends: list[int]) -> Iterator[tuple[Table, tuple[Any, ...]]]:
    for line in file:
        content = json.loads(line)
        if isinstance(content, dict):
            ends.append(content["rows"])
            continue
        table = metadata.tables[content[0]]
        yield (
            table,
            tuple(
                _typed(column, value)
                for column, value in zip(table.columns, content[1], strict=True)
            ),
        )


def _insert(target: URL, rows: Iterator[tuple[Table, tuple[Any, ...]]]) -> int:
    """All rows or none. Rules between rows judged them once; triggers would refuse old tokens."""
    engine = engines.open_engine(target)
    count = 0
    try:
        with engine.begin() as connection, _without_triggers(connection):
            while batch := list(islice(rows, _BATCH)):
                start = 0
                for at in range(1, len(batch) + 1):
                    if at == len(batch) or batch[at][0] is not batch[start][0]:
                        table = batch[start][0]
                        names = [column.name for column in table.columns]
                        connection.execute(
                            insert(table),
                            [dict(zip(names, row, strict=True)) for _, row in batch[start:at]],
                        )
                        start = at
                count += len(batch)
            _advance_numbers(connection)
            crash_point("ledger.restore.inside")
    finally:
        engine.dispose()
    return count


@contextmanager
def _without_triggers(connection: Connection) -> Iterator[None]:
    if connection.dialect.name == "postgresql":
        for name in metadata.tables:
            connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
        yield
        # Deferred checks of the transaction must be over before a table is altered again.
        for name in metadata.tables:
            connection.execute(text(f"ALTER TABLE {name} ENABLE TRIGGER USER"))
        return
    triggers = connection.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    ).all()
    for trigger, _ in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    yield
    for _, sql in triggers:
        connection.exec_driver_sql(str(sql))


def _advance_numbers(connection: Connection) -> None:
    """The next surrogate number is above those restored; SQLite sees to it by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        if "id" in table.columns:
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "
                    f"greatest(1, max(id)), max(id) IS NOT NULL) FROM {table.name}"
                )
            )


def _refuse_used(target: URL) -> None:
    shown = engines.shown(target)
    if target.get_backend_name() == "sqlite" and not engines.sqlite_file(target).exists():
        return
    engine = engines.open_engine(target)
    try:
        with engine.connect() as connection:
            used = engines.revision(connection) is not None and any(
                connection.execute(select(table).limit(1)).first() is not None
                for table in metadata.sorted_tables
            )
    finally:
        engine.dispose()
    if used:
        raise BookRefused(
            "a database that holds nothing yet",
            "one that holds a ledger",
            where=shown,
            remedy="Restore into an empty database, and point STOCKER_LEDGER_URL at it.",
        )


def _verified(wanted: Backup, target: URL) -> Backup:
    with _reading(target) as connection:
        found = _digests(connection), head_text(Reader(connection))
    if found != (wanted.digests, wanted.audit_head):
        raise BookRefused(
            f"the books and the audit log of the copy: {wanted.digests}, {wanted.audit_head}",
            f"{found[0]}, {found[1]}",
            where=engines.shown(target),
            remedy="Do not use this database; restore from another copy.",
        )
    return wanted
