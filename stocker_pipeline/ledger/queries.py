"""What every group of queries has: a connection inside one transaction, and rows as records."""

from collections.abc import Mapping
from datetime import date
from typing import Any, cast

from sqlalchemy import Connection, Executable, Select, Table

Row = Mapping[str, Any]


class Queries:
    """A reader of some tables. Everything it reads is of one moment."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def _all(self, query: Executable, **values: Any) -> list[Row]:
        return cast(list[Row], self.connection.execute(query, values).mappings().all())

    def _one(self, query: Executable, **values: Any) -> Row | None:
        return cast(Row | None, self.connection.execute(query, values).mappings().first())


def in_range(query: Select, table: Table, first: date | None, last: date | None) -> Select:
    """Sessions from ``first`` to ``last``, both included; None = no bound."""
    if first is not None:
        query = query.where(table.c.session >= first)
    if last is not None:
        query = query.where(table.c.session <= last)
    return query
