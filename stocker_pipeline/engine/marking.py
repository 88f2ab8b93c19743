"""Positions at the close: marks, their ages and what the book is worth (ENGINE E27)."""

import numpy as np
from numba import njit

from stocker_pipeline.engine.book import Book
from stocker_pipeline.engine.compiling import INLINE, NO_COUNTING

EXACT_LIMIT = 2.0**53
"""Below it every integer is a float64, so a sum of integers that stays below it is exact."""


@njit(cache=True, error_model="numpy", fastmath={"reassoc"}, **NO_COUNTING)
def mark_positions(
    close: np.ndarray, mark: np.ndarray, shares: np.ndarray
) -> tuple[float, float, int]:
    """The close is the mark; without a bar the last one stays.

    Every term of the sums is a whole number (1/10,000 dollar). Where the gross value is below
    ``EXACT_LIMIT``, so is each term and each partial sum, in any order: both are exact integers.

    Returns:
        Net and gross value of the whole shares at the new marks, and how many had no bar.
    """
    net, gross, gaps = 0.0, 0.0, 0
    for j in range(mark.shape[0]):
        newest = mark[j] if np.isnan(close[j]) else close[j]
        gaps += 1 if np.isnan(close[j]) else 0
        mark[j] = newest
        value = shares[j] * np.rint(newest * 1e4) if shares[j] != 0.0 else 0.0
        net += value
        gross += abs(value)
    return net, gross, gaps


@njit(cache=True, error_model="numpy", **INLINE)
def age_marks(close: np.ndarray, mark_age: np.ndarray) -> bool:
    """Count the sessions since each mark's bar; returns whether there are any."""
    older = 0
    for j in range(mark_age.shape[0]):
        age = mark_age[j] + 1 if np.isnan(close[j]) else 0
        mark_age[j] = age
        older |= age
    return older != 0


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
