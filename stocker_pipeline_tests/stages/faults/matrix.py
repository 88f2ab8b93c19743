"""Which fault at which step must end how, and which of these cells cannot be tried, and why.

The numbers and letters are those of a charter of 33 faults and 14 steps. Belongs here: the table
and the marks that tie a test to its cells. What is done in a cell is in the tests beside it, and
``test_matrix`` sees to it that no cell is forgotten.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pytest

T = TypeVar("T", bound=Callable)

STEPS: Mapping[str, str] = {
    "S0": "lease",
    "S5": "decide",
    "S6": "reconcile_before",
    "S7": "intents",
    "S8": "submit",
    "S9": "collect",
    "S10": "book",
    "S11": "reconcile_after",
    "S12": "settle",
    "S13": "outcome",
}

OTHER_STEPS: Mapping[str, str] = {
    "S1": "bars into the lake: killed, doubled and refused in stages/test_ingest and lake/",
    "S2": "the quality gate is a pure judgement: quality/",
    "S3": "corporate actions come with the bars: stages/test_ingest; in the book they are S12",
    "S4": "signals are not stored apart from the decision: S5",
}
"""Steps of the charter that are none of a paper book's day, and where they are tried."""

OUTCOMES: Mapping[str, str] = {
    "R": "the next start resumes, and the digest is the undisturbed one",
    "N": "nothing: no row changes",
    "X": "refused",
    "U": "one order at the broker, found under its id",
    "W": "asked again within bounds, then given up without sending",
    "L": "the symbol is locked, the rest goes on",
    "Q": "suspense or a break, a lock and a page",
    "C": "not sent again in the session",
    "S": "the session is skipped with a reason, and nothing is sent",
    "H": "nothing more is sent",
    "A": "trading is not touched by it",
}

FAULTS: Mapping[str, str] = {
    "F1": "kill_before_the_effect",
    "F2": "kill_after_the_effect",
    "F3": "stopped_in_the_middle",
    "F4": "lost_response_after_accept",
    "F5": "server_error",
    "F6": "rate_limited",
    "F7": "definitive_refusal",
    "F8": "id_must_be_unique",
    "F9": "run_twice_in_a_row",
    "F10": "out_of_order",
    "F11": "partial_fill",
    "F12": "late_fill",
    "F13": "other_hands",
    "F14": "connection_to_the_database_lost",
    "F15": "database_busy",
    "F16": "disk_full",
    "F17": "two_runs_at_once",
    "F18": "run_of_an_old_session",
    "F19": "tick_twice",
    "F20": "late_start",
    "F21": "late_or_missing_bars",
    "F22": "corrected_bars",
    "F23": "split",
    "F24": "halted_symbol",
    "F25": "half_day",
    "F26": "daylight_saving",
    "F27": "clock_skew",
    "F28": "malformed_answer",
    "F29": "wrong_configuration",
    "F30": "kill_switch_in_the_middle",
    "F31": "alert_channel_dead",
    "F32": "deploy_in_the_middle",
    "F33": "account_blocked",
}

#                S0  S5  S6  S7  S8  S9  S10 S11 S12 S13
_REQUIRED = {
    "F1": "R   R   R   R   R   R   R   R   R   R",
    "F2": "R   R   R   R   U   R   R   R   R   R",
    "F3": "R   R   R   R   U   R   R   R   R   R",
    "F4": ".   .   W   .   U   W   .   W   .   W",
    "F5": ".   .   W   .   U   W   .   W   .   A",
    "F6": ".   .   W   .   U   W   .   W   .   W",
    "F7": ".   .   H   .   L   C   .   H   .   A",
    "F8": ".   .   .   .   U   .   .   .   .   .",
    "F9": "N   N   N   N   X   N   N   N   N   N",
    "F10": ".   .   R   .   R   R   R   R   .   .",
    "F11": ".   R   R   R   .   R   R   R   R   .",
    "F12": ".   R   R   R   .   R   R   R   R   A",
    "F13": ".   L   Q   L   L   Q   Q   Q   Q   A",
    "F14": "W   W   W   W   H   W   W   W   W   A",
    "F15": "W   W   W   W   W   W   W   W   W   W",
    "F16": "H   H   H   H   H   H   H   H   H   A",
    "F17": "X   N   N   X   X   N   N   N   N   N",
    "F18": "N   N   .   X   X   N   N   N   N   N",
    "F19": "X   N   N   X   X   N   N   N   N   A",
    "F20": "S   .   .   .   X   R   R   R   R   A",
    "F21": ".   L   .   L   .   .   .   .   W   A",
    "F22": ".   N   .   .   .   .   .   .   R   A",
    "F23": ".   R   Q   L   C   R   R   Q   R   A",
    "F24": ".   L   Q   L   L   R   R   Q   L   A",
    "F25": "R   .   .   R   S   R   .   .   R   R",
    "F26": "R   .   .   R   R   R   .   .   R   R",
    "F27": "H   .   .   H   H   R   R   R   R   A",
    "F28": ".   H   H   H   U   Q   H   H   H   A",
    "F29": "H   H   .   H   H   .   .   .   .   A",
    "F30": "H   R   R   X   X   R   R   R   R   R",
    "F31": ".   .   .   H   .   .   .   .   .   A",
    "F32": "X   R   R   X   X   R   R   R   R   A",
    "F33": ".   .   H   .   H   W   .   H   .   A",
}

REQUIRED: Mapping[tuple[str, str], str] = {
    (fault, step): letter
    for fault, letters in _REQUIRED.items()
    for step, letter in zip(STEPS, letters.split(), strict=True)
    if letter != "."
}
"""Fault and step → the letter that the charter wants there."""

_NOT_YET: Mapping[str, str] = {
    "F4 F5 F6 F7 F12 F13 F14 F16 F19 F20 F21 F22 F23 F24 F27 F28 F29 F31 F32 F33 @S13": (
        "the stages write alerts as rows, with the fact that they tell of; how a channel fails "
        "is tried where they are delivered"
    ),
    "F22 @S12": "a close that is corrected later does not restate the book yet",
    "F27 @S0 S7 S8 S9 S10 S11 S12": "the broker's clock is not compared with ours yet",
    "F28 @S5 S6 S7 S9 S10 S11 S12": (
        "the simulated broker answers in objects; malformed text belongs to a broker over HTTP"
    ),
    "F31 @S7": "no order waits for a person's answer, so no alert has to arrive before it",
    "F32 @S5 S6 S9 S10 S11 S12": (
        "each start compares the schema before its first step (S0); within a stage the program "
        "does not change"
    ),
}

NOT_YET: Mapping[tuple[str, str], str] = {
    (fault, step): reason
    for cells, reason in _NOT_YET.items()
    for faults, steps in [cells.split("@")]
    for fault in faults.split()
    for step in steps.split()
}
"""Cells that cannot exist with the parts that the product has, and why."""

DIFFERS: Mapping[tuple[str, str], str] = {
    ("F33", "S8"): "L: each refusal proves that there is no order; every symbol ends REJECTED",
    ("F23", "S8"): "L: an order is of one session and is sent in it; the break locks the symbol",
    ("F25", "S8"): "R: a half day is traded; a closure that the calendar does not know is not",
}
"""Cells that end otherwise than the charter wants, with the letter and the reason."""

_TRIED: dict[tuple[str, str], str] = {}


def tried() -> Mapping[tuple[str, str], str]:
    """Fault and step → letter, of every cell that a test was written for."""
    return _TRIED


@dataclass(frozen=True)
class Cell:
    """One fault at one step, or at several that one test goes through."""

    fault: str
    step: str
    others: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """All of them."""
        return (self.step, *self.others)

    def __str__(self) -> str:
        steps = ", ".join(f"{step}_{STEPS[step]}" for step in self.steps)
        letters = [required(self.fault, step) for step in self.steps]
        ends = "; ".join(f"{letter}: {OUTCOMES[letter]}" for letter in dict.fromkeys(letters))
        return f"{self.fault}_{FAULTS[self.fault]} at {steps} -> {ends}"


def required(fault: str, step: str) -> str:
    """The letter that a cell must end with here."""
    return DIFFERS.get((fault, step), REQUIRED[fault, step])[0]


def cells(fault: str, *steps: str, quick: Collection[str] = ()) -> Callable[[T], T]:
    """Run a test once for each of these steps under the fault; it is given ``cell``.

    Args:
        quick: Steps that are tried by ``make test``; the others by ``make slow``.
    """
    return _given([Cell(fault, step) for step in steps], quick)


def one_day(fault: str, *steps: str, quick: bool = True) -> Callable[[T], T]:
    """Run a test once that goes through all of these steps under the fault."""
    return _given([Cell(fault, steps[0], steps[1:])], steps if quick else ())


def _given(found: Sequence[Cell], quick: Collection[str]) -> Callable[[T], T]:
    for cell in found:
        for step in cell.steps:
            assert (cell.fault, step) in REQUIRED, f"{cell.fault} at {step} is no cell"
            assert (cell.fault, step) not in _TRIED, f"{cell.fault} at {step} twice"
            _TRIED[cell.fault, step] = required(cell.fault, step)
    marked = [
        pytest.param(cell, id=str(cell), marks=[] if cell.step in quick else [pytest.mark.slow])
        for cell in found
    ]

    def decorated(test: T) -> T:
        return pytest.mark.parametrize("cell", marked)(test)

    return decorated


def untried() -> Iterator[str]:
    """Cells that are required, possible, and without a test."""
    for (fault, step), letter in REQUIRED.items():
        if (fault, step) not in _TRIED and (fault, step) not in NOT_YET:
            yield f"{fault}@{step} ({letter})"


def table() -> str:
    """The matrix as docs/reliability.md shows it."""
    names = [f"{name.replace('_', ' ')}" for name in STEPS.values()]
    rows = ["| | " + " | ".join(names) + " |", "|---|" + ":-:|" * len(STEPS)]
    for fault, words in FAULTS.items():
        shown = [_shown(fault, step) for step in STEPS]
        rows.append(f"| {fault} {words.replace('_', ' ')} | " + " | ".join(shown) + " |")
    return "\n".join(rows)


def _shown(fault: str, step: str) -> str:
    if (fault, step) not in REQUIRED:
        return ""
    if (fault, step) in NOT_YET:
        return "–"
    return required(fault, step) + ("*" if (fault, step) in DIFFERS else "")
