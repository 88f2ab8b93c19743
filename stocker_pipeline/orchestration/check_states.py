"""The state of partitioned checks, made of all their partitions at once.

The page of an asset's checks asks for it. Stock Dagster adds one partition after the other to a
subset, and looks the partition up in the whole calendar each time: the page of some thousand
sessions did not open within minutes. The names that are used are private to Dagster 1.13; a test
holds that both ways give the same state.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import dagster as dg
from dagster import AssetCheckKey, DagsterInstance
from dagster._core.asset_graph_view.serializable_entity_subset import SerializableEntitySubset
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionResolvedStatus,
    AssetCheckPartitionInfo,
)
from dagster._core.storage.asset_check_state import AssetCheckState
from dagster._core.storage.dagster_run import FINISHED_STATUSES, RunsFilter

_PLANNED = AssetCheckExecutionRecordStatus.PLANNED
_ENDED = {
    AssetCheckExecutionRecordStatus.SUCCEEDED: AssetCheckExecutionResolvedStatus.SUCCEEDED,
    AssetCheckExecutionRecordStatus.FAILED: AssetCheckExecutionResolvedStatus.FAILED,
}
Partitioned = tuple[AssetCheckKey, dg.PartitionsDefinition]


def states_of(
    instance: DagsterInstance,
    keys: Sequence[Partitioned],
    infos: Sequence[AssetCheckPartitionInfo],
) -> Mapping[AssetCheckKey, AssetCheckState]:
    """The state of each check.

    Args:
        infos: The last execution of each of their partitions.
    """
    by_key: dict[AssetCheckKey, list[AssetCheckPartitionInfo]] = defaultdict(list)
    for info in infos:
        by_key[info.check_key].append(info)
    run_ids = {i.latest_planned_run_id for i in infos if i.latest_execution_status is _PLANNED}
    ended = _ended(instance, run_ids) if run_ids else {}
    found = {}
    for key, partitions in keys:
        of_key = by_key[key]
        planned = [info for info in of_key if info.latest_execution_status is _PLANNED]
        state = _of_ended(key, partitions, of_key).with_updates(key, partitions, planned, ended)
        found[key] = AssetCheckState(
            latest_storage_id=_latest(of_key),
            subsets=state.subsets,
            in_progress_runs=state.in_progress_runs,
        )
    return found


def _ended(
    instance: DagsterInstance, run_ids: Collection[str]
) -> Mapping[str, dg.DagsterRunStatus]:
    asked = RunsFilter(run_ids=sorted(run_ids), statuses=FINISHED_STATUSES)
    return {run.run_id: run.status for run in instance.get_runs(asked)}


def _of_ended(
    key: AssetCheckKey,
    partitions: dg.PartitionsDefinition,
    infos: Sequence[AssetCheckPartitionInfo],
) -> AssetCheckState:
    """What ended and still stands; a later materialisation takes an answer away."""
    known = set(partitions.get_partition_keys())
    names: dict[AssetCheckExecutionResolvedStatus, list[str]] = defaultdict(list)
    for info in infos:
        status = _ENDED.get(info.latest_execution_status)
        if status is not None and info.is_current and info.partition_key in known:
            names[status].append(info.partition_key)
    subsets = {
        status: SerializableEntitySubset.from_coercible_value(key, sorted(keys), partitions)
        for status, keys in names.items()
    }
    return AssetCheckState(latest_storage_id=0, subsets=subsets, in_progress_runs={})


def _latest(infos: Sequence[AssetCheckPartitionInfo]) -> int:
    ids = (
        max(info.latest_check_event_storage_id, info.latest_materialization_storage_id or 0)
        for info in infos
    )
    return max(ids, default=0)
