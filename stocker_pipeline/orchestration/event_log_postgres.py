"""The batched event log on PostgreSQL; a module of its own because its driver is an extra.

Configure it as ``stocker_pipeline.orchestration.event_log.BatchedPostgresEventLogStorage``; what it
promises and the private names it leans on are told there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config
from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from stocker_pipeline.orchestration.event_log import BatchedEvents, Row, is_batch


class BatchedPostgresEventLogStorage(BatchedEvents, PostgresEventLogStorage):
    """The stock PostgreSQL event log with every batch, planned events too, in one transaction.

    Takes the configuration of the stock storage (``postgres_url`` or ``postgres_db``,
    ``auth_provider``, ``should_autocreate_tables``).
    """

    # A reader that follows ids can miss those of a transaction that is still open while a later one
    # commits, as in the stock storage: so the transactions are short.
    batch_events = 1000

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Build the storage from its ``config`` block."""
        return cls(
            inst_data=inst_data,
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            token_provider=get_token_provider_from_config(config_value),
        )

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events: all of them, or none and an error.

        Args:
            events: Events in the order in which they happened. Those of a type that Dagster never
                batches are left to the stock storage.
        """
        events, rows = self._clean_rows(events)
        if not is_batch(rows):
            super().store_event_batch(events)
            return
        event_ids: Sequence[int] = ()
        try:
            with self.index_transaction() as conn:
                event_ids = self._store_indexed(conn, events, rows)
        except DBAPIError:
            # The server may have committed and the connection died before it could say so. Ids are
            # never used twice, so the last one tells.
            if not event_ids or not self._has_event(event_ids[-1]):
                raise

    def _has_event(self, event_id: int) -> bool:
        with self.index_connection() as conn:
            found = conn.execute(
                select(SqlEventLogStorageTable.c.id).where(SqlEventLogStorageTable.c.id == event_id)
            )
            return found.first() is not None

    def _insert_batch(self, conn: Connection, rows: Sequence[Row]) -> Sequence[int]:
        inserted = conn.execute(
            SqlEventLogStorageTable.insert().returning(
                SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
            ),
            rows,
        )
        return list(inserted.scalars())
