"""From targets to orders (ENGINE E17–E20), and the code that says why there is one or none."""

import enum

import numpy as np
from numba import njit

from stocker_pipeline.engine.compiling import NO_COUNTING
from stocker_pipeline.engine.rules import Rules


class Decision(enum.IntEnum):
    """What was decided for one symbol and session. Codes below 20 order nothing."""

    NOT_LISTED = 0
    NO_PREVIOUS_BAR = 1
    SHORT_HISTORY = 2
    NO_FORECAST = 3
    NOT_IN_UNIVERSE = 4
    AT_TARGET = 10
    WITHIN_BUFFER = 11
    BELOW_MIN_NOTIONAL = 12
    REDUCE_ONLY = 13
    HALTED = 14
    OPEN = 20
    INCREASE = 21
    REDUCE = 22
    CLOSE = 23
    FLIP = 24
    FLIP_CLOSE_FIRST = 25
    LEFT_UNIVERSE = 26

    @property
    def meaning(self) -> str:
        """One sentence for a reader who has never seen the code."""
        return _MEANING[self]


_MEANING = {
    Decision.NOT_LISTED: "the symbol has no bar yet",
    Decision.NO_PREVIOUS_BAR: "no bar at the previous session; a position held is kept",
    Decision.SHORT_HISTORY: "fewer own bars than the strategy's look-back; a position is kept",
    Decision.NO_FORECAST: "the strategy gave no forecast for the symbol; a position is kept",
    Decision.NOT_IN_UNIVERSE: "the symbol is not in the universe and not held",
    Decision.AT_TARGET: "the position already equals the target",
    Decision.WITHIN_BUFFER: "the change is within the no-trade buffer",
    Decision.BELOW_MIN_NOTIONAL: "the change is worth less than min_notional",
    Decision.REDUCE_ONLY: "bars of the universe are missing; no position is opened or enlarged",
    Decision.HALTED: "bars of the universe are missing; nothing is ordered in this session",
    Decision.OPEN: "a new position",
    Decision.INCREASE: "the target is larger than the position",
    Decision.REDUCE: "the target is smaller than the position",
    Decision.CLOSE: "the target is zero",
    Decision.FLIP: "the target is on the other side; one order crosses zero",
    Decision.FLIP_CLOSE_FIRST: "the target is on the other side; this order only closes",
    Decision.LEFT_UNIVERSE: "the symbol left the universe; the position is closed",
}


class Restraint(enum.IntEnum):
    """How far a session's orders may go, whatever its targets say."""

    NONE = 0
    REDUCE_ONLY = 1
    HALTED = 2

    @property
    def meaning(self) -> str:
        """Half a sentence for a reader who has never seen the name."""
        return _RESTRAINT_MEANING[self]


_RESTRAINT_MEANING = {
    Restraint.NONE: "they are kept, and the others are traded",
    Restraint.REDUCE_ONLY: "positions are only reduced and closed",
    Restraint.HALTED: "nothing is ordered",
}

_NO_RESTRAINT, _HALT = 0, 2
_AT_TARGET, _WITHIN_BUFFER, _BELOW_MIN_NOTIONAL = 10, 11, 12
_REDUCE_ONLY, _HALTED = 13, 14
_OPEN, _INCREASE, _REDUCE, _CLOSE = 20, 21, 22, 23
_FLIP, _FLIP_CLOSE_FIRST = 24, 25
SHARES_LIMIT = 1.0e12
"""A target of more shares than this is refused: share counts times prices must fit int64."""


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def desired_shares(target: float, nav: float, reference: float) -> float:
    """E17: ``trunc(x·NAV/ref)``, the product first; 0 for a book worth nothing."""
    return np.trunc(target * nav / reference) if nav > 0.0 else 0.0


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def order_for(desired: float, held: float, reference: float, rules: Rules) -> tuple[float, int]:
    """E18 and E19: the signed order and its Decision code; the order is 0 where there is none.

    Shares may be integers or whole floats. Written without branches, so that a loop over symbols
    can decide several at a time.
    """
    delta = desired - held
    opposite = ((desired > 0) & (held < 0)) | ((desired < 0) & (held > 0))
    largest = max(abs(desired), abs(held))
    within = (desired != 0) & (not opposite) & (abs(delta) <= rules.buffer * largest)
    # Asked this way round, what is worth an unknown sum is not ordered.
    worth = abs(delta * reference) >= rules.min_notional
    code = _INCREASE if abs(desired) > abs(held) else _REDUCE
    code = _CLOSE if desired == 0 else code
    code = _OPEN if held == 0 else code
    code = (_FLIP_CLOSE_FIRST if rules.two_step else _FLIP) if opposite else code
    code = code if worth else _BELOW_MIN_NOTIONAL
    code = _WITHIN_BUFFER if within else code
    code = _AT_TARGET if delta == 0 else code
    whole = -held if opposite & rules.two_step else delta
    return whole if worth & (not within) else 0, code


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def restrained(quantity: int, code: int, held: int, restraint: int) -> tuple[int, int]:
    """What a ``Restraint`` leaves of an order of E18–E20, and its Decision code.

    Under REDUCE_ONLY an order that would cross zero closes; the cut order is not tested again, as
    in E19. A position is never larger after the order than before it.
    """
    if restraint == _NO_RESTRAINT or quantity == 0:
        return quantity, code
    if restraint == _HALT:
        return 0, _HALTED
    if code in (_OPEN, _INCREASE):
        return 0, _REDUCE_ONLY
    return (-held, _FLIP_CLOSE_FIRST) if code == _FLIP else (quantity, code)
