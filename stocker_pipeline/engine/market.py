"""What the kernel knows of the world, and what the world does to a book before the open."""

from typing import NamedTuple

import numpy as np
from numba import njit

from stocker_pipeline.engine.book import (
    Book,
    append_lot,
    book_dividend,
    book_split,
    empty_book,
)
from stocker_pipeline.engine.compiling import NO_COUNTING
from stocker_pipeline.engine.log import Log


class Market(NamedTuple):
    """What the kernel knows of the world, ``[sessions, symbols]`` unless said otherwise.

    Attributes:
        open, close: Prices that money uses; NaN = no bar.
        volume: Shares traded; NaN or 0 = none known.
        returns: Log returns of the signal series (E10), or one empty row without volatility target.
        event_start: Offsets into the events, ``[sessions + 1]``.
        event_symbol, event_new, event_old, event_dividend: Splits (new for old shares) and
            dividends per share, in the order in which they take effect.
        member: Whether a symbol is in the universe; one row for ever, or one per session.
        first_bar: Row of each symbol's first bar; ``sessions`` where it has none.
    """

    open: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    returns: np.ndarray
    event_start: np.ndarray
    event_symbol: np.ndarray
    event_new: np.ndarray
    event_old: np.ndarray
    event_dividend: np.ndarray
    member: np.ndarray
    first_bar: np.ndarray


@njit(cache=True, error_model="numpy")
def _roll_marks(market: Market, book: Book, until: int) -> None:
    """Marks and their ages as of the close before row ``until``, from the bars alone (E27).

    From each symbol's last bar, not from the first row on: a day at a time this is asked every day.
    """
    oldest = until
    for j in range(book.mark.shape[0]):
        row = until - 1
        while row >= market.first_bar[j] and np.isnan(market.close[row, j]):
            row -= 1
        if row < market.first_bar[j]:
            book.mark_age[j] = until
            continue
        book.mark[j] = market.close[row, j]
        book.mark_age[j] = until - 1 - row
        oldest = min(oldest, row + 1)
    for t in range(oldest, until):
        ratio, end = 1.0, market.event_start[t + 1]
        for e in range(market.event_start[t], end):
            # One division by the session's product, as ``apply_actions`` does it.
            j = market.event_symbol[e]
            ratio *= market.event_new[e] / market.event_old[e]
            if e + 1 < end and market.event_symbol[e + 1] == j:
                continue
            if t >= until - book.mark_age[j]:
                book.mark[j] /= ratio
            ratio = 1.0


@njit(cache=True, error_model="numpy")
def open_book(
    market: Market,
    totals: np.ndarray,
    columns: np.ndarray,
    quantity: np.ndarray,
    cost: np.ndarray,
    slots: int,
    until: int,
) -> Book:
    """A book of given totals and lots, oldest first per symbol, marked before row ``until``."""
    book = empty_book(market.close.shape[1], 0, slots)
    book.totals[:] = totals
    for i in range(columns.shape[0]):
        append_lot(book, columns[i], quantity[i], cost[i])
    _roll_marks(market, book, until)
    return book


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def apply_actions(market: Market, book: Book, t: int, split: np.ndarray, entries: Log) -> None:
    """E15 and E16 for every action of the session, in order; fills ``split`` with its product."""
    for e in range(market.event_start[t], market.event_start[t + 1]):
        split[market.event_symbol[e]] = 1.0
    for e in range(market.event_start[t], market.event_start[t + 1]):
        j, new, old = market.event_symbol[e], market.event_new[e], market.event_old[e]
        held = book.quantity[j]
        cash = 0
        if new != old:
            split[j] *= new / old
            cash += book_split(book, j, new, old, book.mark[j] / split[j])
        if market.event_dividend[e] != 0.0:
            cash += book_dividend(book, j, market.event_dividend[e])
        if held == 0:
            continue
        at = entries.count[0]
        entries.values[at] = market.event_dividend[e]
        row = entries.rows[at]
        row[0], row[1], row[2], row[3] = t, j, new, old
        row[4], row[5] = book.quantity[j] - held, cash
        entries.count[0] = at + 1
    for e in range(market.event_start[t], market.event_start[t + 1]):
        j = market.event_symbol[e]
        if split[j] != 1.0 and split[j] > 0.0:
            book.mark[j] /= split[j]
            split[j] = -split[j]
    for e in range(market.event_start[t], market.event_start[t + 1]):
        split[market.event_symbol[e]] = abs(split[market.event_symbol[e]])


@njit(cache=True, **NO_COUNTING)
def history_start(market: Market, t: int) -> int:
    """First row on which a symbol of the session's universe has a bar (E10)."""
    member = market.member[t if market.member.shape[0] > 1 else 0]
    first = market.close.shape[0]
    for j in range(member.shape[0]):
        if member[j] and market.first_bar[j] < first:
            first = market.first_bar[j]
    return first
