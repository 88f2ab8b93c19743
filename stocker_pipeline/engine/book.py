"""The book: cash, FIFO lots and totals in integers, and what fills and corporate actions do to it.

Lots live in one pool shared by all symbols, chained oldest first, so that a position of one lot
and one of five hundred cost what they hold. ENGINE E15, E16, E25, E26, E28.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from stocker_pipeline.engine.compiling import INLINE, NO_COUNTING
from stocker_pipeline.engine.fetching import fetch_one
from stocker_pipeline.engine.money import share_of

CASH, REALISED, DIVIDENDS, CASH_IN_LIEU, COMMISSIONS, FLOWS, PEAK, NAV, TRIPPED = range(9)
TOTALS = 9
"""How many totals there are."""
_NONE = -1
_LOT = 3
_QUANTITY, _COST, _NEXT = np.uintp(0), np.uintp(1), np.uintp(2)
"""A lot's three numbers lie side by side, for a processor fetches what lies together at once. The
place of the first one is the lot's name: what ``head``, ``tail``, ``free`` and a lot's own third
number, the next lot, say. Unsigned: Numba then does not ask whether to count from the end."""


class Book(NamedTuple):
    """State between two sessions. Arrays are written in place by the kernels.

    Attributes:
        totals: int64, indexed by CASH … TRIPPED, money in 1/10,000 dollar.
        quantity: Shares held, negative = short, ``[symbols]``.
        cost: Signed cost of the open lots, negative for shorts, ``[symbols]``.
        mark: Last known close in today's share basis, dollars, NaN before the first bar.
        mark_age: Sessions since the bar behind ``mark``.
        head, tail: Oldest and youngest lot of each symbol in the pool, −1 = none.
        lots: The pool: of each lot its quantity, its cost and the next lot, ``[3 · slots]``.
        free: ``[first free slot, free slots]``; free slots are chained as lots are.
    """

    totals: np.ndarray
    quantity: np.ndarray
    cost: np.ndarray
    mark: np.ndarray
    mark_age: np.ndarray
    head: np.ndarray
    tail: np.ndarray
    lots: np.ndarray
    free: np.ndarray


@njit(cache=True)
def empty_book(symbols: int, initial: int, slots: int) -> Book:
    """A book of cash only: NAV = peak = cash = ``initial`` (1/10,000 dollar)."""
    totals = np.zeros(TOTALS, np.int64)
    totals[CASH] = totals[NAV] = totals[PEAK] = initial
    lots = np.zeros(_LOT * slots, np.int64)
    _chain(lots, 0, _NONE)
    return Book(
        totals,
        np.zeros(symbols, np.int64),
        np.zeros(symbols, np.int64),
        np.full(symbols, np.nan),
        np.zeros(symbols, np.int64),
        np.full(symbols, _NONE),
        np.full(symbols, _NONE),
        lots,
        np.array([0, slots]),
    )


@njit(cache=True, **NO_COUNTING)
def _chain(lots: np.ndarray, begin: int, after: int) -> None:
    """Chain the slots from ``begin`` on, and ``after`` behind them."""
    for slot in range(begin, lots.shape[0], _LOT):
        lots[np.uintp(slot) + _NEXT] = slot + _LOT
    lots[-1] = after


@njit(cache=True)
def with_room(book: Book, needed: int) -> Book:
    """The same book with at least ``needed`` free lot slots; the pool doubles when it grows."""
    if book.free[1] >= needed:
        return book
    old = book.lots.shape[0]
    new = 2 * old + _LOT * needed
    lots = np.zeros(new, np.int64)
    lots[:old] = book.lots
    _chain(lots, old, book.free[0])
    book.free[0] = old
    book.free[1] += (new - old) // _LOT
    return Book(
        book.totals,
        book.quantity,
        book.cost,
        book.mark,
        book.mark_age,
        book.head,
        book.tail,
        lots,
        book.free,
    )


@njit(cache=True, **INLINE)
def append_lot(book: Book, j: int, quantity: int, cost: int) -> None:
    """Open a lot of symbol ``j`` behind the others; the caller has made room."""
    slot = np.uintp(book.free[0])
    book.free[0] = book.lots[slot + _NEXT]
    book.free[1] -= 1
    book.lots[slot + _QUANTITY] = quantity
    book.lots[slot + _COST] = cost
    book.lots[slot + _NEXT] = _NONE
    if book.head[j] == _NONE:
        book.head[j] = np.int64(slot)
    else:
        book.lots[np.uintp(book.tail[j]) + _NEXT] = np.int64(slot)
    book.tail[j] = np.int64(slot)
    book.quantity[j] += quantity
    book.cost[j] += cost


@njit(cache=True, error_model="numpy", **INLINE)
def _consume(book: Book, j: int, shares: int, price: int) -> tuple[int, int]:
    """Close up to ``shares`` of the oldest lots; returns shares left over and what was realised."""
    left, released, freed = shares, 0, 0
    first = book.head[j]
    slot, last = first, first
    while left > 0 and slot != _NONE:
        at = np.uintp(slot)
        held, cost = book.lots[at + _QUANTITY], book.lots[at + _COST]
        size = abs(held)
        if left < size:
            part = share_of(cost, left, size)
            book.lots[at + _QUANTITY] = held + left if held < 0 else held - left
            book.lots[at + _COST] = cost - part
            released += part
            left = 0
        else:
            released += cost
            left -= size
            freed += 1
            last = slot
            slot = book.lots[at + _NEXT]
    if freed > 0:
        book.head[j] = slot
        book.lots[np.uintp(last) + _NEXT] = book.free[0]
        book.free[0] = first
        book.free[1] += freed
    closed = shares - left if book.quantity[j] > 0 else left - shares
    book.quantity[j] -= closed
    book.cost[j] -= released
    return left, closed * price - released


@njit(cache=True, error_model="numpy", **INLINE)
def book_fill(book: Book, j: int, quantity: int, price: int, commission: int) -> int:
    """E26: book one fill (signed quantity, price in 1/10,000 dollar); returns what it realised.

    An opposite fill consumes the oldest lots first; what is left after zero opens a lot the
    other way. Commission goes to its own total, never into cost.
    """
    book.totals[CASH] -= quantity * price + commission
    book.totals[COMMISSIONS] += commission
    held, left, realised = book.quantity[j], quantity, 0
    if held != 0 and (held > 0) != (quantity > 0):
        over, realised = _consume(book, j, abs(quantity), price)
        left = over if quantity > 0 else -over
        book.totals[REALISED] += realised
    if left != 0:
        append_lot(book, j, left, left * price)
    return realised


@njit(cache=True)
def lot_rows(book: Book) -> np.ndarray:
    """Column, quantity and cost of every open lot, by column, oldest first, ``[lots, 3]`` int64."""
    count = 0
    for oldest in book.head:
        slot = oldest
        while slot != _NONE:
            count += 1
            slot = book.lots[np.uintp(slot) + _NEXT]
    rows, at = np.empty((count, 3), np.int64), 0
    for j in range(book.head.shape[0]):
        slot = book.head[j]
        while slot != _NONE:
            lot = np.uintp(slot)
            rows[at, 0] = j
            rows[at, 1], rows[at, 2] = book.lots[lot + _QUANTITY], book.lots[lot + _COST]
            at += 1
            slot = book.lots[lot + _NEXT]
    return rows


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def fetch_lots(book: Book, columns: np.ndarray, count: int) -> None:
    """Ask the memory for the oldest lots of the first ``count`` of ``columns``."""
    for k in range(count):
        fetch_one(book.lots, max(book.head[columns[k]], 0))


@njit(cache=True)
def truncated(numerator: int, denominator: int) -> int:
    """``numerator/denominator`` toward zero; denominator > 0."""
    return numerator // denominator if numerator >= 0 else -((-numerator) // denominator)


@njit(cache=True, error_model="numpy")
def _split_lots(book: Book, j: int, new: int, old: int) -> int:
    """Give every lot its whole shares after a split; returns cost that no lot could keep."""
    cumulative, before, carried = 0, 0, 0
    keeper, slot = _NONE, book.head[j]
    while slot != _NONE:
        lot = np.uintp(slot)
        cumulative += book.lots[lot + _QUANTITY]
        after = truncated(new * cumulative, old)
        book.lots[lot + _QUANTITY] = after - before
        if after == before:
            carried += book.lots[lot + _COST]
            book.lots[lot + _COST] = 0
        else:
            book.lots[lot + _COST] += carried
            carried, keeper = 0, slot
        before = after
        slot = book.lots[lot + _NEXT]
    if carried != 0 and keeper != _NONE:
        book.lots[np.uintp(keeper) + _COST] += carried
        carried = 0
    return carried


@njit(cache=True)
def _drop_empty_lots(book: Book, j: int) -> None:
    slot = book.head[j]
    book.head[j] = book.tail[j] = _NONE
    while slot != _NONE:
        lot = np.uintp(slot)
        following = book.lots[lot + _NEXT]
        if book.lots[lot + _QUANTITY] == 0:
            book.lots[lot + _NEXT] = book.free[0]
            book.free[0] = slot
            book.free[1] += 1
        else:
            book.lots[lot + _NEXT] = _NONE
            if book.head[j] == _NONE:
                book.head[j] = slot
            else:
                book.lots[np.uintp(book.tail[j]) + _NEXT] = slot
            book.tail[j] = slot
        slot = following


@njit(cache=True, error_model="numpy")
def book_split(book: Book, j: int, new: int, old: int, price: float) -> int:
    """E15: apply a split of ``new`` for ``old`` shares; returns the cash paid in lieu.

    Args:
        price: Previous mark divided by the splits applied so far, this one included (dollars).
    """
    held = book.quantity[j]
    if held == 0:
        return 0
    whole = truncated(new * held, old)
    fraction = (new * held - old * whole) / old
    orphaned = _split_lots(book, j, new, old)
    _drop_empty_lots(book, j)
    book.quantity[j] = whole
    book.cost[j] -= orphaned
    book.totals[REALISED] -= orphaned
    cash = np.int64(np.rint(fraction * price * 1e4)) if fraction != 0.0 else 0
    book.totals[CASH] += cash
    book.totals[CASH_IN_LIEU] += cash
    return cash


@njit(cache=True, error_model="numpy")
def book_dividend(book: Book, j: int, dividend: float) -> int:
    """E16: cash of a dividend per share; shorts pay. Returns what was booked."""
    cash = np.int64(np.rint(book.quantity[j] * dividend * 1e4))
    book.totals[CASH] += cash
    book.totals[DIVIDENDS] += cash
    return cash


@njit(cache=True, error_model="numpy")
def book_flow(book: Book, nav: int, flow: int) -> bool:
    """E28: a deposit or withdrawal at the close, before the snapshot; False where refused."""
    if flow == 0:
        return True
    if flow < 0 and nav + flow <= 0:
        return False
    if nav > 0:
        book.totals[PEAK] = share_of(book.totals[PEAK], nav + flow, nav)
    book.totals[CASH] += flow
    book.totals[FLOWS] += flow
    return True
