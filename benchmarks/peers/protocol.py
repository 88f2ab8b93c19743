"""How a contestant is driven: one process, commands on its input, one line of JSON per answer.

It runs in the environment of each contestant, so it needs NumPy and the standard library alone.
A contestant calls :func:`serve` with a function that turns bars into a :class:`Outcome`. The
process reads the bars (not timed), runs once (timed: that is the first, cold run) and then once
more for each line ``run`` it receives, so that the runs of several contestants can alternate.
"""

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

# The first thing a contestant imports, so the imports of its libraries count as part of its start.
PROCESS_STARTED = time.perf_counter()
FIELDS = (
    "sessions",
    "symbols",
    "adj_open",
    "adj_close",
    "mark",
    "volume",
    "first",
    "initial_capital",
)


@dataclass(frozen=True)
class Outcome:
    """What one backtest gave.

    Attributes:
        nav: Net asset value in dollars at the close of each session from ``first`` on.
        orders: Number of orders that were filled.
        stages: Where a run yields more and more accounting, seconds from its start to the end of
            each stage, by name, in order; the last one is the whole run.
    """

    nav: Any
    orders: int
    stages: dict[str, float] = field(default_factory=dict)


def read(path: str) -> dict[str, Any]:
    """Read what the contestants use of a bars file; ``benchmarks/bars.py`` says what it is."""
    import numpy as np

    with np.load(path) as archive:
        bars: dict[str, Any] = {name: archive[name] for name in FIELDS}
    bars["first"] = int(bars["first"])
    bars["initial_capital"] = float(bars["initial_capital"])
    return bars


def serve(
    prepare: Callable[[dict[str, Any]], Any],
    run: Callable[[Any], Outcome],
    *,
    packages: tuple[str, ...],
    cannot_express: tuple[str, ...] = (),
) -> None:
    """Serve backtests of the bars file named by the first argument until the input ends.

    Args:
        prepare: Brings the bars into the form in which the contestant's user would hold them
            before a backtest; not timed.
        run: One whole backtest: signals, sizes, orders, fills, accounting; timed.
        packages: Distributions whose versions are reported.
        cannot_express: Rules of the strategy that this contestant cannot follow, in words.
    """
    import_seconds = time.perf_counter() - PROCESS_STARTED
    data = prepare(read(sys.argv[1]))
    before_mb = _max_rss_mb()
    seconds, outcome = _timed(run, data)
    _answer(
        first_seconds=seconds,
        import_seconds=import_seconds,
        versions={name: version(name) for name in packages},
        cannot_express=list(cannot_express),
        rss_before_mb=before_mb,
        rss_mb=_max_rss_mb(),
        nav=[float(value) for value in outcome.nav],
        orders=int(outcome.orders),
        stages=outcome.stages,
    )
    for line in sys.stdin:
        if line.strip() != "run":
            break
        seconds, outcome = _timed(run, data)
        _answer(
            seconds=seconds,
            nav_final=float(outcome.nav[-1]),
            stages=outcome.stages,
            rss_mb=_max_rss_mb(),
        )


def _timed(run: Callable[[Any], Outcome], data: Any) -> tuple[float, Outcome]:
    gc.collect()
    started = time.perf_counter()
    outcome = run(data)
    return time.perf_counter() - started, outcome


def _max_rss_mb() -> float:
    # Linux hands ru_maxrss of the parent down to the child; the high-water mark is the child's own.
    if sys.platform == "linux":
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1024.0 * 1024.0 if sys.platform == "darwin" else 1024.0)


def _answer(**fields: Any) -> None:
    # A library may print; the marker tells an answer from its chatter.
    print("@@" + json.dumps(fields), flush=True)
