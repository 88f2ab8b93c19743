"""Orders to the broker, one at a time: an attempt is committed, then sent once, then recorded.

What an answer does not prove is UNKNOWN and is looked up under the same id; the same order is only
ever sent again under that id. Every gate is read in the transaction that commits the attempt.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.domain.orders import OrderState
from stocker_pipeline.gateways.brokers.broker import (
    BrokerOrder,
    BrokerStatus,
    OrderRefused,
    OrderRequest,
    OutcomeUnclear,
    ReadFailed,
)
from stocker_pipeline.ledger import Lease, Writer
from stocker_pipeline.ledger.control_records import Alert, Severity
from stocker_pipeline.ledger.records import OrderEvent, OrderRecord
from stocker_pipeline.risk.reconciliation import BreakKind
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.limits import stopped_at_gate
from stocker_pipeline.stages.permission import FLATTEN, why_forbidden, why_unheard
from stocker_pipeline.stages.reconcile import reconcile

_LOOK_UPS = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 15, 30, 30))
_NOT_FOUND_READS = 3
_NOT_FOUND_SPAN = timedelta(seconds=60)
_ATTEMPTS = 3
_FRESH = timedelta(minutes=15)
"""How old, on the ledger's own clock, the reconciliation before an attempt may be."""
_RECONCILED_AGAIN_AFTER = timedelta(minutes=10)

_ANSWERED = {
    BrokerStatus.ACCEPTED: OrderState.ACKED,
    BrokerStatus.OTHER: OrderState.ACKED,
    # Filled or partly filled is booked from the executions alone; until then it is accepted.
    BrokerStatus.PARTIALLY_FILLED: OrderState.ACKED,
    BrokerStatus.FILLED: OrderState.ACKED,
    BrokerStatus.CANCELED: OrderState.CANCELLED,
    BrokerStatus.EXPIRED: OrderState.EXPIRED,
    BrokerStatus.REJECTED: OrderState.REJECTED,
}


@dataclass(frozen=True)
class Withheld:
    """Why an order did not leave. ``final``: it never will."""

    code: str
    reason: str
    final: bool = True


def submit(desk: Desk, lease: Lease, session: date) -> None:
    """Send every order of the session that is decided and not sent; sells first, then by symbol."""
    orders = desk.ledger.read(
        lambda r: r.orders(desk.name, session=session, states=[OrderState.INTENT])
    )
    for order in sorted(orders, key=lambda o: (o.intent.quantity > 0, o.intent.key.symbol)):
        _reconcile_again(desk, lease, session)
        send(desk, lease, order)


def _reconcile_again(desk: Desk, lease: Lease, session: date) -> None:
    """Where answers took so long that the gate would soon find the last one too old."""
    last = desk.ledger.read(lambda r: r.latest_reconciliation(desk.name, session))
    if last is None or last.lease_token != lease.token or last.ran_at is None:
        return
    if desk.ledger.now() - last.ran_at > _RECONCILED_AGAIN_AFTER:
        reconcile(desk, lease, session, "open")


def send(desk: Desk, lease: Lease, order: OrderRecord) -> None:
    """One order: gates and attempt in one transaction, one request, one record of the answer."""
    crash_point("submit.attempt.before")
    withheld = desk.ledger.write(lease, lambda w: _begin(w, desk, lease, order))
    crash_point("submit.attempt.after")
    if withheld is not None:
        return
    intent = order.intent
    try:
        crash_point("submit.request.before")
        answer = desk.broker.submit(
            OrderRequest(
                intent.client_order_id, intent.key.symbol, intent.quantity, intent.key.session
            )
        )
        crash_point("submit.request.after")
    except OrderRefused as refusal:
        _record_refusal(desk, lease, order, str(refusal))
    except OutcomeUnclear as unclear:
        _record(desk, lease, _event(order, "no_answer", OrderState.UNKNOWN, str(unclear)))
        look_up(desk, lease, order)
    else:
        _record(desk, lease, answer_event(order, answer, "answer"))


def resolve_unknown(desk: Desk, lease: Lease) -> None:
    """Find out about every order whose answer is not known, before anything else is done."""
    for order in desk.ledger.read(lambda r: r.working_orders(desk.name)):
        if order.state is OrderState.SENDING:
            # The process died between the attempt and its answer.
            _record(
                desk,
                lease,
                _event(order, "no_answer", OrderState.UNKNOWN, "no answer was recorded"),
            )
        if order.state in {OrderState.SENDING, OrderState.UNKNOWN}:
            look_up(desk, lease, order)


def look_up(desk: Desk, lease: Lease, order: OrderRecord) -> None:
    """Ask for an order under its id until the broker's answers prove something, or give up for now.

    Not found in three reads over a minute means that it never arrived: inside the window it is
    sent again under the same id, a bounded number of times; after the open it is over. Otherwise
    it stays UNKNOWN, and its symbol is locked by the reconciliation.
    """
    started, not_found = desk.clock.now(), 0
    for pause in _LOOK_UPS:
        try:
            found = desk.broker.order(order.client_order_id)
        except ReadFailed:
            desk.clock.wait(pause)
            continue
        crash_point("submit.lookup.read")
        if found is not None:
            _record(desk, lease, answer_event(order, found, "lookup"))
            return
        not_found += 1
        if not_found >= _NOT_FOUND_READS and desk.clock.now() - started >= _NOT_FOUND_SPAN:
            _never_arrived(desk, lease, order, not_found)
            return
        desk.clock.wait(pause)
    _page_unknown(desk, lease, order)


def _never_arrived(desk: Desk, lease: Lease, order: OrderRecord, reads: int) -> None:
    key, now = order.intent.key, desk.clock.now()
    current = desk.ledger.read(lambda r: r.order(order.client_order_id))
    if current is None:  # pragma: no cover - an order is never deleted
        raise RuntimeError(f"order {order.client_order_id} is gone from the ledger")
    if desk.day(key.session).takes_orders(now) and current.attempts < _ATTEMPTS:
        send(desk, lease, current)
    elif now >= desk.day(key.session).opens_at:
        reason = f"never arrived: not found in {reads} reads after the open"
        _record(desk, lease, _event(order, "lookup", OrderState.CANCELLED, reason))
    else:
        _page_unknown(desk, lease, order)


def _begin(writer: Writer, desk: Desk, lease: Lease, order: OrderRecord) -> Withheld | None:
    """The last gates and the attempt, in one transaction."""
    withheld = _gates(writer, desk, lease, order)
    if withheld is None:
        if desk.config_hash != order.config_hash:
            # Changed since the decision: the attempt names what it was judged by.
            writer.put_config(desk.config_hash, desk.config)
        writer.begin_attempt(
            order.client_order_id, code_version=desk.code_version, config_hash=desk.config_hash
        )
        crash_point("submit.attempt.inside")
        return None
    if withheld.final and order.state is OrderState.INTENT:
        reason = f"{withheld.code}: {withheld.reason}"
        writer.put_event(_event(order, "withheld", OrderState.CANCELLED, reason))
        crash_point("submit.withheld.inside")
    return withheld


def _gates(writer: Writer, desk: Desk, lease: Lease, order: OrderRecord) -> Withheld | None:
    """What stands between a decided order and the broker, read at the last moment."""
    key = order.intent.key
    day, now = desk.day(key.session), desk.clock.now()
    if now >= day.window_closes_at:
        return Withheld("late", f"the window closed at {day.window_closes_at:%H:%M} UTC")
    if now < day.window_opens_at:
        return Withheld("early", "the window is not open yet", final=False)
    forbidden = _forbidden(writer, desk, order)
    if forbidden is not None:
        return forbidden
    unheard = why_unheard(writer, desk, order)
    if unheard is not None:
        return Withheld("unheard", unheard, final=False)
    locked = {
        found.symbol for found in writer.open_breaks(desk.name) if found.kind is not BreakKind.CASH
    }
    if key.symbol in locked:
        return Withheld("locked", f"{key.symbol} has an open reconciliation break")
    clean = writer.latest_reconciliation(desk.name, key.session)
    if clean is None or clean.lease_token != lease.token:
        return Withheld("unreconciled", "no reconciliation under this lease", final=False)
    if clean.ran_at is None or writer.now - clean.ran_at > _FRESH:
        return Withheld("unreconciled", "the reconciliation is too old", final=False)
    if any(found.kind is BreakKind.CASH for found in clean.discrepancies):
        return Withheld("cash_break", "the broker's cash is not ours")
    # Last, because it writes down what it stops.
    # What closes a book by a person's word is not held back by a limit.
    broken = None if key.leg == FLATTEN else stopped_at_gate(writer, desk, order)
    return None if broken is None else Withheld(f"limit_{broken.limit}", broken.sentence)


def _forbidden(writer: Writer, desk: Desk, order: OrderRecord) -> Withheld | None:
    """What control says now, whatever it said when the order was decided."""
    why = why_forbidden(writer, desk, order)
    return None if why is None else Withheld("control", why)


def _record_refusal(desk: Desk, lease: Lease, order: OrderRecord, words: str) -> None:
    def fn(writer: Writer) -> None:
        writer.put_event(_event(order, "answer", OrderState.REJECTED, words))
        crash_point("submit.refusal.inside")
        writer.put_alert(
            Alert(
                Severity.WARNING,
                "order_refused",
                f"{order.intent.quantity:+d} {order.intent.key.symbol}: {words}",
                desk.name,
                order.intent.key.session,
                order.intent.key.symbol,
            )
        )

    crash_point("submit.refusal.before")
    desk.ledger.write(lease, fn)
    crash_point("submit.refusal.after")


def _record(desk: Desk, lease: Lease, event: OrderEvent) -> None:
    crash_point(f"submit.{event.kind}.before")
    desk.ledger.write(lease, lambda w: w.put_event(event))
    crash_point(f"submit.{event.kind}.after")


def _event(order: OrderRecord, kind: str, state: OrderState, reason: str) -> OrderEvent:
    return OrderEvent(order.client_order_id, kind, state, reason=reason)


def answer_event(order: OrderRecord, found: BrokerOrder, kind: str) -> OrderEvent:
    """What the broker says of an order, as an event of it."""
    state = _ANSWERED[found.status]
    if not state.working and found.filled_quantity:
        # It ended with fills: its executions are booked first, then its end is read again.
        state = OrderState.ACKED
    return OrderEvent(
        order.client_order_id,
        kind,
        state,
        found.broker_order_id,
        found.filled_quantity,
        found.reason,
    )


def _page_unknown(desk: Desk, lease: Lease, order: OrderRecord) -> None:
    key = order.intent.key
    alert = Alert(
        Severity.CRITICAL,
        "order_unknown",
        f"{order.intent.quantity:+d} {key.symbol} of {key.session}: {desk.broker.name} does "
        f"not say whether it has the order {order.client_order_id}",
        desk.name,
        key.session,
        order.client_order_id,
    )
    crash_point("submit.page.before")
    desk.ledger.write(lease, lambda w: w.put_alert(alert))
    crash_point("submit.page.after")
