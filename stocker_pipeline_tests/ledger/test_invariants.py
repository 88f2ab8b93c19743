"""Each rule is broken on purpose, behind the back of the database, and must be found."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.engines import ledger_url as typed_url
from stocker_pipeline.ledger.engines import open_engine
from stocker_pipeline.ledger.invariants import Violation, invariants, run_invariants
from stocker_pipeline_tests.ledger.builders import (
    BOOK,
    open_book,
    trade_monday,
    trade_tuesday,
)
from stocker_pipeline_tests.ledger.planted import EVENING, PLANTS, Plant
from stocker_pipeline_tests.postgres import create_database, drop_database


def _written(url: str) -> str:
    """Two days of trading, written into an upgraded database."""
    with Ledger.open(url, clock=FixedClock(EVENING)) as ledger:
        open_book(ledger)
        trade_monday(ledger)
        trade_tuesday(ledger)
    return url


@pytest.fixture(scope="module")
def sqlite_book(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("book") / "book.db"
    shutil.copy(sqlite_template, path)
    _written(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="module")
def postgres_book(postgres_template: tuple[str, str]) -> Iterator[tuple[str, str]]:
    server, template = postgres_template
    url = _written(create_database(server, template))
    yield server, url
    drop_database(url, server)


@pytest.fixture
def ledger_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a ledger with two days in it, in which every rule holds."""
    if dialect == "sqlite":
        path = tmp_path / "ledger.db"
        shutil.copy(request.getfixturevalue("sqlite_book"), path)
        yield f"sqlite:///{path}"
        return
    server, book = request.getfixturevalue("postgres_book")
    url = create_database(server, book)
    yield url
    drop_database(url, server)


def _loosen(engine: Engine, table: str) -> None:
    """Replace a table by one with the same rows, and no key, check, type or trigger."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
            connection.exec_driver_sql("BEGIN")
            triggers = text(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t"
            )
            for name in connection.execute(triggers, {"t": table}).scalars().all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO strict_{table}")
        connection.exec_driver_sql(f"CREATE TABLE {table} AS SELECT * FROM strict_{table}")
        connection.commit()


def _plant(url: str, plant: Plant) -> None:
    engine = open_engine(typed_url(url))
    for table in plant.tables:
        _loosen(engine, table)
    with engine.begin() as connection:
        for statement in plant.statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _violations(url: str) -> list[Violation]:
    with Ledger.open(url, clock=FixedClock(EVENING)) as ledger:
        return run_invariants(ledger)


def test_two_days_of_trading_break_no_rule(ledger_url: str) -> None:
    assert [str(found) for found in _violations(ledger_url)] == []


ON_BOTH = ("inv_07", "inv_18", "inv_24", "inv_26", "inv_31", "inv_44", "inv_47")
"""Rules that read the schema, decimals, days or instants, which the databases hold differently."""
EACH_PLANT = [
    pytest.param(
        database,
        plant,
        id=f"{database}-{plant.invariant}-{plant.shows[:20]}",
        marks=[]
        if database == "sqlite" or plant.invariant.startswith(ON_BOTH)
        else pytest.mark.slow,
    )
    for database in ("sqlite", "postgresql")
    for plant in PLANTS
]


def test_every_rule_that_is_broken_on_both_databases_is_there() -> None:
    assert all(any(rule.name.startswith(name) for rule in invariants()) for name in ON_BOTH)


@pytest.mark.parametrize(("dialect", "plant"), EACH_PLANT)
def test_a_planted_violation_is_found(ledger_url: str, plant: Plant) -> None:
    _plant(ledger_url, plant)

    found = {item.invariant: item for item in _violations(ledger_url)}

    assert plant.invariant in found
    assert any(plant.shows in line for line in found[plant.invariant].lines), str(
        found[plant.invariant]
    )


def test_a_rule_that_cannot_be_checked_is_broken_and_the_others_are_looked_at(
    ledger_url: str,
) -> None:
    _plant(ledger_url, Plant("", ("cash_entries",), ("DROP TABLE cash_entries",), ""))
    found = {item.invariant: item.lines for item in _violations(ledger_url)}
    assert "cannot be checked" in found["inv_26_cash_is_explained"][0]
    assert "inv_24_rows_are_only_added" in found
    assert "inv_19_positions_are_fills_and_actions" not in found


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule.name for rule in invariants()} == {plant.invariant for plant in PLANTS}


def test_a_portfolio_alone_can_be_looked_at(ledger_url: str) -> None:
    _plant(
        ledger_url,
        Plant("", ("positions",), ("UPDATE positions SET quantity = quantity + 1",), ""),
    )
    with Ledger.open(ledger_url, clock=FixedClock(EVENING)) as ledger:
        of_book = {item.invariant for item in run_invariants(ledger, BOOK)}
        of_another = {item.invariant for item in run_invariants(ledger, "another")}
    assert "inv_19_positions_are_fills_and_actions" in of_book
    assert "inv_19_positions_are_fills_and_actions" not in of_another
