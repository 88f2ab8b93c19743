"""Exact integer money: rounding half-even without ever passing through a float.

Money is int64 in 1/10,000 dollar. Only the two conversions *into* money (a price, a commission)
touch a float, and those follow the order of operations that the fill rules prescribe.
"""

from decimal import Decimal

import numpy as np
from numba import njit

from stocker_pipeline.engine.compiling import INLINE

E4 = 10_000

_PRODUCT_LIMIT = 9.0e18
"""Below it a product of two int64 is one, whatever a float's rounding says of it."""
_WIDE = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_TOP = np.uint64(63)
_ONE = np.uint64(1)
_ZERO = np.uint64(0)


def to_e4(amount: Decimal | float | int) -> int:
    """Dollars as integer 1/10,000 dollars, half-even; exact for a Decimal or an int."""
    return int((Decimal(str(amount)) * E4).to_integral_value(rounding="ROUND_HALF_EVEN"))


@njit(cache=True, error_model="numpy")
def _wide_share(whole: int, part: int, total: int) -> int:
    """``whole * part / total`` half-even through a 128-bit product; all arguments positive."""
    a, b, d = np.uint64(whole), np.uint64(part), np.uint64(total)
    a_low, a_high, b_low, b_high = a & _LOW, a >> _WIDE, b & _LOW, b >> _WIDE
    low_low, low_high = a_low * b_low, a_low * b_high
    high_low, high_high = a_high * b_low, a_high * b_high
    middle = (low_low >> _WIDE) + (low_high & _LOW) + (high_low & _LOW)
    low = (low_low & _LOW) | (middle << _WIDE)
    high = high_high + (low_high >> _WIDE) + (high_low >> _WIDE) + (middle >> _WIDE)
    remainder, quotient = _ZERO, _ZERO
    for _ in range(128):
        bit = (high >> _TOP) & _ONE
        high = (high << _ONE) | (low >> _TOP)
        low = low << _ONE
        remainder = (remainder << _ONE) | bit
        quotient = quotient << _ONE
        if remainder >= d:
            remainder -= d
            quotient |= _ONE
    if remainder > d - remainder or (remainder == d - remainder and (quotient & _ONE) == _ONE):
        quotient += _ONE
    return np.int64(quotient)


@njit(cache=True, error_model="numpy", **INLINE)
def share_of(whole: int, part: int, total: int) -> int:
    """``whole * part / total`` rounded half-even, exactly, for any int64.

    Args:
        whole: Money, of either sign.
        part: Non-negative.
        total: Positive.
    """
    size = abs(whole)
    if float(size) * float(part) < _PRODUCT_LIMIT:
        share = _half_even(size * part, total)
    else:
        share = _wide_share(size, part, total)
    return -share if whole < 0 else share


@njit(cache=True, error_model="numpy", **INLINE)
def _half_even(numerator: int, denominator: int) -> int:
    """``numerator / denominator``, neither of them negative."""
    # Unsigned: a signed division also asks in which direction to round.
    n, d = np.uint64(numerator), np.uint64(denominator)
    quotient = np.int64(n // d)
    rest = numerator - quotient * denominator
    above, tie = rest > denominator - rest, rest == denominator - rest
    return quotient + (1 if above | (tie & ((quotient & 1) == 1)) else 0)
