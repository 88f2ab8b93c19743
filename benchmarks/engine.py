"""Measure the engine against other backtesters: the same bars, the same rules, the same NAV.

``python -m benchmarks.engine`` prints one markdown table. Every contestant is a process of its own
in an environment of its own; they take turns, so that a change in the machine's speed meets
all of them alike. ``--check FOLDER`` compares their NAV with a worked example of the rules instead.
"""

import argparse
import csv
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import bars
from benchmarks.contestants import DETAIL, PEERS, STOCKER, Contestant, start
from benchmarks.readme import write_table

# A peer runs on a larger market only where one run would take no longer than this, judged by its
# time on the smaller one and the number of symbols.
PATIENCE_SECONDS = 60.0
NAV_DIFFERENCE_USD_MAX = 0.01
FAST_SECONDS = 5.0
RUNS_OF_A_TURN = 3
"""The first one finds the caches, and the clock of a processor that was waiting, as what the others
did has left them; a median of three does not."""
HEADINGS = (
    "symbols",
    "capital, $",
    "contestant",
    "warm, median",
    "to Stocker",
    "first of a turn",
    "cold",
    "orders filled",
    "final NAV, $",
    "largest NAV difference, $",
    "peak MB (of the run)",
    "cannot express",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 where every NAV agrees, 1 where one does not."""
    options = _parser().parse_args(arguments)
    if options.check is not None:
        return _check(options.check, options.peers)
    known_seconds: dict[str, float] = {}
    rows: list[str] = []
    agree = True
    for symbols in options.symbols:
        market = bars.generate(symbols, options.sessions)
        peers, absent = _within_patience(options, known_seconds, symbols)
        # The larger capital first: where every symbol trades, a peer takes longest.
        for capital in sorted({*options.capital_usd, float(market["initial_capital"])})[::-1]:
            market["initial_capital"] = np.float64(capital)
            contestants = _measure(market, peers, options)
            for one in contestants:
                seconds = _warm_seconds(one) / symbols
                known_seconds[one.name] = max(seconds, known_seconds.get(one.name, 0.0))
                agree &= abs(_nav_difference(one, contestants[0])) <= NAV_DIFFERENCE_USD_MAX
                options.versions.update(_versions(one))
            rows += _rows(symbols, capital, contestants)
        rows += absent
    report = _report(options, rows)
    print(report)
    if options.readme:
        write_table("engine", report)
    if not agree:
        print("The NAV of a contestant differs by more than a cent.", file=sys.stderr)
    return 0 if agree else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.engine", description=__doc__)
    parser.add_argument("--symbols", type=int, nargs="+", default=[20, 500, 3000])
    parser.add_argument("--sessions", type=int, default=2520)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument(
        "--capital-usd",
        type=float,
        nargs="*",
        default=[1_000_000.0],
        help=f"initial capitals beside {bars.CAPITAL_USD_PER_SYMBOL:,.0f} dollars for each symbol",
    )
    parser.add_argument("--repeat", type=int, default=5, help="turns of each contestant")
    parser.add_argument(
        "--patience-seconds",
        type=float,
        default=PATIENCE_SECONDS,
        help="leave a peer out of a larger market where one run would take longer",
    )
    parser.add_argument(
        "--check", type=Path, metavar="FOLDER", help="a worked example of the rules"
    )
    parser.add_argument(
        "--readme", action="store_true", help="put the table into benchmarks/README.md as well"
    )
    parser.set_defaults(versions={})
    return parser


def _within_patience(
    options: argparse.Namespace, known_seconds: dict[str, float], symbols: int
) -> tuple[list[str], list[str]]:
    """Names that run on this market, and rows for those that do not."""
    running, absent = [], []
    for peer in options.peers:
        expected = known_seconds.get(peer, 0.0) * symbols
        if expected <= options.patience_seconds:
            running.append(peer)
        else:
            absent.append(
                f"| {symbols:,} | | {peer} | not run: about {_duration(expected)} " + "| " * 8 + "|"
            )
    return running, absent


def _measure(market: bars.Bars, peers: list[str], options: argparse.Namespace) -> list[Contestant]:
    sessions, symbols = market["close"].shape
    with tempfile.TemporaryDirectory() as folder:
        file = bars.write(Path(folder) / f"{symbols}x{sessions}.npz", market)
        contestants = [start(name, file) for name in (STOCKER, DETAIL, *peers)]
    try:
        for one in contestants:
            # The second run still warms caches of the interpreter and of the memory allocator.
            if one.first["first_seconds"] < FAST_SECONDS or one.name == "vectorbt":
                one.run()
        for turn in range(options.repeat):
            print(f"{symbols} symbols, turn {turn + 1}", file=sys.stderr, flush=True)
            for one in contestants:
                if _spent(one) <= options.patience_seconds:
                    one.turn(RUNS_OF_A_TURN)
    finally:
        for one in contestants:
            one.stop()
    return contestants


def _spent(contestant: Contestant) -> float:
    return float(sum(run["seconds"] for turn in contestant.turns for run in turn))


def _warm_seconds(contestant: Contestant) -> float:
    return float(statistics.median(_of_turns(contestant, "")))


def _of_turns(contestant: Contestant, stage: str, *, first: bool = False) -> list[float]:
    """Seconds up to a stage, or of whole runs: the median of each turn, or its first run."""
    taken = [
        [run["stages"][stage] if stage else run["seconds"] for run in turn]
        for turn in contestant.turns
    ]
    return [seconds[0] if first else statistics.median(seconds) for seconds in taken]


def _ratio(ones: Sequence[float], others: Sequence[float]) -> str:
    """Turn by turn, so that a slow moment of the machine is in both numbers."""
    ratio = statistics.median(one / other for one, other in zip(ones, others, strict=False))
    return f"{ratio:.2f}×"


def _nav_difference(contestant: Contestant, reference: Contestant) -> float:
    difference = np.array(contestant.first["nav"]) - np.array(reference.first["nav"])
    return float(difference[np.abs(difference).argmax()])


def _versions(contestant: Contestant) -> dict[str, str]:
    environment = STOCKER if contestant.name == DETAIL else contestant.name
    listed = ", ".join(f"{k} {v}" for k, v in contestant.first["versions"].items())
    return {environment: listed}


def _rows(symbols: int, capital: float, contestants: list[Contestant]) -> list[str]:
    reference, rows = contestants[0], []
    for one in contestants:
        stages = list(one.first["stages"]) or [""]
        for stage in stages:
            seconds, firsts = _of_turns(one, stage), _of_turns(one, stage, first=True)
            name = f"{one.name}, {stage}" if stage else one.name
            cells = [f"{symbols:,}", f"{capital:,.0f}", name]
            cells += [_seconds(statistics.median(seconds))]
            cells += [_ratio(seconds, _of_turns(reference, ""))]
            cells += [_ratio(firsts, _of_turns(reference, "", first=True))]
            cells += _once(one, reference) if stage == stages[-1] else [""] * 6
            rows.append("| " + " | ".join(cells) + " |")
    return rows


def _once(one: Contestant, reference: Contestant) -> list[str]:
    first = one.first
    peak_mb = max([first["rss_mb"], *(run["rss_mb"] for turn in one.turns for run in turn)])
    return [
        f"{first['import_seconds'] + first['first_seconds']:.1f} s",
        f"{first['orders']:,}",
        f"{first['nav'][-1]:,.4f}",
        f"{abs(_nav_difference(one, reference)):.0e}" if one is not reference else "",
        f"{peak_mb:,.0f} ({peak_mb - first['rss_before_mb']:,.0f})",
        "; ".join(first["cannot_express"]),
    ]


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90.0 else f"{seconds / 60.0:.0f} min"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds < 1.0 else f"{seconds:,.2f} s"


def _report(options: argparse.Namespace, rows: list[str]) -> str:
    head = [
        f"- `trend_literal`, {options.sessions:,} sessions, {options.repeat} turns of "
        + f"{RUNS_OF_A_TURN} runs one after the other.",
        f"- Machine: {_processor()}, {os.cpu_count()} cores, {platform.system()}; "
        + f"{_load():.1f} processes waiting or running at the end, the measured one among them.",
        f"- Python {platform.python_version()}.",
        *(f"- {name}: {versions}." for name, versions in options.versions.items()),
        "",
        f"| {' | '.join(HEADINGS)} |",
        "|--:|--:|:--|--:|--:|--:|--:|--:|--:|--:|--:|:--|",
    ]
    return "\n".join([*head, *rows])


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _check(folder: Path, peers: list[str]) -> int:
    with (folder / "expected" / "snapshots.csv").open() as file:
        expected = np.array([float(row["nav"]) for row in csv.DictReader(file)])
    worst = 0.0
    print("| contestant | sessions | final NAV, $ | largest NAV difference, $ |")
    print("|:--|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as temporary:
        example = bars.write(Path(temporary) / "example.npz", bars.from_example(folder))
        for name in (STOCKER, *peers):
            contestant = start(name, example)
            contestant.stop()
            nav = np.array(contestant.first["nav"])
            difference = float(np.abs(nav - expected).max())
            worst = max(worst, difference)
            print(f"| {name} | {len(nav)} | {nav[-1]:,.4f} | {difference:.0e} |")
    return 0 if worst <= NAV_DIFFERENCE_USD_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
