"""What a session does to the simulated account: actions, fills, expiry, cash, marks.

The arithmetic is the engine's own (E15, E16, E21–E23), so that the broker's books and a backtest of
the same orders agree to the share and to 1/10,000 dollar. Called inside one transaction.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from stocker_pipeline.domain.orders import Execution
from stocker_pipeline.engine.book import append_lot, book_dividend, book_split, empty_book
from stocker_pipeline.engine.fills import fill_commission, fill_price, fill_quantity
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.gateways.brokers.broker import BrokerOrder, BrokerStatus
from stocker_pipeline.gateways.brokers.order_window import opens_at
from stocker_pipeline.gateways.brokers.simulated_market import (
    Bar,
    CorporateAction,
    Costs,
    SessionBars,
)
from stocker_pipeline.gateways.brokers.simulated_store import AccountFile, Position, name_of

IN_PARTS = "fill_in_parts"
REJECTED_LATER = "reject_later"
CANCEL_LOSES = "lose_cancel"
FILLS_THOUGH_CANCELED = "fill_though_canceled"

NO_BAR = "no trade in the symbol at this session"
CUT = "not filled in full at the open"
CROSSES_ZERO = "the position changed before the open: the order would cross zero"


def process_session(store: AccountFile, session: date, market: SessionBars, costs: Costs) -> None:
    """Bring the account from the close before ``session`` to its close."""
    _apply_actions(store, session, market.actions)
    rules = cost_rules(costs)
    for order in store.orders_of(session):
        _meet_the_open(store, session, order, market.bars.get(order.symbol), rules)
    store.book_awaited_cash(session)
    store.set_marks(_closes(market.bars, store.positions()))
    store.set_last_session(session)


def cost_rules(costs: Costs) -> Rules:
    """The costs as the engine's kernels read them; everything else is 0 and not read."""
    nothing = Rules(**{name: kind(0) for name, kind in Rules.__annotations__.items()})
    part = costs.max_participation
    return nothing._replace(
        slippage_bps=float(costs.slippage_bps),
        commission_per_order=float(costs.commission_per_order),
        commission_per_share=float(costs.commission_per_share),
        max_participation=math.nan if part is None else float(part),
    )


def after_splits(quantity: int, symbol: str, actions: Iterable[CorporateAction]) -> int:
    """Shares of a position once a session's splits have happened."""
    for action in actions:
        if action.symbol == symbol:
            quantity, _ = _split(quantity, action, 0.0)
    return quantity


def _apply_actions(store: AccountFile, session: date, actions: Sequence[CorporateAction]) -> None:
    """E15 and E16, each symbol's actions in order."""
    by_symbol: dict[str, list[CorporateAction]] = {}
    for action in actions:
        by_symbol.setdefault(action.symbol, []).append(action)
    for symbol, its_actions in by_symbol.items():
        position = store.position(symbol)
        if position is None:
            continue
        quantity, split = position.quantity, 1.0
        for action in its_actions:
            if action.new != action.old:
                split *= action.new / action.old
                quantity, in_lieu = _split(quantity, action, position.mark / split)
                store.book_cash(session, "cash_in_lieu", symbol, in_lieu)
            if action.dividend != 0.0:
                paid = _dividend(quantity, action.dividend)
                store.book_cash(session, "dividend", symbol, paid)
        store.set_position(symbol, quantity, position.mark / split)


def _split(quantity: int, action: CorporateAction, price: float) -> tuple[int, int]:
    """Shares after a split, and the cash in lieu of the fraction (1/10,000 dollar)."""
    book = empty_book(1, 0, 2)
    append_lot(book, 0, quantity, 0)
    cash = book_split(book, 0, action.new, action.old, price)
    return int(book.quantity[0]), int(cash)


def _dividend(quantity: int, dividend: float) -> int:
    book = empty_book(1, 0, 2)
    append_lot(book, 0, quantity, 0)
    return int(book_dividend(book, 0, dividend))


def _meet_the_open(
    store: AccountFile, session: date, order: BrokerOrder, bar: Bar | None, rules: Rules
) -> None:
    """Fill, expire or reject one order; an ended one is passed over unless told to fill."""
    told = store.instructions(order.client_order_id) if order.client_order_id else {}
    canceled = order.status is BrokerStatus.CANCELED and FILLS_THOUGH_CANCELED in told
    if not order.status.open and not canceled:
        return
    if REJECTED_LATER in told:
        _end(store, order, BrokerStatus.REJECTED, 0, told[REJECTED_LATER])
        return
    position = store.position(order.symbol)
    held = position.quantity if position else 0
    if held and held * (held + order.quantity) < 0:
        _end(store, order, BrokerStatus.CANCELED, 0, CROSSES_ZERO)
        return
    if bar is None or math.isnan(bar.open):
        _end(store, order, BrokerStatus.CANCELED if canceled else BrokerStatus.EXPIRED, 0, NO_BAR)
        return
    filled = int(fill_quantity(order.quantity, bar.volume, rules.max_participation))
    wanted = [int(part) for part in told[IN_PARTS].split()] if IN_PARTS in told else [abs(filled)]
    parts = _signed_parts(wanted, filled)
    price_e4 = int(fill_price(bar.open, order.quantity, rules.slippage_bps))
    done = _fill(store, session, order, parts, price_e4, rules)
    if canceled:
        _end(store, order, BrokerStatus.CANCELED, done, order.reason)
    elif done == order.quantity:
        _end(store, order, BrokerStatus.FILLED, done, "")
    else:
        _end(store, order, BrokerStatus.EXPIRED, done, CUT)


def _signed_parts(wanted: Sequence[int], filled: int) -> list[int]:
    """The parts of a fill, none beyond what the market gave."""
    parts, left = [], abs(filled)
    for part in wanted:
        part = min(part, left)
        if part > 0:
            parts.append(part if filled > 0 else -part)
        left -= part
    return parts


def _fill(
    store: AccountFile,
    session: date,
    order: BrokerOrder,
    parts: Sequence[int],
    price_e4: int,
    rules: Rules,
) -> int:
    """Book the parts one by one; returns the signed shares filled.

    A part's commission is what the order has cost so far less what was charged, so that an order
    in ten parts costs what it costs in one (E22).
    """
    done, charged = 0, 0
    for number, quantity in enumerate(parts):
        done += quantity
        commission_e4 = int(fill_commission(done, rules)) - charged
        charged += commission_e4
        book_execution(
            store,
            Execution(
                execution_id=execution_name(session, number, order.broker_order_id, done),
                broker_order_id=order.broker_order_id,
                client_order_id=order.client_order_id or None,
                symbol=order.symbol,
                quantity=quantity,
                price_e4=price_e4,
                commission_e4=commission_e4,
                cumulative_quantity=done,
                session=session,
                executed_at=opens_at(session) + timedelta(milliseconds=number),
            ),
        )
    return done


def book_execution(store: AccountFile, execution: Execution) -> None:
    """The fill, its cash and its shares."""
    store.add_execution(execution)
    session, symbol = execution.session, execution.symbol
    store.book_cash(session, "trade", symbol, -execution.quantity * execution.price_e4)
    store.book_cash(session, "commission", symbol, -execution.commission_e4)
    before = store.position(symbol) or Position(0, execution.price_e4 / 1e4)
    store.set_position(symbol, before.quantity + execution.quantity, before.mark)


def execution_name(session: date, number: int, *parts: object) -> str:
    """An execution's id in the shape of Alpaca's: the instant in New York and a name."""
    return f"{session:%Y%m%d}093000{number:03d}::{name_of(*parts)}"


def _end(
    store: AccountFile, order: BrokerOrder, status: BrokerStatus, filled: int, reason: str
) -> None:
    store.update_order(order.broker_order_id, status, filled, reason)


def _closes(bars: Mapping[str, Bar], positions: Mapping[str, Position]) -> Mapping[str, float]:
    """New marks (E27): the close; without one the last mark stays."""
    found = {symbol: bars[symbol].close for symbol in positions if symbol in bars}
    return {symbol: close for symbol, close in found.items() if not math.isnan(close)}
