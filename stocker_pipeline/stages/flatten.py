"""Close a book at one open: a person's explicit word, which holds while the book is killed too.

The word is leave for one session's open, under the control that is in force: whatever is said about
control afterwards takes it away. Orders go the way of all orders (intent, attempt, one request)
under a leg of their own, and only ever close what the settled book holds. Before the window, and
while the book of an earlier session is not settled, the leave waits for the session's open stage.
Stays out: whether an order may leave (``permission``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.orders import OrderIntent, OrderKey, OrderState
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.domain.trading_day import TradingDay, shown
from stocker_pipeline.engine.day import before_open
from stocker_pipeline.engine.day import decide as decide_session
from stocker_pipeline.ledger import Lease, Reader, Writer
from stocker_pipeline.ledger.account_records import Flatten
from stocker_pipeline.ledger.control_records import Alert, ControlState, Severity
from stocker_pipeline.ledger.records import DecisionRow, OrderRecord, SessionKind
from stocker_pipeline.risk.reconciliation import BreakKind
from stocker_pipeline.stages.cancel import Swept, cancel_open_orders
from stocker_pipeline.stages.collect import collect
from stocker_pipeline.stages.decide import session_record
from stocker_pipeline.stages.desk import Desk, opening_of
from stocker_pipeline.stages.kill_file import kill_file_reason
from stocker_pipeline.stages.overview import begun, next_session_of
from stocker_pipeline.stages.permission import FLATTEN
from stocker_pipeline.stages.reconcile import reconcile
from stocker_pipeline.stages.submit import submit

STAGE = "flatten"
ALERT = "flatten"
_CLOSE = "CLOSE"


@dataclass(frozen=True)
class Closing:
    """One position and what closes it.

    Attributes:
        held: Signed shares at the open, after the session's splits.
        skipped: Why nothing is ordered; empty where something is.
    """

    symbol: str
    held: int
    reference_price: float | None
    skipped: str = ""

    @property
    def quantity(self) -> int:
        """Signed shares of the order."""
        return 0 if self.skipped else -self.held


@dataclass(frozen=True)
class Plan:
    """What closing a book would do.

    Attributes:
        session: At whose open.
        waits: Why nothing is sent now, and who will; empty where it is sent now.
        closings: By symbol; where it waits, from the last settled book.
    """

    session: date
    waits: str
    closings: Sequence[Closing]


@dataclass(frozen=True)
class Flattened:
    """What was done.

    Attributes:
        swept: What became of the orders that were open before; None where it waits.
        orders: Those that close the book.
    """

    plan: Plan
    leave: Flatten
    swept: Swept | None
    orders: Sequence[OrderRecord]


def flatten_session(now: datetime) -> date:
    """The session whose window is open now or opens next."""
    today = now.date()
    calendar = SessionCalendar.between(today, today)
    session = calendar.session_on_or_before(today)
    while now >= TradingDay.of(session, calendar).window_closes_at:
        session = calendar.next_session(session)
    return session


def plan(reader: Reader, desk: Desk) -> Plan:
    """What closing the book now would do; writes nothing.

    Raises:
        BookRefused: The book has not begun.
    """
    session, coming = flatten_session(desk.clock.now()), next_session_of(reader, desk.name)
    opens = TradingDay.of(session, SessionCalendar.between(session, session)).window_opens_at
    waits = ""
    if session != coming:
        waits = (
            f"the book of {coming} is not settled; the open stage of {session} closes what is held "
            "then"
        )
    elif desk.clock.now() < opens:
        waits = f"orders are taken from {shown(opens)} on; the open stage of {session} sends them"
    return Plan(session, waits, closings(reader, desk, coming))


def closings(reader: Reader, desk: Desk, session: date) -> list[Closing]:
    """Every position at the open of a session, by symbol, and why one is not closed."""
    opening = opening_of(reader, desk, session)
    row = desk.panel.row_of(session)
    nothing = np.full(len(desk.panel.symbols), np.nan)
    decided = decide_session(before_open(desk.panel, row), nothing, desk.rules, opening, row)
    broken = {
        item.symbol: f"break {item.break_id}: we say {item.expected}, the broker {item.observed}"
        for item in reader.open_breaks(desk.name)
        if item.kind is not BreakKind.CASH
    }
    found = []
    for symbol, held, price in zip(
        decided.symbols, decided.held.tolist(), decided.reference.tolist(), strict=True
    ):
        if held:
            known = None if price != price else price
            why = broken.get(symbol, "" if known else "no bar at the session before")
            found.append(Closing(symbol, held, known, why))
    return found


def flatten(desk: Desk, *, author: str, reason: str) -> Flattened:
    """Give leave to close the book, and close it now where its window is open.

    A portfolio that is armed becomes reduce-only first, so that the next decision buys nothing
    back; one that is killed stays so.

    Raises:
        BookRefused: A kill file is there, or cash differs from the broker's.
        LeaseHeld: A stage is at work.
        Waits: The broker does not answer.
    """
    stopped = kill_file_reason(desk.kill_file)
    if stopped is not None:
        raise BookRefused(
            "no kill file: while it is there nothing is sent, to close the book neither",
            stopped,
            where=f"portfolio {desk.name}",
            remedy="Take the file away, or close the positions at the broker.",
        )
    made = desk.ledger.read(lambda r: plan(r, desk))
    leave = desk.ledger.write(None, lambda w: _leave(w, desk.name, made.session, author, reason))
    if made.waits:
        return Flattened(made, leave, None, ())
    with desk.ledger.lease(desk.name, made.session, STAGE, wait=True) as lease:
        swept = close_positions(desk, lease, leave, again=True)
    orders = desk.ledger.read(lambda r: _orders(r, desk, made.session))
    after = desk.ledger.read(lambda r: closings(r, desk, made.session))
    return Flattened(Plan(made.session, "", after), leave, swept, orders)


def close_positions(desk: Desk, lease: Lease, leave: Flatten, *, again: bool = False) -> Swept:
    """Take back what is open, compare with the broker, and order what closes each position.

    Args:
        again: A closing order that ended without a fill is replaced by another one.

    Raises:
        BookRefused: Cash differs from the broker's.
        Waits: The broker does not answer.
    """
    session = leave.session
    ours = {
        order.client_order_id for order in desk.ledger.read(lambda r: _orders(r, desk, session))
    }
    why = f"the book is closed by {leave.author}: {leave.reason}"
    swept = cancel_open_orders(desk, lease, why=why, keep=ours)
    collect(desk, lease, session)
    for found in reconcile(desk, lease, session, STAGE):
        if found.kind is BreakKind.CASH:
            raise BookRefused(
                "an account whose cash is ours",
                f"expected {found.expected}, the broker has {found.observed}",
                where=f"portfolio {desk.name}",
                remedy=f"See `stocker reconcile {desk.name} --explain`; the leave stays.",
            )
    desk.ledger.write(lease, lambda w: _order(w, desk, leave, again))
    submit(desk, lease, session)
    return swept


def _leave(writer: Writer, name: str, session: date, author: str, reason: str) -> Flatten:
    begun(writer, name)
    if writer.own_control(name).state is ControlState.ARMED:
        words = f"the book is to be closed: {reason}"
        writer.set_control(name, ControlState.REDUCE_ONLY, author=author, reason=words)
    text = f"the book is closed at the open of {session} by {author}: {reason}"
    writer.put_alert(Alert(Severity.WARNING, ALERT, text, name, session))
    return writer.put_flatten(name, session, author=author, reason=reason)


def _orders(reader: Reader, desk: Desk, session: date) -> list[OrderRecord]:
    found = reader.orders(desk.name, session=session)
    return [order for order in found if order.intent.key.leg == FLATTEN]


def _order(writer: Writer, desk: Desk, leave: Flatten, again: bool) -> None:
    """The session where there is none, and one order for each position that has none."""
    session = leave.session
    found = closings(writer, desk, session)
    writer.put_config(desk.config_hash, desk.config)
    if writer.session(desk.name, session) is None:
        writer.open_session(session_record(desk, session, SessionKind.DECIDED))
        writer.put_decisions(desk.name, session, [_decision(item, leave) for item in found])
    working = {order.intent.key.symbol for order in writer.working_orders(desk.name)}
    earlier: dict[str, list[OrderRecord]] = {}
    for order in _orders(writer, desk, session):
        earlier.setdefault(order.intent.key.symbol, []).append(order)
    intents = []
    for item in found:
        before = earlier.get(item.symbol, [])
        done = any(order.filled_quantity or order.state is OrderState.FILLED for order in before)
        if item.skipped or item.symbol in working or done or (before and not again):
            continue
        key = OrderKey(
            desk.environment,
            desk.account,
            desk.name,
            session,
            item.symbol,
            leg=FLATTEN,
            revision=len(before),
        )
        intents.append(OrderIntent(key, item.quantity, item.reference_price or 0.0, _CLOSE))
    writer.put_intents(intents, config_hash=desk.config_hash)


def _decision(item: Closing, leave: Flatten) -> DecisionRow:
    words = f"flatten by {leave.author}: {leave.reason}"
    if item.skipped:
        words += f"; not closed: {item.skipped}"
    return DecisionRow(
        symbol=item.symbol,
        decision=_CLOSE,
        held=item.held,
        desired=item.held + item.quantity,
        ordered=item.quantity,
        reference_price=item.reference_price,
        overridden_by=words[:1000],
    )
