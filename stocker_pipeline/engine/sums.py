"""Sums of floats over symbols, in one order on every machine and in every kernel.

A compiler that may reorder a sum does it by the width of the processor's registers and by the
kernel the sum is inlined into: then a backtest on one machine and a paper book on another differ in
the last bit, and at times by a share. So the order is written out here: eight running sums side by
side, fast enough for the processor, added up in pairs. Stays out: sums of whole numbers, which are
exact in any order (``engine.marking``).
"""

import numpy as np
from numba import njit

from stocker_pipeline.engine.compiling import NO_COUNTING

LANES = 8


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def ordered_gross(values: np.ndarray) -> float:
    """Σ ``|values|``; term i goes to running sum i mod 8."""
    a, b, c, d, e, f, g, h = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    whole = values.shape[0] - values.shape[0] % LANES
    for j in range(0, whole, LANES):
        a += abs(values[j])
        b += abs(values[j + 1])
        c += abs(values[j + 2])
        d += abs(values[j + 3])
        e += abs(values[j + 4])
        f += abs(values[j + 5])
        g += abs(values[j + 6])
        h += abs(values[j + 7])
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for j in range(whole, values.shape[0]):
        total += abs(values[j])
    return total


@njit(cache=True, error_model="numpy", fastmath={"contract"}, **NO_COUNTING)
def ordered_dot(left: np.ndarray, right: np.ndarray) -> float:
    """Σ ``left · right`` in the same order."""
    a, b, c, d, e, f, g, h = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    whole = left.shape[0] - left.shape[0] % LANES
    for j in range(0, whole, LANES):
        a += left[j] * right[j]
        b += left[j + 1] * right[j + 1]
        c += left[j + 2] * right[j + 2]
        d += left[j + 3] * right[j + 3]
        e += left[j + 4] * right[j + 4]
        f += left[j + 5] * right[j + 5]
        g += left[j + 6] * right[j + 6]
        h += left[j + 7] * right[j + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for j in range(whole, left.shape[0]):
        total += left[j] * right[j]
    return total
