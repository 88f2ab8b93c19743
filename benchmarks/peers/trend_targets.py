"""Targets of ``trend_literal`` before the breaker, in NumPy, for contestants without a compiler.

A user of an event-driven backtester who wants speed computes signals ahead over whole columns;
only what depends on the portfolio (breaker, sizes, orders) is left to the event loop.
"""

import numpy as np
import numpy.typing as npt

LOOKBACK, WINDOW, LAMBDA = 126, 252, 0.94
SINGLE_CAP, GROSS_CAP = 0.35, 1.5
DRAWDOWN_TRIP, DRAWDOWN_SCALE = 0.10, 0.5
SLIPPAGE_BPS, COMMISSION_USD, MIN_NOTIONAL_USD = 5.0, 1.0, 50.0

Prices = npt.NDArray[np.float64]


def targets(adjusted: Prices) -> Prices:
    """Compute the fraction of NAV to hold, after caps, for each session and symbol.

    Args:
        adjusted: Adjusted closes without gaps, shape (sessions, symbols).

    Returns:
        Row ``t`` reads rows up to ``t - 1``; NaN where there is no signal yet.
    """
    sessions = len(adjusted)
    result = np.full_like(adjusted, np.nan)
    squares = np.square(np.log(adjusted[1:] / adjusted[:-1]))
    direction = np.where(adjusted[LOOKBACK:] / adjusted[:-LOOKBACK] - 1.0 > 1e-12, 1.0, -1.0)
    ewma = np.zeros(adjusted.shape[1])
    nonzero = np.zeros(adjusted.shape[1], dtype=np.int64)
    terms = WINDOW - 1
    for t in range(2, sessions):
        ewma = LAMBDA * ewma + squares[t - 2]
        nonzero += squares[t - 2] > 0.0
        if t - 2 >= terms:
            ewma -= LAMBDA**terms * squares[t - 2 - terms]
            nonzero -= squares[t - 2 - terms] > 0.0
        if t <= LOOKBACK:
            continue
        normaliser = (1.0 - LAMBDA ** min(t - 1, terms)) / (1.0 - LAMBDA)
        vol = np.sqrt(252.0 * np.maximum(ewma, 0.0) / normaliser)
        with np.errstate(divide="ignore"):
            inverse = np.where((nonzero > 0) & (vol > 1e-8), 1.0 / vol, 0.0)
        total = inverse.sum()
        weight = inverse / total if total > 0.0 else inverse
        x = np.clip(direction[t - 1 - LOOKBACK] * weight, -SINGLE_CAP, SINGLE_CAP)
        gross = np.abs(x).sum()
        result[t] = x * (GROSS_CAP / gross) if gross > GROSS_CAP else x
    return result


def fill_prices(adjusted_open: Prices) -> tuple[Prices, Prices]:
    """Give the prices at which a buy and a sell fill at the open of each session, with slippage."""
    buy = np.rint(adjusted_open * (1.0 + SLIPPAGE_BPS / 1e4) * 1e4) / 1e4
    sell = np.rint(adjusted_open * (1.0 - SLIPPAGE_BPS / 1e4) * 1e4) / 1e4
    return buy, sell


def deltas(
    target: Prices, reference: Prices, held: npt.NDArray[np.float64], nav: float, peak: float
) -> npt.NDArray[np.int64]:
    """Decide the orders of one session: signed shares by symbol, 0 where there is none.

    Args:
        target: One row of :func:`targets`.
        reference: Adjusted closes of the session before.
        held: Shares held before the open.
        nav: NAV at the close of the session before, dollars.
        peak: Highest NAV up to then, dollars.
    """
    scale = DRAWDOWN_SCALE if (peak - nav) / peak > DRAWDOWN_TRIP else 1.0
    desired = np.trunc(target * scale * max(nav, 0.0) / reference)
    delta = desired - held
    order = np.abs(delta * reference) >= MIN_NOTIONAL_USD
    return np.where(order & ~np.isnan(target), delta, 0.0).astype(np.int64)
