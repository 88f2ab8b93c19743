"""Run many seeds in parallel and write what was counted into docs/reliability.md.

``python -m stocker_pipeline_tests.soak --years 10 --seeds 20 --write``; ends with 1 where anything
is amiss. Stopped by Ctrl-C it tells of the lives that have ended.
"""

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from stocker_pipeline.gateways.brokers.misbehaviour import (
    RECOVERABLE,
    TRUTH_CHANGING,
    FaultKind,
)
from stocker_pipeline.ledger.migrate import upgrade
from stocker_pipeline_tests.soak.life import Life
from stocker_pipeline_tests.soak.remains import Remains, remains_of
from stocker_pipeline_tests.stages.paper_day import Market, PaperHome, sample_market

FIRST = date(2002, 1, 2)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- soak, begin -->", "<!-- soak, end -->"
SESSIONS_A_YEAR = 252


@dataclass(frozen=True)
class Mode:
    """A choice of faults, and what must be equal to the twin then."""

    name: str
    kinds: Collection[FaultKind]
    equal: str


MODES = (
    Mode("lies", RECOVERABLE - {FaultKind.IN_PARTS}, "digest"),
    Mode("lies and parts", RECOVERABLE, "books"),
    Mode("other truth", RECOVERABLE | TRUTH_CHANGING, "nothing"),
)
"""Fills in parts are other executions of the same shares and cash: books are equal, digests not."""


def soak_market(sessions: int) -> tuple[Market, list[date]]:
    """The sample market from 2002 on, without a buffer, so that orders are many."""
    whole = sample_market(date(2013, 3, 1), buffer=0.0, min_notional=0.0)
    days = whole.sessions(FIRST, sessions)
    return sample_market(days[-1], buffer=0.0, min_notional=0.0), days


def mode_of(seed: int) -> Mode:
    """Of five seeds in a row three are lies, one has parts, one another truth."""
    return MODES[{3: 1, 4: 2}.get(seed % 5, 0)]


def live(
    folder: Path, market: Market, days: Sequence[date], seed: int, kinds: Collection[FaultKind]
) -> Remains:
    """One life in ``folder``, counted."""
    folder.mkdir(parents=True)
    url = f"sqlite:///{folder / 'ledger.db'}"
    upgrade(url)
    life = Life(PaperHome(market, url, folder), seed, kinds)
    life.run(days)
    return remains_of(life)


def differences(found: Remains, twin: Remains) -> list[str]:
    """What must not be, in words; empty where all is well."""
    amiss = found.amiss
    equal = mode_of(found.seed).equal
    if equal == "digest" and found.digest != twin.digest:
        amiss.append("another digest than the twin's")
    if equal != "nothing" and found.books != twin.books:
        amiss.append("other books than the twin's")
    return amiss


def table(twin: Remains, all_found: Sequence[Remains]) -> str:
    """The page's section, in Markdown."""
    names = (
        "Faults",
        "Seeds",
        "Sessions",
        "Faults fired",
        "Kills",
        "Restarts",
        "Orders intended",
        "Orders at the broker",
        "of them not intended",
        "Fills",
        "Fills lost",
        "Cents unexplained",
        "Shares unexplained",
        "Rules broken",
        "Unlike the twin",
        "Seconds",
    )
    rows = ["| " + " | ".join(names) + " |", "|---|" + "--:|" * (len(names) - 1)]
    for mode in MODES:
        if found := [one for one in all_found if mode_of(one.seed) is mode]:
            numbers = " | ".join(_shown(number) for number in _numbers(mode, found, twin))
            rows.append(f"| {mode.name} | {numbers} |")
    fired = sum((one.fired for one in all_found), Counter[str]())
    kinds = ", ".join(f"{kind} {_shown(count)}" for kind, count in sorted(fired.items()))
    return (
        f"{_shown(twin.sessions)} sessions ({twin.sessions / SESSIONS_A_YEAR:.3g} years) from "
        f"{FIRST} on, {_seeds([one.seed for one in all_found])}. The twin has "
        f"{_shown(twin.orders)} orders and {_shown(twin.fills)} fills.\n\n"
        + "\n".join(rows)
        + f"\n\nFaults by kind: {kinds}.\n"
    )


def _seeds(found: Sequence[int]) -> str:
    """``seeds 1 to 20`` where none is left out, else each of them."""
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"seeds {found[0]} to {found[-1]}"
    return f"seeds {', '.join(map(str, found))}"


def _numbers(mode: Mode, found: Sequence[Remains], twin: Remains) -> tuple[object, ...]:
    unlike = [one for one in found if any("twin" in words for words in differences(one, twin))]
    return (
        len(found),
        sum(one.sessions for one in found),
        sum(sum(one.fired.values()) for one in found),
        sum(one.deaths for one in found),
        sum(one.restarts for one in found),
        sum(one.intended for one in found),
        sum(one.orders for one in found),
        sum(one.orders_beyond for one in found),
        sum(one.fills for one in found),
        sum(one.fills_lost for one in found),
        f"{sum(abs(one.cash_unexplained_e4) for one in found) / 100:g}",
        sum(one.shares_unexplained for one in found),
        sum(len(one.violations) for one in found),
        "–" if mode.equal == "nothing" else f"{len(unlike)} ({mode.equal})",
        round(sum(one.seconds for one in found)),
    )


def written(page: str, section: str) -> str:
    """The page with the section between its markers.

    Raises:
        ValueError: It has none.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"wanted {BEGIN} and {END} in {PAGE}; received a page without them")
    return f"{before}{begin}\n{section}{end}{after}"


def _one(work: tuple[Path, int, int]) -> Remains:
    root, sessions, seed = work
    began = time.perf_counter()
    market, days = soak_market(sessions)
    folder = root / str(seed)
    found = live(folder, market, days, seed, mode_of(seed).kinds if seed else ())
    shutil.rmtree(folder)
    return replace(found, seconds=time.perf_counter() - began)


def _lives(sessions: int, seeds: Sequence[int], processes: int) -> list[Remains]:
    """Every life that came to its end, the twin's (seed 0) among them."""
    found: list[Remains] = []
    with tempfile.TemporaryDirectory(prefix="stocker-soak-") as folder:
        works = [(Path(folder), sessions, seed) for seed in seeds]
        # Forked: a life forks again, and a process that has everything loaded dies cheaply.
        soak_market(sessions)
        with multiprocessing.get_context("fork").Pool(processes, maxtasksperchild=1) as pool:
            try:
                for one in pool.imap_unordered(_one, works):
                    found.append(one)
                    what = mode_of(one.seed).name if one.seed else "undisturbed"
                    print(
                        f"seed {one.seed} ({what}): {one.orders} orders, {one.deaths} kills, "
                        f"{sum(one.fired.values())} faults, {one.seconds:.0f} s, "
                        f"{one.amiss or 'nothing amiss'}",
                        flush=True,
                    )
            except KeyboardInterrupt:
                print("stopped; what follows is of the lives that ended", file=sys.stderr)
    return found


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="stocker_pipeline_tests.soak", description=__doc__)
    parser.add_argument("--years", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help="into docs/reliability.md")
    chosen = parser.parse_args()
    seeds = [0, *range(chosen.first_seed, chosen.first_seed + chosen.seeds)]
    found = _lives(round(chosen.years * SESSIONS_A_YEAR), seeds, chosen.processes)
    lives = sorted((one for one in found if one.seed), key=lambda one: one.seed)
    twin = next((one for one in found if one.seed == 0), None)
    if twin is None or not lives:
        print("no life ended that could be compared with its twin", file=sys.stderr)
        return 1
    print(section := table(twin, lives))
    if chosen.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), section), encoding="utf-8")
    amiss = {one.seed: words for one in lives if (words := differences(one, twin))}
    for seed, words in amiss.items():
        print(f"seed {seed}: {'; '.join(words)}", file=sys.stderr)
    return 1 if amiss or twin.amiss else 0


def _shown(number: object) -> str:
    return f"{number:,}" if isinstance(number, int) else str(number)


if __name__ == "__main__":
    sys.exit(main())
