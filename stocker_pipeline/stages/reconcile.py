"""Our book against the broker's account: before orders leave, and after the book is settled.

A difference opens a break, which locks its symbol (cash: the whole portfolio) and pages; it clears
by itself once the two agree. A difference that a second reading does not repeat is a slow read.
"""

from dataclasses import replace
from datetime import date, timedelta

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.domain.orders import OrderState
from stocker_pipeline.gateways.brokers.broker import Broker
from stocker_pipeline.ledger import Lease, Reader, Writer
from stocker_pipeline.ledger.control_records import (
    Alert,
    BreakRecord,
    ReconciliationRecord,
    Severity,
)
from stocker_pipeline.risk.alerts import Condition
from stocker_pipeline.risk.reconciliation import Discrepancy, Statement, breaks_between
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.patience import read

_SECOND_READING_AFTER = timedelta(seconds=10)
"""Positions and orders of a broker can disagree for some seconds."""
_UNCLEAR = frozenset({OrderState.SENDING, OrderState.UNKNOWN})


def reconcile(desk: Desk, lease: Lease, session: date, stage: str) -> tuple[Discrepancy, ...]:
    """Compare, record, open and clear breaks; returns what differs now.

    Raises:
        Waits: The broker does not answer.
    """
    found = differences(desk)
    if found[0]:
        desk.clock.wait(_SECOND_READING_AFTER)
        found = differences(desk)
    discrepancies, ours, brokers = found
    record = ReconciliationRecord(
        desk.name, session, stage, brokers.cash_e4, ours.cash_e4, discrepancies
    )
    crash_point("reconcile.record.before")
    desk.ledger.write(lease, lambda w: _record(w, record))
    crash_point("reconcile.record.after")
    return discrepancies


def differences(desk: Desk) -> tuple[tuple[Discrepancy, ...], Statement, Statement]:
    """What differs, our statement and the broker's; writes nothing."""
    unclear = {
        order.client_order_id
        for order in desk.ledger.read(lambda r: r.working_orders(desk.name))
        if order.state in _UNCLEAR
    }
    ours = desk.ledger.read(lambda r: our_statement(r, desk, unclear))
    brokers = read(desk, lambda: broker_statement(desk.broker, unclear), "the account")
    return breaks_between(ours, brokers), ours, brokers


def our_statement(reader: Reader, desk: Desk, unclear: set[str]) -> Statement:
    """The book as it was last settled, and the orders that the broker should be working.

    An order of which it is not known whether it arrived is in neither side's list: its look-up
    decides, not this comparison.
    """
    snapshot = reader.latest_snapshot(desk.name)
    quantities = {}
    if snapshot is not None:
        rows = reader.positions(desk.name, snapshot.session)
        quantities = {row.symbol: row.quantity for row in rows}
    working = {
        order.client_order_id: order.intent.key.symbol
        for order in reader.working_orders(desk.name)
        if order.state in {OrderState.ACKED, OrderState.PARTIAL}
        and order.client_order_id not in unclear
    }
    book = reader.portfolio(desk.name)
    initial = desk.initial_capital_e4 if book is None else book.initial_capital_e4
    return Statement(quantities, initial if snapshot is None else snapshot.cash_e4, working)


def broker_statement(broker: Broker, unclear: set[str]) -> Statement:
    """The account as the broker states it.

    Raises:
        ReadFailed: No answer.
    """
    working = {
        order.client_order_id or order.broker_order_id: order.symbol
        for order in broker.open_orders()
        if order.client_order_id not in unclear
    }
    return Statement(broker.holdings().quantities, broker.account().cash_e4, working)


def _record(writer: Writer, record: ReconciliationRecord) -> None:
    known = {(found.kind, found.symbol) for found in writer.open_breaks(record.portfolio)}
    writer.put_reconciliation(record)
    seen = {(found.kind, found.symbol) for found in record.discrepancies}
    for broken in writer.open_breaks(record.portfolio):
        if (broken.kind, broken.symbol) not in seen:
            writer.end_break(
                broken.break_id, how="cleared", author="stocker", reason="the two sides agree again"
            )
            writer.put_alert(_over(record, broken))
    _known_by_now(writer, record)
    crash_point("reconcile.record.inside")
    for found in record.discrepancies:
        if (found.kind, found.symbol) not in known:
            writer.put_alert(_page(record, found))


def _known_by_now(writer: Writer, record: ReconciliationRecord) -> None:
    """Take back the page for an order of which nothing was known, once something is."""
    asked = Condition(record.portfolio, "order_unknown")
    for name in sorted({alert.subject for alert in writer.alert_history({asked})}):
        order, told = writer.order(name), writer.raised(replace(asked, subject=name))
        if order is not None and told is not None and order.state not in _UNCLEAR:
            text = f"order {name}: it is {order.state} by now"
            writer.put_alert(replace(told, severity=Severity.INFO, text=text, recovers=True))


def _over(record: ReconciliationRecord, broken: BreakRecord) -> Alert:
    return Alert(
        Severity.CRITICAL,
        f"break_{broken.kind}",
        f"{broken.symbol or 'cash'}: the two sides agree again",
        record.portfolio,
        record.session,
        broken.symbol,
        recovers=True,
    )


def _page(record: ReconciliationRecord, found: Discrepancy) -> Alert:
    locked = f"{found.symbol} is" if found.symbol else "the portfolio is"
    return Alert(
        Severity.CRITICAL,
        f"break_{found.kind}",
        f"{found.symbol or 'cash'}: expected {found.expected}, the broker has {found.observed} "
        f"({found.kind.meaning}); {locked} locked until the two agree",
        record.portfolio,
        record.session,
        found.symbol,
    )
