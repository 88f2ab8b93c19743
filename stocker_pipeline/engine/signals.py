"""Momentum and volatility of every symbol on its own bars (ENGINE E4, E6–E8).

Everything runs on the *own* axis: row k of a matrix is a symbol's k-th bar, so a gap in one symbol
never shifts another, and all symbols of a row are computed side by side.

The exponentially weighted window is summed without a truncated recursion. Returns are cut into
blocks of the window's length; a window is then the tail of one block plus the head of the next,
and both are running sums of non-negative terms. Nothing is ever subtracted, so a window of
constant prices has a volatility of exactly zero.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from stocker_pipeline.engine.compiling import NO_COUNTING
from stocker_pipeline.engine.fetching import fetch

ANNUAL_SESSIONS = 252.0
MOMENTUM_EPSILON = 1e-12
_CELLS_AT_ONCE = 2048
"""Bars × symbols whose logarithms and roots are taken together: of few symbols some bars, for the
compiler takes sixteen numbers at a time and the rest of a row one by one."""
_SYMBOLS_AT_ONCE = 256
"""Of many symbols a part of a bar, so that what one loop leaves the next finds near."""
_SERIES_LIMIT = 0.1
"""Up to here the series of ``atanh`` below is exact to the last bit or two; beyond, ``log``."""


@njit(cache=True, error_model="numpy")
def total_return_index(
    close: np.ndarray,
    event_start: np.ndarray,
    event_symbol: np.ndarray,
    event_split: np.ndarray,
    event_dividend: np.ndarray,
) -> np.ndarray:
    """Total-return series of E4, 1.0 at the first bar, NaN where there is no bar.

    Args:
        close: Raw closes ``[sessions, symbols]``, NaN = no bar.
        event_start: Offsets of the events of each session, ``[sessions + 1]``.
        event_symbol, event_split, event_dividend: Corporate actions in order of effect.
    """
    sessions, symbols = close.shape
    index = np.empty((sessions, symbols))
    last = np.full(symbols, np.nan)
    level = np.ones(symbols)
    split = np.ones(symbols)
    dividend = np.zeros(symbols)
    for t in range(sessions):
        for e in range(event_start[t], event_start[t + 1]):
            j = event_symbol[e]
            split[j] *= event_split[e]
            dividend[j] = dividend[j] / event_split[e] + event_dividend[e]
        for j in range(symbols):
            price = close[t, j]
            if np.isnan(price):
                index[t, j] = np.nan
                continue
            if not np.isnan(last[j]):
                level[j] *= split[j] * (price + dividend[j]) / last[j]
            index[t, j] = level[j]
            last[j] = price
            split[j] = 1.0
            dividend[j] = 0.0
    return index


@njit(cache=True, error_model="numpy")
def bar_counts(index: np.ndarray) -> np.ndarray:
    """Number of own bars up to and including each session, ``[sessions, symbols]`` int32."""
    sessions, symbols = index.shape
    counts = np.zeros((sessions, symbols), np.int32)
    for t in range(sessions):
        for j in range(symbols):
            before = counts[t - 1, j] if t else 0
            counts[t, j] = before + (0 if np.isnan(index[t, j]) else 1)
    return counts


def is_dense(index: np.ndarray) -> bool:
    """Whether every symbol has a bar on every session, so that own rows are session rows."""
    return not bool(np.isnan(index.sum()))


@njit(cache=True, error_model="numpy")
def compress(index: np.ndarray) -> np.ndarray:
    """Session rows to own rows: every symbol's bars moved up without holes, NaN below."""
    sessions, symbols = index.shape
    own = np.full((sessions, symbols), np.nan)
    filled = np.zeros(symbols, np.int64)
    for t in range(sessions):
        for j in range(symbols):
            if not np.isnan(index[t, j]):
                own[filled[j], j] = index[t, j]
                filled[j] += 1
    return own


@njit(cache=True, error_model="numpy")
def expand(own: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Own rows back to session rows; NaN on a session without a bar."""
    sessions, symbols = own.shape
    out = np.full((sessions, symbols), np.nan)
    for t in range(sessions):
        for j in range(symbols):
            before = counts[t - 1, j] if t else 0
            if counts[t, j] > before:
                out[t, j] = own[counts[t, j] - 1, j]
    return out


@njit(cache=True, error_model="numpy", fastmath={"contract"}, **NO_COUNTING)
def _log_ratio_row(new: np.ndarray, old: np.ndarray, out: np.ndarray) -> None:
    """``ln(new/old)`` of a row: 2·atanh((new − old)/(new + old)), by its series when small."""
    beyond = 0
    for j in range(new.shape[0]):
        u = (new[j] - old[j]) / (new[j] + old[j])
        s = u * u
        series = 1 / 11 + s * (1 / 13 + s * (1 / 15 + s * (1 / 17 + s * (1 / 19))))
        series = 1 + s * (1 / 3 + s * (1 / 5 + s * (1 / 7 + s * (1 / 9 + s * series))))
        out[j] = 2.0 * u * series
        beyond += 1 if s > _SERIES_LIMIT * _SERIES_LIMIT else 0
    if beyond > 0:
        for j in range(new.shape[0]):
            if abs(new[j] - old[j]) > _SERIES_LIMIT * (new[j] + old[j]):
                out[j] = np.log(new[j] / old[j])


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def _square(value: float) -> float:
    """A product of its own: no flag lets the compiler fuse it with the sum it goes into."""
    return value * value


@njit(cache=True, error_model="numpy", fastmath={"contract"}, **NO_COUNTING)
def _squared_log_ratios(new: np.ndarray, old: np.ndarray, out: np.ndarray) -> int:
    """``ln(new/old)²`` of some rows, as ``_log_ratio_row`` has the logarithm, not storing that.

    Returns how many are not known, for one of the two is NaN.
    """
    beyond, unknown = 0, 0
    for j in range(new.shape[0]):
        u = (new[j] - old[j]) / (new[j] + old[j])
        s = u * u
        series = 1 / 11 + s * (1 / 13 + s * (1 / 15 + s * (1 / 17 + s * (1 / 19))))
        series = 1 + s * (1 / 3 + s * (1 / 5 + s * (1 / 7 + s * (1 / 9 + s * series))))
        out[j] = _square(2.0 * u * series)
        beyond += 1 if s > _SERIES_LIMIT * _SERIES_LIMIT else 0
        unknown += 1 if np.isnan(u) else 0
    if beyond > 0:
        for j in range(new.shape[0]):
            if abs(new[j] - old[j]) > _SERIES_LIMIT * (new[j] + old[j]):
                out[j] = _square(np.log(new[j] / old[j]))
    return unknown


@njit(cache=True, error_model="numpy")
def log_returns(index: np.ndarray) -> np.ndarray:
    """Log return on each session against the symbol's own previous bar; 0 where either is missing.

    The vector ``r`` of E10, ``[sessions, symbols]``.
    """
    sessions, symbols = index.shape
    out = np.zeros((sessions, symbols))
    last = np.full(symbols, np.nan)
    for t in range(sessions):
        _log_ratio_row(index[t], last, out[t])
        for j in range(symbols):
            if np.isnan(out[t, j]):
                out[t, j] = 0.0
            if not np.isnan(index[t, j]):
                last[j] = index[t, j]
    return out


class VolatilityState(NamedTuple):
    """The window of the volatility estimate between two bars; ``empty_volatility`` makes one.

    Attributes:
        block: ``[window, symbols]``. Slot k holds this block's square once its k-th bar has
            passed, until then the last block's decayed sum from k to its end.
        head: Decayed sum of this block's squares so far.
        powers: λ^i.
        scale: At n, the annualising factor 252/Σ_{i<n} λ^i.
        squares: Room for the squares of some bars, one row after the other.
    """

    block: np.ndarray
    head: np.ndarray
    powers: np.ndarray
    scale: np.ndarray
    squares: np.ndarray


def empty_volatility(symbols: int, window: int, decay: float) -> VolatilityState:
    """The state before the second bar. ``window`` counts values, so window − 1 returns."""
    powers, scale = _powers_and_scale(window, decay)
    squares = np.empty(max(_CELLS_AT_ONCE, symbols))
    return VolatilityState(np.zeros((window, symbols)), np.zeros(symbols), powers, scale, squares)


@lru_cache(maxsize=16)
def _powers_and_scale(window: int, decay: float) -> tuple[np.ndarray, np.ndarray]:
    """The same for every run with these parameters, so read-only."""
    powers = decay ** np.arange(window)
    with np.errstate(divide="ignore"):
        scale = ANNUAL_SESSIONS / np.concatenate(([0.0], np.cumsum(powers[:-1])))
    powers.flags.writeable = scale.flags.writeable = False
    return powers, scale


@njit(cache=True, error_model="numpy", fastmath={"contract"}, **NO_COUNTING)
def _variance_row(
    head: np.ndarray,
    squares: np.ndarray,
    tail: np.ndarray,
    carry: float,
    decay: float,
    scale: float,
    variance: np.ndarray,
) -> None:
    for j in range(head.shape[0]):
        head[j] = decay * head[j] + squares[j]
        variance[j] = (head[j] + carry * tail[j]) * scale


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def _copy(given: np.ndarray, taken: np.ndarray) -> None:
    for j in range(taken.shape[0]):
        taken[j] = given[j]


@njit(cache=True, error_model="numpy", fastmath={"contract"}, **NO_COUNTING)
def _close_block(block: np.ndarray, powers: np.ndarray, length: int) -> None:
    """Squares of a full block → in place, for every row, the decayed sum from it to the end."""
    symbols = block.shape[1]
    for k in range(length - 2, -1, -1):
        weight = powers[length - 1 - k]
        for j in range(symbols):
            block[k, j] = weight * block[k, j] + block[k + 1, j]


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def bars_at_once(state: VolatilityState, i: int, stop: int) -> int:
    """How many bars from ``i`` ≥ 1 on, before ``stop``, ``next_variance`` takes together."""
    length, symbols = state.powers.shape[0] - 1, state.head.shape[0]
    left_of_block = length - (i - 1) % length
    return min(stop - i, left_of_block, max(_CELLS_AT_ONCE // symbols, 1))


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def symbols_at_once(symbols: int, bars: int) -> int:
    """How many symbols of ``bars`` bars ``next_variance`` takes together."""
    return symbols if bars > 1 else min(symbols, _SYMBOLS_AT_ONCE)


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def next_variance(
    state: VolatilityState,
    own: np.ndarray,
    i: int,
    bars: int,
    begin: int,
    end: int,
    decay: float,
    variance: np.ndarray,
) -> int:
    """Annualised EWMA variance (E8 before its root) as of the next ``bars`` bars from ``i`` ≥ 1 on.

    Bars come one after the other, ``bars_at_once`` at a time, with ``close_bars`` after each time.
    Returns how many numbers are not known, for a symbol lacks this bar or the one before.

    Args:
        own: The series on own rows, one row after the other.
        begin, end: The symbols; all of them where there are several bars.
        variance: Takes the result, one row after the other.
    """
    length, symbols = state.powers.shape[0] - 1, state.head.shape[0]
    slot, cell, cells = (i - 1) % length, i * symbols + begin, (bars - 1) * symbols + end - begin
    head = state.head[begin:end]
    if slot == 0:
        head[:] = 0.0
    new, old = own[cell : cell + cells], own[cell - symbols : cell - symbols + cells]
    squares = state.block[slot, begin:end] if bars == 1 else state.squares
    unknown = _squared_log_ratios(new, old, squares)
    for k in range(bars):
        row = slice(k * symbols, k * symbols + end - begin)
        _variance_row(
            head,
            squares[row],
            state.block[slot + k + 1, begin:end],
            state.powers[slot + k + 1],
            decay,
            state.scale[min(i + k, length)],
            variance[row],
        )
    if bars > 1:
        # A loop of its own: of more arrays than four the compiler does not see that they lie apart.
        for k in range(bars):
            _copy(state.squares[k * symbols : (k + 1) * symbols], state.block[slot + k])
    return unknown


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def fetch_tails(state: VolatilityState, i: int, bars: int, begin: int, end: int) -> None:
    """Ask for what ``next_variance`` will read of the bars before; of a new block nothing."""
    length, symbols = state.powers.shape[0] - 1, state.head.shape[0]
    row = (i - 1) % length + 1
    fetch(state.block.reshape(-1), row * symbols + begin, (row + bars - 1) * symbols + end)


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def close_bars(state: VolatilityState, i: int, bars: int) -> None:
    """What is left to do once all symbols have these bars."""
    length = state.powers.shape[0] - 1
    if (i - 1) % length + bars == length:
        _close_block(state.block, state.powers, length)


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def momentum_of(new: float, old: float) -> float:
    """Momentum (E7) of one symbol between two bars."""
    return new / old - 1.0


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def _all_rows(
    own: np.ndarray,
    lookback: int,
    decay: float,
    state: VolatilityState,
    momentum: np.ndarray,
    volatility: np.ndarray,
) -> None:
    symbols, i = state.head.shape[0], 1
    rows = own.shape[0] // symbols
    while i < rows:
        bars = bars_at_once(state, i, rows)
        next_variance(state, own, i, bars, 0, symbols, decay, volatility[i * symbols :])
        close_bars(state, i, bars)
        i += bars
    unknown = min(lookback, rows) * symbols
    volatility[:unknown] = np.nan
    momentum[:unknown] = np.nan
    for cell in range(unknown, own.shape[0]):
        momentum[cell] = momentum_of(own[cell], own[cell - unknown])
        volatility[cell] = np.sqrt(volatility[cell])


def momentum_and_volatility(
    own: np.ndarray, lookback: int, window: int, decay: float
) -> tuple[np.ndarray, np.ndarray]:
    """Momentum (E7) and annualised EWMA volatility (E8) as of each own bar.

    Args:
        own: Total-return series on own rows, ``[bars, symbols]``.
        lookback: Bars between the two prices of momentum.
        window: Values of the series in the window; volatility sums up to ``window − 1`` returns.
        decay: λ of the weights, in (0, 1].

    Returns:
        ``momentum`` (fraction) and ``volatility`` (per year), NaN before ``lookback + 1`` bars.
    """
    # Made by NumPy, which asks for huge pages: a compiled np.empty takes four times as long.
    momentum, volatility = np.empty(own.shape), np.empty(own.shape)
    state = empty_volatility(own.shape[1], window, decay)
    _all_rows(own.reshape(-1), lookback, decay, state, momentum.reshape(-1), volatility.reshape(-1))
    return momentum, volatility
