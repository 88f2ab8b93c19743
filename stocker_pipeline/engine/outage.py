"""Data outages: sessions that open without bars they should have, and what their orders may do.

A symbol without a bar at the previous session has no signal and its position is kept (ENGINE E20).
The strategy then shares the book out among the symbols that it sees, on top of what is kept of the
others. Nothing can be done about a position that has no price; what can be done is not to add to
the rest. Belongs here: what an outage is, read from bars before the session alone. Stays out: what
is left of an order (``rebalance.restrained``), and why a bar is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.rebalance import Restraint

STILL_TRADED_SESSIONS = 21
"""A symbol whose newest bar is at most this many sessions older than the newest there could be is
taken to be still traded: a halt or a late vendor is no delisting."""

RESTRAINTS = {
    "hold": Restraint.NONE,
    "reduce": Restraint.REDUCE_ONLY,
    "halt": Restraint.HALTED,
}
"""Value of the parameter ``data_outage`` → what it leaves of a session's orders."""


@dataclass(frozen=True)
class Outage:
    """One session that opens without bars it should have.

    Attributes:
        session: The session that is decided, not the one whose bars are missing.
        expected: How many symbols should have a bar at the session before.
        dark: Those of them that have none, in the order of the panel's columns.
        restraint: What the portfolio's policy leaves of the session's orders.
    """

    session: date
    expected: int
    dark: tuple[str, ...]
    restraint: Restraint

    @property
    def reason(self) -> str:
        """One sentence for the outcome of the session."""
        named = ", ".join(self.dark[:5]) + (", …" if len(self.dark) > 5 else "")
        return (
            f"{len(self.dark)} of {self.expected} symbols have no bar at the session before "
            f"{self.session} ({named}): {self.restraint.meaning}"
        )


def outage_of(panel: Panel, row: int, parameters: PortfolioParameters) -> Outage | None:
    """The outage with which a session opens, or None.

    Args:
        row: The session's row of the panel; only rows before it are read.
    """
    found = outages(
        panel, row, row, parameters.data_outage_tolerance, RESTRAINTS[parameters.data_outage]
    )
    return found[0] if found else None


def outages(
    panel: Panel, first: int, last: int, tolerance: float, restraint: Restraint
) -> Sequence[Outage]:
    """Every outage of rows ``first`` … ``last``, ascending.

    A symbol is expected at a session while it is a member of that session's universe and its newest
    bar before it is at most ``STILL_TRADED_SESSIONS`` sessions older than the session before. It is
    dark where it has no bar at the session before. More than ``tolerance`` of the expected ones
    being dark is an outage; a session without an expected symbol is none.
    """
    age = _bar_ages(panel.market.close, first, last)
    member = panel.market.member[first : last + 1] if len(panel.market.member) > 1 else True
    expected = (age <= STILL_TRADED_SESSIONS) & member
    dark = expected & (age > 0)
    counts = expected.sum(axis=1)
    rows = np.flatnonzero(dark.sum(axis=1) > tolerance * counts)
    return [
        Outage(
            session=panel.sessions[first + row].item(),
            expected=int(counts[row]),
            dark=tuple(panel.symbols[j] for j in np.flatnonzero(dark[row])),
            restraint=restraint,
        )
        for row in rows.tolist()
    ]


def _bar_ages(close: np.ndarray, first: int, last: int) -> np.ndarray:
    """Sessions from each symbol's newest bar to the session before each row, ``[rows, symbols]``.

    0 = a bar at the session before; more than ``STILL_TRADED_SESSIONS`` where none is that young.
    """
    start = max(first - 1 - STILL_TRADED_SESSIONS, 0)
    row = np.arange(start, last + 1)[:, None]
    before = np.full((1, close.shape[1]), start - 2 - STILL_TRADED_SESSIONS)
    seen = np.where(np.isnan(close[start : last + 1]), before, row)
    newest = np.maximum.accumulate(np.concatenate((before, seen[:-1])), axis=0)
    ages: np.ndarray = (row - 1 - newest)[first - start :]
    return ages
