"""What becomes of rows that a source sent for one symbol and session: the same for every provider.

Rows that say the same are one bar, and the others are noted. Where they differ nothing says which
of them is right, so none is a bar: a hole is told, a wrong price would be traded on. Stays out:
finding such rows, and a source that says itself which row is the later one (``yahoo_rows``).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Settled(NamedTuple):
    """Which of the rows is the bar.

    Attributes:
        kept: Its place among the rows; None = none of them.
        refused: Place and evidence of each of the others, reason ``duplicate``.
    """

    kept: int | None
    refused: list[tuple[int, str]]


def settled(rows: Sequence[Sequence[float | None]], texts: Sequence[str]) -> Settled:
    """Choose among the rows of one symbol and session.

    Args:
        rows: The numbers of each row, in one order; None or NaN = unknown.
        texts: How a person finds each row, and what it says.
    """
    known = [tuple(None if _unknown(cell) else cell for cell in row) for row in rows]
    others = [at for at, row in enumerate(known) if row != known[0]]
    if not others:
        again = range(1, len(rows))
        return Settled(0, [(at, f"{texts[at]}; the same, and kept: {texts[0]}") for at in again])
    return Settled(
        None,
        [
            (at, f"{texts[at]}; neither kept: {texts[0 if at in others else others[0]]}")
            for at in range(len(rows))
        ],
    )


def _unknown(cell: float | None) -> bool:
    return cell is None or math.isnan(cell)
