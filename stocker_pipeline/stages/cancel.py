"""Take back every order that may still trade, and say of each what became of it.

An order whose answer is not known is asked for under its id first. Each request for a cancel is an
event of the order before it leaves, and so is what is known afterwards; whether a cancel took is
known from the order alone. What fills all the same is booked later, like any other fill. A dead
broker is asked for seconds, not minutes. Stays out: who wants it and why (``control``).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar

from stocker_pipeline.domain.orders import OrderState
from stocker_pipeline.gateways.brokers.broker import (
    BrokerOrder,
    BrokerStatus,
    CancelRefused,
    OutcomeUnclear,
    ReadFailed,
)
from stocker_pipeline.ledger import Lease
from stocker_pipeline.ledger.records import OrderEvent, OrderRecord
from stocker_pipeline.stages.collect import ended
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.submit import answer_event

T = TypeVar("T")

_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0, 1, 2, 4))
"""Before each try of one order."""
Pauses = tuple[timedelta, ...]
_UNCLEAR = frozenset({OrderState.SENDING, OrderState.UNKNOWN})


@dataclass(frozen=True)
class Left:
    """An order that could not be taken back, and why.

    Attributes:
        client_order_id: Empty where it is an order of the account that is none of ours.
        quantity: Signed shares.
    """

    portfolio: str
    symbol: str
    quantity: int
    why: str
    client_order_id: str = ""
    session: date | None = None


@dataclass(frozen=True)
class Swept:
    """What became of the open orders of one portfolio.

    Attributes:
        withheld: Ids that were never sent and will not be.
        cancelled: Ids that the broker took back.
        filled: Ids whose fill came before the cancel; the close stage books them.
        left: What may still trade, or is not known.
    """

    withheld: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


def cancel_open_orders(desk: Desk, lease: Lease, *, why: str, keep: Collection[str] = ()) -> Swept:
    """Take back every order of the portfolio that may still trade.

    Args:
        why: Whose word, in the order's events.
        keep: Ids that stay.
    """
    swept, pauses = Swept(), _PAUSES
    for order in desk.ledger.read(lambda r: r.working_orders(desk.name)):
        if order.client_order_id in keep:
            continue
        if order.state is OrderState.INTENT:
            _event(desk, lease, order, "withheld", OrderState.CANCELLED, f"control: {why}")
            swept.withheld.append(order.client_order_id)
            continue
        if order.state is OrderState.SENDING:
            # Whoever sent it is gone: this is under the portfolio's lease.
            _event(desk, lease, order, "no_answer", OrderState.UNKNOWN, "no answer was recorded")
        if order.state in _UNCLEAR:
            _look_up(desk, lease, order, pauses)
        if not _take_back(desk, lease, order, why, swept, pauses):
            # Who did not answer four times is asked once about each of the others.
            pauses = _PAUSES[:1]
    _name_others(desk, swept, keep)
    return swept


def left_in(desk_name: str, orders: Collection[OrderRecord], why: str) -> list[Left]:
    """Every one of these orders, as left for one reason."""
    return [
        Left(
            desk_name,
            order.intent.key.symbol,
            order.intent.quantity,
            why,
            order.client_order_id,
            order.intent.key.session,
        )
        for order in orders
    ]


def _look_up(desk: Desk, lease: Lease, order: OrderRecord, pauses: Pauses) -> None:
    for pause in pauses:
        desk.clock.wait(pause)
        found = _asked(lambda: desk.broker.order(order.client_order_id))
        if isinstance(found, BrokerOrder):
            event = answer_event(_current(desk, order), found, "lookup")
            desk.ledger.write(lease, lambda w, event=event: w.put_event(event))  # type: ignore[misc]
            return


def _take_back(
    desk: Desk, lease: Lease, order: OrderRecord, why: str, swept: Swept, pauses: Pauses
) -> bool:
    """Ask until the order has ended or cannot; whether the broker said anything."""
    told, answered = "", False
    for number, pause in enumerate(pauses, start=1):
        current = _current(desk, order)
        if not current.state.working:
            swept.cancelled.append(order.client_order_id)
            return True
        desk.clock.wait(pause)
        _event(desk, lease, current, "cancel", current.state, f"try {number}: {why}")
        refused = False
        try:
            desk.broker.cancel(order.client_order_id)
            told = "the broker took the request"
        except CancelRefused as refusal:
            told, refused = f"refused: {refusal}", True
        except OutcomeUnclear as unclear:
            told = f"no answer: {unclear}"
        found = _asked(lambda: desk.broker.order(order.client_order_id))
        if isinstance(found, BrokerOrder):
            over = ended(current, found)
            if over is not None:
                desk.ledger.write(lease, lambda w, over=over: w.put_event(over))  # type: ignore[misc]
                swept.cancelled.append(order.client_order_id)
                return True
            if not found.status.open:
                _event(desk, lease, current, "cancel_late", current.state, told)
                swept.filled.append(order.client_order_id)
                return True
            told += f"; it is {_word(found)}"
        elif isinstance(found, ReadFailed):
            told += f"; the broker does not say what it is: {found}"
        else:
            told += "; the broker knows no such order"
        _event(desk, lease, current, "cancel_answer", current.state, told)
        if refused and isinstance(found, BrokerOrder):
            answered = True
            break
        answered = answered or refused or not isinstance(found, ReadFailed)
    swept.left.extend(left_in(desk.name, [order], told))
    return answered


def _word(found: BrokerOrder) -> str:
    return "still open" if found.status is not BrokerStatus.OTHER else "in a state of its own"


def _name_others(desk: Desk, swept: Swept, keep: Collection[str]) -> None:
    """Orders of the account that are none of ours: named, and left to a person."""
    found = _asked(desk.broker.open_orders)
    if isinstance(found, ReadFailed):
        why = f"the broker does not list its open orders: {found}"
        swept.left.append(Left(desk.name, "", 0, why))
        return
    ours = {order.client_order_id for order in desk.ledger.read(lambda r: r.orders(desk.name))}
    for order in found or ():
        if order.client_order_id not in ours and order.client_order_id not in keep:
            why = f"no order of ours ({order.broker_order_id}): cancel it at the broker"
            swept.left.append(
                Left(desk.name, order.symbol, order.quantity, why, order.client_order_id)
            )


def _asked(question: Callable[[], T]) -> T | ReadFailed:
    try:
        return question()
    except ReadFailed as error:
        return error


def _current(desk: Desk, order: OrderRecord) -> OrderRecord:
    found = desk.ledger.read(lambda r: r.order(order.client_order_id))
    if found is None:  # pragma: no cover - an order is never deleted
        raise RuntimeError(f"order {order.client_order_id} is gone from the ledger")
    return found


def _event(
    desk: Desk, lease: Lease, order: OrderRecord, kind: str, state: OrderState, reason: str
) -> None:
    event = OrderEvent(order.client_order_id, kind, state, reason=reason[:2000])
    desk.ledger.write(lease, lambda w: w.put_event(event))
