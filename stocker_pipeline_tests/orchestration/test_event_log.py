"""The batched event log answers as the stock one does, and survives what can go wrong."""

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster import DagsterEventType as Event
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
)
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._serdes import ConfigurableClassData, deserialize_value
from dagster_shared.record import replace
from sqlalchemy import select

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline_tests.orchestration.conftest import (
    ASSETS,
    BATCH_VARIABLE,
    CHECKS,
    RUN_IDS,
    OpenInstance,
    World,
    check_states,
)
from stocker_pipeline_tests.orchestration.events import check_planned, materialised

# Dagster deprecates a query that its own UI still asks.
pytestmark = pytest.mark.filterwarnings("ignore:.*fetch_planned_materializations")

KEYS = {name: dg.AssetKey(name) for name in ASSETS}
ASSET_EVENTS = (
    Event.ASSET_MATERIALIZATION,
    Event.ASSET_MATERIALIZATION_PLANNED,
    Event.ASSET_OBSERVATION,
)
Query = Callable[[dg.DagsterInstance], Any]


def _of_each_asset(query: Callable[[Any, dg.AssetKey], Any]) -> Query:
    return lambda instance: {
        name: query(instance.event_log_storage, key) for name, key in KEYS.items()
    }


def _of_each_type(query: Callable[[Any, dg.AssetKey, Event], Any]) -> Query:
    return _of_each_asset(
        lambda storage, key: {kind.value: query(storage, key, kind) for kind in ASSET_EVENTS}
    )


def _of_each_run(query: Callable[[Any, str], Any]) -> Query:
    return lambda instance: [query(instance.event_log_storage, run_id) for run_id in RUN_IDS]


def _pages(fetch: Callable[[str | None], Any]) -> list[Any]:
    pages, cursor, more = [], None, True
    while more:
        page = fetch(cursor)
        assert not page.has_more or page.cursor != cursor, "the cursor does not move"
        pages.append(page)
        cursor, more = page.cursor, page.has_more
    return pages


def _status(instance: dg.DagsterInstance) -> Any:
    return {
        name: get_and_update_asset_status_cache_value(instance, KEYS[name], partitions)
        for name, partitions in ASSETS.items()
    }


QUERIES: Mapping[str, Query] = {
    "asset keys": lambda i: i.all_asset_keys(),
    "asset keys by page": lambda i: i.get_asset_keys(limit=3, cursor='["books"]'),
    "asset records": lambda i: sorted(i.get_asset_records(), key=lambda r: r.storage_id),
    "latest materialisation of each asset": lambda i: i.get_latest_materialization_events(
        list(KEYS.values())
    ),
    "latest materialisation ids": lambda i: (
        i.event_log_storage.get_latest_materialization_storage_ids(list(KEYS.values()))
    ),
    "materialised partitions": _of_each_asset(lambda s, k: s.get_materialized_partitions(k)),
    "materialised partitions after a cursor": _of_each_asset(
        lambda s, k: s.get_materialized_partitions(k, after_cursor=150)
    ),
    "latest id by partition": _of_each_type(
        lambda s, k, t: s.get_latest_storage_id_by_partition(k, t)
    ),
    "latest tags by partition": _of_each_type(
        lambda s, k, t: s.get_latest_tags_by_partition(k, t, ["dagster/data_version"])
    ),
    "latest dimension tags by partition": _of_each_type(
        lambda s, k, t: s.get_latest_tags_by_partition(k, t, ["dagster/partition/leg"])
    ),
    "event tags": _of_each_asset(lambda s, k: s.get_event_tags_for_asset(k)),
    "event tags by filter": _of_each_asset(
        lambda s, k: s.get_event_tags_for_asset(k, filter_tags={"dagster/partition/leg": "long"})
    ),
    "attempts without materialisation": _of_each_asset(
        lambda s, k: s.get_latest_asset_partition_materialization_attempts_without_materializations(
            k
        )
    ),
    "latest planned": _of_each_asset(lambda s, k: s.get_latest_planned_materialization_info(k)),
    "latest planned of a partition": _of_each_asset(
        lambda s, k: s.get_latest_planned_materialization_info(k, "2024-01-08")
    ),
    "updated data versions": _of_each_asset(
        lambda s, k: s.get_updated_data_version_partitions(k, ["2024-01-08", "2024-01-26"], 3)
    ),
    "event records": _of_each_type(
        lambda s, k, t: s.get_event_records(dg.EventRecordsFilter(event_type=t, asset_key=k))
    ),
    "event records of partitions, oldest first": _of_each_type(
        lambda s, k, t: s.get_event_records(
            dg.EventRecordsFilter(t, k, asset_partitions=["2024-01-04", "2024-01-26"]),
            ascending=True,
        )
    ),
    "materialisations by page": lambda i: _pages(
        lambda cursor: i.fetch_materializations(KEYS["signals"], limit=7, cursor=cursor)
    ),
    "plans by page": lambda i: _pages(
        lambda cursor: i.fetch_planned_materializations(
            dg.AssetRecordsFilter(KEYS["signals"]), limit=7, cursor=cursor
        )
    ),
    "observations": lambda i: i.fetch_observations(KEYS["raw_bars"], limit=50),
    "event summaries": _of_each_type(
        lambda s, k, t: s.get_asset_event_summary_records(t, asset_key=k)
    ),
    "run logs": _of_each_run(lambda s, r: s.get_logs_for_run(r)),
    "run logs by page": _of_each_run(
        lambda s, r: _pages(lambda cursor: s.get_records_for_run(r, cursor, limit=9))
    ),
    "run logs of a type, newest first": _of_each_run(
        lambda s, r: s.get_records_for_run(r, of_type=set(ASSET_EVENTS), limit=9, ascending=False)
    ),
    "run statistics": _of_each_run(lambda s, r: s.get_stats_for_run(r)),
    "step statistics": _of_each_run(lambda s, r: s.get_step_stats_for_run(r)),
    "partitions of a run": _of_each_run(lambda s, r: s.get_asset_partitions_for_run(r)),
    "assets of a run": _of_each_run(lambda s, r: s.get_asset_keys_for_run(r)),
    "run status changes": lambda i: [
        _pages(partial(i.fetch_run_status_changes, kind, 2))
        for kind in (Event.RUN_START, Event.RUN_SUCCESS, Event.RUN_FAILURE)
    ],
    "runs": lambda i: [(run.run_id, run.status) for run in i.get_runs()],
    "check history": lambda i: [
        [_without_subset(record) for record in history]
        for history in (
            i.event_log_storage.get_asset_check_execution_history(check, limit=500)
            for check in CHECKS
        )
    ],
    "latest check": lambda i: i.event_log_storage.get_latest_asset_check_execution_by_key(CHECKS),
    "check partitions": lambda i: sorted(
        map(repr, i.event_log_storage.get_asset_check_partition_info(list(CHECKS)))
    ),
    "check states": check_states,
    "check summaries": lambda i: i.event_log_storage.get_asset_check_summary_records(CHECKS),
    "dynamic partitions": lambda i: i.get_dynamic_partitions("universe"),
    "highest id": lambda i: i.event_log_storage.get_maximum_record_id(),
    "partition status": _status,
    "asset records after the status was cached": lambda i: (
        _status(i),
        sorted(i.get_asset_records(), key=lambda r: r.storage_id),
    )[1],
}


def _without_subset(record: Any) -> Any:
    """A check's execution; what was planned beside its own partition is left out on purpose."""
    data = record.event.dagster_event.event_specific_data
    if not isinstance(data, AssetCheckEvaluationPlanned):
        return record
    event = record.event.dagster_event._replace(
        event_specific_data=replace(data, partitions_subset=None)
    )
    return record._replace(event=record.event._replace(dagster_event=event))


def _canonical(answer: Any, home: str) -> Any:
    """Spell out an answer without what differs between two runs of the same program."""
    if isinstance(answer, Mapping):
        spelled = {str(k): _canonical(v, home) for k, v in answer.items()}
        return {k: spelled[k] for k in sorted(spelled)}
    if isinstance(answer, Set):  # or the keys of a mapping, which PostgreSQL gives in any order
        return sorted(_canonical(item, home) for item in answer)
    if isinstance(answer, Sequence) and type(answer) in (list, tuple, dg.EventRecordsResult):
        return [_canonical(item, home) for item in answer]
    text = repr(answer).replace(home, "HOME")
    for pattern in (
        r"\d{9,}\.\d+",  # instants
        r"(?<=pid.{2})\d+|(?<=pid=)\d+",
        r"\b[\d.]+m?s\b|(?<=duration_ms=)[\d.]+",  # durations in messages and in fields
        r"datetime\.datetime\([^()]*\)",
        # PostgreSQL uses up an id for each upsert of an asset's row, whether it inserts or not.
        r"(?<=AssetRecord\(storage_id=)\d+",
        r"(?<=log_key=)\[[^]]*\]|(?<=file_key=)'\w+'|\b[a-z]{8}(?=\.(out|err))",
    ):
        text = re.sub(pattern, "_", text)
    return text


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_has_the_answer_of_the_stock_storage(world: World, name: str) -> None:
    stock, batched = (
        _canonical(QUERIES[name](instance), instance.root_directory)
        for instance in (world.stock, world.batched)
    )
    assert batched == stock


def test_the_past_of_the_two_instances_has_every_type_of_event(world: World) -> None:
    kinds = {event_type.value for event_type in ASSET_EVENTS}
    kinds |= {"ASSET_CHECK_EVALUATION_PLANNED", "ASSET_CHECK_EVALUATION", "PIPELINE_FAILURE"}
    assert kinds <= set(world.single_events["stock"])


def test_plans_and_materialisations_of_a_range_reach_the_storage_as_batches(world: World) -> None:
    # Left over are a range of one partition and what was reported without a run.
    singles = Counter(world.single_events["batched"])
    assert singles["ASSET_MATERIALIZATION_PLANNED"] == 0
    assert singles["ASSET_MATERIALIZATION"] == 8
    assert Counter(world.single_events["stock"])["ASSET_MATERIALIZATION"] > 100


def test_a_check_is_planned_on_more_partitions_than_a_statement_has_parameters(
    new_instance: OpenInstance,
) -> None:
    every_day = dg.DailyPartitionsDefinition("2010-01-01", end_date="2022-01-01")
    keys = every_day.get_partition_keys()
    subset = every_day.subset_with_partition_keys(keys).to_serializable_subset()
    event = check_planned("raw_bars", subset)
    storage = new_instance("batched").event_log_storage
    storage.store_event(event)
    storage.store_event_batch([event._replace(run_id="again"), materialised("raw_bars", keys[0])])
    key = dg.AssetCheckKey(dg.AssetKey("raw_bars"), "sane")
    planned = storage.get_asset_check_execution_history(key, limit=10_000)
    assert sorted(str(record.partition) for record in planned) == sorted([*keys, *keys])


def test_a_plan_of_a_check_does_not_repeat_all_partitions_in_the_row_of_each(
    new_instance: OpenInstance,
) -> None:
    every_day = dg.DailyPartitionsDefinition("2010-01-01", end_date="2012-01-01")
    keys = every_day.get_partition_keys()
    subset = every_day.subset_with_partition_keys(keys).to_serializable_subset()
    storage: Any = new_instance("batched").event_log_storage
    event = check_planned("raw_bars", subset)
    storage.store_event(event)
    with storage.index_connection() as conn:
        (stored,) = set(
            conn.execute(select(AssetCheckExecutionsTable.c.evaluation_event)).scalars()
        )
    kept = deserialize_value(stored, dg.EventLogEntry)
    assert kept.dagster_event.event_specific_data.partitions_subset is None
    assert storage.get_logs_for_run(event.run_id) == [event]


class TestConfiguration:
    """What dagster.yaml says, and how the batch size reaches every process."""

    def test_every_process_that_opens_the_instance_batches_its_events(
        self, new_instance: OpenInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ref = new_instance("batched").get_ref()
        monkeypatch.delenv(BATCH_VARIABLE)
        with dg.DagsterInstance.from_ref(ref) as as_in_a_run_worker:
            storage: Any = as_in_a_run_worker.event_log_storage
            assert os.environ[BATCH_VARIABLE] == str(storage.batch_events)

    def test_a_batch_size_of_the_environment_is_respected(
        self, new_instance: OpenInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ref = new_instance("batched").get_ref()
        monkeypatch.setenv(BATCH_VARIABLE, "7")
        with dg.DagsterInstance.from_ref(ref):
            assert os.environ[BATCH_VARIABLE] == "7"

    def test_the_home_of_dagster_may_stand_for_the_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
        storage = _rehydrate("BatchedSqliteEventLogStorage", {"home_dir": {"env": "DAGSTER_HOME"}})
        assert Path(storage.path_for_shard("index")) == tmp_path / "history/runs/index.db"

    @pytest.mark.parametrize("config", [{}, {"base_dir": "a", "home_dir": "b"}, {"dir": "a"}])
    def test_a_directory_that_is_not_told_once_is_refused(self, config: dict[str, str]) -> None:
        with pytest.raises(dg.DagsterInvalidConfigError, match="base_dir"):
            _rehydrate("BatchedSqliteEventLogStorage", config)

    def test_postgres_without_its_driver_names_the_extra(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "dagster_postgres.event_log", None)
        monkeypatch.delitem(
            sys.modules, "stocker_pipeline.orchestration.event_log_postgres", raising=False
        )
        with pytest.raises(ConfigurationRefused, match=r"stocker-pipeline\[postgres\]"):
            _rehydrate("BatchedPostgresEventLogStorage", {"postgres_url": "postgresql://"})


def _rehydrate(name: str, config: dict[str, Any]) -> Any:
    module = "stocker_pipeline.orchestration.event_log"
    return ConfigurableClassData(module, name, yaml.safe_dump(config)).rehydrate()


def test_a_database_is_opened_anew_for_each_use_but_compiles_a_statement_once(
    tmp_path: Path,
) -> None:
    storage = _rehydrate("BatchedSqliteEventLogStorage", {"base_dir": str(tmp_path)})
    with storage.index_connection() as first:
        pass
    with storage.index_connection() as second:
        assert first.closed
        assert second.engine is first.engine
    with storage.run_connection("another") as other:
        assert other.engine is not first.engine
