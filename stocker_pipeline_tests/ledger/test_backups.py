import gzip
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from stocker_pipeline.domain.errors import BookRefused, InputRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.ledger import Ledger, LedgerRefused
from stocker_pipeline.ledger.backups import backup, restore
from stocker_pipeline.ledger.control_records import Alert, Severity
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.ledger.engines import ledger_url as typed_url
from stocker_pipeline.ledger.migrate import check
from stocker_pipeline_tests.ledger.builders import BOOK, open_book, trade_monday


@pytest.fixture
def copied(ledger: Ledger, ledger_url: str, tmp_path: Path) -> Path:
    """Give a copy of a ledger with a day in it."""
    open_book(ledger)
    trade_monday(ledger)
    ledger.write(None, lambda writer: writer.put_alert(Alert(Severity.INFO, "note", "a line")))
    path = tmp_path / "copy" / "ledger.backup"
    made = backup(ledger_url, path)
    assert made.digests == {BOOK: digest(ledger, BOOK)}
    assert made.rows > 20
    return path


def test_a_restored_ledger_has_the_books_and_the_rules_of_the_copied_one(
    ledger: Ledger, copied: Path, empty_url: str, clock: FixedClock
) -> None:
    restore(copied, empty_url)

    assert check(empty_url) == []
    with Ledger.open(empty_url, clock=clock) as restored:
        assert digest(restored, BOOK) == digest(ledger, BOOK)
        assert restored.read(lambda reader: reader.verify_audit()) == []
        alerts = restored.read(lambda reader: reader.alerts())
        assert alerts == ledger.read(lambda reader: reader.alerts())
        again = Alert(Severity.INFO, "note", "another line")
        assert restored.write(None, lambda writer: writer.put_alert(again)) > alerts[-1].alert_id
        with pytest.raises(LedgerRefused, match="append_only"):
            restored.write(
                None, lambda writer: writer.connection.execute(text("DELETE FROM executions"))
            )


def test_a_copy_goes_from_either_database_into_sqlite(
    ledger: Ledger, copied: Path, tmp_path: Path, clock: FixedClock
) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    restore(copied, url)
    assert check(url) == []
    with Ledger.open(url, clock=clock) as restored:
        assert digest(restored, BOOK) == digest(ledger, BOOK)


def test_a_sqlite_copy_goes_into_postgresql(
    sqlite_template: Path, postgres_template: tuple[str, str], tmp_path: Path, clock: FixedClock
) -> None:
    from stocker_pipeline.ledger.migrate import upgrade
    from stocker_pipeline_tests.postgres import create_database, drop_database

    url = f"sqlite:///{tmp_path / 'small.db'}"
    upgrade(url)
    with Ledger.open(url, clock=clock) as small:
        open_book(small)
        trade_monday(small)
        wanted = digest(small, BOOK)
    backup(url, tmp_path / "small.backup")
    target = create_database(postgres_template[0])
    try:
        restore(tmp_path / "small.backup", target)
        with Ledger.open(target, clock=clock) as restored:
            assert digest(restored, BOOK) == wanted
        assert check(target) == []
    finally:
        drop_database(target, postgres_template[0])


def test_only_the_owner_may_read_a_copy(copied: Path) -> None:
    assert copied.stat().st_mode & 0o777 == 0o600


def test_a_copy_is_never_overwritten(ledger_url: str, copied: Path) -> None:
    with pytest.raises(BookRefused, match="never overwritten"):
        backup(ledger_url, copied)


def test_a_ledger_with_facts_is_never_restored_into(ledger_url: str, copied: Path) -> None:
    with pytest.raises(BookRefused, match="holds nothing yet"):
        restore(copied, ledger_url)


def test_a_damaged_copy_is_refused_and_leaves_nothing(
    copied: Path, dialect: str, empty_url: str, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    content = copied.read_bytes()
    if dialect == "postgresql":
        lines = gzip.decompress(content).splitlines(keepends=True)
        broken.write_bytes(gzip.compress(b"".join(lines[:-3])))
    else:
        broken.write_bytes(content[: len(content) // 2])

    with pytest.raises(InputRefused, match="a backup of a ledger"):
        restore(broken, empty_url)

    engine = create_engine(typed_url(empty_url))
    with engine.connect() as connection:
        try:
            assert connection.execute(text("SELECT count(*) FROM portfolios")).scalar() == 0
        except Exception as error:
            assert "portfolios" in str(error)
    engine.dispose()


def test_a_copy_that_tells_another_book_is_refused(
    copied: Path, dialect: str, empty_url: str, tmp_path: Path
) -> None:
    changed = tmp_path / "changed"
    if dialect == "postgresql":
        content = gzip.decompress(copied.read_bytes()).replace(b"1012500", b"1012600")
        changed.write_bytes(gzip.compress(content))
        with pytest.raises(BookRefused, match="the books and the audit log of the copy"):
            restore(changed, empty_url)
        return
    changed.write_bytes(copied.read_bytes())
    with sqlite3.connect(changed) as connection:
        connection.execute("DROP TABLE lots")
    with pytest.raises(InputRefused, match="a backup of a ledger"):
        restore(changed, empty_url)


def test_what_is_no_backup_is_refused(tmp_path: Path, empty_url: str) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader, this is no ledger at all.")
    with pytest.raises(InputRefused, match="neither a SQLite file"):
        restore(tmp_path / "letter.txt", empty_url)
