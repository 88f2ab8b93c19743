"""Two Dagster instances with the same past: one on the stock event storage, one on the batched."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from stocker_pipeline.orchestration.event_log_checks import log_evaluations
from stocker_pipeline_tests.postgres import create_database, postgres_url, start_postgres

__all__ = ["postgres_url"]

REPOSITORY = Path(__file__).resolve().parents[2]
DATABASES = ("sqlite", "postgres")
KINDS = ("stock", "batched")
BATCH_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"

SESSIONS = dg.DailyPartitionsDefinition(
    start_date="2024-01-01", end_date="2024-01-29", exclusions=["0 0 * * 6,0"]
)
LEGS = dg.MultiPartitionsDefinition(
    {"session": SESSIONS, "leg": dg.StaticPartitionsDefinition(["long", "short"])}
)
UNIVERSE = dg.DynamicPartitionsDefinition(name="universe")
SINGLE_RUN = dg.BackfillPolicy.single_run()
CHAIN = ("targets", "orders", "portfolio_snapshot")


class Fate(dg.Config):
    """Whether the chain breaks after its first asset."""

    fails: bool = False


@dg.asset(partitions_def=SESSIONS, backfill_policy=SINGLE_RUN)
def raw_bars(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Market data with metadata, a data version, and an observation beside the result."""
    context.log_event(
        dg.AssetObservation("raw_bars", partition=context.partition_keys[0], metadata={"gaps": 0})
    )
    return dg.MaterializeResult(metadata={"rows": 5}, data_version=dg.DataVersion("bars-1"))


@dg.asset(partitions_def=SESSIONS, backfill_policy=SINGLE_RUN, deps=[raw_bars], tags={"a": "b"})
def signals() -> None:
    """An asset without a result of its own."""


@dg.multi_asset(
    specs=[
        dg.AssetSpec("targets", deps=[signals]),
        dg.AssetSpec("orders", deps=["targets"], skippable=True),
        dg.AssetSpec("portfolio_snapshot", deps=["orders"]),
    ],
    check_specs=[dg.AssetCheckSpec("identity", asset="portfolio_snapshot")],
    partitions_def=SESSIONS,
    backfill_policy=SINGLE_RUN,
    can_subset=True,
)
def day(context: dg.AssetExecutionContext, config: Fate) -> Iterator[Any]:
    """A chain in one step, with a check."""
    for name in CHAIN:
        if dg.AssetKey(name) in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=name)
        if config.fails:
            raise RuntimeError("the chain breaks here")
    if context.selected_asset_check_keys:
        yield dg.AssetCheckResult(
            passed=True, check_name="identity", asset_key="portfolio_snapshot"
        )


@dg.asset_check(asset=raw_bars, partitions_def=SESSIONS)
def has_rows(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """A partitioned check, planned once for the whole range and evaluated on each session."""
    keys = context.op_execution_context.partition_keys
    if len(keys) > 1:
        log_evaluations(
            context,
            [
                dg.AssetCheckEvaluation(
                    asset_key=dg.AssetKey("raw_bars"),
                    check_name="has_rows",
                    passed=number % 3 > 0,
                    metadata={"rows": number},
                    partition=key,
                )
                for number, key in enumerate(keys)
            ],
        )
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


@dg.asset(partitions_def=LEGS, backfill_policy=SINGLE_RUN)
def books() -> None:
    """An asset with two dimensions, whose tags are indexed."""


@dg.asset(partitions_def=UNIVERSE, backfill_policy=SINGLE_RUN)
def instruments() -> None:
    """An asset with dynamic partitions."""


@dg.asset
def report() -> None:
    """An asset without partitions."""


@dg.op
def tick() -> None:
    """A step that is no asset."""


@dg.job
def heartbeat() -> None:
    """A job that makes no asset."""
    tick()


DEFINITIONS = dg.Definitions(
    assets=[raw_bars, signals, day, books, instruments, report],
    asset_checks=[has_rows],
    jobs=[heartbeat],
    executor=dg.in_process_executor,
)
# Each asset with the partitions that the queries need in order to read its status.
ASSETS: dict[str, dg.PartitionsDefinition[Any] | None] = {
    **dict.fromkeys(("raw_bars", "signals", *CHAIN), SESSIONS),
    "books": LEGS,
    "instruments": UNIVERSE,
    "report": None,
}
CHECKS = (
    dg.AssetCheckKey(dg.AssetKey("raw_bars"), "has_rows"),
    dg.AssetCheckKey(dg.AssetKey("portfolio_snapshot"), "identity"),
)
PARTITIONS_OF_CHECKS = dict(zip(CHECKS, (SESSIONS, None), strict=True))


def check_states(instance: dg.DagsterInstance) -> dict[str, object]:
    """What each check says of each partition, as plain values."""
    found = instance.event_log_storage.get_asset_check_state(list(PARTITIONS_OF_CHECKS.items()))
    return {
        key.to_user_string(): (
            state.latest_storage_id,
            {
                status.value: sorted(subset.subset_value.get_partition_keys())
                if subset.is_partitioned
                else subset.bool_value
                for status, subset in state.subsets.items()
                if not subset.is_empty
            },
            sorted(state.in_progress_runs),
        )
        for key, state in found.items()
    }


RUN_IDS = tuple(f"00000000-0000-4000-8000-00000000000{number}" for number in range(8))


@dataclass(frozen=True)
class World:
    """Two instances that lived through the same runs, and what each wrote one by one."""

    stock: dg.DagsterInstance
    batched: dg.DagsterInstance
    single_events: dict[str, list[str]]


def open_instance(
    home: Path, database: str, kind: str, database_url: str | None = None
) -> dg.DagsterInstance:
    """Open an instance through a dagster.yaml, as every Dagster process does.

    Args:
        home: Directory of the instance; made if missing.
        database: One of ``DATABASES``.
        kind: One of ``KINDS``.
        database_url: Database of the events, where the database is PostgreSQL.
    """
    home.mkdir(exist_ok=True)
    name = {"sqlite": "SqliteEventLogStorage", "postgres": "PostgresEventLogStorage"}[database]
    if kind == "batched":
        module, name = "stocker_pipeline.orchestration.event_log", f"Batched{name}"
    else:
        module = "dagster_postgres" if database == "postgres" else "dagster._core.storage.event_log"
    if database == "postgres":
        config = {"postgres_url": database_url}
    else:
        config = {"base_dir": str(home / "history" / "runs")}
    settings = {"event_log_storage": {"module": module, "class": name, "config": config}}
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    return dg.DagsterInstance.from_config(str(home))


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    # What a power failure would take, a test can do without; the stock storage waits per event.
    def relax(connection: Any, _record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    yield
    event.remove(Engine, "connect", relax)


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_read_or_compiled_twice() -> Iterator[None]:
    # On SQLite Dagster makes an engine for each event, which compiles its statements again, and
    # reads all of its migrations for each run. Neither is what is told here, and both take longer.
    read, known, engines = ScriptDirectory.from_config, {}, {}

    def engine_once(url: str, **how: Any) -> Engine:
        if url not in engines:
            engines[url] = create_engine(url, **how)
        return engines[url]

    def read_once(config: Config) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        if place not in known:
            known[place] = read(config)
        return known[place]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite_event_log, "create_engine", engine_once)
        patch.setattr(ScriptDirectory, "from_config", staticmethod(read_once))
        yield


@pytest.fixture(scope="session", params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Run the test once for each database."""
    return str(request.param)


@dataclass(frozen=True)
class Blank:
    """An event log without a past, made once: a copy of it opens five times faster than a new one.

    Attributes:
        database: One of ``DATABASES``.
        home: Directory of its instance.
        server_url: Any database of the server, where the database is PostgreSQL.
        url: The database of its events, on that server.
    """

    database: str
    home: Path
    server_url: str | None = None
    url: str | None = None

    def open_copy(self, home: Path, kind: str) -> dg.DagsterInstance:
        """Open an instance of a kind on a copy of the log."""
        shutil.copytree(self.home, home)
        url = create_database(self.server_url, self.url) if self.server_url else None
        return open_instance(home, self.database, kind, url)


@pytest.fixture(scope="session")
def blank(
    database: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Blank:
    """Make the event log that the others are copied from."""
    home = tmp_path_factory.mktemp("blank")
    server_url = start_postgres(request.config) if database == "postgres" else None
    url = create_database(server_url) if server_url else None
    with open_instance(home, database, "stock", url):
        return Blank(database, home, server_url, url)


def _forget_batch_size(patch: pytest.MonkeyPatch, kind: str) -> None:
    # Set before it is deleted, so that what the batched storage puts there is undone too.
    patch.setenv(BATCH_VARIABLE, "0")
    if kind == "batched":
        patch.delenv(BATCH_VARIABLE)


OpenInstance = Callable[[str], dg.DagsterInstance]


@pytest.fixture
def new_instance(
    blank: Blank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenInstance]:
    """Give a function that opens an instance of one kind, with an empty event log of its own."""
    with ExitStack() as stack:

        def make(kind: str) -> dg.DagsterInstance:
            _forget_batch_size(monkeypatch, kind)
            return stack.enter_context(blank.open_copy(tmp_path / kind, kind))

        yield make


@pytest.fixture(scope="session")
def world(blank: Blank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Live the same past on both kinds of storage."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        instances, single_events = {}, {}
        for kind in KINDS:
            _forget_batch_size(patch, kind)
            home = tmp_path_factory.mktemp("world") / kind
            instance = stack.enter_context(blank.open_copy(home, kind))
            with pytest.MonkeyPatch.context() as spy:
                single_events[kind] = _spy_on_single_events(instance, spy)
                _live(instance)
            instances[kind] = instance
        yield World(**instances, single_events=single_events)


def _spy_on_single_events(instance: dg.DagsterInstance, spy: pytest.MonkeyPatch) -> list[str]:
    storage, seen = instance.event_log_storage, []
    store_event = storage.store_event

    def note(event: dg.EventLogEntry) -> None:
        if event.dagster_event:
            seen.append(event.dagster_event.event_type_value)
        store_event(event)

    spy.setattr(storage, "store_event", note)
    return seen


def _live(instance: dg.DagsterInstance) -> None:
    keys = SESSIONS.get_partition_keys()
    book = ["raw_bars", "signals", *CHAIN]
    _run(instance, 0, book, span=(keys[0], keys[-3]))
    _run(instance, 1, ["raw_bars", "signals"], span=(keys[11], keys[-1]))
    _run(instance, 2, list(CHAIN), span=(keys[3], keys[8]), fails=True)
    _run(instance, 3, book, partition=keys[-2])
    legs = LEGS.get_partition_keys()
    _run(instance, 4, ["books"], span=(legs[0], legs[5]))
    instance.add_dynamic_partitions("universe", ["AAPL", "IBM", "MSFT"])
    _run(instance, 5, ["instruments"], span=("AAPL", "IBM"))
    instance.wipe_assets([dg.AssetKey("books")])
    _run(instance, 6, ["books", "report"], partition=legs[1])
    heartbeat.execute_in_process(instance=instance, run_id=RUN_IDS[7])
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            "report", metadata={"by": "hand"}, tags={"dagster/data_version": "9"}
        )
    )
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("raw_bars"), check_name="has_rows", passed=True, metadata={}
        )
    )


def _run(
    instance: dg.DagsterInstance,
    number: int,
    assets: list[str],
    *,
    span: tuple[str, str] | None = None,
    partition: str | None = None,
    fails: bool = False,
) -> None:
    tags = {}
    if span:
        tags = {ASSET_PARTITION_RANGE_START_TAG: span[0], ASSET_PARTITION_RANGE_END_TAG: span[1]}
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if fails:
        config["ops"] = {"day": {"config": {"fails": True}}}
    result = DEFINITIONS.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        run_id=RUN_IDS[number],
        asset_selection=[dg.AssetKey(name) for name in assets],
        partition_key=partition,
        tags=tags,
        run_config=config,
        raise_on_error=False,
    )
    assert result.success is not fails
