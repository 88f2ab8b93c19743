"""What a person asks about a paper book: how it stands, what it would order, why it did so.

Plain values for the command line and the UI. Reads, never writes. Stays out: how it is printed.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.domain.trading_day import TradingDay
from stocker_pipeline.engine.fills import fill_commission
from stocker_pipeline.engine.rebalance import Decision
from stocker_pipeline.ledger import Reader
from stocker_pipeline.ledger.limit_records import LimitRejection
from stocker_pipeline.ledger.records import DecisionRow
from stocker_pipeline.risk.breaker import breaker_of
from stocker_pipeline.risk.limits.facts import Judgement
from stocker_pipeline.risk.limits.judging import meaning_of_limit
from stocker_pipeline.risk.overrides import OverrideReason
from stocker_pipeline.stages.decide import Ticket, in_force, ticket
from stocker_pipeline.stages.desk import Desk

_ALERTS_SHOWN = 5


def status_of(reader: Reader, name: str, now: datetime) -> dict[str, Any]:
    """State, last session, orders, breaks, overrides and what happens next.

    Raises:
        BookRefused: The book has not begun.
    """
    book = begun(reader, name)
    snapshot = reader.latest_snapshot(name)
    settled = snapshot.session if snapshot else None
    coming = next_session_of(reader, name)
    control = reader.control(name)
    ended = reader.outcome(name, settled) if settled else None
    locked = sorted({found.symbol for found in reader.open_breaks(name) if found.symbol})
    return {
        "portfolio": name,
        "environment": book.environment,
        "broker": book.broker,
        "account": book.account,
        "state": control.state.value,
        "state_since": control.at,
        "state_since_session": _first_under(reader, name, control.at, coming),
        "state_reason": f"{control.author}: {control.reason}",
        "last_session": settled,
        "outcome": ended.outcome.value if ended else None,
        "outcome_reason": ended.reason if ended else None,
        "nav": _dollars(snapshot.nav_e4) if snapshot else _dollars(book.initial_capital_e4),
        "cash": _dollars(snapshot.cash_e4) if snapshot else _dollars(book.initial_capital_e4),
        "drawdown": snapshot.drawdown if snapshot else 0.0,
        "gross_exposure": snapshot.gross_exposure if snapshot else 0.0,
        "breaker_tripped": snapshot.tripped if snapshot else False,
        "working_orders": [order_row(order) for order in reader.working_orders(name)],
        "breaks": [
            {
                "break": found.break_id,
                "kind": found.kind.value,
                "symbol": found.symbol or "cash",
                "expected": found.expected,
                "observed": found.observed,
                "since": found.opened_at,
            }
            for found in reader.open_breaks(name)
        ],
        "suspense": [
            fill_row(found.execution)
            | {"execution": found.execution.execution_id, "why": found.why}
            for found in reader.open_suspense(book.broker, book.account)
        ],
        "locked": locked,
        "overrides": [override_row(found) for found in reader.overrides(name, coming)],
        "alerts": [
            {
                "at": found.recorded_at,
                "session": found.session,
                "severity": "over" if found.recovers else found.severity.value,
                "code": found.code,
                "text": found.text,
            }
            for found in reader.alerts(name)[-_ALERTS_SHOWN:]
        ],
        "next": _next(reader, name, coming, now),
    }


def breaker_now(
    reader: Reader, name: str, parameters: PortfolioParameters, session: date | None = None
) -> dict[str, Any]:
    """The drawdown breaker after the last settled close, at or before ``session``."""
    last = reader.latest_snapshot(name, session)
    if last is None:
        initial = begun(reader, name).initial_capital_e4
        return breaker_of(initial, initial, False, parameters).values()
    return breaker_of(last.nav_e4, last.peak_nav_e4, last.tripped, parameters).values()


def next_session_of(reader: Reader, name: str) -> date:
    """The first session of a book that is not settled.

    Raises:
        BookRefused: The book has not begun.
    """
    start: date = begun(reader, name).book_start
    last = reader.latest_snapshot(name)
    if last is None:
        return start
    return SessionCalendar.between(last.session, last.session).next_session(last.session)


def _first_under(reader: Reader, name: str, at: datetime | None, coming: date) -> date | None:
    """The first session that was opened at or after an instant, or the next one to come."""
    if at is None:
        return None
    opened = (
        record.session
        for record in reader.sessions(name)
        if record.opened_at is not None and record.opened_at >= at
    )
    return next(opened, coming)


def _next(reader: Reader, name: str, session: date, now: datetime) -> list[dict[str, Any]]:
    """What is still to come for the first session that is not settled."""
    day = TradingDay.of(session, SessionCalendar.between(session, session))
    decided = reader.session(name, session) is not None
    events = [
        ("orders may be sent from", day.window_opens_at, not decided),
        ("decide and send", day.open_stage_at, not decided),
        ("last moment to send", day.window_closes_at, not decided),
        ("open of the exchange", day.opens_at, True),
        ("collect fills and settle", day.close_stage_at, True),
    ]
    return [
        {"session": session, "what": what, "at": at, "late": at < now}
        for what, at, wanted in events
        if wanted
    ]


def ticket_of(reader: Reader, desk: Desk, session: date) -> dict[str, Any]:
    """Tomorrow's orders as they would be decided now: nothing is written and nothing is sent."""
    made = ticket(reader, desk, session)
    nav = made.opening.nav_e4 / 1e4
    rows = [_ticket_row(desk, row, nav) for row in made.rows]
    before = sum(abs(row.held) * (row.reference_price or 0.0) for row in made.rows)
    after = sum(abs(row.held + row.ordered) * (row.reference_price or 0.0) for row in made.rows)
    return {
        "portfolio": desk.name,
        "session": session,
        "nav": nav,
        "gross_exposure_before": before / nav if nav > 0 else None,
        "gross_exposure_after": after / nav if nav > 0 else None,
        "orders": [row for row in rows if row["quantity"]],
        "without_order": [row for row in rows if not row["quantity"]],
        "suppressed": [
            {
                "symbol": found.order.symbol,
                "wanted": found.order.quantity,
                "ordered": found.left,
                **_judged(judged),
            }
            for found in made.limited.suppressed
            for judged in found.judgements
        ],
        "commissions": sum(row["commission"] for row in rows),
        "in_force": [
            {"kind": found.kind.value, "symbol": found.symbol, "reason": found.reason}
            for found in in_force(reader, desk, session)
        ],
        "written": reader.session(desk.name, session) is not None,
        "intents": _intents(made),
    }


def _judged(found: Judgement | LimitRejection) -> dict[str, Any]:
    """A broken limit with its numbers."""
    return {
        "limit": found.limit,
        "measured": found.measured,
        "bound": found.bound,
        "unit": found.unit,
        "sentence": found.sentence,
    }


def _intents(made: Ticket) -> list[str]:
    return [intent.client_order_id for intent in made.intents]


def _ticket_row(desk: Desk, row: DecisionRow, nav: float) -> dict[str, Any]:
    price = row.reference_price or 0.0
    commission = fill_commission(row.ordered, desk.rules) / 1e4 if row.ordered else 0.0
    return {
        "symbol": row.symbol,
        "quantity": row.ordered,
        "held": row.held,
        "desired": row.desired,
        "reference_price": row.reference_price,
        "notional_usd": row.ordered * price,
        "weight_before": row.held * price / nav if nav > 0 else None,
        "weight_after": (row.held + row.ordered) * price / nav if nav > 0 else None,
        "commission": commission,
        "decision": row.decision,
        "why": meaning_of(row.decision),
        "overridden_by": row.overridden_by,
    }


def explain(reader: Reader, name: str, session: date, symbol: str) -> dict[str, Any]:
    """The chain of one symbol and session, as it was recorded when it was decided.

    Raises:
        BookRefused: There is no decision of that session and symbol.
    """
    begun(reader, name)
    row = reader.decision(name, session, symbol)
    if row is None:
        known = [found.symbol for found in reader.decisions(name, session)]
        ended = reader.outcome(name, session)
        why = (
            f"the session ended {ended.outcome}: {ended.reason}" if ended else "it was not decided"
        )
        raise BookRefused(
            f"a decision of {symbol} in the session {session}",
            f"decisions of {', '.join(known)}" if known else f"none; {why}",
            where=f"portfolio {name}",
            remedy="Name another session or symbol; `stocker orders` lists what there is.",
        )
    record = reader.session(name, session)
    orders = [
        order for order in reader.orders(name, session=session) if order.intent.key.symbol == symbol
    ]
    fills = [
        fill_row(found.execution)
        for found in reader.executions(name, session=session)
        if found.execution.symbol == symbol
    ]
    return {
        "portfolio": name,
        "session": session,
        "decided_on": dict(record.data_versions) if record else {},
        "config_hash": record.config_hash if record else None,
        "chain": asdict(row) | {"why": meaning_of(row.decision)},
        "orders": [
            order_row(order)
            | {
                "events": [
                    {
                        "at": e.recorded_at,
                        "kind": e.kind,
                        "state": e.state.value,
                        "reason": e.reason,
                    }
                    for e in reader.order_events(order.client_order_id)
                ]
            }
            for order in orders
        ],
        "fills": fills,
        "limits": [
            {"stage": found.stage.value, **_judged(found)}
            for found in reader.limit_rejections(name, session)
            if found.symbol == symbol
        ],
    }


def begun(reader: Reader, name: str) -> Any:
    """The book's record.

    Raises:
        BookRefused: The book has not begun.
    """
    book = reader.portfolio(name)
    if book is None:
        known = ", ".join(found.portfolio for found in reader.portfolios()) or "none"
        raise BookRefused(
            "a book that has begun",
            f"{name}; books of this ledger: {known}",
            where="the ledger",
            remedy=f"`stocker day {name} --session YYYY-MM-DD` begins it.",
        )
    return book


def meaning_of(code: str) -> str:
    """The sentence of a decision's, an override's or a limit's code."""
    if code in OverrideReason.__members__:
        return OverrideReason[code].meaning
    return meaning_of_limit(code) or Decision[code].meaning


def order_row(order: Any) -> dict[str, Any]:
    """An order as a table shows it."""
    key = order.intent.key
    return {
        "session": key.session,
        "symbol": key.symbol,
        "quantity": order.intent.quantity,
        "reference_price": order.intent.reference_price,
        "decision": order.intent.decision,
        "state": order.state.value,
        "filled_quantity": order.filled_quantity,
        "attempts": order.attempts,
        "client_order_id": order.client_order_id,
    }


def fill_row(execution: Any) -> dict[str, Any]:
    """A fill as a table shows it."""
    return {
        "session": execution.session,
        "symbol": execution.symbol,
        "quantity": execution.quantity,
        "price": _dollars(execution.price_e4),
        "commission": _dollars(execution.commission_e4),
        "executed_at": execution.executed_at,
    }


def override_row(found: Any) -> dict[str, Any]:
    """An override as a table shows it."""
    return {
        "override": found.override_id,
        "kind": found.kind.value,
        "symbol": found.symbol or "all",
        "value": found.value,
        "from": found.from_session,
        "until": found.until_session,
        "author": found.author,
        "reason": found.reason,
    }


def flows_of(reader: Reader, name: str) -> list[dict[str, Any]]:
    """Cash that persons moved or corrected, in the order in which they said so."""
    begun(reader, name)
    last = reader.latest_snapshot(name)
    return [
        {
            "session": flow.session,
            "kind": flow.kind.value,
            "amount": _dollars(flow.amount_e4),
            "booked": last is not None and flow.session <= last.session,
            "reference": flow.reference,
            "author": flow.author,
            "reason": flow.reason,
            "entered_at": flow.recorded_at,
        }
        for flow in reader.flows(name)
    ]


def positions_of(reader: Reader, name: str) -> Mapping[str, Any]:
    """Positions of the last settled session."""
    begun(reader, name)
    snapshot = reader.latest_snapshot(name)
    rows = [] if snapshot is None else reader.positions(name, snapshot.session)
    return {
        "portfolio": name,
        "session": snapshot.session if snapshot else None,
        "positions": [
            {
                "symbol": row.symbol,
                "quantity": row.quantity,
                "mark": row.mark,
                "mark_age_sessions": row.mark_age_sessions,
                "cost": _dollars(row.cost_e4),
                "market_value": _dollars(row.market_value_e4),
            }
            for row in rows
        ],
    }


def _dollars(amount_e4: int) -> float:
    return amount_e4 / 1e4
