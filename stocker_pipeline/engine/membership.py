"""Membership of a universe as arrays: who may be held on which session.

A row of every result is decided from rows before it alone, so membership of a session is known
before its open. Stays out: what a portfolio's YAML says (``strategies.universe``).
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numba import njit


class Bounds(NamedTuple):
    """What a symbol's own bars before a session must keep.

    Attributes:
        price_min_usd: Smallest close of the newest bar; NaN = any.
        dollar_volume_min_usd: Smallest mean of close times volume, per bar; NaN = any.
        dollar_volume_sessions: Bars in that mean.
        history_min_sessions: Smallest number of bars, at least 1.
        bar_age_max_sessions: Largest age of the newest bar, 1 = at the session before; 0 = any.
    """

    price_min_usd: float
    dollar_volume_min_usd: float
    dollar_volume_sessions: int
    history_min_sessions: int
    bar_age_max_sessions: int


def listed(
    symbols: Sequence[str],
    sessions: np.ndarray,
    start: Sequence[str],
    changes: Sequence[tuple[date, Sequence[str], Sequence[str]]],
) -> np.ndarray:
    """Membership by list, bool ``[sessions, symbols]``.

    Args:
        symbols: Column names.
        sessions: Row dates, datetime64[D], ascending.
        start: Members before the first change.
        changes: Date, symbols that join, symbols that leave; oldest first. A change holds from the
            first session on or after its date.
    """
    column = {symbol: j for j, symbol in enumerate(symbols)}
    member = np.zeros((len(sessions), len(symbols)), bool)
    member[:, [column[symbol] for symbol in start if symbol in column]] = True
    for since, joining, leaving in changes:
        row = np.searchsorted(sessions, np.datetime64(since, "D"))
        member[row:, [column[symbol] for symbol in joining if symbol in column]] = True
        member[row:, [column[symbol] for symbol in leaving if symbol in column]] = False
    return member


def first_of_months(sessions: np.ndarray) -> np.ndarray:
    """Whether a session is the first one of its month; the first row always counts as one."""
    months = sessions.astype("datetime64[M]")
    return np.concatenate(([True], months[1:] != months[:-1]))[: len(sessions)]


def passing(
    close: np.ndarray, volume: np.ndarray, reviewed: np.ndarray, bounds: Bounds
) -> np.ndarray:
    """Which symbols keep the bounds, bool ``[sessions, symbols]``.

    Args:
        close: Raw closes ``[sessions, symbols]``, NaN = no bar.
        volume: Shares traded as traded; NaN counts as none.
        reviewed: Sessions on which the answer may change, ``[sessions]``; on others it is that of
            the session before. Before the first review nothing passes.
        bounds: A symbol without any bar before the session never keeps them.
    """
    return _passing(close, volume, reviewed, bounds)


class Measures(NamedTuple):
    """What a session's bounds are held against, ``[symbols]`` each, from bars before it alone.

    Attributes:
        bars: Own bars.
        bar_age_sessions: Age of the newest bar, 1 = at the session before; 0 where there is none.
        price_usd: Close of the newest bar, as traded; NaN where there is none.
        dollar_volume_usd: Mean of close times volume; NaN with fewer bars than it takes.
    """

    bars: np.ndarray
    bar_age_sessions: np.ndarray
    price_usd: np.ndarray
    dollar_volume_usd: np.ndarray


def measured(close: np.ndarray, volume: np.ndarray, dollar_volume_sessions: int) -> Measures:
    """The measures of the session after the last row of ``close`` and ``volume``."""
    sessions, symbols = close.shape
    found = Measures(
        np.zeros(symbols, np.int64),
        np.zeros(symbols, np.int64),
        np.full(symbols, np.nan),
        np.full(symbols, np.nan),
    )
    for j in range(symbols):
        rows = np.flatnonzero(~np.isnan(close[:, j]))
        found.bars[j] = len(rows)
        if len(rows) == 0:
            continue
        found.bar_age_sessions[j] = sessions - rows[-1]
        found.price_usd[j] = close[rows[-1], j]
        newest = rows[-dollar_volume_sessions:]
        if len(newest) == dollar_volume_sessions:
            dollars = close[newest, j] * np.nan_to_num(volume[newest, j])
            # Added up oldest first, as ``passing`` does: a bound must not hang on the last bit.
            found.dollar_volume_usd[j] = np.cumsum(dollars)[-1] / dollar_volume_sessions
    return found


def broken_bounds(measures: Measures, bounds: Bounds) -> dict[str, np.ndarray]:
    """Name of each bound → which symbols do not keep it, bool ``[symbols]``.

    A symbol passes where none of them is broken: ``passing`` on a session of review.
    """
    absent = measures.bars == 0
    oldest = bounds.bar_age_max_sessions or np.iinfo(np.int64).max

    def below(values: np.ndarray, least: float) -> np.ndarray:
        return ~(values >= least) if not np.isnan(least) else np.zeros(len(values), bool)

    return {
        "price_min_usd": below(measures.price_usd, bounds.price_min_usd),
        "dollar_volume_min_usd": below(measures.dollar_volume_usd, bounds.dollar_volume_min_usd),
        "history_min_sessions": absent | (measures.bars < bounds.history_min_sessions),
        "bar_age_max_sessions": absent | (measures.bar_age_sessions > oldest),
    }


@njit(cache=True, error_model="numpy")
def _passing(
    close: np.ndarray, volume: np.ndarray, reviewed: np.ndarray, bounds: Bounds
) -> np.ndarray:
    sessions, symbols = close.shape
    length = bounds.dollar_volume_sessions
    member = np.zeros((sessions, symbols), np.bool_)
    dollars = np.zeros((length, symbols))
    count = np.zeros(symbols, np.int64)
    newest = np.zeros(symbols, np.int64)
    for t in range(sessions):
        for j in range(symbols):
            if not reviewed[t]:
                member[t, j] = t > 0 and member[t - 1, j]
                continue
            fit = count[j] >= max(bounds.history_min_sessions, 1)
            if fit and bounds.bar_age_max_sessions > 0:
                fit = t - newest[j] <= bounds.bar_age_max_sessions
            if fit and not np.isnan(bounds.price_min_usd):
                fit = close[newest[j], j] >= bounds.price_min_usd
            if fit and not np.isnan(bounds.dollar_volume_min_usd):
                fit = count[j] >= length
                # Summed anew and oldest first: the sum does not depend on what was before it.
                total = 0.0
                for i in range(length):
                    total += dollars[(count[j] + i) % length, j]
                fit = fit and total / length >= bounds.dollar_volume_min_usd
            member[t, j] = fit
        for j in range(symbols):
            if not np.isnan(close[t, j]):
                traded = 0.0 if np.isnan(volume[t, j]) else volume[t, j]
                dollars[count[j] % length, j] = close[t, j] * traded
                count[j] += 1
                newest[j] = t
    return member
