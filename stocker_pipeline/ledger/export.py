"""Whole tables of the ledger as Arrow, for readers that add up over all of history.

Belongs here: which tables those may read, and their columns in Arrow's types: the same on SQLite
and on PostgreSQL, money exact. Stays out: what is made of them (dbt).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Column, Connection, Table, text
from sqlalchemy.exc import DBAPIError

from stocker_pipeline.domain.session import Clock
from stocker_pipeline.engine.tables import MONEY, money_array
from stocker_pipeline.ledger import engines, errors
from stocker_pipeline.ledger.ledger import Ledger
from stocker_pipeline.ledger.tables import book, limits, orders, sessions
from stocker_pipeline.ledger.types import Day, Flag, Instant, Money, Ratio, Whole

EXPORTED = (
    sessions.portfolios,
    sessions.session_outcomes,
    sessions.decisions,
    orders.order_intents,
    orders.order_events,
    limits.limit_rejections,
    orders.executions,
    book.cash_entries,
    book.corporate_action_entries,
    book.positions,
    book.snapshots,
)
"""What a book did. Control state, alerts, the audit log and credentials of accounts stay where they
are."""

_LEFT_OUT = {("order_events", "raw"), ("order_events", "broker_order_id")}
"""Columns that no mart needs; the broker's own words are long."""
_ARROW: dict[type[Any], pa.DataType] = {
    Money: MONEY,
    Ratio: pa.float64(),
    Whole: pa.int64(),
    Flag: pa.bool_(),
    Day: pa.date32(),
    Instant: pa.timestamp("us", "UTC"),
}


def exported_tables(url: str, *, clock: Clock) -> dict[str, pa.Table]:
    """Every exported table by name, all of one moment; without rows where there is no ledger yet.

    Raises:
        ConfigurationRefused: The ledger is of another revision than this code.
        LedgerUnavailable: It cannot be reached or read.
    """
    if not _is_there(url):
        return {table.name: _arrow(table, [], "sqlite") for table in EXPORTED}
    with Ledger.open(url, clock=clock) as ledger:
        return ledger.read(
            lambda reader: {table.name: _read(reader.connection, table) for table in EXPORTED}
        )


def _is_there(url: str) -> bool:
    """Whether somebody began a ledger; asking makes none."""
    target = engines.ledger_url(url)
    if target.get_backend_name() == "sqlite":
        return engines.sqlite_file(target).exists()
    engine = engines.open_engine(target)
    try:
        with engine.connect() as connection:
            return engines.revision(connection) is not None
    except DBAPIError as error:
        raise errors.of_database(error, engines.shown(target)) from error
    finally:
        engine.dispose()


def _columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if (table.name, column.name) not in _LEFT_OUT]


def _read(connection: Connection, table: Table) -> pa.Table:
    """One table, without an object per row on the way."""
    named = ", ".join(column.name for column in _columns(table))
    rows = connection.execute(text(f"SELECT {named} FROM {table.name}")).all()
    return _arrow(table, rows, connection.dialect.name)


def _arrow(table: Table, rows: Sequence[Any], dialect: str) -> pa.Table:
    columns = _columns(table)
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pa.table(
        {
            column.name: _array(column, list(found), dialect)
            for column, found in zip(columns, values, strict=True)
        }
    )


def _array(column: Column[Any], values: list[Any], dialect: str) -> pa.Array:
    """A column as the database gave it → Arrow, through no float but a ratio's own."""
    wanted = _ARROW.get(type(column.type), pa.string())
    if wanted == MONEY and dialect == "sqlite":
        return money_array(np.array(values, np.int64))
    if wanted == MONEY:
        return pa.array(values, pa.decimal128(20, 4)).cast(MONEY)
    if wanted == pa.bool_() and dialect == "sqlite":
        return pa.array(values, pa.int64()).cast(wanted)
    if wanted == pa.float64() or (dialect == "sqlite" and wanted not in (pa.int64(), pa.string())):
        return pa.array(values, pa.string()).cast(wanted)
    return pa.array(values, wanted)
