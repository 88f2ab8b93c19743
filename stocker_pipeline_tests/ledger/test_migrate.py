import stat
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.ledger import Ledger, LedgerUnavailable
from stocker_pipeline.ledger.engines import ledger_url as typed_url
from stocker_pipeline.ledger.engines import open_engine
from stocker_pipeline.ledger.migrate import check, upgrade
from stocker_pipeline.ledger.migrations import HEAD
from stocker_pipeline_tests.ledger.builders import open_book, portfolio


def _change(url: str, *statements: str) -> None:
    engine = open_engine(typed_url(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_migrations_from_nothing_give_what_the_tables_and_triggers_say(empty_url: str) -> None:
    upgrade(empty_url)
    assert check(empty_url) == []


def test_an_upgrade_of_a_ledger_that_is_up_to_date_changes_nothing(
    ledger: Ledger, ledger_url: str
) -> None:
    open_book(ledger)
    upgrade(ledger_url)
    assert check(ledger_url) == []
    assert ledger.read(lambda reader: len(reader.portfolios())) == 1


def test_the_revision_of_the_code_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "stocker_pipeline.ledger:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_database_without_tables_is_not_opened(empty_url: str, clock: FixedClock) -> None:
    with pytest.raises(ConfigurationRefused, match="stocker db upgrade"):
        Ledger.open(empty_url, clock=clock)
    assert check(empty_url)


def test_a_ledger_of_another_revision_is_not_opened(ledger_url: str, clock: FixedClock) -> None:
    _change(ledger_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationRefused, match="revision 9999"):
        Ledger.open(ledger_url, clock=clock)
    assert check(ledger_url) == [f"revision 9999 instead of {HEAD}"]


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("CREATE TABLE notes (word TEXT)", "notes"),
        ("ALTER TABLE lots ADD COLUMN note TEXT", "note"),
        ("DROP INDEX one_working_order", "one_working_order"),
    ],
)
def test_a_schema_changed_by_hand_is_noticed(ledger_url: str, statement: str, word: str) -> None:
    _change(ledger_url, statement)
    assert any(word in fault for fault in check(ledger_url))


def test_a_trigger_taken_away_is_noticed(ledger_url: str, dialect: str) -> None:
    of_table = " ON executions" if dialect == "postgresql" else ""
    _change(ledger_url, f"DROP TRIGGER executions_overfill{of_table}")
    assert [fault for fault in check(ledger_url) if "executions_overfill is missing" in fault]


def test_a_trigger_switched_off_is_noticed(ledger_url: str, dialect: str) -> None:
    if dialect == "sqlite":
        pytest.skip("SQLite cannot switch a trigger off")
    _change(ledger_url, "ALTER TABLE executions DISABLE TRIGGER executions_overfill")
    assert [fault for fault in check(ledger_url) if "executions_overfill" in fault]


def test_a_ledger_of_another_environment_is_not_opened(
    ledger: Ledger, ledger_url: str, clock: FixedClock
) -> None:
    open_book(ledger)
    with pytest.raises(ConfigurationRefused, match="belongs to paper"):
        Ledger.open(ledger_url, clock=clock, environment="live")
    Ledger.open(ledger_url, clock=clock, environment="paper").close()
    with pytest.raises(ConfigurationRefused, match="to which this database belongs"):
        ledger.write(
            None, lambda writer: writer.open_portfolio(portfolio("other", environment="live"))
        )


def test_a_sqlite_ledger_is_its_owners_alone_and_survives_a_power_cut(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.db"
    upgrade(f"sqlite:///{path}")
    engine = open_engine(typed_url(f"sqlite:///{path}"))
    with engine.connect() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        }
        assert settings == {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "recursive_triggers": 1,
        }
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert modes == {0o600}
    engine.dispose()


@pytest.mark.parametrize(
    "url", ["ledger.db", "mysql://host/db", "sqlite://", "sqlite:///:memory:", ""]
)
def test_what_is_no_place_for_a_ledger_is_refused(url: str, clock: FixedClock) -> None:
    with pytest.raises(ConfigurationRefused, match="the URL of the ledger"):
        Ledger.open(url, clock=clock)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(LedgerUnavailable) as told:
        upgrade("postgresql://anna:geheim@127.0.0.1:1/ledger")
    assert "127.0.0.1" in str(told.value)
    assert "geheim" not in str(told.value)


def test_postgresql_is_reached_through_psycopg_whatever_the_url_says() -> None:
    for scheme in ("postgresql", "postgresql+psycopg2", "postgres"):
        assert typed_url(f"{scheme}://host/db").drivername == "postgresql+psycopg"
