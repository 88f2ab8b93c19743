"""The arithmetic of one session: whose profit it was, what trading cost, and what is bad news.

All sums are in integers of 1/10,000 dollar, so that profits by symbol add up to the change of NAV
and a remainder is a fact, not rounding.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stocker_pipeline.analytics.day_values import DayFill, DayReport, Guard

LOUD = {"error", "critical"}


@dataclass(frozen=True)
class SymbolProfit:
    """What one symbol did in a session.

    ``profit = value at the close − value at the close before − paid for fills − commissions +
    cash of corporate actions``.

    Attributes:
        side: long or short: of the position at the close, or of the one that was closed.
        traded: Shares bought (+) and sold (−), net.
    """

    symbol: str
    side: str
    quantity_before: int
    quantity: int
    traded: int
    value_e4: int
    profit_e4: int
    commission_e4: int


@dataclass(frozen=True)
class Profits:
    """By symbol, the largest loss first.

    Attributes:
        rest_e4: Change of NAV that no symbol explains; 0 in a book that is complete.
    """

    rows: Sequence[SymbolProfit]
    long_e4: int
    short_e4: int
    rest_e4: int

    @property
    def total_e4(self) -> int:
        """Change of NAV without flows."""
        return self.long_e4 + self.short_e4 + self.rest_e4


@dataclass(frozen=True)
class DayCosts:
    """What trading cost, dollars; positive is a loss.

    Attributes:
        delay_usd, execution_usd: None where a fill lacks the price it is measured against.
    """

    notional_usd: float
    commissions_usd: float
    delay_usd: float | None
    execution_usd: float | None
    unmeasured: Sequence[str] = ()

    @property
    def execution_bps(self) -> float | None:
        """Of what was traded."""
        if self.execution_usd is None or not self.notional_usd:
            return None
        return self.execution_usd / self.notional_usd * 1e4


def profits_of(day: DayReport) -> Profits:
    """Profit by symbol; the rows, and what is left over, add up to the change of NAV."""
    before = {held.symbol: held for held in day.holdings_before}
    after = {held.symbol: held for held in day.holdings}
    rows = []
    for symbol in sorted(
        before.keys()
        | after.keys()
        | {fill.symbol for fill in day.fills}
        | {action.symbol for action in day.actions}
    ):
        fills = [fill for fill in day.fills if fill.symbol == symbol]
        cash = sum(action.cash_e4 for action in day.actions if action.symbol == symbol)
        commission = sum(fill.commission_e4 for fill in fills)
        old, new = before.get(symbol), after.get(symbol)
        profit = (
            (new.value_e4 if new else 0)
            - (old.value_e4 if old else 0)
            - sum(fill.value_e4 for fill in fills)
            - commission
            + cash
        )
        held = (new.quantity if new else 0) or (old.quantity if old else 0)
        # Opened and closed within the session: the side of what was done first.
        direction = held or (fills[0].quantity if fills else 0)
        rows.append(
            SymbolProfit(
                symbol,
                "short" if direction < 0 else "long",
                old.quantity if old else 0,
                new.quantity if new else 0,
                sum(fill.quantity for fill in fills),
                new.value_e4 if new else 0,
                profit,
                commission,
            )
        )
    rows.sort(key=lambda row: (row.profit_e4, row.symbol))
    of_long = sum(row.profit_e4 for row in rows if row.side == "long")
    of_short = sum(row.profit_e4 for row in rows if row.side == "short")
    return Profits(rows, of_long, of_short, day.book.profit_e4 - of_long - of_short)


def costs_of(fills: Sequence[DayFill]) -> DayCosts:
    """What the fills of a session cost."""
    delay, execution = [fill.delay_usd for fill in fills], [fill.execution_usd for fill in fills]
    return DayCosts(
        notional_usd=sum(abs(fill.value_e4) for fill in fills) / 1e4,
        commissions_usd=sum(fill.commission_e4 for fill in fills) / 1e4,
        delay_usd=_sum_of_known(delay),
        execution_usd=_sum_of_known(execution),
        unmeasured=sorted(
            {fill.symbol for fill in fills if fill.delay_usd is None or fill.execution_usd is None}
        ),
    )


def bad_news(day: DayReport, profits: Profits) -> list[str]:
    """What a person has to know first, as sentences; empty where all went as it should."""
    return [
        *_of_outcome(day),
        *(
            f"Break with the broker: {found.symbol} {found.kind}, our book {found.expected}, the "
            f"broker {found.observed}."
            for found in day.breaks
        ),
        *(f"A fill is in suspense, in no book: {text}." for text in day.suspense),
        *(
            f"{alert.severity.capitalize()}: {alert.text}"
            for alert in day.alerts
            if alert.severity in LOUD and not alert.recovers
        ),
        *(_of_guard(guard) for guard in day.guards if guard.broken),
        *(
            f"The order of {order.quantity:+,d} {order.symbol} ended {order.state}"
            f"{f' with {order.filled:+,d} filled' if order.filled else ''}"
            f"{f': {order.reason}' if order.reason else ''}."
            for order in day.orders
            if not order.complete
        ),
        *(f"A limit stopped {symbol}: {words}." for symbol, _, words in day.stopped),
        *_of_data(day),
        *_of_rest(profits),
    ]


def _of_outcome(day: DayReport) -> Iterable[str]:
    if day.outcome in {"HALTED", "SKIPPED"}:
        yield f"The session ended {day.outcome}: {day.outcome_reason}"
    if day.state and day.state != "ARMED":
        yield f"The book is {day.state} ({day.state_reason})."
    if day.book.tripped:
        yield "The drawdown breaker is tripped: positions are held small until it releases."


def _of_guard(guard: Guard) -> str:
    if guard.measured is None:
        return f"{guard.name} is not known; its bound is {guard_text(guard.bound, guard.unit)}."
    follows = f": {guard.what_follows}" if guard.what_follows else ""
    word = "below" if guard.at_least else "above"
    return (
        f"{guard.name} is {guard_text(guard.measured, guard.unit)}, {word} its bound of "
        f"{guard_text(guard.bound, guard.unit)} ({guard.source}){follows}."
    )


def _of_data(day: DayReport) -> Iterable[str]:
    out = sorted({found.symbol for found in day.findings if found.treatment == "quarantined"})
    if out:
        yield f"Bars of {', '.join(out)} are quarantined: nothing is traded on them."
    old = [held for held in day.holdings if held.mark_age_sessions > 0]
    if old:
        ages = ", ".join(f"{held.symbol} {held.mark_age_sessions}" for held in old)
        yield f"Positions are marked at an older close (sessions ago): {ages}."


def _of_rest(profits: Profits) -> Iterable[str]:
    if profits.rest_e4:
        yield (
            f"{profits.rest_e4 / 1e4:,.4f} dollars of the change of NAV belong to no symbol: "
            "a fill, action or cash flow is missing from this book."
        )


def guard_text(value: float, unit: str) -> str:
    """A number with its unit."""
    if unit.startswith("of "):
        return f"{value:.2%} {unit}"
    if unit == "dollars":
        return f"${value:,.2f}"
    return f"{value:,.4g} {unit}".strip()


def _sum_of_known(values: Sequence[float | None]) -> float | None:
    """The sum; None where one is missing, for part of the costs would pass for all of them."""
    known = [value for value in values if value is not None]
    return math.fsum(known) if len(known) == len(values) else None
