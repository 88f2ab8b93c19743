"""Events made by hand, and all that an event log holds about them.

Nothing here opens an instance or runs a job: see ``conftest`` for those.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster import DagsterEventType as Event
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    DagsterEvent,
    DagsterEventBatchMetadata,
    StepMaterializationData,
)
from dagster._core.storage.event_log.base import EventLogRecord
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._serdes import deserialize_value
from sqlalchemy import select

RUN_ID = "00000000-0000-4000-8000-000000000000"
PARTITIONS = [f"2024-01-{day:02}" for day in range(1, 31)]


def _event(kind: Event, data: Any) -> dg.EventLogEntry:
    return dg.EventLogEntry(
        error_info=None,
        level=10,
        user_message="",
        run_id=RUN_ID,
        timestamp=1_700_000_000.0,
        step_key="step",
        job_name="job",
        dagster_event=DagsterEvent(kind.value, "job", event_specific_data=data, step_key="step"),
    )


def planned(asset: str, partition: str) -> dg.EventLogEntry:
    """Say that a run will materialise a partition."""
    data = AssetMaterializationPlannedData(dg.AssetKey(asset), partition=partition)
    return _event(Event.ASSET_MATERIALIZATION_PLANNED, data)


def materialised(asset: str, partition: str) -> dg.EventLogEntry:
    """Say that a partition was materialised, with a tag that is indexed and one that is not."""
    tags = {"dagster/data_version": f"v{partition}", "free": "text"}
    data = dg.AssetMaterialization(asset, partition=partition, tags=tags)
    return _event(Event.ASSET_MATERIALIZATION, StepMaterializationData(data))


def observed(asset: str, partition: str) -> dg.EventLogEntry:
    """Say that a partition was looked at."""
    data = AssetObservationData(dg.AssetObservation(asset, partition=partition))
    return _event(Event.ASSET_OBSERVATION, data)


def check_planned(asset: str, partitions: PartitionsSubset | None = None) -> dg.EventLogEntry:
    """Say that a run will evaluate a check, on each of the partitions if there are any."""
    data = AssetCheckEvaluationPlanned(
        asset_key=dg.AssetKey(asset), check_name="sane", partitions_subset=partitions
    )
    return _event(Event.ASSET_CHECK_EVALUATION_PLANNED, data)


def check_evaluated(asset: str, partition: str | None, *, passed: bool) -> dg.EventLogEntry:
    """Say what a check found."""
    data = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(asset),
        check_name="sane",
        passed=passed,
        metadata={"rows": dg.MetadataValue.int(3)},
        partition=partition,
    )
    return _event(Event.ASSET_CHECK_EVALUATION, data)


def mixed_batch() -> list[dg.EventLogEntry]:
    """Give events of every batched type on three assets, each at an instant of its own."""
    first, second, third = PARTITIONS[:3]
    events = [
        planned("orders", first),
        materialised("orders", first),
        observed("orders", first),
        planned("fills", second),
        check_planned("orders"),
        materialised("orders", second),
        planned("orders", third),
        materialised("fills", third),
        observed("fills", third),
        observed("quotes", first),
        check_evaluated("orders", None, passed=True),
        check_evaluated("orders", first, passed=False),
        check_evaluated("quotes", second, passed=True),
    ]
    return [
        entry._replace(timestamp=entry.timestamp + number) for number, entry in enumerate(events)
    ]


def report(instance: dg.DagsterInstance, events: Sequence[dg.EventLogEntry]) -> None:
    """Hand events to Dagster as one batch, with its fallback behind it."""
    for number, entry in enumerate(events, start=1):
        last = number == len(events)
        instance.handle_new_event(entry, batch_metadata=DagsterEventBatchMetadata("b", last))


def contents(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Read all that is stored; ids are told as ranks, since a rollback may leave a gap in them."""
    storage: Any = instance.event_log_storage
    log = storage.get_records_for_run(RUN_ID).records
    logs, assets, checks = SqlEventLogStorageTable.c, AssetKeyTable.c, AssetCheckExecutionsTable.c
    tags = AssetEventTagsTable.c
    with storage.index_connection() as conn:
        index = conn.execute(
            select(logs.id, logs.dagster_event_type, logs.asset_key, logs.partition).order_by("id")
        ).all()
        rank = {row.id: number for number, row in enumerate(index)}
        tag_rows = conn.execute(
            select(tags.event_id, tags.asset_key, tags.key, tags.value).order_by(tags.id)
        ).all()
        asset_rows = conn.execute(
            select(
                assets.asset_key,
                assets.last_run_id,
                assets.last_materialization_timestamp,
                assets.last_materialization,
            ).order_by(assets.asset_key)
        ).all()
        check_rows = conn.execute(
            select(
                checks.evaluation_event_storage_id,
                checks.asset_key,
                checks.check_name,
                checks.partition,
                checks.execution_status,
                checks.evaluation_event,
            ).order_by(checks.id)
        ).all()
    latest = [
        deserialize_value(row.last_materialization, EventLogRecord)
        for row in asset_rows
        if row.last_materialization
    ]
    return {
        "run log": [(entry.event_log_entry, entry.partition_key) for entry in log],
        "index": [tuple(row[1:]) for row in index],
        "tags": [(rank[row[0]], *row[1:]) for row in tag_rows],
        "assets": [tuple(row[:3]) for row in asset_rows],
        "latest": [(rank[record.storage_id], record.event_log_entry) for record in latest],
        # A check has its id from the index, or on PostgreSQL from the only table there is.
        "checks": [(rank[row[0]], *row[1:]) for row in check_rows],
    }
