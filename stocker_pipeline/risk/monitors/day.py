"""The day's work: bars before the decision, orders after the open, orders and targets together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.risk.monitors.truth import listed
from stocker_pipeline.risk.monitors.verdict import (
    Action,
    Verdict,
    clear,
    known,
    missing,
    raised,
    too_early,
    unknown,
)


@dataclass(frozen=True)
class NewestBars:
    """How new the bars are that a session is to be decided on.

    Attributes:
        expected: The session that the newest bar should be of.
        newest: Symbol → session of its newest bar, of every symbol that is held or may be bought
            now; None = it has none.
    """

    expected: date
    newest: Mapping[str, date | None] = field(default_factory=dict)


def stale_data(bars: NewestBars, sessions: int) -> Verdict:
    """Judge whether every newest bar is of the session it should be of; a bar of a later one is
    wrong too.

    Args:
        sessions: How many a bar may be behind.
    """
    if not bars.newest:
        return unknown(Action.TELL, "there is no symbol whose bars could be looked at", sessions)
    behind = {symbol: _behind(last, bars.expected) for symbol, last in sorted(bars.newest.items())}
    wrong = {
        symbol: count
        for symbol, count in behind.items()
        if count is None or count > sessions or count < 0
    }
    counts = [count for count in behind.values() if count is not None]
    worst = max(counts, default=None)
    if not wrong:
        return clear(f"every newest bar is of {bars.expected}", worst, sessions)
    told = [f"{symbol} ({bars.newest[symbol] or 'no bar'})" for symbol in wrong]
    if len(counts) < len(behind):
        worst = None
    return raised(
        Action.TELL,
        f"bars of {bars.expected} are expected; the newest of {listed(told)}",
        worst,
        sessions,
    )


def _behind(last: date | None, expected: date) -> int | None:
    """Sessions that a bar is behind; negative where it is ahead, None where there is none."""
    if last is None:
        return None
    first, second = min(last, expected), max(last, expected)
    between = len(SessionCalendar.between(first, second).sessions(first, second)) - 1
    return between if last <= expected else -max(between, 1)


@dataclass(frozen=True)
class WorkingOrder:
    """An order without an end, and the open that it was sent for."""

    symbol: str
    state: str
    opens_at: datetime


def unfilled_orders(orders: Sequence[WorkingOrder], now: datetime, minutes: int) -> Verdict:
    """Judge whether an order has no end so many minutes after its open; exactly then it is late."""
    if not orders:
        return clear("no order is working", 0, minutes)
    waited = max(now - order.opens_at for order in orders)
    late = [order for order in orders if now - order.opens_at >= timedelta(minutes=minutes)]
    measured = waited.total_seconds() / 60
    if not late:
        return clear(
            f"{len(orders)} orders are working, bound {minutes} minutes after the open",
            measured,
            minutes,
        )
    told = [f"{order.symbol} ({order.state})" for order in late]
    return raised(
        Action.TELL,
        f"{len(late)} orders have no end {measured:,.0f} minutes after the open, bound {minutes}: "
        f"{listed(told)}",
        measured,
        minutes,
    )


@dataclass(frozen=True)
class OrdersAndDecisions:
    """One session's orders and what was decided of it.

    Attributes:
        ordered: Symbol → signed shares of its order.
        decided: Symbol → signed shares that were decided; None = the decisions are not there.
    """

    ordered: Mapping[str, int]
    decided: Mapping[str, int] | None


def orders_without_targets(found: OrdersAndDecisions) -> Verdict:
    """Judge whether every order is one that was decided, share by share; else it kills."""
    if found.decided is None:
        if not found.ordered:
            return too_early("there is neither an order nor a decision")
        return unknown(
            Action.KILLED,
            f"orders of {listed(sorted(found.ordered))} without any decision of the session",
            0,
        )
    wrong = [
        f"{symbol} ({quantity:+d}, decided {found.decided.get(symbol, 0):+d})"
        for symbol, quantity in sorted(found.ordered.items())
        if quantity != found.decided.get(symbol, 0)
    ]
    if wrong:
        return raised(
            Action.KILLED, f"orders that were not decided so: {listed(wrong)}", len(wrong), 0
        )
    return clear(f"{len(found.ordered)} orders, each as it was decided", 0, 0)


@dataclass(frozen=True)
class TargetsSince:
    """Targets now and when something was last filled.

    Attributes:
        filled: Whether the session itself had a fill, or was not decided: then it is not idle.
        now, then: Symbol → target as a fraction of NAV; None or NaN = not known.
        sessions: Sessions between the two.
    """

    filled: bool
    now: Mapping[str, float | None] = field(default_factory=dict)
    then: Mapping[str, float | None] = field(default_factory=dict)
    sessions: int = 0


def idle(found: TargetsSince, bound: float) -> Verdict:
    """Judge whether targets moved by more than ``bound`` in all while nothing was filled.

    A symbol without a target then had none: the whole of its target now is a change. Exactly at
    the bound is not yet raised.
    """
    if found.filled:
        return clear("the session traded, or was not to be traded", 0, bound)
    if not found.now:
        return too_early("no targets were decided")
    pairs = [(now, found.then.get(symbol, 0.0)) for symbol, now in found.now.items()]
    # No target now is no forecast: the position is kept, and nothing is to be traded.
    stated = [(now, then or 0.0) for now, then in pairs if now is not None]
    if not known(*(number for pair in stated for number in pair)):
        return missing("a target is not a number", bound)
    moved = sum(abs(now - then) for now, then in stated)
    told = (
        f"targets moved by {moved:.2%} of NAV in {found.sessions} sessions without a fill, bound "
        f"{bound:.2%}"
    )
    return raised(Action.TELL, told, moved, bound) if moved > bound else clear(told, moved, bound)
