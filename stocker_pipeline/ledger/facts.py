"""Add rows that may be there already: the same again is nothing, another content is refused.

A transaction whose answer was lost is run again, and a session that was killed is resumed; both
write what they wrote. What differs from run to run without being another fact (instants, tokens)
is named by the caller and not compared.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import Connection, Insert, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from stocker_pipeline.ledger.errors import LedgerConflict
from stocker_pipeline.redaction import redacted_value

Row = Mapping[str, Any]


def insert_facts(
    connection: Connection, table: Table, rows: Sequence[Row], *, ignoring: Collection[str] = ()
) -> int:
    """Insert rows by primary key; return how many were new.

    Raises:
        LedgerConflict: A key is there with other content.
    """
    if not rows:
        return 0
    result = connection.execute(
        _new_alone(table, connection.dialect.name),
        list(rows),
        execution_options={"preserve_rowcount": True},
    )
    written = result.rowcount
    if written != len(rows):
        for row in rows:
            refuse_other(table, row, _there(connection, table, row), ignoring=ignoring)
    return written


@cache
def insert_into(table: Table) -> Insert:
    """An insert of whole rows. Made once: most of its cost is to be made."""
    return insert(table)


@cache
def _new_alone(table: Table, dialect: str) -> Insert:
    made = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    # By this key alone: any other rule that is in the way is an error.
    return made.on_conflict_do_nothing(index_elements=[key.name for key in table.primary_key])


def insert_fact(
    connection: Connection, table: Table, row: Row, *, ignoring: Collection[str] = ()
) -> bool:
    """The same for one row; whether it was new."""
    return insert_facts(connection, table, [row], ignoring=ignoring) == 1


def refuse_other(table: Table, row: Row, there: Row, *, ignoring: Collection[str] = ()) -> None:
    """Refuse a fact that is there with other content.

    Args:
        there: The row of the same key.

    Raises:
        LedgerConflict: A column differs.
    """
    differing = [
        name
        for name in row
        if name not in ignoring and there[name] not in (row[name], redacted_value(row[name]))
    ]
    if not differing:
        return
    raise LedgerConflict(
        f"the content that is written: {_shown(there, differing)}",
        _shown(row, differing),
        where=f"{table.name} {_shown(row, [column.name for column in table.primary_key])}",
        remedy="A fact is not written twice differently; see what is there before going on.",
    )


def _there(connection: Connection, table: Table, row: Row) -> Row:
    key = [column == row[column.name] for column in table.primary_key]
    return cast(Row, connection.execute(select(table).where(*key)).mappings().one())


def _shown(row: Row, names: Collection[str]) -> str:
    return ", ".join(f"{name} {str(row.get(name))[:200]}" for name in names)
