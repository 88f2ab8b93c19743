"""How far a price may move on a session before that is odd: the symbol's and the market's scale.

The scale of a bar uses returns before it, so that a wrong bar cannot hide itself, and means of
square roots, which one wrong print out of sixty hardly moves. It is the larger of a slow and a fast
mean: a crisis widens the bounds within days. The market's part is the bar's own session: where the
median symbol ranges three times as far as usual, every bound of that session is three times as
wide. That is what keeps 19 October 1987 and 6 May 2010 out of quarantine.
"""

import numpy as np

from stocker_pipeline.quality.series import Series
from stocker_pipeline.quality.thresholds import Thresholds

_ROOT_MEAN = 0.822
"""Mean of the square root of |Z|, Z standard normal: 2^(1/4)·Γ(3/4)/√π."""
_CLIP = 6.0
"""Returns count as at most this many slow volatilities, or one wrong print would widen the fast
mean for as long as it sees it."""
_SETTLED = 20
"""Returns after which a symbol's own volatility stands without ``volatility_unknown``."""
_TICK = 0.01


def scale(series: Series, thresholds: Thresholds) -> np.ndarray:
    """One sigma of each bar: volatility per session times market stress, as a log return."""
    return volatility(series, thresholds) * stress(series, thresholds)


def volatility(series: Series, thresholds: Thresholds) -> np.ndarray:
    """Standard deviation of a return per session, from the returns before each bar.

    At least half a cent: below that a price cannot tell a move from its own grid. A symbol with
    fewer than 20 returns is eked out with ``volatility_unknown``.
    """
    moves = np.abs(series.log_close - series.log_close_before) / _ROOT_MEAN**2
    window, unknown = thresholds.volatility_sessions, thresholds.volatility_unknown
    clipped = np.minimum(moves, _CLIP * _root_mean(series, moves, window, unknown))
    slow = _root_mean(series, clipped, window, unknown)
    fast = _root_mean(series, clipped, thresholds.volatility_sessions_fast, None)
    grid = _TICK / 2 / np.exp(np.fmin(series.log_close_before, series.log_close))
    return np.fmax(np.fmax(slow, fast), grid)


def stress(series: Series, thresholds: Thresholds) -> np.ndarray:
    """How many times its usual range the median symbol has on each bar's session, at least 1.

    ``stress_unknown`` where fewer than ``stress_symbols_min`` symbols can say.
    """
    high = np.fmax(np.log(series.high), series.log_close_before)
    low = np.fmin(np.log(series.low), series.log_close_before)
    ranges = high - low
    normal = np.fmax(
        usual(series, ranges, thresholds.volatility_sessions),
        usual(series, ranges, thresholds.volatility_sessions_fast),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        wildness = np.where(normal > 0, ranges / normal, np.nan)
    sessions, fewest = len(series.calendar), thresholds.stress_symbols_min
    median = _session_median(series.session, wildness, sessions, fewest)[series.session]
    known = np.clip(median, 1.0, thresholds.stress_max)
    return np.where(np.isnan(median), thresholds.stress_unknown, known)


def usual(series: Series, sizes: np.ndarray, window: int) -> np.ndarray:
    """Robust size of the values 0 or more before each bar; NaN below ten known ones."""
    return _root_mean(series, sizes, window, None)


def trailing(series: Series, values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Sum and count of the values of the ``window`` bars before each bar, same security only.

    NaN counts as not there.
    """
    known = np.isfinite(values)
    sums = np.concatenate(([0.0], np.cumsum(np.where(known, values, 0.0))))
    counts = np.concatenate(([0], np.cumsum(known)))
    row = np.arange(len(series))
    low = np.maximum(row - window, series.start_row)
    return sums[row] - sums[low], counts[row] - counts[low]


def _root_mean(series: Series, sizes: np.ndarray, window: int, unknown: float | None) -> np.ndarray:
    """Squared mean root of the sizes before each bar; NaN below ten if nothing stands in."""
    total, count = trailing(series, np.sqrt(sizes), window)
    # A running sum may leave -1e-17 where every size is zero.
    total = np.maximum(total, 0.0)
    if unknown is None:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(count >= min(10, window), total / count, np.nan)
    else:
        stand_in = np.maximum(_SETTLED - count, 0)
        mean = (total + stand_in * np.sqrt(unknown)) / np.maximum(count + stand_in, 1)
    return mean**2


def _session_median(
    sessions: np.ndarray, values: np.ndarray, count: int, symbols_min: int
) -> np.ndarray:
    """Median of the known values of each session, NaN where too few are known."""
    known = np.isfinite(values)
    rows, sizes = sessions[known], values[known]
    order = np.lexsort((sizes, rows))
    rows, sizes = rows[order], sizes[order]
    first = np.searchsorted(rows, np.arange(count), side="left")
    many = np.searchsorted(rows, np.arange(count), side="right") - first
    median = np.full(count, np.nan)
    enough = np.flatnonzero(many >= max(symbols_min, 1))
    lower = first[enough] + (many[enough] - 1) // 2
    upper = first[enough] + many[enough] // 2
    median[enough] = (sizes[lower] + sizes[upper]) / 2
    return median
