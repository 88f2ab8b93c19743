"""What happens when the database is busy, gone or full, or answers too late."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from tenacity import wait_none

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.ledger import (
    CommitUnclear,
    Ledger,
    LedgerBusy,
    LedgerUnavailable,
    Writer,
)
from stocker_pipeline.ledger import (
    ledger as module,
)
from stocker_pipeline_tests.ledger.builders import BOOK, open_book, portfolio


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", wait_none())


def _busy(dialect: str) -> Exception:
    cause = sqlite3.OperationalError("database is locked")
    cause.sqlite_errorcode = 5
    if dialect == "postgresql":
        from psycopg.errors import SerializationFailure

        return OperationalError("COMMIT", {}, SerializationFailure("could not serialize access"))
    return OperationalError("BEGIN", {}, cause)


def test_a_busy_database_is_tried_again_as_a_whole(ledger: Ledger, dialect: str) -> None:
    open_book(ledger)
    calls = []

    def write(writer: Writer) -> int:
        calls.append(writer.advance_cursor("scope", "name", "value"))
        if len(calls) < 3:
            raise _busy(dialect)
        return len(calls)

    assert ledger.write(None, write) == 3
    assert calls == [True, True, True]
    assert ledger.read(lambda reader: reader.cursor("scope", "name")) == "value"


def test_a_database_that_stays_busy_is_given_up(ledger: Ledger, dialect: str) -> None:
    calls = []

    def write(writer: Writer) -> None:
        calls.append(1)
        raise _busy(dialect)

    with pytest.raises(LedgerBusy, match="nothing was written"):
        ledger.write(None, write)
    assert len(calls) == module.ATTEMPTS


def test_a_commit_without_an_answer_is_unclear_and_can_be_run_again(
    ledger: Ledger, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction is there; only its answer was lost."""
    from sqlalchemy.engine import RootTransaction

    commit = RootTransaction.commit

    def lost(self: RootTransaction) -> None:
        commit(self)
        raise OperationalError("COMMIT", {}, Exception("gone"), connection_invalidated=True)

    open_book(ledger)
    with monkeypatch.context() as patch:
        patch.setattr(RootTransaction, "commit", lost)
        with pytest.raises(CommitUnclear, match="Run it again"):
            ledger.write(None, lambda writer: writer.open_portfolio(portfolio("b", account="2")))
    again = ledger.write(None, lambda writer: writer.open_portfolio(portfolio("b", account="2")))
    assert again is False


def test_a_full_disk_is_told_and_nothing_is_written(
    sqlite_template: Path, tmp_path: Path, clock: FixedClock
) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(sqlite_template.read_bytes())
    with Ledger.open(f"sqlite:///{path}", clock=clock) as ledger:
        open_book(ledger)

        def write(writer: Writer) -> None:
            pages = writer.connection.exec_driver_sql("PRAGMA page_count").scalar()
            writer.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            for number in range(2000):
                writer.put_config(f"{number:064}", "x" * 10_000)

        with pytest.raises(LedgerUnavailable, match="full"):
            ledger.write(None, write)
        assert ledger.read(lambda reader: reader.config(f"{0:064}")) is None


def test_a_file_that_is_no_database_is_told(tmp_path: Path, clock: FixedClock) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database at all" * 500)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", clock=clock)


def test_a_connection_that_the_server_ended_is_made_again(ledger: Ledger, dialect: str) -> None:
    if dialect == "sqlite":
        pytest.skip("SQLite has no server")
    open_book(ledger)
    calls = []

    def write(writer: Writer) -> None:
        calls.append(1)
        if len(calls) == 1:
            end = "SELECT pg_terminate_backend(pg_backend_pid())"
            writer.connection.exec_driver_sql(end)
        writer.advance_cursor("scope", "name", "value")

    ledger.write(None, write)
    assert len(calls) == 2
    assert ledger.read(lambda reader: reader.portfolio(BOOK)) is not None
