"""How else it could have come: the equity curve under the stationary bootstrap.

D. N. Politis and J. P. Romano, "The Stationary Bootstrap", Journal of the American Statistical
Association 89 (1994), 1303-1313: blocks of consecutive returns, whose lengths are geometric with a
chosen mean, are drawn from the record, which is taken to be a circle. Blocks keep what follows upon
what within about a month; the order of the months is free. It knows no market that the record has
not seen.
"""

from dataclasses import dataclass

import numpy as np

from stocker_pipeline.analytics.returns import SESSIONS_PER_YEAR

PATHS = 1000
MEAN_BLOCK_SESSIONS = 21
SEED = 19_940_101
"""Fixed, so that the same record gives the same page."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SESSIONS_MIN = 63
"""Of fewer sessions there is nothing to draw blocks from."""

_POINTS = 260
_PATHS_AT_ONCE = 125


@dataclass(frozen=True, eq=False)
class Band:
    """Quantiles over the paths.

    Attributes:
        rows: Sessions (rows of the record) at which the quantiles stand, ascending, the last one
            included.
        growth: ``[quantiles, rows]``: what one dollar became.
        cagr, max_drawdown: ``[quantiles]`` over whole paths; drawdown is a positive fraction.
        losing_frac: Share of the paths that end below their beginning.
    """

    rows: np.ndarray
    growth: np.ndarray
    cagr: np.ndarray
    max_drawdown: np.ndarray
    losing_frac: float
    paths: int
    mean_block_sessions: int
    seed: int


def bootstrap_band(
    returns: np.ndarray,
    *,
    paths: int = PATHS,
    mean_block_sessions: int = MEAN_BLOCK_SESSIONS,
    seed: int = SEED,
) -> Band | None:
    """The band around an equity curve; None with fewer than 63 sessions.

    Args:
        returns: Of each session, fractions not below −1.
    """
    count = len(returns)
    if count < SESSIONS_MIN:
        return None
    step = max(1, count // _POINTS)
    rows = np.unique(np.append(np.arange(0, count, step), count - 1))
    generator = np.random.default_rng(seed)
    growth, drawdown = np.empty((paths, len(rows))), np.empty(paths)
    for first in range(0, paths, _PATHS_AT_ONCE):
        part = slice(first, min(first + _PATHS_AT_ONCE, paths))
        drawn = drawn_rows(count, part.stop - first, mean_block_sessions, generator)
        wealth = np.cumprod(1.0 + returns[drawn], axis=1)
        highest = np.maximum(np.maximum.accumulate(wealth, axis=1), 1.0)
        growth[part], drawdown[part] = wealth[:, rows], (1.0 - wealth / highest).max(axis=1)
    final = growth[:, -1]
    return Band(
        rows,
        np.quantile(growth, QUANTILES, axis=0),
        np.quantile(final ** (SESSIONS_PER_YEAR / count) - 1.0, QUANTILES),
        np.quantile(drawdown, QUANTILES),
        float((final < 1.0).mean()),
        paths,
        mean_block_sessions,
        seed,
    )


def drawn_rows(
    count: int, paths: int, mean_block_sessions: int, generator: np.random.Generator
) -> np.ndarray:
    """Rows of the record that each path takes, ``[paths, count]``: blocks from a circle.

    Each next row follows the one before, or with probability ``1/mean_block_sessions`` begins a new
    block at a row drawn evenly.
    """
    begins = generator.random((paths, count)) < 1.0 / mean_block_sessions
    begins[:, 0] = True
    start = generator.integers(0, count, (paths, count))
    at = np.arange(count)
    last = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    return (np.take_along_axis(start, last, axis=1) + at - last) % count
