"""Losses: of one session, and from the peak. Both fail closed: an unknown value is a loss."""

from dataclasses import dataclass
from fractions import Fraction

from stocker_pipeline.risk.monitors.verdict import Action, Verdict, clear, known, raised, unknown


@dataclass(frozen=True)
class SessionValue:
    """The value of a book at two closes, 1/10,000 dollar; None or NaN = not known.

    Attributes:
        flows_e4: Deposits less withdrawals, included in the value after; 0 where there was none.
    """

    nav_before_e4: float | None
    flows_e4: float | None
    nav_after_e4: float | None


def daily_loss(value: SessionValue, reduce_at: float) -> Verdict:
    """Judge the session's time-weighted return ``(nav_after − flows)/nav_before − 1``.

    A flow is booked at the close, so the return of a session is one period's (GIPS 2020, 2.A.21).
    Compared exactly, against the bound as it is written; exactly at the bound is raised.

    Args:
        reduce_at: A fraction above 0.
    """
    before, flows, after = value.nav_before_e4, value.flows_e4, value.nav_after_e4
    if not known(before, flows, after):
        return unknown(
            Action.REDUCE_ONLY,
            "the session's return is not known: a value of the book or a flow is missing",
            -reduce_at,
        )
    assert before is not None
    assert flows is not None
    assert after is not None
    if before <= 0:
        return unknown(
            Action.REDUCE_ONLY,
            f"the session's return is not defined: the value before was {before / 1e4:,.2f} "
            "dollars",
            -reduce_at,
        )
    change = (Fraction(after) - Fraction(flows)) / Fraction(before) - 1
    told = f"the session returned {float(change):+.2%}, bound {-reduce_at:+.2%}"
    if change <= -Fraction(str(reduce_at)):
        return raised(Action.REDUCE_ONLY, told, float(change), -reduce_at)
    return clear(told, float(change), -reduce_at)


@dataclass(frozen=True)
class Value:
    """A close and the peak before it, 1/10,000 dollar; None or NaN = not known."""

    nav_e4: float | None
    peak_e4: float | None


def drawdown(value: Value, reduce_at: float, kill_at: float | None) -> Verdict:
    """Judge ``(peak − nav)/peak``, the engine's own drawdown (E13); exactly at a bound is raised.

    Args:
        reduce_at, kill_at: Fractions above 0, the second not below the first; None = never.
    """
    if not known(value.nav_e4, value.peak_e4):
        return unknown(
            Action.REDUCE_ONLY,
            "the drawdown is not known: the value of the book or its peak is missing",
            reduce_at,
        )
    assert value.nav_e4 is not None
    assert value.peak_e4 is not None
    if value.peak_e4 <= 0:
        return unknown(
            Action.REDUCE_ONLY,
            f"the drawdown is not defined: the peak was {value.peak_e4 / 1e4:,.2f} dollars",
            reduce_at,
        )
    fallen = 1 - Fraction(value.nav_e4) / Fraction(value.peak_e4)
    measured = float(fallen)
    if kill_at is not None and fallen >= Fraction(str(kill_at)):
        told = f"the book is {measured:.2%} below its peak, bound {kill_at:.2%}"
        return raised(Action.KILLED, told, measured, kill_at)
    told = f"the book is {measured:.2%} below its peak, bound {reduce_at:.2%}"
    if fallen >= Fraction(str(reduce_at)):
        return raised(Action.REDUCE_ONLY, told, measured, reduce_at)
    return clear(told, measured, reduce_at)
