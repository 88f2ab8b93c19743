"""Fills from the broker into the book: each once, in whatever order and however often it says so.

Only the broker's executions are booked, never a status and never a difference of positions. What
belongs to no order of ours goes to suspense, with a page, and to nobody's book.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.domain.orders import Execution, OrderState
from stocker_pipeline.gateways.brokers.broker import BrokerOrder, BrokerStatus
from stocker_pipeline.ledger import Lease, Reader, Writer
from stocker_pipeline.ledger.control_records import Alert, Severity
from stocker_pipeline.ledger.records import OrderEvent, OrderRecord
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.patience import read
from stocker_pipeline.stages.settle import settle_again

_CURSOR = "executions"
_OVERLAP_SESSIONS = 3
"""Rows can be missing for a while and then appear behind the cursor: some sessions are read again,
and what is known already is not booked again."""

_ENDED = {
    BrokerStatus.FILLED: OrderState.FILLED,
    BrokerStatus.CANCELED: OrderState.CANCELLED,
    BrokerStatus.EXPIRED: OrderState.EXPIRED,
    BrokerStatus.REJECTED: OrderState.REJECTED,
}


@dataclass(frozen=True)
class Collected:
    """What a collection found that was not known before."""

    booked: int = 0
    suspended: int = 0
    restated: Sequence[date] = field(default_factory=tuple)


def collect(desk: Desk, lease: Lease, session: date) -> Collected:
    """Book every execution that the broker reports, and what became of orders after the open.

    Raises:
        Waits: The broker does not answer.
    """
    cursor = desk.ledger.read(lambda r: r.cursor(_scope(desk), _name(_overlap(desk, session))))
    booked = suspended = 0
    restated: set[date] = set()
    while True:
        page = read(desk, lambda at=cursor: desk.broker.executions(at), "executions")  # type: ignore[misc]
        crash_point("collect.page.read")
        found = _book_page(desk, lease, page.executions)
        booked, suspended = booked + found.booked, suspended + found.suspended
        restated |= set(found.restated)
        cursor = page.cursor
        if not page.more:
            break
    _mark(desk, lease, session, cursor)
    _refresh(desk, lease)
    return Collected(booked, suspended, tuple(sorted(restated)))


def _scope(desk: Desk) -> str:
    return f"{desk.broker.name}:{desk.account}"


def _name(session: date) -> str:
    return f"{_CURSOR}@{session}"


def _overlap(desk: Desk, session: date) -> date:
    for _ in range(_OVERLAP_SESSIONS):
        session = desk.calendar.previous_session(session)
    return session


def _mark(desk: Desk, lease: Lease, session: date, cursor: str) -> None:
    """Remember how far the account was read in this session."""
    name = _name(session)
    latest = desk.ledger.read(lambda r: r.latest_snapshot(desk.name))
    if latest is not None and latest.session > session:
        # An old session once more: the sessions after it are to be read again from where it ended.
        return
    if desk.ledger.read(lambda r: r.cursor(_scope(desk), name)) != cursor:
        crash_point("collect.cursor.before")
        desk.ledger.write(lease, lambda w: w.advance_cursor(_scope(desk), name, cursor))
        crash_point("collect.cursor.after")


def _book_page(desk: Desk, lease: Lease, executions: Iterable[Execution]) -> Collected:
    new = desk.ledger.read(lambda r: _unknown(r, desk, executions))
    if not new:
        return Collected()
    crash_point("collect.book.before")
    found = desk.ledger.write(lease, lambda w: _book(w, desk, new))
    crash_point("collect.book.after")
    return found


def _unknown(reader: Reader, desk: Desk, executions: Iterable[Execution]) -> list[Execution]:
    """Those that are neither booked nor in suspense, each once, in the order of booking."""
    suspense = {
        found.execution.execution_id
        for found in reader.open_suspense(desk.broker.name, desk.account)
    }
    once = {e.execution_id: e for e in executions if e.execution_id not in suspense}
    booked = reader.execution
    return [
        execution
        for execution in sorted(once.values(), key=lambda e: e.booking_order)
        if booked(desk.broker.name, desk.account, execution.execution_id) is None
    ]


def _book(writer: Writer, desk: Desk, executions: Sequence[Execution]) -> Collected:
    """One transaction: executions, cash, order states, suspense, and the sessions they change."""
    late: list[date] = []
    booked = suspended = 0
    for execution in _unknown(writer, desk, executions):
        order = writer.order(execution.client_order_id) if execution.client_order_id else None
        why = _foreign(desk, order, execution)
        if order is None or why:
            suspended += _suspend(writer, desk, execution, why)
            continue
        writer.book_execution(desk.name, desk.broker.name, desk.account, execution)
        writer.put_event(_fill_event(order, execution), repeat=True)
        booked += 1
        crash_point("collect.book.inside")
        if writer.snapshot(desk.name, execution.session) is not None:
            late.append(execution.session)
    restated = settle_again(writer, desk, min(late)) if late else []
    if restated:
        writer.put_alert(
            Alert(
                Severity.WARNING,
                "late_fill",
                f"fills of {min(late)} came after its settlement; restated {restated[0]} to "
                f"{restated[-1]}",
                desk.name,
                min(late),
            )
        )
    return Collected(booked, suspended, tuple(restated))


def _foreign(desk: Desk, order: OrderRecord | None, execution: Execution) -> str:
    """Why an execution cannot be of that order; empty where it is."""
    if order is None:
        return "no order of ours has this id"
    intent = order.intent
    if intent.key.portfolio != desk.name or intent.key.symbol != execution.symbol:
        return f"the order is {intent.key.portfolio}'s for {intent.key.symbol}"
    if order.state is OrderState.INTENT:
        return "the order was never sent"
    total = order.filled_quantity + execution.quantity
    if execution.quantity * intent.quantity < 0 or abs(total) > abs(intent.quantity):
        return f"with it {total} shares of an order of {intent.quantity} would be filled"
    return ""


def _suspend(writer: Writer, desk: Desk, execution: Execution, why: str) -> bool:
    if not writer.suspend_execution(
        desk.broker.name, desk.account, execution, why=why, portfolio=desk.name
    ):
        return False
    crash_point("collect.suspend.inside")
    writer.put_alert(
        Alert(
            Severity.CRITICAL,
            "ghost_fill",
            f"{execution.quantity:+d} {execution.symbol} at {execution.price_e4 / 1e4:.4f} "
            f"(execution {execution.execution_id}): {why}; it is in suspense, in no book",
            desk.name,
            execution.session,
            execution.execution_id[:200],
        )
    )
    return True


def _fill_event(order: OrderRecord, execution: Execution) -> OrderEvent:
    filled = order.filled_quantity + execution.quantity
    state = order.state
    if filled == order.intent.quantity:
        state = OrderState.FILLED
    elif state.working:
        state = OrderState.PARTIAL
    return OrderEvent(
        order.client_order_id,
        "fill" if order.state.working else "late_fill",
        state,
        execution.broker_order_id,
        filled,
    )


def _refresh(desk: Desk, lease: Lease) -> None:
    """Ends of orders whose open has passed: expired, cancelled, rejected after all."""
    for order in desk.ledger.read(lambda r: r.working_orders(desk.name)):
        sent = order.state in {OrderState.ACKED, OrderState.PARTIAL}
        if not sent or desk.day(order.intent.key.session).opens_at > desk.clock.now():
            continue
        key = order.client_order_id
        found = read(desk, lambda key=key: desk.broker.order(key), f"order {key}")  # type: ignore[misc]
        event = ended(order, found)
        if event is not None:
            crash_point("collect.ended.before")
            desk.ledger.write(lease, lambda w, event=event: w.put_event(event))  # type: ignore[misc]
            crash_point("collect.ended.after")


def ended(order: OrderRecord, found: BrokerOrder | None) -> OrderEvent | None:
    """The end of an order that the broker states and our fills bear out; else nothing.

    Rows of executions can come later than the status: until what it states as filled is booked,
    the order has not ended for us.
    """
    if found is None or found.status not in _ENDED:
        return None
    if found.filled_quantity != order.filled_quantity:
        return None
    state = _ENDED[found.status]
    if state is OrderState.FILLED:
        return None
    return OrderEvent(
        order.client_order_id,
        "ended",
        state,
        found.broker_order_id,
        found.filled_quantity,
        found.reason,
    )
