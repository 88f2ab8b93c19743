"""The code location of ``benchmarks.backfill``: the product's definitions and one portfolio more.

A run worker loads this module in place of ``stocker_pipeline.definitions``. The portfolio is the
shipped ``trend_backtest`` on the symbols of ``STOCKER_SYMBOLS``. Where ``BACKFILL_TIMES`` names a
file, the process that trades the book writes into it, at its end, how long the stages, the lake and
the event storage took, the largest memory it had, and which packages it loaded that it should not
need. The clock is put around the functions here, so that the product has none.
"""

import atexit
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from stocker_pipeline.definitions import build_definitions
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.reader import Reader
from stocker_pipeline.orchestration import portfolio_component
from stocker_pipeline.orchestration.runs import portfolio_assets
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.portfolios import portfolio_data
from stocker_pipeline.strategies.portfolio import portfolio_from

NAME = "trend_benchmark"
JOB = f"backfill_{NAME}"
CAPITAL_USD_PER_SYMBOL = 50_000.0  # of benchmarks.bars, which would load pandas here
STAGES = ("opening_of", "forecast", "trade", "book_metadata")
READER_METHODS = ("version", "versions", "read", "read_versions")
LAKE_METHODS = ("snapshot", "ensure_tables", "append", "replace")
SPARED = ("pandas", "scipy.linalg", "dbt", "networkx", "sqlglot", "duckdb", "plotly")
STORAGE_METHODS = ("store_event", "store_event_batch")

spent: dict[str, float] = {}
_open: list[str] = []


def timed(owner: Any, name: str, label: str) -> None:
    """Count what a function of a module or class takes under ``label``, calls within it excluded.

    A label that is open already goes on, so that a method that calls another one counts once.
    """
    function: Callable[..., Any] = getattr(owner, name)
    spent.setdefault(label, 0.0)

    def call(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        _open.append(label)
        try:
            return function(*args, **kwargs)
        finally:
            took = time.perf_counter() - began
            _open.pop()
            spent[label] += took
            if _open:
                spent[_open[-1]] -= took

    setattr(owner, name, call)


def peak_mb() -> float:
    """The largest resident set that this process had, MB of 1,000,000 bytes.

    ``ru_maxrss`` would do on other systems, but on Linux it begins with that of the parent.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e6


def _watch(target: Path) -> None:
    for name in STAGES:
        timed(portfolio_component, name, name)
    for name in READER_METHODS:
        timed(Reader, name, "lake")
    for name in LAKE_METHODS:
        timed(Lake, name, "lake")
    module, _, storage = os.environ["BACKFILL_EVENT_STORAGE"].partition(":")
    for name in STORAGE_METHODS:
        timed(getattr(importlib.import_module(module), storage), name, "event storage")

    def write() -> None:
        if spent["trade"]:  # the code server loads this module too, and trades nothing
            loaded = [name for name in SPARED if name in sys.modules]
            target.write_text(
                json.dumps({"peak_mb": peak_mb(), "not_spared": loaded, "spent": spent})
            )

    atexit.register(write)


def _definitions() -> dg.Definitions:
    symbols = list(Settings().symbols)
    data, where = portfolio_data("trend_backtest", symbols)
    given = {**data, "initial_capital": CAPITAL_USD_PER_SYMBOL * len(symbols)}
    portfolio = portfolio_from(given, where=where)
    if "BACKFILL_TIMES" in os.environ:
        _watch(Path(os.environ["BACKFILL_TIMES"]))
    return dg.Definitions.merge(
        build_definitions(),
        portfolio_component.portfolio_definitions(NAME, portfolio),
        dg.Definitions(jobs=[dg.define_asset_job(JOB, [*portfolio_assets(NAME)])]),
    )


defs = _definitions()
