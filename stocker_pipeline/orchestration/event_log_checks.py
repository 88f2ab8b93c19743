"""Evaluations of partitioned asset checks, written many at a time; see ``event_log``.

Dagster's own results carry no partition in a run over a range, so the evaluations of its sessions
are logged one by one (``log_evaluations``), and the storage writes them by the batch.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import dagster as dg
import sqlalchemy as sa
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from sqlalchemy.engine import Connection

_KEY = ("asset_key", "check_name", "run_id", "partition")


def log_evaluations(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
    evaluations: Sequence[dg.AssetCheckEvaluation],
) -> None:
    """Log evaluations of this step as one batch, each with its own partition."""
    step = context.op_execution_context.get_step_execution_context()
    batch = f"{step.run_id}-{evaluations[0].check_name}-evaluations" if evaluations else ""
    for at, evaluation in enumerate(evaluations):
        DagsterEvent.from_step(
            DagsterEventType.ASSET_CHECK_EVALUATION,
            step,
            evaluation,
            "passed" if evaluation.passed else "did not pass",
            DagsterEventBatchMetadata(batch, at == len(evaluations) - 1),
        )


def store_check_evaluations(
    conn: Connection, events: Sequence[EventLogEntry], stored: Sequence[Mapping[str, Any]]
) -> None:
    """Put evaluations beside what was planned, or add them where nothing was.

    Args:
        conn: Connection to the index, in a transaction.
        events: Evaluations, each of a key of its own within the batch.
        stored: Text, timestamp and id of each event, by the columns of the table.
    """
    table = AssetCheckExecutionsTable
    rows = [_row(event) | dict(text) for event, text in zip(events, stored, strict=True)]
    runs = sorted({row["run_id"] for row in rows})
    columns = [table.c[name] for name in _KEY]
    found = {
        tuple(row) for row in conn.execute(sa.select(*columns).where(table.c.run_id.in_(runs)))
    }
    planned = [row for row in rows if tuple(row[name] for name in _KEY) in found]
    others = [row for row in rows if tuple(row[name] for name in _KEY) not in found]
    written = [name for name in rows[0] if name not in _KEY]
    # A plan without partitions has a null there, which equals nothing.
    for whole in (True, False):
        chosen = [row for row in planned if (row["partition"] is None) == whole]
        if chosen:
            conditions = [
                table.c[name] == sa.bindparam(f"key_{name}") for name in _KEY if name != "partition"
            ]
            partition = table.c.partition
            conditions.append(
                partition.is_(None) if whole else partition == sa.bindparam("key_partition")
            )
            statement = (
                table.update()
                .where(sa.and_(*conditions))
                .values({name: sa.bindparam(f"new_{name}") for name in written})
            )
            names = [name for name in _KEY if name != "partition" or not whole]
            conn.execute(
                statement,
                [
                    {f"key_{name}": row[name] for name in names}
                    | {f"new_{name}": row[name] for name in written}
                    for row in chosen
                ],
            )
    if others:
        conn.execute(table.insert(), others)


def _row(event: EventLogEntry) -> dict[str, Any]:
    evaluation = cast(AssetCheckEvaluation, event.get_dagster_event().event_specific_data)
    target = evaluation.target_materialization_data
    status = AssetCheckExecutionRecordStatus
    return {
        "asset_key": evaluation.asset_key.to_string(),
        "check_name": evaluation.check_name,
        "run_id": event.run_id,
        "partition": evaluation.partition,
        "execution_status": (status.SUCCEEDED if evaluation.passed else status.FAILED).value,
        "materialization_event_storage_id": target.storage_id if target else None,
    }
