"""Splits and dividends recovered from a vendor's adjusted close.

The factor adjusted/raw close is constant between two actions and steps on each ex-date. A vendor
that credits a dividend D at the close of its ex-date steps by ``S·(close + D)/close``, S new shares
per old, which is the growth of ENGINE E4; so its steps give S and D back to the last digit. Some
vendors divide by the close *before* the ex-date instead: their series fail the final comparison.
Stays out: vendors that state their actions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from stocker_pipeline.domain.errors import InputRefused

_STEP_MIN = 1e-9
"""Relative. Factors printed with 13 digits repeat to 1e-13; a dividend of a cent on a share of
1,000 dollars steps by 1e-5."""
_SPLIT_TERM_MAX = 10
"""One side of a split's ratio is at most this: 2:1, 3:2, 50:1, 1:25."""
_SPLIT_DENOMINATOR_MAX = 100
_SPLIT_STEP_MIN = 1.2
"""From this ratio on a step is a split rather than a dividend, if it can be either."""
_DIVIDEND_DECIMALS = (2, 4)
"""Dividends are declared in cents, rarely in hundredths of a cent."""


@dataclass(frozen=True)
class RecoveredAction:
    """What took effect before the open of one row.

    Attributes:
        row: Row of the ex-date in the series given.
        split: New shares per old share; 1 = none.
        dividend_usd: Dollars per post-split share; 0 = none.
    """

    row: int
    split: Fraction
    dividend_usd: float


def recovered_actions(
    close: np.ndarray, adj_close: np.ndarray, *, where: str
) -> list[RecoveredAction]:
    """The actions of one symbol between its first and last row, in order.

    Args:
        close: As traded, dollars, oldest first.
        adj_close: Adjusted for splits and dividends, in any constant multiple: actions after the
            last row only scale the whole series.
        where: The series, for messages.

    Raises:
        InputRefused: A step is neither a split nor a dividend, or the actions found do not give
            ``adj_close`` back within 1e-9 on every row.
    """
    factor = adj_close / close
    steps = factor[1:] / factor[:-1]
    rows = np.flatnonzero(np.abs(steps - 1) > _STEP_MIN) + 1
    actions = [_action(int(row), close, float(steps[row - 1]), where) for row in rows]
    rebuilt = rebuilt_adjusted_close(close, actions) * factor[-1]
    off = np.abs(rebuilt / adj_close - 1)
    if off.max() > _STEP_MIN:
        row = int((off > _STEP_MIN).argmax())
        raise InputRefused(
            f"{rebuilt[row]:.10g}, the adjusted close rebuilt from {len(actions)} actions",
            f"{adj_close[row]:.10g}",
            where=f"{where}, row {row + 1}, column adj_close",
            remedy="Take the actions of this series from a source that states them.",
        )
    return actions


def rebuilt_adjusted_close(close: np.ndarray, actions: list[RecoveredAction]) -> np.ndarray:
    """The adjusted close that actions imply, dollars, equal to the close on the last row."""
    growth = np.ones(len(close))
    for action in actions:
        growth[action.row] = float(action.split) * (1 + action.dividend_usd / close[action.row])
    earned = np.cumprod(growth)
    adjusted: np.ndarray = close * earned / earned[-1]
    return adjusted


def _action(row: int, close: np.ndarray, step: float, where: str) -> RecoveredAction:
    """The first explanation that fits: a split, a dividend, both on one day.

    Two that fit at once are rare and grow a holding alike: 2:1 could be a dividend as high as the
    price, and a dividend of a tenth of the price could be 11:10. The step's size decides.
    """
    for split in _splits(step, float(close[row - 1] / close[row])):
        dividend = _dividend(step / float(split) - 1, float(close[row]))
        if dividend is not None and (split != 1 or dividend > 0):
            return RecoveredAction(row, split, dividend)
    raise InputRefused(
        "steps of adj_close/close that are a split or a dividend in cents",
        f"a step by {step:.12g}",
        where=f"{where}, row {row + 1}, column adj_close",
        remedy="Give adj_close to ten digits or more, or take another source of actions.",
    )


def _splits(step: float, price_fall: float) -> Iterator[Fraction]:
    """New shares per old share that may be part of a step, the likeliest first."""
    alone = Fraction(step).limit_denominator(_SPLIT_DENOMINATOR_MAX)
    small = min(alone.numerator, alone.denominator) <= _SPLIT_TERM_MAX
    if not small or abs(step / float(alone) - 1) > _STEP_MIN:
        alone = Fraction(1)
    large = max(step, 1 / step) >= _SPLIT_STEP_MIN
    yield from (alone, Fraction(1)) if large else (Fraction(1), alone)
    with_dividend = Fraction(price_fall).limit_denominator(_SPLIT_TERM_MAX)
    if with_dividend > 0:
        yield with_dividend


def _dividend(gain: float, close: float) -> float | None:
    """The declared amount behind a relative gain at the ex-date's close; None = there is none."""
    for decimals in _DIVIDEND_DECIMALS:
        amount = round(gain * close, decimals)
        if 0 <= amount < close / 2 and abs(amount / close - gain) <= _STEP_MIN:
            return abs(amount)  # never -0.0
    return None
