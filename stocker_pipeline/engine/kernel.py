"""The loop over sessions: corporate actions → breaker → orders → fills → snapshot.

One function per stage of a session; ``_advance`` only calls them in order. A symbol's fill never
changes another symbol's decision of the same session (all decide on the previous close), so
deciding and filling are one pass over the symbols that may trade.
"""

from collections.abc import Iterable

import numpy as np
from numba import njit

from stocker_pipeline.engine.book import (
    CASH,
    NAV,
    PEAK,
    TRIPPED,
    Book,
    book_fill,
    book_flow,
    fetch_lots,
    with_room,
)
from stocker_pipeline.engine.compiling import INLINE, NO_COUNTING, machine_code
from stocker_pipeline.engine.fetching import fetch
from stocker_pipeline.engine.fills import fill_commission, fill_quantity
from stocker_pipeline.engine.log import Log, empty_log, lent_log, with_space
from stocker_pipeline.engine.market import Market, apply_actions
from stocker_pipeline.engine.marking import (
    EXACT_LIMIT,
    age_marks,
    exact_values_at,
    keep_positions,
    mark_positions,
)
from stocker_pipeline.engine.plan import (
    NO_PRICE,
    Plan,
    choose_symbols,
    empty_plan,
    few_chosen,
    plan_orders,
    price_orders,
    references,
)
from stocker_pipeline.engine.rebalance import order_for, restrained
from stocker_pipeline.engine.record import BREAKER_FACTOR, Record, empty_record
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.sizing import breaker_trips
from stocker_pipeline.engine.targets import Targets, targets_in_parts

(
    STATUS_FINE,
    STATUS_TOO_MANY_SHARES,
    STATUS_WITHDRAWAL,
    STATUS_TOO_MUCH_MONEY,
    _STATUS_NO_ROOM,
) = range(5)
_NAV_LIMIT = 4.0e18
_LOG_ROWS = 16_000_000
"""Pages that are never written cost nothing, and a log that never grows is never copied."""


@njit(cache=True, error_model="numpy", **INLINE)
def apply_breaker(book: Book, rules: Rules, factors: np.ndarray) -> float:
    """E13: the breaker on the previous close; returns what today's targets are multiplied by."""
    tripped = breaker_trips(book.totals[NAV], book.totals[PEAK], book.totals[TRIPPED] != 0, rules)
    book.totals[TRIPPED] = 1 if tripped else 0
    factors[BREAKER_FACTOR] = rules.drawdown_scale if tripped else 1.0
    return factors[BREAKER_FACTOR]


@njit(cache=True, error_model="numpy", **INLINE)
def execute(
    market: Market,
    rules: Rules,
    book: Book,
    t: int,
    j: int,
    quantity: int,
    price: int,
    commission: int,
    fills: Log,
) -> int:
    """E23 and E26 for one order at the open of ``t``; returns the signed shares filled.

    Args:
        price: E21's, or ``NO_PRICE``.
        commission: E22's for the whole ``quantity``.
    """
    if price == NO_PRICE:
        return 0
    filled = quantity
    if not np.isnan(rules.max_participation):
        filled = fill_quantity(quantity, market.volume[t, j], rules.max_participation)
        if filled == 0:
            return 0
        commission = fill_commission(filled, rules)
    realised = book_fill(book, j, filled, price, commission)
    at = np.uintp(fills.count[0])
    row = fills.rows[at]
    row[0], row[1], row[2], row[3], row[4], row[5] = t, j, filled, price, commission, realised
    fills.count[0] += 1
    return filled


@njit(cache=True, **INLINE)
def write_order(
    orders: Log,
    t: int,
    j: int,
    quantity: int,
    desired: int,
    held: int,
    filled: int,
    code: int,
    reference: float,
) -> None:
    """One row per order, cancelled and cut ones too (E30)."""
    at = orders.count[0]
    row = orders.rows[at]
    row[0], row[1], row[2], row[3] = t, j, quantity, desired
    row[4], row[5], row[6] = held, filled, code
    orders.values[at] = reference
    orders.count[0] = at + 1


@njit(cache=True, **INLINE)
def silent_code(market: Market, book: Book, t: int, j: int) -> int:
    """Why a symbol without a signal is left alone, or 26 where it is closed (E20)."""
    if np.isnan(book.mark[j]):
        return 0
    if t == 0 or np.isnan(market.close[t - 1, j]):
        return 1
    if market.member[t if market.member.shape[0] > 1 else 0, j]:
        return 3
    return 26 if book.quantity[j] != 0 else 4


@njit(cache=True, error_model="numpy", **INLINE)
def decide_one(
    market: Market,
    weights: np.ndarray,
    silent: int,
    rules: Rules,
    book: Book,
    plan: Plan,
    reference: np.ndarray,
    t: int,
    j: int,
    restraint: int,
) -> tuple[int, int, int]:
    """E18–E20 and the session's restraint: shares ordered, shares wanted, the Decision code.

    Where no symbol is ``silent`` the weights are not looked at: another core has just made them.
    """
    leaving = False
    if silent > 0 and np.isnan(weights[j]):
        code = silent_code(market, book, t, j)
        leaving = code == 26
        if not leaving:
            return 0, book.quantity[j], code
    order, code = order_for(plan.wanted[j], plan.shares[j], reference[j], rules)
    code = 26 if leaving and order != 0.0 else code
    quantity, code = restrained(np.int64(order), code, book.quantity[j], restraint)
    return quantity, np.int64(plan.wanted[j]), code


@njit(cache=True, error_model="numpy", **INLINE)
def trade_session(
    market: Market,
    weights: np.ndarray,
    silent: int,
    rules: Rules,
    book: Book,
    plan: Plan,
    reference: np.ndarray,
    t: int,
    fills: Log,
    orders: Log,
    detail: bool,
    restraint: int,
    desired_row: np.ndarray,
    decision: np.ndarray,
) -> None:
    """E18–E26 for the symbols that the plan names, one after the other."""
    count = choose_symbols(plan, detail)
    if few_chosen(plan, count):
        fetch_lots(book, plan.chosen, count)
    by_column = price_orders(plan, market.open[t], rules, count)
    for k in range(count):
        j = plan.chosen[k]
        at = j if by_column else np.uintp(k)
        price, commission = plan.price[at], plan.commission[at]
        held, quantity, desired, code = book.quantity[j], np.int64(plan.order[j]), 0, 0
        if detail or silent > 0 or restraint != 0:
            quantity, desired, code = decide_one(
                market, weights, silent, rules, book, plan, reference, t, j, restraint
            )
            decision[j], desired_row[j] = code, desired
        if quantity == 0:
            continue
        filled = execute(market, rules, book, t, j, quantity, price, commission, fills)
        plan.shares[j] = held + filled
        if detail:
            write_order(orders, t, j, quantity, desired, held, filled, code, reference[j])


@njit(cache=True, error_model="numpy", **INLINE)
def close_session(
    market: Market,
    book: Book,
    plan: Plan,
    t: int,
    flow: int,
    record: Record,
    row: int,
    at: int,
    detail: bool,
) -> int:
    """E27–E28: mark the book, book the flow, write the snapshot; returns a status."""
    size, gross_size, gaps = mark_positions(market.close[t], book.mark, plan.shares)
    if gaps > 0 or plan.aged[0]:
        plan.aged[0] = age_marks(market.close[t], book.mark_age)
    net, gross = np.int64(size), np.int64(gross_size)
    if not gross_size + abs(float(book.totals[CASH])) < _NAV_LIMIT:
        return STATUS_TOO_MUCH_MONEY
    if gross_size >= EXACT_LIMIT:
        net, gross = exact_values_at(book.mark, book.quantity)
    if not book_flow(book, book.totals[CASH] + net, flow):
        return STATUS_WITHDRAWAL
    book.totals[NAV] = book.totals[CASH] + net
    book.totals[PEAK] = max(book.totals[PEAK], book.totals[NAV])
    for i in range(book.totals.shape[0]):
        record.totals[row, i] = book.totals[i]
    cost = 0
    for j in range(book.cost.shape[0]):
        cost += book.cost[j]
    record.positions_value[row] = net
    record.positions_cost[row] = cost
    record.gross_value[row] = gross
    if detail:
        keep_positions(
            book, record.quantity[at], record.cost[at], record.mark[at], record.mark_age[at]
        )
    return STATUS_FINE


@njit(cache=True, error_model="numpy", **INLINE)
def has_room(
    book: Book, fills: Log, orders: Log, entries: Log, detail: bool, symbols: int, events: int
) -> bool:
    """Whether a session of ``symbols`` orders and ``events`` actions can be written."""
    return (
        book.free[1] >= symbols
        and fills.rows.shape[0] - fills.count[0] >= symbols
        and entries.rows.shape[0] - entries.count[0] >= events
        and (not detail or orders.rows.shape[0] - orders.count[0] >= symbols)
    )


@njit(cache=True, error_model="numpy", nogil=True, **NO_COUNTING)
def _advance(
    market: Market,
    targets: Targets,
    begin: int,
    rules: Rules,
    book: Book,
    plan: Plan,
    first: int,
    last: int,
    row: int,
    flows: np.ndarray,
    restraint: np.ndarray,
    detail: bool,
    record: Record,
    fills: Log,
    orders: Log,
    entries: Log,
) -> tuple[int, int]:
    """Sessions from row ``first`` on, until one does not end well; returns its status and row.

    The first row of ``targets`` is that of session ``begin``.
    """
    symbols = market.close.shape[1]
    for t in range(first, last + 1):
        at = row if detail else 0
        events = market.event_start[t + 1] - market.event_start[t]
        if not has_room(book, fills, orders, entries, detail, symbols, events):
            return _STATUS_NO_ROOM, t
        if events > 0:
            apply_actions(market, book, t, plan.split, entries)
            for e in range(market.event_start[t], market.event_start[t + 1]):
                j = market.event_symbol[e]
                plan.shares[j] = book.quantity[j]
        weights, target = targets.weights[t - begin], targets.target[t - begin]
        by_breaker = apply_breaker(book, rules, record.factors[row])
        nav = book.totals[NAV] / 1e4
        fetch(market.close[t], 0, symbols)
        reference = references(market, plan, t)
        if not plan_orders(weights, target, by_breaker, nav, reference, rules, plan):
            return STATUS_TOO_MANY_SHARES, t
        if detail and by_breaker != 1.0:
            for j in range(symbols):
                target[j] = target[j] * by_breaker
        trade_session(
            market,
            weights,
            targets.silent[t - begin],
            rules,
            book,
            plan,
            reference,
            t,
            fills,
            orders,
            detail,
            restraint[t],
            record.desired[at],
            record.decision[at],
        )
        if t < last:
            fetch(targets.target[t + 1 - begin], 0, symbols)
        status = close_session(market, book, plan, t, flows[t], record, row, at, detail)
        if status != STATUS_FINE:
            return status, t
        row += 1
    return STATUS_FINE, last + 1


def run_sessions(
    market: Market,
    weights: Iterable[np.ndarray],
    rules: Rules,
    book: Book,
    first: int,
    last: int,
    flows: np.ndarray,
    restraint: np.ndarray,
    detail: bool,
) -> tuple[Book, Record, Log, Log, Log, int, int]:
    """Run sessions ``first`` … ``last`` (rows of ``market``, both included).

    Memory is made here, in front of the compiled loop, which stops and asks when it runs short.

    Args:
        weights: The strategy's signed weights of those rows, NaN = no signal, made from bars
            before each row, in any number of parts that follow each other.
        flows: Deposits and withdrawals at the close of each row (1/10,000 dollar).
        restraint: The ``Restraint`` of each row, int8.

    Returns:
        The closing book, the record, fills, orders, corporate-action entries, status and the row
        at which a status other than ``STATUS_FINE`` arose.
    """
    sessions, symbols = last - first + 1, market.close.shape[1]
    record = empty_record(sessions, symbols, detail)
    room = min(sessions * symbols, _LOG_ROWS)
    fills, entries = lent_log(room, 6), empty_log(64, 6)
    orders = empty_log(room if detail else 1, 7)
    plan = empty_plan(symbols, book.quantity)
    t, status, advance = first, STATUS_FINE, _advance
    for targets in targets_in_parts(market, weights, rules, first, last, record, detail):
        begin, end = t, t + len(targets.silent) - 1
        while t <= end and status in (STATUS_FINE, _STATUS_NO_ROOM):
            events = int(market.event_start[t + 1] - market.event_start[t])
            if book.free[1] < symbols:
                book = with_room(book, symbols)
            fills, entries = with_space(fills, symbols), with_space(entries, events)
            orders = with_space(orders, symbols) if detail else orders
            if t > first and advance is _advance:
                advance = machine_code(_advance)
            status, t = advance(
                market,
                targets,
                begin,
                rules,
                book,
                plan,
                t,
                end,
                t - first,
                flows,
                restraint,
                detail,
                record,
                fills,
                orders,
                entries,
            )
        if status != STATUS_FINE:
            break
    return book, record, fills, orders, entries, status, t
