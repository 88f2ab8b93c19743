"""What the sessions of a paper book leave in the Dagster UI, per partition: numbers and tables.

Read from the ledger after the stages, so that the UI shows what is booked and nothing else.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Reader
from stocker_pipeline.ledger.limit_records import LimitRejection
from stocker_pipeline.orchestration.markdown import table
from stocker_pipeline.stages.overview import breaker_now, ticket_of
from stocker_pipeline.stages.parity import Parity
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline.strategies.portfolio import Portfolio

_TABLES_UP_TO = 21
"""Sessions of one run that get tables; a longer replay gets numbers alone, for speed."""


def session_metadata(
    venue: Venue, name: str, portfolio: Portfolio, sessions: Sequence[date]
) -> Mapping[str, Mapping[date, Mapping[str, Any]]]:
    """Asset → session → metadata, for the sessions of one run."""
    with venue.ledger() as ledger:
        return ledger.read(lambda reader: _all(reader, name, portfolio, sessions))


def tomorrow_metadata(
    venue: Venue, name: str, portfolio: Portfolio, lake: Lake, session: date
) -> Mapping[str, Any]:
    """The orders of the session after ``session`` as they would be decided now; nothing is sent."""
    coming = SessionCalendar.between(session, session).next_session(session)
    with venue.desk(name, portfolio, lake, venue.clock(coming), coming) as desk:
        found = desk.ledger.read(lambda reader: ticket_of(reader, desk, coming))
    columns = ("symbol", "quantity", "notional_usd", "weight_after", "decision", "why")
    rows = [[_number(row[column]) for column in columns] for row in found["orders"]]
    after = found["gross_exposure_after"]
    stopped = [[one["symbol"], one["limit"], one["sentence"]] for one in found["suppressed"]]
    return {
        **({"next_stopped": table(["symbol", "limit", "why"], stopped)} if stopped else {}),
        "next_session": coming.isoformat(),
        "next_orders": table(columns, rows) if rows else "none",
        **({} if after is None else {"gross_exposure_after_next_orders": after}),
    }


def parity_metadata(found: Parity) -> Mapping[str, Any]:
    """The latest gap and its causes, in dollars."""
    if not found.gaps:
        return {"reason": "no session is settled"}
    last = found.gaps[-1]
    return {
        "sessions": len(found.gaps),
        "sessions_with_a_gap": sum(gap.gap_e4 != 0 for gap in found.gaps),
        "nav": last.nav_e4 / 1e4,
        "backtest_nav": last.twin_nav_e4 / 1e4,
        "gap": last.gap_e4 / 1e4,
        "causes": table(
            ["cause", "dollars", "meaning"],
            [
                [cause.value, f"{amount / 1e4:,.4f}", cause.meaning]
                for cause, amount in last.causes.items()
            ],
        ),
    }


def _all(
    reader: Reader, name: str, portfolio: Portfolio, sessions: Sequence[date]
) -> Mapping[str, Mapping[date, Mapping[str, Any]]]:
    described = sessions[-_TABLES_UP_TO:]
    return {
        "targets": {session: _targets(reader, name, session) for session in described},
        "orders": {session: _orders(reader, name, session) for session in described},
        "fills": {session: _fills(reader, name, session) for session in described},
        "portfolio_snapshot": {
            session: _snapshot(reader, name, portfolio, session) for session in described
        },
    }


def _targets(reader: Reader, name: str, session: date) -> Mapping[str, Any]:
    rows = reader.decisions(name, session)
    return {
        "decisions": len(rows),
        "why": table(
            ["symbol", "target", "held", "desired", "ordered", "decision", "overridden by"],
            [
                [
                    row.symbol,
                    "" if row.target is None else f"{row.target:+.4f}",
                    row.held,
                    row.desired,
                    row.ordered,
                    row.decision,
                    row.overridden_by or "",
                ]
                for row in rows
            ],
        ),
    }


def _orders(reader: Reader, name: str, session: date) -> Mapping[str, Any]:
    orders = reader.orders(name, session=session)
    stopped = reader.limit_rejections(name, session)
    return {
        **_stopped(stopped),
        "orders": len(orders),
        "table": table(
            ["symbol", "quantity", "reference", "decision", "state", "filled"],
            [
                [
                    order.intent.key.symbol,
                    order.intent.quantity,
                    f"{order.intent.reference_price:,.4f}",
                    order.intent.decision,
                    order.state.value,
                    order.filled_quantity,
                ]
                for order in orders
            ],
        ),
    }


def _stopped(found: Sequence[LimitRejection]) -> Mapping[str, Any]:
    if not found:
        return {}
    return {
        "stopped_by_limits": table(
            ["symbol", "limit", "when", "why"],
            [[one.symbol, one.limit, one.stage.value, one.sentence] for one in found],
        )
    }


def _fills(reader: Reader, name: str, session: date) -> Mapping[str, Any]:
    fills = [booked.execution for booked in reader.executions(name, session=session)]
    return {
        "fills": len(fills),
        "table": table(
            ["symbol", "quantity", "price", "commission", "at"],
            [
                [
                    fill.symbol,
                    fill.quantity,
                    f"{fill.price_e4 / 1e4:,.4f}",
                    f"{fill.commission_e4 / 1e4:,.4f}",
                    f"{fill.executed_at:%Y-%m-%d %H:%M} UTC",
                ]
                for fill in fills
            ],
        ),
    }


def _snapshot(reader: Reader, name: str, portfolio: Portfolio, session: date) -> Mapping[str, Any]:
    snapshot, ended = reader.snapshot(name, session), reader.outcome(name, session)
    found: dict[str, Any] = {}
    if ended is not None:
        found |= {"outcome": ended.outcome.value, "reason": ended.reason}
    if snapshot is not None:
        found |= {
            "nav": snapshot.nav_e4 / 1e4,
            "cash": snapshot.cash_e4 / 1e4,
            "version": snapshot.version,
        }
        for key in ("drawdown", "gross_exposure"):
            value = getattr(snapshot, key)
            found |= {} if value is None else {key: value}
        breaker = breaker_now(reader, name, portfolio.parameters, session)
        found |= {
            "drawdown_breaker": breaker["sentence"],
            "drawdown_breaker_trips_below_nav": breaker["trips_below_nav"],
            "drawdown_breaker_releases_above_nav": breaker["releases_above_nav"],
        }
    return found


def _number(value: Any) -> Any:
    return f"{value:,.4f}" if isinstance(value, float) else value
