"""Append-only rows that a kernel writes while it runs; the pool doubles when it is full."""

import weakref
from typing import Any, NamedTuple

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
_spare: list[np.ndarray] = []


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


def lent_log(capacity: int, columns: int) -> Log:
    """A log without rows, in the memory of an earlier one that nobody holds any more.

    Memory that a process has given back and asks for again can be the dearest part of a short run:
    a virtual machine gives it to its host meanwhile, and 2 MB of it then took 3 ms instead of 0.2.
    """
    try:
        block = _spare.pop()
    except IndexError:
        block = np.empty((capacity, columns), np.int64)
    if block.shape[0] < capacity or block.shape[1] != columns:
        block = np.empty((capacity, columns), np.int64)
    loan, count = _Loan(block), np.zeros(1, np.int64)
    weakref.finalize(loan, _take_back, block, count)
    return Log(np.asarray(loan), np.empty(block.shape[0]), count)


class _Loan:
    """What every array over lent memory refers to, so that it lives as long as the last of them."""

    def __init__(self, block: np.ndarray) -> None:
        self.__array_interface__: dict[str, Any] = block.__array_interface__


def _take_back(block: np.ndarray, count: np.ndarray) -> None:
    if not _spare and int(count[0]) * block.strides[0] <= _SPARE_BYTES_MAX:
        _spare.append(block)


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
