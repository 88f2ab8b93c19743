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


_SPARE_BYTES_MAX = 64 * 2**20
"""Of a log with more bytes written the memory is not kept; what was never written takes none."""
_spare: list["_Memory"] = []


class Log(NamedTuple):
    """Rows of integers and one float each: ``count[0]`` of them are in use.

    Attributes:
        rows: int64 ``[capacity, columns]``, columns by the constants of this module.
        values: float64 ``[capacity]``: an order's reference price, an entry's dividend per share;
            empty where rows have none, as those of fills.
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


def lent_log(capacity: int, columns: int) -> Log:
    """A log without rows and values, in the memory of an earlier one that nobody holds any more.

    Memory that a process has given back and asks for again can be the dearest part of a short run:
    a virtual machine gives it to its host meanwhile, and 2 MB of it then took 3 ms instead of 0.2.
    """
    try:
        block = _spare.pop()
    except IndexError:
        block = _Memory((capacity, columns), np.int64)
    if block.shape[0] < capacity or block.shape[1] != columns:
        block = _Memory((capacity, columns), np.int64)
    loan = block.view()
    loan.count = np.zeros(1, np.int64)
    return Log(loan.view(np.ndarray), np.empty(0), loan.count)


class _Memory(np.ndarray):
    """A block of memory, or what it is lent by: the view that every array over it refers to.

    NumPy lets an array refer to the owner of its memory, past any views, unless that is of another
    type: so it lives as long as the last array over it.
    """

    count: np.ndarray | None = None
    """Of a loan, that of its log."""

    def __del__(self) -> None:
        if self.count is None or _spare or not isinstance(self.base, _Memory):
            return
        if int(self.count[0]) * self.strides[0] <= _SPARE_BYTES_MAX:
            _spare.append(self.base)


def with_space(log: Log, needed: int) -> Log:
    """The same log with room for ``needed`` more rows."""
    count, capacity = int(log.count[0]), log.rows.shape[0]
    if capacity - count >= needed:
        return log
    rows = np.empty((2 * capacity + needed, log.rows.shape[1]), np.int64)
    rows[:count] = log.rows[:count]
    values = np.empty(len(rows) if len(log.values) else 0)
    values[:count] = log.values[:count]
    return Log(rows, values, log.count.copy())
