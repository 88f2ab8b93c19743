"""The SQLite databases behind the event log: how they are opened, and how many rows get in at once.

Belongs here: connections and statements of any SQLite file. Stays out: which rows an event is.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import NullPool, QueuePool, Table, create_engine
from sqlalchemy.engine import Connection, Engine

_MOST_ENGINES = 16


class Databases:
    """Engines of the index and of the runs that were used lately; the index is kept open.

    Stock opens and closes a database for every event, and who is the last to close it moves all
    that was written lately from its log into the file. A run's own file is closed all the same: the
    live log of the UI waits for that file to change.

    Args:
        address: The SQLAlchemy URL of a shard's file.
    """

    def __init__(self, address: Callable[[str], str]) -> None:
        self._address = address
        self._engines: OrderedDict[str, Engine] = OrderedDict()

    def engine(self, shard: str) -> Engine:
        """The engine of a shard; not for two threads at once."""
        if shard not in self._engines:
            kept = {"poolclass": QueuePool, "pool_size": 1}
            self._engines[shard] = create_engine(
                self._address(shard),
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
                **(kept if shard == INDEX_SHARD_NAME else {"poolclass": NullPool}),
            )
        self._engines.move_to_end(shard)
        while len(self._engines) > _MOST_ENGINES:
            self._engines.popitem(last=False)[1].dispose()
        return self._engines[shard]

    def close(self) -> None:
        """Close what is open; it is opened again when it is asked for."""
        for engine in self._engines.values():
            engine.dispose()


def insert_rows(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of the same columns, in their order.

    What SQLAlchemy does to the values of a row, done column by column: row by row it took two
    thirds of the time that SQLite needs to write them.
    """
    if not rows:
        return
    statement = table.insert().compile(dialect=conn.dialect, column_keys=list(rows[0]))
    columns = []
    for name in statement.positiontup or ():
        process = table.c[name].type.dialect_impl(conn.dialect).bind_processor(conn.dialect)
        values = [row[name] for row in rows]
        columns.append(values if process is None else [process(value) for value in values])
    conn.exec_driver_sql(str(statement), list(zip(*columns, strict=True)))
