"""Step → the places of the product around its effect, and the stages that come by them."""

from collections.abc import Callable

from stocker_pipeline.stages.day import StageReport
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, Day

BEFORE = {
    "S0": "lease.take.before",
    "S5": "decide.compute.before",
    "S6": "reconcile.record.before",
    "S7": "decide.commit.before",
    "S8": "submit.request.before",
    "S9": "collect.page.read",
    "S10": "collect.book.before",
    "S11": "reconcile.record.before",
    "S12": "close.settle.before",
    "S13": "close.settle.inside",
}
"""Step → the place before its effect; of S13 the one between snapshot and outcome."""
AFTER = {
    "S0": "lease.take.after",
    "S5": "decide.commit.inside",
    "S6": "reconcile.record.after",
    "S7": "decide.commit.after",
    "S8": "submit.request.after",
    "S9": "collect.cursor.before",
    "S10": "collect.book.after",
    "S11": "reconcile.record.after",
    "S12": "close.settle.after",
    "S13": "close.done.before",
}
OPEN = ("S0", "S5", "S6", "S7", "S8")
CLOSE = ("S9", "S10", "S11", "S12", "S13")
ALL = (*OPEN, *CLOSE)


def up_to(day: Day, step: str) -> Callable[[], StageReport]:
    """Do what comes before the step's stage; returns that stage."""
    if step in OPEN:
        return lambda: day.open(FIRST)
    day.open(FIRST)
    return lambda: day.close(FIRST)


def finished(day: Day, step: str) -> None:
    """Begin again where the step's stage ended, and go on to the end of the session."""
    if step in OPEN:
        assert not day.open(FIRST).waits
    assert not day.close(FIRST).waits
    assert day.intended_orders() == len(day.filled()) == 4
