"""Dagster's event log with a batch of events written in one transaction, not event by event.

A backfill of ten years says "planned" and "materialised" once per asset and session: 30,000 events
for six assets. The stock SQLite storage opens two databases for each, at 12 ms an event; the stock
PostgreSQL storage batches the materialisations alone. The two classes here keep the tables, the
order of the events and the answers to every query, and change how a batch reaches the disk. One
thing is left out: a check's plan is a row per partition, and does not name all others in each.
Queries, single events, migrations and watching are Dagster's own and stay out of this file.

What is kept when a batch fails
    *PostgreSQL*: a batch is one transaction: all of it is stored, or nothing.

    *SQLite* has a database per run (the run shard, behind the run's log) and one index (behind the
    asset pages), and commits one after the other whatever the transaction. Both are written before
    either is committed; then the run shard is committed, then the index, in the order of the stock
    storage. An error while writing leaves nothing of the batch in either. A process killed between
    the two commits leaves the whole batch in the run shard and none of it in the index, as the
    stock storage leaves its one event: the run's log shows the events, the asset pages do not, and
    running the range again mends them.

    After an error ``store_event_batch`` raises, and Dagster stores the events of that batch again,
    one by one, up to one that cannot be stored. Events that the run shard already has are added to
    the index alone, and a commit whose answer was lost with the connection to PostgreSQL is looked
    up: nothing is stored twice.

    Dagster hands over a batch when it is full or its asset is done, so a killed process loses the
    events it still held. Their sessions show as not materialised, never the other way round.

What this leans on
    Private names of Dagster 1.13.27 and dagster-postgres 0.29.27, each held by a test:
    ``SqlEventLogStorage``: ``_event_to_row``, ``_event_insert_timestamp``,
    ``_store_asset_event_tags``, ``_store_asset_event``, ``_store_asset_check_evaluation_planned``,
    ``index_transaction``, ``index_connection``, ``run_connection``. ``SqliteEventLogStorage``:
    ``__init__``, ``_db_lock``, ``_connect``, ``_initdb``, ``_initialized_dbs``,
    ``INDEX_SHARD_NAME`` and ``SQLITE_BUSY_TIMEOUT_SECONDS``. ``PostgresEventLogStorage``:
    ``__init__``, ``store_event_batch``; ``dagster_postgres.utils.pg_url_from_config`` and
    ``get_token_provider_from_config``. The tables ``SqlEventLogStorageTable`` and
    ``AssetCheckExecutionsTable``. ``DagsterInstance``: ``handle_new_event``,
    ``_get_event_batch_size``, ``register_instance``.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import sqlalchemy
from dagster import (
    AssetCheckKey,
    DagsterEventType,
    DagsterInstance,
    PartitionsDefinition,
    Selector,
    StringSource,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.asset_check_state import AssetCheckState
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData, deserialize_value, serialize_value
from dagster_shared.record import replace
from sqlalchemy.engine import Connection

from stocker_pipeline import redaction
from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.orchestration.check_states import states_of
from stocker_pipeline.orchestration.event_log_checks import store_check_evaluations
from stocker_pipeline.orchestration.event_log_files import Databases, insert_rows
from stocker_pipeline.orchestration.event_text import Pattern

if TYPE_CHECKING:
    from stocker_pipeline.orchestration.event_log_postgres import BatchedPostgresEventLogStorage

__all__ = ["BatchedPostgresEventLogStorage", "BatchedSqliteEventLogStorage"]

_PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
_CHECK_PLANNED = DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value
_TAGGED = frozenset(
    {DagsterEventType.ASSET_MATERIALIZATION.value, DagsterEventType.ASSET_OBSERVATION.value}
)
_CHECK_EVALUATED = DagsterEventType.ASSET_CHECK_EVALUATION.value
_BATCHED = _TAGGED | {_PLANNED, _CHECK_PLANNED, _CHECK_EVALUATED}

Row = Mapping[str, Any]

# Whoever stores events logs too: the webserver, the daemon and every run worker load this module.
redaction.install()


class BatchedEvents(SqlEventLogStorage):
    """What both databases share: the tables of a batch, filled on one open transaction.

    Attributes:
        batch_events: Events per transaction, where the environment does not say otherwise.
    """

    batch_events: ClassVar[int]

    def register_instance(self, instance: DagsterInstance) -> None:
        """Serve an instance, and have it gather events into batches.

        Dagster batches only where this variable asks for it, and reads it at every event. Setting
        it where the storage goes to work reaches the webserver, the daemon and every run worker,
        since each of them builds its own storage; a value that the environment has is respected.
        """
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(self.batch_events))
        super().register_instance(instance)

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event, without the secrets in its texts."""
        super().store_event(without_secrets(event))

    def get_asset_check_state(
        self, keys: Sequence[tuple[AssetCheckKey, PartitionsDefinition | None]]
    ) -> Mapping[AssetCheckKey, AssetCheckState]:
        """What each check says of each partition; of a partitioned one from all at once."""
        partitioned = [(key, found) for key, found in keys if found is not None]
        whole = [(key, found) for key, found in keys if found is None]
        infos = self.get_asset_check_partition_info([key for key, _ in partitioned])
        return {
            **(super().get_asset_check_state(whole) if whole else {}),
            **(states_of(self._instance, partitioned, infos) if partitioned else {}),
        }

    def _clean_rows(
        self, events: Sequence[EventLogEntry]
    ) -> tuple[Sequence[EventLogEntry], list[Row]]:
        """Events without the secrets in their texts, and their rows."""
        rows = self._event_rows(events)
        if not any(redaction.holds_secret(row["event"]) for row in rows):
            return events, rows
        events = [without_secrets(event) for event in events]
        return events, self._event_rows(events)

    def _event_rows(self, events: Sequence[EventLogEntry]) -> list[Row]:
        """The rows of events: those of ``_event_to_row``, made faster where events are alike."""
        rows: list[Row] = []
        pattern: Pattern | None = None
        for event in events:
            text = pattern.filled(event) if pattern is not None else None
            if text is None:
                rows.append(self._event_to_row(event))
                pattern = Pattern.of(event, rows[-1]["event"])
                continue
            partition = event.get_dagster_event().partition
            instant = self._event_insert_timestamp(event)
            rows.append({**rows[-1], "event": text, "timestamp": instant, "partition": partition})
        return rows

    def _insert_batch(self, conn: Connection, rows: Sequence[Row]) -> Sequence[int]:
        """Insert event rows and return their ids, in the order of the rows."""
        raise NotImplementedError

    def _store_indexed(
        self, conn: Connection, events: Sequence[EventLogEntry], rows: Sequence[Row]
    ) -> Sequence[int]:
        """Write all that a batch says about assets and checks, and leave the commit to the caller.

        Args:
            conn: Connection to the index, in a transaction.
            events: Events of the types in ``_BATCHED``.
            rows: Their rows of the event table, in the same order.

        Returns:
            The ids of the events, in the same order.
        """
        event_ids = self._insert_batch(conn, rows)
        kinds = [row["dagster_event_type"] for row in rows]
        tagged = [at for at, kind in enumerate(kinds) if kind in _TAGGED]
        self._store_asset_event_tags(
            conn, [events[at] for at in tagged], [event_ids[at] for at in tagged]
        )
        for at in _last_of_each_asset(rows):
            self._store_asset_event(conn, events[at], event_ids[at])
        for at, kind in enumerate(kinds):
            if kind == _CHECK_PLANNED:
                self._store_check_plans(conn, events[at], event_ids[at])
        evaluated = [at for at, kind in enumerate(kinds) if kind == _CHECK_EVALUATED]
        if evaluated:
            store_check_evaluations(
                conn,
                [events[at] for at in evaluated],
                [
                    {
                        "evaluation_event": rows[at]["event"],
                        "evaluation_event_timestamp": rows[at]["timestamp"],
                        "evaluation_event_storage_id": event_ids[at],
                    }
                    for at in evaluated
                ],
            )
        return event_ids

    def _store_asset_check_evaluation_planned(
        self, event: EventLogEntry, event_id: int | None
    ) -> None:
        with self.index_transaction() as conn:
            self._store_check_plans(conn, event, event_id)

    def _store_check_plans(
        self, conn: Connection, event: EventLogEntry, event_id: int | None
    ) -> None:
        # Stock puts all partitions into one statement, which SQLite refuses beyond 4,095 of them
        # (32,766 parameters), and serialises the event anew for each. It also repeats in the row of
        # each partition what all of them are: 30 KB, with every holiday, 5,700 times a check.
        planned = cast(Any, event.get_dagster_event().asset_check_planned_data)
        subset = planned.partitions_subset
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialize_value(_without_partitions(event)),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),
            "evaluation_event_storage_id": event_id,
        }
        partitions = subset.get_partition_keys() if subset else [None]
        conn.execute(
            AssetCheckExecutionsTable.insert(), [row | {"partition": key} for key in partitions]
        )


class BatchedSqliteEventLogStorage(BatchedEvents, SqliteEventLogStorage):
    """The stock SQLite event log with batches of one transaction per database.

    Configured in dagster.yaml, beside Dagster's own ``run_storage`` and ``schedule_storage``, with
    either of two keys. ``base_dir`` is the directory of the databases, as in the stock storage.
    ``home_dir`` is Dagster's home: the databases are then in ``history/runs`` below it, where the
    stock storage keeps them by default, so that the two can be exchanged at any time::

        event_log_storage:
          module: stocker_pipeline.orchestration.event_log
          class: BatchedSqliteEventLogStorage
          config:
            home_dir: {env: DAGSTER_HOME}
    """

    # One batch for an asset over 15 years. Other writers wait for it, half a second at most.
    batch_events = 4000

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Stock asks its database before it is made.
        self._databases = Databases(self.conn_string_for_shard)
        super().__init__(base_dir, inst_data)
        # Stock holds this lock while a database is open and opens one at a time; a batch has both
        # open, so the lock must let its own thread in again.
        self._db_lock = threading.RLock()  # type: ignore[assignment]
        # Keyed by identity: Dagster falls back on the very objects it handed over.
        self._in_run_shard_alone: dict[int, EventLogEntry] = {}

    @classmethod
    def config_type(cls) -> Any:
        """Give the schema of the ``config`` block."""
        return Selector({"base_dir": StringSource, "home_dir": StringSource})

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Build the storage from its ``config`` block."""
        if "home_dir" in config_value:
            base_dir = os.path.join(config_value["home_dir"], "history", "runs")
        else:
            base_dir = config_value["base_dir"]
        return cls(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        # As stock, but for the engine: stock makes one for each event, which compiles every
        # statement anew.
        with self._db_lock:
            engine = self._databases.engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def dispose(self) -> None:
        """Close the index and stop watching."""
        with self._db_lock:
            self._databases.close()
        super().dispose()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of one run: all of them, or none and an error.

        Args:
            events: Events in the order in which they happened. Those of a type that Dagster never
                batches, or of several runs, go one by one as in the stock storage.
        """
        clean, rows = self._clean_rows(events)
        if not is_batch(rows) or len({row["run_id"] for row in rows}) > 1:
            super().store_event_batch(clean)
            return
        with self.index_connection() as index:
            self._store_indexed(index, clean, rows)
            with self.run_connection(rows[0]["run_id"]) as run_shard:
                insert_rows(run_shard, SqlEventLogStorageTable, rows)
            self._in_run_shard_alone.update((id(event), event) for event in events)
        for event in events:
            self._in_run_shard_alone.pop(id(event), None)

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event; if the batch it came from failed half-way, store the missing half."""
        if id(event) not in self._in_run_shard_alone:
            super().store_event(event)
            return
        with self.index_connection() as index:
            self._store_indexed(index, *self._clean_rows([event]))
        del self._in_run_shard_alone[id(event)]

    def _insert_batch(self, conn: Connection, rows: Sequence[Row]) -> Sequence[int]:
        # RETURNING promises no order. But SQLite numbers a new row one above the highest, and this
        # transaction is the only writer from its first insert on: the ids are the last ones.
        insert_rows(conn, SqlEventLogStorageTable, rows)
        last: int = conn.execute(
            sqlalchemy.select(sqlalchemy.func.max(SqlEventLogStorageTable.c.id))
        ).scalar_one()
        return range(last - len(rows) + 1, last + 1)


def without_secrets(event: EventLogEntry) -> EventLogEntry:
    """The event with every text redacted: metadata, messages, errors and their traces."""
    text = serialize_value(event)
    if not redaction.holds_secret(text):
        return event
    return deserialize_value(json.dumps(redaction.redacted_value(json.loads(text))), EventLogEntry)


def _without_partitions(planned: EventLogEntry) -> EventLogEntry:
    """The plan of a check without the list of its partitions, each of which has a row."""
    event = planned.get_dagster_event()
    data = replace(event.asset_check_planned_data, partitions_subset=None)
    return planned._replace(dagster_event=event._replace(event_specific_data=data))


def is_batch(rows: Sequence[Row]) -> bool:
    """Tell whether these rows are of the types that Dagster batches, and there is one at all."""
    return bool(rows) and all(row["dagster_event_type"] in _BATCHED for row in rows)


def _last_of_each_asset(rows: Sequence[Row]) -> list[int]:
    # An asset's row keeps its latest event. Each type of event writes columns of its own, so the
    # last of each type, in order, leaves what all of them would have left. Assets go by name, so
    # that two runs lock them in the same order.
    last: dict[tuple[str, str], int] = {
        (row["asset_key"], row["dagster_event_type"]): at
        for at, row in enumerate(rows)
        if row["asset_key"] is not None
    }
    return [at for _, at in sorted((asset_key, at) for (asset_key, _), at in last.items())]


def __getattr__(name: str) -> Any:
    """Load the PostgreSQL storage when it is asked for: its driver is an extra."""
    if name != "BatchedPostgresEventLogStorage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from stocker_pipeline.orchestration.event_log_postgres import BatchedPostgresEventLogStorage
    except ModuleNotFoundError as error:
        raise ConfigurationRefused(
            "the packages dagster-postgres and psycopg2, which the PostgreSQL event log needs",
            f"an installation without {error.name}",
            where="event_log_storage in dagster.yaml",
            remedy="Install the extra: pip install 'stocker-pipeline[postgres]'.",
        ) from error
    return BatchedPostgresEventLogStorage
