"""What an order is filled at, and how much of it (ENGINE E21–E23), in a simulated market."""

import numpy as np
from numba import njit

from stocker_pipeline.engine.rules import Rules


@njit(cache=True, error_model="numpy")
def fill_price(open_price: float, quantity: float, slippage_bps: float) -> int:
    """E21: ``rint(open·(1 ± slippage)·10⁴)`` in 1/10,000 dollar, against the order's side."""
    slip = slippage_bps / 1e4
    factor = 1.0 + slip if quantity > 0 else 1.0 - slip
    return np.int64(np.rint(open_price * factor * 1e4))


@njit(cache=True, error_model="numpy")
def fill_quantity(quantity: int, volume: float, max_participation: float) -> int:
    """E23: the signed part of an order that the session's volume lets through."""
    if np.isnan(max_participation):
        return quantity
    limit = np.floor(max_participation * volume) if volume > 0.0 else 0.0
    if abs(quantity) <= limit:
        return quantity
    return np.int64(limit) if quantity > 0 else -np.int64(limit)


@njit(cache=True, error_model="numpy")
def fill_commission(quantity: float, rules: Rules) -> int:
    """E22: commission of one fill in 1/10,000 dollar, half-even."""
    dollars = rules.commission_per_order + rules.commission_per_share * abs(quantity)
    return np.int64(np.rint(dollars * 1e4))
