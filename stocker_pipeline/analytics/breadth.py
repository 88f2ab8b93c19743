"""Market breadth: how many symbols rose and fell, and stood at an extreme or above their average.

Counts over the symbols that it is given; which symbols those are is the caller's choice. All is
measured on closes of the total-return series (ENGINE E4), so that a split or a dividend is no
decline.
"""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.engine.panel import panel_from_tables
from stocker_pipeline.engine.signals import bar_counts, compress

EXTREME_BARS = 252
AVERAGE_BARS = 200
_EQUAL = 1e-12
"""Two values of a series that differ by less than this part of either are the same price: the
series is a product of quotients, so its last bits are rounding."""

_COLUMNS = ("advancing", "declining", "unchanged", "new_highs_252", "new_lows_252")


def market_breadth(bars: pa.Table, actions: pa.Table | None, first: date, last: date) -> pa.Table:
    """One row per session from ``first`` to ``last``; a row depends on bars up to its session.

    A symbol is counted on a session on which it has a bar, and compared with its own bars before,
    however long ago they are.

    Args:
        bars: symbol, session, close; the current ones, with all the history there is. What comes
            after ``last`` is not looked at.
        actions: symbol, session, split, dividend.

    Returns:
        session; advancing, declining, unchanged: against the symbol's previous bar (its first bar
        is none of the three); new_highs_252, new_lows_252: above, or below, every one of the 251
        bars before (a symbol with fewer is neither); above_200_share: of the symbols with 200 bars
        the share above their mean, today's bar included, null where there is none; symbols: all
        that have a bar. A session without any bar has zeros.
    """
    bars = bars.filter(pc.less_equal(bars["session"], pa.scalar(last, pa.date32())))
    sessions = _sessions(bars, first, last)
    names = tuple(sorted(pc.unique(bars["symbol"]).to_pylist()))
    panel = panel_from_tables(
        bars.select(["symbol", "session", "close"]),
        actions,
        sessions=sessions,
        universe=names,
        price_basis="raw",
        with_returns=False,
    )
    own = np.ascontiguousarray(compress(panel.index).T)
    begin = int(np.searchsorted(sessions, np.datetime64(first)))
    counts, shares = _count(own, bar_counts(panel.index), begin)
    columns: dict[str, pa.Array] = {
        "session": pa.array(sessions[begin:], pa.date32()),
        **{name: pa.array(counts[:, at]) for at, name in enumerate(_COLUMNS)},
        "above_200_share": pa.array(shares, from_pandas=True),
        "symbols": pa.array(counts[:, len(_COLUMNS)]),
    }
    return pa.table(columns)


def _sessions(bars: pa.Table, first: date, last: date) -> np.ndarray:
    """Sessions from the first bar, or ``first`` if that is earlier, to ``last``."""
    earliest = pc.min(bars["session"]).as_py() if bars.num_rows else first
    start = min(earliest, first)
    return SessionCalendar.between(start, last).sessions(start, last)


@njit(cache=True, error_model="numpy")
def _all_beyond(past: np.ndarray, bound: float, side: float) -> bool:
    """Whether every value is above (+1) or below (−1) the bound; the newest refutes it soonest."""
    left = past.shape[0]
    while left > 0 and side * past[left - 1] > side * bound:
        left -= 1
    return left == 0


@njit(cache=True, error_model="numpy")
def _count(own: np.ndarray, counts: np.ndarray, begin: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts of rows from ``begin`` on, and the share above the average.

    Every window is summed anew: a row has the same bits whatever range it is computed in.

    Args:
        own: Each symbol's bars without holes, ``[symbols, bars]``.
        counts: Own bars up to and including each session, ``[sessions, symbols]``.
    """
    sessions, symbols = counts.shape
    found = np.zeros((sessions - begin, 6), np.int64)
    shares = np.full(sessions - begin, np.nan)
    for t in range(begin, sessions):
        row = found[t - begin]
        above, averaged = 0, 0
        for j in range(symbols):
            n = counts[t, j]
            if n == (counts[t - 1, j] if t > 0 else 0):
                continue
            row[5] += 1
            value = own[j, n - 1]
            low, high = value * (1.0 - _EQUAL), value * (1.0 + _EQUAL)
            if n >= 2:
                before = own[j, n - 2]
                row[0 if before < low else (1 if before > high else 2)] += 1
            if n >= EXTREME_BARS:
                past = own[j, n - EXTREME_BARS : n - 1]
                row[3] += 1 if _all_beyond(past, low, -1.0) else 0
                row[4] += 1 if _all_beyond(past, high, 1.0) else 0
            if n >= AVERAGE_BARS:
                averaged += 1
                above += 1 if own[j, n - AVERAGE_BARS : n].mean() < low else 0
        if averaged > 0:
            shares[t - begin] = above / averaged
    return found, shares
