"""From a strategy's weights to capped targets (ENGINE E9–E13). One session at a time.

Each function does one step in place and returns its factor, so that the chain can be printed.
"""

import numpy as np
from numba import njit

from stocker_pipeline.engine.compiling import NO_COUNTING
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.sums import ordered_dot, ordered_gross

VOLATILITY_FLOOR = 1e-8
"""A symbol less volatile than this per year has no inverse volatility: it is not moving at all."""


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def signed_inverse_of(momentum: float, epsilon: float, volatility: float) -> float:
    """E9 of one symbol before it is divided by the sum: ``direction/vol``, 0 if it stands still."""
    inverse = 1.0 / volatility if volatility > VOLATILITY_FLOOR else 0.0
    return inverse if momentum > epsilon else -inverse


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def scale_to_one(weights: np.ndarray) -> None:
    """The rest of E9: Σ|weights| becomes 1, or stays 0."""
    total = ordered_gross(weights)
    scale = 1.0 / total if total > 0.0 else 0.0
    for j in range(weights.shape[0]):
        weights[j] = weights[j] * scale


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def inverse_volatility_weights(
    momentum: np.ndarray, volatility: np.ndarray, epsilon: float, weights: np.ndarray
) -> None:
    """E9: ``direction · (1/vol)/Σ(1/vol)`` over symbols with a signal, NaN for the others."""
    for j in range(momentum.shape[0]):
        weights[j] = signed_inverse_of(momentum[j], epsilon, volatility[j])
    scale_to_one(weights)
    for j in range(momentum.shape[0]):
        weights[j] = np.nan if np.isnan(volatility[j]) else weights[j]


@njit(cache=True, error_model="numpy")
def portfolio_volatility(
    weights: np.ndarray, returns: np.ndarray, session: int, first: int, window: int, decay: float
) -> float:
    """σ_p of E10: annualised EWMA volatility of today's weights over past returns.

    Args:
        weights: Signed fractions of NAV, 0 where there is no signal, ``[symbols]``.
        returns: Log returns ``[sessions, symbols]``, 0 where a symbol did not move.
        session: The session to size for; only rows before it are read.
        first: First session on which any symbol of the universe has a bar.
        window: Values in the strategy's window; up to ``window − 1`` returns are used.
        decay: λc of the weights.
    """
    count = min(window - 1, session - first)
    if count <= 0:
        return 0.0
    total, norm, weight = 0.0, 0.0, 1.0
    for i in range(count):
        projected = ordered_dot(weights, returns[session - 1 - i])
        total += weight * projected * projected
        norm += weight
        weight *= decay
    return np.sqrt(252.0 * total / norm)


@njit(cache=True, error_model="numpy")
def leverage_factor(sigma: float, rules: Rules) -> float:
    """K of E10: ``min(target_vol/σ_p, max_leverage)``; 0 where the book would not move at all."""
    if np.isnan(rules.target_vol):
        return 1.0
    if not sigma > 0.0:
        return 0.0
    return min(rules.target_vol / sigma, rules.max_leverage)


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def cap_singles(
    weights: np.ndarray, factor: float, cap: float, capped: np.ndarray
) -> tuple[float, int]:
    """E10's scaling and E11: ``clip(factor·x, ±cap)``, 0 without a signal.

    Returns Σ|x| of it, and how many symbols have no signal.
    """
    silent = 0
    for j in range(weights.shape[0]):
        silent += 1 if np.isnan(weights[j]) else 0
        scaled = factor * (0.0 if np.isnan(weights[j]) else weights[j])
        capped[j] = min(max(scaled, -cap), cap)
    return ordered_gross(capped), silent


@njit(cache=True, error_model="numpy")
def gross_factor(gross: float, cap: float) -> float:
    """E12: what every weight is multiplied by so that Σ|x| stays within the gross cap."""
    return cap / gross if gross > cap else 1.0


@njit(cache=True, error_model="numpy")
def breaker_trips(nav: int, peak: int, tripped_before: bool, rules: Rules) -> bool:
    """E13: the drawdown breaker with memory, on the previous close's NAV and peak."""
    drawdown = drawdown_of(nav, peak)
    if drawdown > rules.drawdown_trip:
        return True
    if np.isnan(rules.drawdown_recover):
        return False
    return tripped_before and drawdown >= rules.drawdown_recover


@njit(cache=True, error_model="numpy")
def drawdown_of(nav: int, peak: int) -> float:
    """``(peak − nav)/peak``, a fraction ≥ 0."""
    return (peak - nav) / peak
