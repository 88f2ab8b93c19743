"""The bounds that a book is watched by, each beside what is measured: for the report of a session.

Monitors and the breaker look at the last close; limits look at the orders of the next session, or
at the book alone where there are none. Stays out: acting on any of it (``monitor``, ``limits``).
"""

import statistics
from collections.abc import Iterable, Sequence
from datetime import date
from math import sqrt

from stocker_pipeline.analytics.day_values import DayBook, Decided, Guard, Holding
from stocker_pipeline.analytics.returns import SESSIONS_PER_YEAR
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.risk.limits.facts import Facts, Judgement, Order
from stocker_pipeline.risk.limits.judging import LimitSet, limit_set
from stocker_pipeline.risk.limits.limit import BatchLimit, OrderLimit
from stocker_pipeline.stages.limits import quotes
from stocker_pipeline.strategies.portfolio import Portfolio

_NAV = "of NAV"


def guards_of(
    portfolio: Portfolio,
    book: DayBook,
    holdings: Sequence[Holding],
    returns: Sequence[float],
    *,
    watched: bool,
) -> list[Guard]:
    """The breaker, the largest position, and the monitors of losses and volatility, at a close.

    Args:
        returns: Of the last sessions, the latest last.
        watched: Whether monitors look at this book; nobody watches a backtest.
    """
    parameters = portfolio.parameters
    found = [
        Guard(
            "Drawdown, for the breaker",
            book.drawdown,
            parameters.drawdown_trip,
            _NAV,
            "parameters.drawdown_trip",
            f"targets are multiplied by {parameters.drawdown_scale:g}",
        )
    ]
    found.append(_largest(portfolio, book, holdings))
    return [*found, *_watched(portfolio, book, returns)] if watched else found


def _watched(portfolio: Portfolio, book: DayBook, returns: Sequence[float]) -> list[Guard]:
    """What the monitors of losses and of volatility compare."""
    parameters, bounds = portfolio.parameters, portfolio.monitors
    reduces, kills = "the book only reduces", "nothing is sent at all"
    loss = None if book.day_return is None else max(0.0, -book.day_return)
    found = [
        Guard(
            "Drawdown",
            book.drawdown,
            bounds.drawdown_reduce,
            _NAV,
            "monitors.drawdown_reduce",
            reduces,
            at_bound=True,
        ),
        Guard(
            "Loss of the session",
            loss,
            bounds.daily_loss_reduce,
            _NAV,
            "monitors.daily_loss_reduce",
            reduces,
            applies=loss is not None,
            at_bound=True,
        ),
    ]
    if bounds.drawdown_kill is not None:
        found.append(
            Guard(
                "Drawdown, to kill",
                book.drawdown,
                bounds.drawdown_kill,
                _NAV,
                "monitors.drawdown_kill",
                kills,
                at_bound=True,
            )
        )
    if parameters.target_vol is not None:
        enough = len(returns) >= bounds.volatility_sessions
        looked_at = returns[-bounds.volatility_sessions :]
        found.append(
            Guard(
                f"Volatility of {bounds.volatility_sessions} sessions",
                statistics.stdev(looked_at) * sqrt(SESSIONS_PER_YEAR) if enough else None,
                bounds.volatility_multiple * parameters.target_vol,
                "of NAV a year",
                "monitors.volatility_multiple",
                "a person is told",
                applies=enough,
            )
        )
    return found


def _largest(portfolio: Portfolio, book: DayBook, holdings: Sequence[Holding]) -> Guard:
    largest = max(holdings, key=lambda held: abs(held.value_e4), default=None)
    share = abs(largest.value_e4) / book.nav_e4 if largest and book.nav_e4 > 0 else None
    return Guard(
        f"Largest position, {largest.symbol}" if largest else "Largest position",
        share,
        portfolio.limit_bounds["single_name"].value,
        _NAV,
        "limits.single_name",
        "a person is told",
        applies=largest is not None,
    )


def limit_guards(
    portfolio: Portfolio,
    panel: Panel,
    session: date,
    *,
    nav_usd: float,
    cash_usd: float,
    rows: Sequence[Decided],
) -> list[Guard]:
    """Every pre-trade limit over the orders of a session; of limits on one order the nearest.

    Args:
        session: The one that is decided; nothing at or after it is read.
        rows: Its decisions: shares held, and ordered.
    """
    held = {row.symbol: row.held for row in rows if row.held}
    orders = tuple(
        Order(row.symbol, row.ordered, row.reference_price) for row in rows if row.ordered
    )
    names = {*held, *(order.symbol for order in orders)}
    facts = Facts(nav_usd, cash_usd, held, quotes(panel, session, names), orders)
    limits: LimitSet = limit_set(portfolio.limit_bounds, portfolio.limits.restricted)
    of_batches = (
        _guard(limit, [limit.judge(facts)], limit.action.meaning)
        for limit in limits.of_batches
        if limit.name in portfolio.limit_bounds
    )
    of_orders = (
        _guard(limit, _each(limit, facts), "the order is not made")
        for limit in limits.of_orders
        if limit.name in portfolio.limit_bounds and not limit.last_gate_only
    )
    return [*of_batches, *of_orders]


def _each(limit: OrderLimit, facts: Facts) -> list[Judgement]:
    """What a limit says of each order that it is about."""
    judged = [limit.judge(order, facts) for order in facts.orders]
    return [found for found in judged if not (found.passed and found.measured is None)]


def _guard(limit: BatchLimit | OrderLimit, judged: Iterable[Judgement], what_follows: str) -> Guard:
    """A limit with the judgement that is nearest to its bound, or beyond it."""
    bound = limit.numbers
    guards = [
        Guard(
            _title(limit.name),
            found.measured,
            bound.value,
            limit.unit,
            f"limits.{limit.name}",
            what_follows,
            at_least=bound.at_least,
        )
        for found in judged
    ]
    if guards:
        return min(guards, key=_room)
    return Guard(
        _title(limit.name),
        None,
        bound.value,
        limit.unit,
        f"limits.{limit.name}",
        what_follows,
        at_least=bound.at_least,
        applies=False,
    )


def _title(name: str) -> str:
    """``order_notional_usd`` → ``Order notional, dollars``."""
    words = name.removesuffix("_usd").replace("_", " ").capitalize().replace(" adv", " ADV")
    return f"{words}, dollars" if name.endswith("_usd") else words


def _room(guard: Guard) -> float:
    return float("-inf") if guard.headroom is None else guard.headroom
