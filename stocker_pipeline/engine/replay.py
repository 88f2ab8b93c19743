"""Rebuild a book's lots from what was booked: fills and corporate actions, in order.

State by folding: nothing but the facts is stored, so the lots of any past session can be had, and
a book that its facts do not explain is noticed.
"""

import numpy as np
from numba import njit

from stocker_pipeline.engine.book import (
    REALISED,
    Book,
    book_fill,
    book_split,
    empty_book,
    lot_rows,
    with_room,
)
from stocker_pipeline.engine.simulate import Lot


@njit(cache=True)
def _fold(book: Book, fills: np.ndarray, entries: np.ndarray) -> Book:
    """Rows are ``[session, symbol, quantity, price]`` and ``[session, symbol, new, old]``."""
    e = 0
    for f in range(fills.shape[0] + 1):
        last = f == fills.shape[0]
        # Corporate actions of a session come before its fills.
        while e < entries.shape[0] and (last or entries[e, 0] <= fills[f, 0]):
            if entries[e, 2] != entries[e, 3]:
                book_split(book, entries[e, 1], entries[e, 2], entries[e, 3], 0.0)
            e += 1
        if not last:
            book = with_room(book, 1)
            book_fill(book, fills[f, 1], fills[f, 2], fills[f, 3], 0)
    return book


def lots_from(
    fills: np.ndarray, entries: np.ndarray, symbols: tuple[str, ...]
) -> tuple[tuple[Lot, ...], int]:
    """Open lots after all fills and splits, oldest first per symbol, and what was realised.

    Args:
        fills: ``[n, 4]`` int64: session, column in ``symbols``, signed quantity, price in 1/10,000
            dollar; sorted by session.
        entries: ``[m, 4]`` int64: session, column, new shares, old shares; sorted likewise, in
            order of effect.
    """
    book = _fold(empty_book(len(symbols), 0, 64), fills, entries)
    rows = lot_rows(book).tolist()
    lots = tuple(Lot(symbols[column], quantity, cost) for column, quantity, cost in rows)
    return lots, int(book.totals[REALISED])
