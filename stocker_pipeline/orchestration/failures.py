"""What Dagster's own storage says about runs that ended and their checks, since the last look.

A run's evaluations are all stored when it has ended, so the cursor is the last change of a run: the
ids of events do not rise over all runs on SQLite, and their times are those before a batch was
written. Belongs here: reading, and the cursor. Stays out: what an alert says
(``risk.check_alerts``).

Leans on private names of Dagster 1.13.27, held by a test: ``SqlEventLogStorage.index_connection``,
``AssetCheckExecutionsTable``.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self, cast

import dagster as dg
import sqlalchemy as sa
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._serdes import deserialize_value

from stocker_pipeline.risk.check_alerts import CheckResult, RunResult

_RUNS_MOST = 100
"""Of one look; what is left is read at the next one."""
_OVERLAP = timedelta(seconds=10)
"""A change can become visible after one with a later time."""
_STATUS = dg.DagsterRunStatus
_ENDED = [_STATUS.FAILURE, _STATUS.SUCCESS, _STATUS.CANCELED]
_EVALUATED = [
    AssetCheckExecutionRecordStatus.SUCCEEDED.value,
    AssetCheckExecutionRecordStatus.FAILED.value,
]
_TABLE = AssetCheckExecutionsTable


@dataclass(frozen=True)
class Cursor:
    """How far was read.

    Attributes:
        until: Of the last change of a run that was read.
        runs: Runs within the overlap that were read.
    """

    until: datetime
    runs: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the sensor's cursor."""
        found = json.loads(text)
        return cls(datetime.fromisoformat(found["until"]), tuple(found["runs"]))

    def __str__(self) -> str:
        return json.dumps({"until": self.until.isoformat(), "runs": self.runs})


@dataclass(frozen=True)
class Look:
    """What one look found, and where the next one begins."""

    checks: tuple[CheckResult, ...]
    runs: tuple[RunResult, ...]
    cursor: Cursor


def look(instance: dg.DagsterInstance, cursor: Cursor) -> Look:
    """Runs that ended since the cursor, at most 100, and every evaluation in them.

    A run that is retried by itself is left out, its checks are not; a cancelled one likewise.
    """
    records = instance.get_run_records(
        filters=dg.RunsFilter(statuses=_ENDED, updated_after=cursor.until - _OVERLAP),
        order_by="update_timestamp",
        ascending=True,
        limit=_RUNS_MOST + len(cursor.runs),
    )
    fresh = [item.dagster_run for item in records if item.dagster_run.run_id not in cursor.runs]
    results = [
        _run_result(instance, run)
        for run in fresh
        if run.status is not _STATUS.CANCELED and run.tags.get("dagster/will_retry") != "true"
    ]
    until = max([cursor.until, *(_aware(item.update_timestamp) for item in records)])
    near = [i.dagster_run.run_id for i in records if _aware(i.update_timestamp) > until - _OVERLAP]
    checks = _evaluations(instance, [run.run_id for run in fresh])
    return Look(tuple(checks), tuple(results), Cursor(until, tuple(sorted(near))))


def _evaluations(instance: dg.DagsterInstance, run_ids: Collection[str]) -> list[CheckResult]:
    query = (
        sa.select(_TABLE.c.evaluation_event)
        # A check that was planned and not evaluated has a row too: its run failed, which is told.
        .where(_TABLE.c.run_id.in_(run_ids), _TABLE.c.execution_status.in_(_EVALUATED))
        .order_by(_TABLE.c.evaluation_event_timestamp, _TABLE.c.id)
    )
    with cast(SqlEventLogStorage, instance.event_log_storage).index_connection() as connection:
        texts = [str(row[0]) for row in connection.execute(query)]
    return [_result(deserialize_value(text, EventLogEntry)) for text in texts]


def _result(entry: EventLogEntry) -> CheckResult:
    found = cast(AssetCheckEvaluation, entry.get_dagster_event().event_specific_data)
    return CheckResult(
        found.asset_key.to_user_string(),
        found.check_name,
        found.partition,
        found.passed,
        found.severity is dg.AssetCheckSeverity.ERROR,
        " ".join((found.description or "").split()),
    )


def _run_result(instance: dg.DagsterInstance, run: dg.DagsterRun) -> RunResult:
    succeeded = run.status is dg.DagsterRunStatus.SUCCESS
    keys: Sequence[str] = sorted(key.to_user_string() for key in run.asset_selection or ())
    target = run.job_name if not run.job_name.startswith("__") else ", ".join(keys[:3])
    if len(keys) > 3 and target != run.job_name:
        target += f" and {len(keys) - 3} more"
    partition = run.tags.get("dagster/partition")
    if partition is None and "dagster/asset_partition_range_start" in run.tags:
        first = run.tags["dagster/asset_partition_range_start"]
        partition = f"{first} to {run.tags.get('dagster/asset_partition_range_end')}"
    words = "" if succeeded else _failure_words(instance, run.run_id)
    return RunResult(run.run_id, target or run.job_name, partition, succeeded, words)


def _failure_words(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first line of the first step's error, else of the run's."""
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
    for record in instance.get_records_for_run(run_id, of_type=kinds, limit=2).records:
        event = record.event_log_entry.dagster_event
        error = getattr(event.event_specific_data, "error", None) if event else None
        if error is not None:
            cause = error.cause or error
            return " ".join(cause.message.split())[:500]
    return ""


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
