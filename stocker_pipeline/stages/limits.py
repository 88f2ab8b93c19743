"""Pre-trade limits at work: the facts they judge, and what becomes of an order that breaks one.

Twice: after sizing, where an order is not made and its row says why, and at the last gate before
the broker, from facts read in the transaction of the attempt. Stays out: the limits themselves.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from stocker_pipeline.domain.orders import OrderKey
from stocker_pipeline.engine.book import CASH
from stocker_pipeline.engine.day import Decided, reference_prices
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.ledger import Reader, Writer
from stocker_pipeline.ledger.control_records import Alert, Severity
from stocker_pipeline.ledger.limit_records import LimitRejection, LimitStage
from stocker_pipeline.ledger.records import DecisionRow, OrderRecord
from stocker_pipeline.risk.limits.facts import Facts, Judgement, Order, Quote
from stocker_pipeline.risk.limits.judging import (
    LimitSet,
    Suppressed,
    broken_at_gate,
    limit_set,
    suppress,
)
from stocker_pipeline.stages.desk import Desk

ADV_SESSIONS = 20
_WORDS_LENGTH = 1000
_CRITICAL = {"children_within_parent", "duplicate_order", "one_order_per_symbol"}
"""Limits that no correct order can break: the program itself is at fault."""


@dataclass(frozen=True)
class Limited:
    """Decisions after the limits, and what the limits stopped."""

    rows: Sequence[DecisionRow]
    suppressed: Sequence[Suppressed]
    rejections: Sequence[LimitRejection]


def limits_of(desk: Desk) -> LimitSet:
    """The limits that hold for a book."""
    return limit_set(desk.portfolio.limit_bounds, desk.portfolio.limits.restricted)


def after_sizing(
    desk: Desk, session: date, decided: Decided, rows: Sequence[DecisionRow]
) -> Limited:
    """Take from a session's decisions what the limits stop; writes nothing."""
    orders = tuple(
        Order(row.symbol, row.ordered, row.reference_price) for row in rows if row.ordered
    )
    held = dict(zip(decided.symbols, decided.held.tolist(), strict=True))
    facts = Facts(
        nav=decided.nav_e4 / 1e4,
        cash=int(decided.run.record.totals[0, CASH]) / 1e4,
        held={symbol: count for symbol, count in held.items() if count},
        market=quotes(desk.panel, session, {*(order.symbol for order in orders), *_named(held)}),
        orders=orders,
    )
    stopped = suppress(facts, limits_of(desk))
    by_symbol = {found.order.symbol: found for found in stopped}
    return Limited(
        [_limited(row, by_symbol[row.symbol]) if row.symbol in by_symbol else row for row in rows],
        stopped,
        [
            _rejection(
                OrderKey(desk.environment, desk.account, desk.name, session, found.order.symbol),
                LimitStage.SIZING,
                judged,
            )
            for found in stopped
            for judged in found.judgements
        ],
    )


def write_stopped(writer: Writer, portfolio: str, session: date, limited: Limited) -> None:
    """The rows and the alert of what was stopped after sizing; again is nothing."""
    if not limited.rejections:
        return
    writer.put_limit_rejections(limited.rejections)
    names = {found.limit for found in limited.rejections}
    said = "; ".join(
        f"{found.order.symbol} {found.order.quantity:+d} → {found.left:+d} ({found.words})"
        for found in limited.suppressed
    )
    text = f"{len(limited.suppressed)} orders of {session} were not made as sized: {said}"
    severity = Severity.CRITICAL if names & _CRITICAL else Severity.WARNING
    writer.put_alert(
        Alert(severity, "limit_sizing", text[:10_000], portfolio, session, f"session {session}")
    )


def stopped_at_gate(writer: Writer, desk: Desk, order: OrderRecord) -> Judgement | None:
    """The first limit that an order breaks at the last moment; its row and alert are written.

    Everything is read in this transaction: what was filled and what works in the session, the
    shares held, and the prices known now. The gate before this one has compared the account.
    """
    key = order.intent.key
    facts = _facts_at_gate(writer, desk, order)
    (judged,) = (one for one in facts.orders if one.order_id == order.client_order_id)
    broken = broken_at_gate(judged, facts, limits_of(desk))
    if not broken:
        return None
    writer.put_limit_rejections([_rejection(key, LimitStage.GATE, found) for found in broken])
    severity = (
        Severity.CRITICAL if any(found.limit in _CRITICAL for found in broken) else Severity.ERROR
    )
    said = "; ".join(f"limit {found.limit}: {found.sentence}" for found in broken)
    writer.put_alert(
        Alert(
            severity,
            "limit_gate",
            f"{order.intent.quantity:+d} {key.symbol} was not sent: {said}",
            desk.name,
            key.session,
            f"{key.symbol} {key.session}",
        )
    )
    return broken[0]


def quotes(panel: Panel, session: date, symbols: Collection[str]) -> Mapping[str, Quote]:
    """What is known of symbols before the open of a session; nothing at or after it is read."""
    row = panel.row_of(session)
    column = {symbol: j for j, symbol in enumerate(panel.symbols)}
    references = reference_prices(panel.market, row)
    return {
        symbol: _quote(panel, row, column[symbol], float(references[column[symbol]]))
        for symbol in sorted(symbols)
        if symbol in column
    }


def _quote(panel: Panel, row: int, j: int, reference: float) -> Quote:
    market = panel.market
    last = _bar_before(panel, row, j)
    if last is None:
        return Quote()
    before = _bar_before(panel, last, j)
    jump = None
    if before is not None:
        jump = float(panel.index[last, j] / panel.index[before, j]) - 1
    since = max(0, row - ADV_SESSIONS)
    traded = market.close[since:row, j] * market.volume[since:row, j]
    # Of twenty sessions always: a symbol that is traded on some of them alone is traded less.
    volume = float(np.nansum(traded)) / ADV_SESSIONS
    return Quote(
        reference=None if np.isnan(reference) else reference,
        mark=float(market.close[last, j]) / _split_since(panel, j, last, row),
        age_sessions=row - last,
        jump=jump,
        adv_usd=volume if volume > 0 else None,
    )


def _bar_before(panel: Panel, row: int, j: int) -> int | None:
    """The last row before ``row`` on which a symbol has a bar: mostly the one before."""
    first, close = int(panel.market.first_bar[j]), panel.market.close
    for found in range(row - 1, first - 1, -1):
        if not np.isnan(close[found, j]):
            return found
    return None


def _split_since(panel: Panel, j: int, last: int, row: int) -> float:
    """Product of a symbol's splits after row ``last`` up to and including ``row``."""
    market, ratio = panel.market, 1.0
    for e in range(int(market.event_start[last + 1]), int(market.event_start[row + 1])):
        if market.event_symbol[e] == j:
            ratio *= market.event_new[e] / market.event_old[e]
    return ratio


def _facts_at_gate(reader: Reader, desk: Desk, order: OrderRecord) -> Facts:
    session = order.intent.key.session
    of_session = reader.orders(desk.name, session=session)
    # An order of an earlier session that may still fill counts too.
    working = {one.client_order_id: one for one in reader.working_orders(desk.name)}
    working[order.client_order_id] = order
    ended = [one for one in of_session if one.client_order_id not in working]
    decisions = reader.decisions(desk.name, session)
    fills = [booked.execution for booked in reader.executions(desk.name, session=session)]
    held, nav_e4, cash_e4 = _book_before(reader, desk, session, decisions)
    for fill in fills:
        held[fill.symbol] = held.get(fill.symbol, 0) + fill.quantity
        cash_e4 -= fill.quantity * fill.price_e4 + fill.commission_e4
    traded: dict[str, int] = {}
    sent: dict[tuple[str, int, str], set[str]] = {}
    for one in (*ended, *(w for w in working.values() if w.intent.key.session == session)):
        key, quantity = one.intent.key, one.intent.quantity
        counted = quantity if one.client_order_id in working else one.filled_quantity
        if key.leg == "rebalance":
            traded[key.symbol] = traded.get(key.symbol, 0) + abs(counted)
        if one.attempts:
            side = 1 if quantity > 0 else -1
            sent.setdefault((key.symbol, side, key.leg), set()).add(one.client_order_id)
    orders = tuple(_as_order(one) for one in working.values())
    return Facts(
        nav=nav_e4 / 1e4,
        cash=cash_e4 / 1e4,
        held={symbol: count for symbol, count in held.items() if count},
        market=quotes(desk.panel, session, {*(one.symbol for one in orders), *_named(held)}),
        orders=orders,
        done_orders=sum(one.attempts > 0 for one in ended),
        done_notional_usd=sum(abs(fill.quantity) * fill.price_e4 for fill in fills) / 1e4,
        intended={row.symbol: row.ordered for row in decisions if row.ordered},
        traded=traded,
        sent={key: frozenset(ids) for key, ids in sent.items()},
    )


def _book_before(
    reader: Reader, desk: Desk, session: date, decisions: Sequence[DecisionRow]
) -> tuple[dict[str, int], int, int]:
    """Shares before the session's fills, and NAV and cash of the last close, 1/10,000 dollar."""
    snapshot = reader.latest_snapshot(desk.name)
    if snapshot is None:
        book = reader.portfolio(desk.name)
        capital = desk.initial_capital_e4 if book is None else book.initial_capital_e4
        return {row.symbol: row.held for row in decisions}, capital, capital
    held = {row.symbol: row.quantity for row in reader.positions(desk.name, snapshot.session)}
    # A decision knows the session's splits.
    held |= {row.symbol: row.held for row in decisions}
    return held, snapshot.nav_e4, snapshot.cash_e4


def _as_order(record: OrderRecord) -> Order:
    intent = record.intent
    return Order(
        intent.key.symbol,
        intent.quantity - record.filled_quantity,
        intent.reference_price,
        record.client_order_id,
        intent.key.leg,
    )


def _named(held: Mapping[str, int]) -> set[str]:
    return {symbol for symbol, count in held.items() if count}


def _limited(row: DecisionRow, stopped: Suppressed) -> DecisionRow:
    said = "; ".join(words for words in (row.overridden_by, stopped.words) if words)
    return replace(
        row, decision=stopped.code, ordered=stopped.left, overridden_by=said[:_WORDS_LENGTH]
    )


def _rejection(key: OrderKey, stage: LimitStage, judged: Judgement) -> LimitRejection:
    return LimitRejection(
        key.portfolio,
        key.session,
        key.client_order_id(),
        key.symbol,
        judged.limit,
        stage,
        judged.measured,
        judged.bound,
        judged.unit,
        judged.sentence[:_WORDS_LENGTH],
    )
