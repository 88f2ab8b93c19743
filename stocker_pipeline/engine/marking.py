"""Positions at the close: marks, their ages and what the book is worth (ENGINE E27)."""

import numpy as np
from numba import njit

from stocker_pipeline.engine.book import Book
from stocker_pipeline.engine.compiling import INLINE, NO_COUNTING
from stocker_pipeline.engine.market import Market

EXACT_LIMIT = 2.0**53
"""Below it every integer is a float64, so a sum of integers that stays below it is exact."""


@njit(cache=True, error_model="numpy", **INLINE)
def mark_positions(market: Market, book: Book, t: int) -> None:
    """The close is the mark; without a bar the last one stays and grows older."""
    gaps, older = 0, 0
    for j in range(book.mark.shape[0]):
        close = market.close[t, j]
        book.mark[j] = book.mark[j] if np.isnan(close) else close
        gaps += 1 if np.isnan(close) else 0
    for j in range(book.mark.shape[0]):
        older |= book.mark_age[j]
    if gaps == 0 and older == 0:
        return
    for j in range(book.mark.shape[0]):
        book.mark_age[j] = book.mark_age[j] + 1 if np.isnan(market.close[t, j]) else 0


@njit(cache=True, error_model="numpy", fastmath={"reassoc"}, **NO_COUNTING)
def values_at(mark: np.ndarray, shares: np.ndarray) -> tuple[float, float]:
    """Net and gross value of whole shares at whole marks (1/10,000 dollar), as floats.

    Every term is a whole number. Where the gross value is below ``EXACT_LIMIT``, so is each term
    and each partial sum, in any order: both results are exact integers.
    """
    net, gross = 0.0, 0.0
    for j in range(mark.shape[0]):
        held = shares[j]
        value = held * np.rint(mark[j] * 1e4) if held != 0.0 else 0.0
        net += value
        gross += abs(value)
    return net, gross


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def exact_values_at(mark: np.ndarray, quantity: np.ndarray) -> tuple[int, int]:
    """The same in integers, for books of any size."""
    net, gross = 0, 0
    for j in range(mark.shape[0]):
        if quantity[j] != 0:
            value = quantity[j] * np.int64(np.rint(mark[j] * 1e4))
            net += value
            gross += abs(value)
    return net, gross


@njit(cache=True, error_model="numpy", **INLINE)
def keep_positions(
    book: Book, quantity: np.ndarray, cost: np.ndarray, mark: np.ndarray, mark_age: np.ndarray
) -> None:
    """Copy the positions into a record's rows."""
    for j in range(quantity.shape[0]):
        quantity[j] = book.quantity[j]
        cost[j] = book.cost[j]
    for j in range(quantity.shape[0]):
        mark[j] = book.mark[j]
        mark_age[j] = book.mark_age[j]
