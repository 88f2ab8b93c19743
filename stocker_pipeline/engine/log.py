"""Append-only rows that a kernel writes while it runs; the pool doubles when it is full."""

from typing import NamedTuple

import numpy as np

FILL_SESSION, FILL_SYMBOL, FILL_QUANTITY, FILL_PRICE, FILL_COMMISSION, FILL_REALISED = range(6)
(
    ORDER_SESSION,
    ORDER_SYMBOL,
    ORDER_QUANTITY,
    ORDER_DESIRED,
    ORDER_HELD,
    ORDER_FILLED,
    ORDER_DECISION,
) = range(7)
ENTRY_SESSION, ENTRY_SYMBOL, ENTRY_NEW, ENTRY_OLD, ENTRY_SHARES, ENTRY_CASH = range(6)


class Log(NamedTuple):
    """Rows of integers and one float each: ``count[0]`` of them are in use.

    Attributes:
        rows: int64 ``[capacity, columns]``, columns by the constants of this module.
        values: float64 ``[capacity]``: an order's reference price, an entry's dividend per share.
        count: int64 ``[1]``.
    """

    rows: np.ndarray
    values: np.ndarray
    count: np.ndarray  # type: ignore[assignment]  # hides tuple.count, which no one calls

    def used(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows and values in use."""
        count = int(self.count[0])
        return self.rows[:count], self.values[:count]


def empty_log(capacity: int, columns: int) -> Log:
    """A log without rows."""
    return Log(np.empty((capacity, columns), np.int64), np.empty(capacity), np.zeros(1, np.int64))


def with_space(log: Log, needed: int) -> Log:
    """The same log with room for ``needed`` more rows."""
    count, capacity = int(log.count[0]), log.values.shape[0]
    if capacity - count >= needed:
        return log
    larger = empty_log(2 * capacity + needed, log.rows.shape[1])
    larger.rows[:count] = log.rows[:count]
    larger.values[:count] = log.values[:count]
    larger.count[0] = count
    return larger
