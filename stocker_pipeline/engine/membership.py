"""Membership of a universe as arrays: who may be held on which session.

A row of every result is decided from rows before it alone, so membership of a session is known
before its open. Stays out: what a portfolio's YAML says (``strategies.universe``).
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import pyarrow as pa
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


def membership_spells(symbols: Sequence[str], sessions: np.ndarray, member: np.ndarray) -> pa.Table:
    """Membership as rows to be shown: symbol, first_session, last_session; sorted by both.

    A symbol that came back has a row for each time. One that is a member on the last session of
    the range has that as its ``last_session``; a symbol that never was a member has no row.

    Args:
        member: Bool, one row for ever or ``[sessions, symbols]``.
    """
    whole = np.broadcast_to(member, (len(sessions), len(symbols)))
    outside = np.zeros((1, len(symbols)), bool)
    edges = np.diff(np.concatenate((outside, whole, outside)).astype(np.int8), axis=0).T
    column, first = np.nonzero(edges == 1)
    _, behind = np.nonzero(edges == -1)
    days = sessions.astype("datetime64[D]")
    rows = pa.table(
        {
            "symbol": pa.array(np.array(symbols, dtype=object)[column], pa.string()),
            "first_session": pa.array(days[first], pa.date32()),
            "last_session": pa.array(days[behind - 1], pa.date32()),
        }
    )
    return rows.sort_by([("symbol", "ascending"), ("first_session", "ascending")])
