"""What each monitor looks at, read from the ledger and the lake: (session, verdict) pairs.

Belongs here: where the facts come from, and of which session they are. Stays out: when a monitor
speaks up (``risk.monitors``), and what follows (``monitor``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow.compute as pc

from stocker_pipeline.domain.monitoring import MonitorBounds
from stocker_pipeline.domain.orders import SessionOutcome
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.domain.trading_day import TradingDay, shown
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS
from stocker_pipeline.ledger import Ledger, Reader
from stocker_pipeline.ledger.control_records import BreakKind
from stocker_pipeline.ledger.invariants import run_invariants
from stocker_pipeline.ledger.records import SessionKind, SnapshotRow
from stocker_pipeline.risk.monitors import day, losses, shape, truth
from stocker_pipeline.risk.monitors.verdict import Verdict, too_early
from stocker_pipeline.stages.freshness import due_session
from stocker_pipeline.stages.judgement import is_bar
from stocker_pipeline.stages.session_quality import GONE_AFTER_SESSIONS
from stocker_pipeline.strategies.portfolio import Portfolio

_CAUGHT_UP_SESSIONS = 10
"""Settled sessions that one look goes back, where nobody looked for a while."""
_LOOKED_BACK_SESSIONS = 20
"""How far targets are looked for in a book that was not decided, or did not trade."""
_BARS_SPAN = timedelta(days=60)

Judgements = list[tuple[date | None, Verdict]]


@dataclass(frozen=True)
class Look:
    """One look at one book.

    Attributes:
        now: The book's own time: where time is moved, before the open of its next session.
        since: The session that the monitor judged last; None = none yet.
    """

    ledger: Ledger
    lake: Lake
    name: str
    portfolio: Portfolio
    now: datetime
    since: date | None = None

    @property
    def bounds(self) -> MonitorBounds:
        """The portfolio's own."""
        return self.portfolio.monitors

    @property
    def today(self) -> date:
        """The session of this day, or the next one."""
        around = self.now.date()
        return SessionCalendar.between(around, around).current_session(self.now)


def _daily_loss(look: Look) -> Judgements:
    closes = _closes(look, _CAUGHT_UP_SESSIONS)
    if not closes:
        return [_unsettled("return")]
    bound, last = look.bounds.daily_loss_reduce, closes[-1][0].session
    since = look.since if look.since is not None else last - timedelta(days=1)
    return [
        (row.session, losses.daily_loss(value, bound))
        for row, value in closes
        if row.session == last or row.session > since
    ]


def _drawdown(look: Look) -> Judgements:
    row = look.ledger.read(lambda r: r.latest_snapshot(look.name))
    if row is None:
        return [_unsettled("drawdown")]
    value = losses.Value(row.nav_e4, row.peak_nav_e4)
    bounds = look.bounds
    verdict = losses.drawdown(value, bounds.drawdown_reduce, bounds.drawdown_kill)
    return [(row.session, verdict)]


def _integrity(look: Look) -> Judgements:
    broken = [found.invariant for found in run_invariants(look.ledger, look.name)]
    return [(look.today, truth.integrity(truth.BrokenRules(broken)))]


def _reconciliation(look: Look) -> Judgements:
    bounds = look.bounds
    found = look.ledger.read(lambda r: _comparisons(r, look.name, bounds.unclean_reconciliations))
    verdict = truth.reconciliation(found, bounds.locked_symbols, bounds.unclean_reconciliations)
    return [(look.today, verdict)]


def _comparisons(reader: Reader, name: str, enough: int) -> truth.Comparisons:
    latest = reader.latest_reconciliation(name)
    return truth.Comparisons(
        tuple(truth.OpenBreak(found.kind, found.symbol) for found in reader.open_breaks(name)),
        None if latest is None else _unclean_in_a_row(reader, name, latest.session, enough),
        settled=reader.latest_snapshot(name) is not None,
    )


def _unclean_in_a_row(reader: Reader, name: str, session: date, enough: int) -> int:
    """The latest reconciliations that found a difference, counted up to ``enough``."""
    count = 0
    for looked_at in _backwards(session, enough):
        for found in reversed(reader.reconciliations(name, looked_at)):
            if found.clean:
                return count
            count += 1
        if count >= enough:
            return count
    return count


def _foreign_activity(look: Look) -> Judgements:
    def fn(reader: Reader) -> truth.ForeignActivity:
        book = reader.portfolio(look.name)
        if book is None:
            return truth.ForeignActivity(None, None)
        suspense = reader.open_suspense(book.broker, book.account)
        orphans = [b for b in reader.open_breaks(look.name) if b.kind is BreakKind.ORPHAN_ORDER]
        return truth.ForeignActivity(
            [found.execution.execution_id for found in suspense], [b.symbol for b in orphans]
        )

    return [(look.today, truth.foreign_activity(look.ledger.read(fn)))]


def _stale_data(look: Look) -> Judgements:
    expected, _ = due_session(look.now)
    calendar = SessionCalendar.between(expected, expected)
    session = calendar.next_session(expected)
    decided_at = TradingDay.of(session, calendar).open_stage_at
    if look.now < decided_at:
        words = f"bars of {expected} are looked at from {shown(decided_at)} on"
        return [(session, too_early(words))]
    newest = _newest_bars(look, expected)
    verdict = day.stale_data(day.NewestBars(expected, newest), look.bounds.stale_bars_sessions)
    return [(session, verdict)]


def _newest_bars(look: Look, expected: date) -> Mapping[str, date | None]:
    """Of what is held always; of what may be bought where it was traded not long before."""
    held = {lot.symbol for lot in look.ledger.read(lambda r: r.lots(look.name))}
    asked = sorted(held | set(look.portfolio.universe))
    # Bars of later sessions are cut off before a decision; where time is moved they are there.
    rows = look.lake.read(BARS, symbols=asked, first=expected - _BARS_SPAN, last=expected)
    found = rows.filter(is_bar(rows)).group_by("symbol").aggregate([("session", "max")])
    newest: dict[str, date] = dict(
        zip(found["symbol"].to_pylist(), found["session_max"].to_pylist(), strict=True)
    )
    if not newest:
        return dict.fromkeys(held)
    latest = pc.max(found["session_max"]).as_py()
    traded_since = _backwards(min(latest, expected), GONE_AFTER_SESSIONS + 1)[-1]
    return {
        symbol: newest.get(symbol)
        for symbol in asked
        if symbol in held or (symbol in newest and newest[symbol] >= traded_since)
    }


def _unfilled_orders(look: Look) -> Judgements:
    working = [
        day.WorkingOrder(
            order.intent.key.symbol, order.state.value, _open_of(order.intent.key.session)
        )
        for order in look.ledger.read(lambda r: r.working_orders(look.name))
    ]
    verdict = day.unfilled_orders(working, look.now, look.bounds.unfilled_minutes)
    return [(look.today, verdict)]


def _open_of(session: date) -> datetime:
    return SessionCalendar.between(session, session).opens_at(session)


def _orders_without_targets(look: Look) -> Judgements:
    def fn(reader: Reader) -> Judgements:
        record = reader.latest_session(look.name)
        if record is None:
            return [(None, too_early("no session was opened yet"))]
        # Orders of other legs are a person's or a limit's, and have no target by their nature.
        ordered = {
            order.intent.key.symbol: order.intent.quantity
            for order in reader.orders(look.name, session=record.session)
            if order.intent.key.leg == "rebalance"
        }
        rows = reader.decisions(look.name, record.session)
        decided = {row.symbol: row.ordered for row in rows} if rows else None
        verdict = day.orders_without_targets(day.OrdersAndDecisions(ordered, decided))
        return [(record.session, verdict)]

    return look.ledger.read(fn)


def _idle_targets(look: Look) -> Judgements:
    def fn(reader: Reader) -> Judgements:
        last = reader.latest_snapshot(look.name)
        if last is None:
            return [_unsettled("target")]
        found = _targets_since(reader, look.name, last.session)
        return [(last.session, day.idle(found, look.bounds.idle_target_change))]

    return look.ledger.read(fn)


def _targets_since(reader: Reader, name: str, session: date) -> day.TargetsSince:
    record, ended = reader.session(name, session), reader.outcome(name, session)
    green = ended is not None and ended.outcome in (
        SessionOutcome.TRADED,
        SessionOutcome.NO_TRADES,
    )
    decided = record is not None and record.kind is SessionKind.DECIDED
    if not (green and decided) or reader.executions(name, session=session):
        return day.TargetsSince(filled=True)
    then: Mapping[str, float | None] = {}
    idle_for = 0
    for before in _backwards(session, _LOOKED_BACK_SESSIONS + 1)[1:]:
        idle_for += 1
        if reader.session(name, before) is None:
            then = {}  # the book begins after it, with nothing
            break
        then = _targets(reader, name, before) or then
        if reader.executions(name, session=before):
            break
    return day.TargetsSince(False, _targets(reader, name, session), then, idle_for)


def _targets(reader: Reader, name: str, session: date) -> dict[str, float | None]:
    return {row.symbol: row.target for row in reader.decisions(name, session)}


def _target_drift(look: Look) -> Judgements:
    sessions = look.bounds.drift_sessions

    def fn(reader: Reader) -> Judgements:
        last = reader.latest_snapshot(look.name)
        if last is None:
            return [_unsettled("position")]
        aims = []
        for session in reversed(_backwards(last.session, sessions)):
            row = reader.snapshot(look.name, session)
            targets = _last_targets(reader, look.name, session)
            if row is None or not targets:
                continue
            values = {p.symbol: p.market_value_e4 for p in reader.positions(look.name, session)}
            aims.append(shape.Aim(row.nav_e4, values, targets))
        return [(last.session, shape.target_drift(aims, look.bounds.drift, sessions))]

    return look.ledger.read(fn)


def _last_targets(reader: Reader, name: str, session: date) -> dict[str, float | None]:
    """Targets of the session, or of the last one before it that was decided."""
    for looked_at in _backwards(session, _LOOKED_BACK_SESSIONS):
        found = _targets(reader, name, looked_at)
        if found:
            return found
    return {}


def _concentration(look: Look) -> Judgements:
    def fn(reader: Reader) -> Judgements:
        last = reader.latest_snapshot(look.name)
        if last is None:
            return [_unsettled("position")]
        rows = reader.positions(look.name, last.session)
        close = shape.Aim(last.nav_e4, {row.symbol: row.market_value_e4 for row in rows})
        bound = look.portfolio.limit_bounds["single_name"].value
        return [(last.session, shape.concentration(close, bound))]

    return look.ledger.read(fn)


def _volatility_spike(look: Look) -> Judgements:
    bounds, target = look.bounds, look.portfolio.parameters.target_vol
    closes = _closes(look, bounds.volatility_sessions)
    if not closes:
        return [_unsettled("return")]
    returns = [_return(value) for _, value in closes]
    verdict = shape.volatility_spike(
        returns, target, bounds.volatility_multiple, bounds.volatility_sessions
    )
    return [(closes[-1][0].session, verdict)]


def _return(value: losses.SessionValue) -> float | None:
    before, flows, after = value.nav_before_e4, value.flows_e4, value.nav_after_e4
    if before is None or flows is None or after is None or before <= 0:
        return None
    return (after - flows) / before - 1


def _closes(look: Look, sessions: int) -> list[tuple[SnapshotRow, losses.SessionValue]]:
    """The last settled sessions, each with the value before it and its flows, ascending."""

    def fn(reader: Reader) -> list[SnapshotRow]:
        last = reader.latest_snapshot(look.name)
        if last is None:
            return []
        return reader.snapshots(look.name, _backwards(last.session, sessions + 1)[-1])

    rows = look.ledger.read(fn)
    found = []
    for before, row in zip([None, *rows], rows, strict=False):
        if before is None and len(rows) > sessions:
            continue
        # The first snapshot of a book follows its capital.
        nav, flows = (before.nav_e4, before.flows_e4) if before else (row.initial_capital_e4, 0)
        found.append((row, losses.SessionValue(nav, row.flows_e4 - flows, row.nav_e4)))
    return found


def _backwards(session: date, count: int) -> list[date]:
    """``session`` and those before it, ``count`` in all, the latest first."""
    first = session - timedelta(days=2 * count + 10)
    found: list[date] = SessionCalendar.between(first, session).sessions(first, session).tolist()
    return found[::-1][:count]


def _unsettled(what: str) -> tuple[None, Verdict]:
    return None, too_early(f"no session is settled yet: there is no {what} to judge")


MONITORS: Mapping[str, Callable[[Look], Judgements]] = {
    "daily_loss": _daily_loss,
    "drawdown": _drawdown,
    "integrity": _integrity,
    "reconciliation": _reconciliation,
    "foreign_activity": _foreign_activity,
    "stale_data": _stale_data,
    "unfilled_orders": _unfilled_orders,
    "orders_without_targets": _orders_without_targets,
    "idle_targets": _idle_targets,
    "target_drift": _target_drift,
    "concentration": _concentration,
    "volatility_spike": _volatility_spike,
}
"""Name, which is also the code of its alert → what looks and judges."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "losses": ("daily_loss", "drawdown"),
    "truth": ("integrity", "reconciliation", "foreign_activity"),
    "day": ("stale_data", "unfilled_orders", "orders_without_targets", "idle_targets"),
    "shape": ("target_drift", "concentration", "volatility_spike"),
}
"""Monitors that are looked at together, by one sensor."""

SAFETY = frozenset({"daily_loss", "drawdown", *GROUPS["truth"], "orders_without_targets"})
"""Monitors that fail closed: one that cannot be judged counts as raised."""
