"""The report of one session as a page: what went wrong first, and no script in it at all.

The same values give the same bytes. Every word from data passes through Jinja's escaping. Stays
out: the arithmetic (``day_numbers``).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from markupsafe import Markup

from stocker_pipeline.analytics.day_numbers import (
    DayCosts,
    Profits,
    bad_news,
    costs_of,
    guard_text,
    profits_of,
)
from stocker_pipeline.analytics.day_values import (
    DayFill,
    DayOrder,
    DayReport,
    Decided,
    Guard,
    Traded,
)
from stocker_pipeline.analytics.page import rendered
from stocker_pipeline.analytics.sections import facts_of
from stocker_pipeline.analytics.wording import ABSENT, dollar_text, percent_text

ROWS_SHOWN = 20
"""Rows of a table before the rest is folded away."""

_WIDTH, _HEIGHT = 640.0, 120.0


def day_page(day: DayReport) -> str:
    """The page as text."""
    profits, costs = profits_of(day), costs_of(day.fills)
    return rendered(
        "day.html.j2",
        FILTERS,
        title=f"{day.portfolio} {day.session}",
        day=day,
        news=bad_news(day, profits),
        sentence=_sentence(day, profits, costs),
        headlines=_headlines(day, profits, costs),
        profits=profits,
        costs=costs,
        traded=_traded(day.fills, day.decisions, day.orders),
        before=_traded_before(day.traded_before),
        untraded=[row for row in day.decisions if not row.ordered],
        guards=sorted(day.guards, key=_most_used),
        curve=sparkline([nav for _, nav in day.curve]),
        facts=facts_of(day.facts),
        rows_shown=ROWS_SHOWN,
        absent=ABSENT,
    )


def chain_text(row: Decided) -> str:
    """The factors of a decision in the order in which they were applied, as one line."""
    if row.signal_reason:
        return f"no signal: {row.signal_reason}"
    parts = [
        _factor("momentum", row.momentum, "+.2%"),
        _factor("volatility", row.vol, ".2%"),
        _factor("weight", row.weight, "+.4f"),
        _factor("forecast volatility of the book", row.sigma_p, ".2%"),
        _factor("scaled ×", row.k, ".3f"),
        "capped to the bound of one symbol" if row.single_capped else "",
        _factor("gross cap ×", _unless_one(row.gross_factor), ".3f"),
        _factor("breaker ×", _unless_one(row.breaker_factor), ".3f"),
        _factor("target", row.target, "+.2%"),
    ]
    chain = " → ".join(part for part in parts if part)
    return f"{chain} of NAV" if row.target is not None else chain


def sparkline(values: Sequence[float]) -> Markup:
    """A line as an SVG, from the first value to the last; empty with fewer than two."""
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = _WIDTH / (len(values) - 1)
    points = " ".join(
        f"{step * i:.1f},{_HEIGHT - 4 - (value - low) / span * (_HEIGHT - 8):.1f}"
        for i, value in enumerate(values)
    )
    return Markup(
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" preserveAspectRatio="none" role="img" '
        'aria-label="Net asset value of the last closes"><polyline fill="none" '
        f'stroke="currentColor" stroke-width="2" vector-effect="non-scaling-stroke" '
        f'points="{points}"/></svg>'
    )


def e4_text(amount: int) -> str:
    """1/10,000 dollar as dollars with cents, the sign before the dollar."""
    text = f"${abs(amount) / 1e4:,.2f}"
    return f"−{text}" if amount < 0 and text != "$0.00" else text


def signed_e4(amount: int) -> str:
    """The same with its sign, for a profit or loss."""
    text = e4_text(amount)
    return f"+{text}" if amount > 0 and text != "$0.00" else text


def _sentence(day: DayReport, profits: Profits, costs: DayCosts) -> str:
    made = day.book.profit_e4
    change = day.book.day_return
    of_nav = "" if change is None else f" ({percent_text(change).replace('-', '−')})"
    if made < 0:
        result = f"It lost {e4_text(-made)}{of_nav}"
    elif made > 0:
        result = f"It made {e4_text(made)}{of_nav}"
    else:
        result = "Its value did not change"
    worst = profits.rows[0] if profits.rows and profits.rows[0].profit_e4 < 0 else None
    if worst:
        result += f", {worst.symbol} the most at {signed_e4(worst.profit_e4)}"
    count = len(day.fills)
    if not count:
        return f"{result}. Nothing was traded."
    notional = dollar_text(costs.notional_usd)
    return f"{result}. {count} fill{'' if count == 1 else 's'} moved {notional}."


def _headlines(day: DayReport, profits: Profits, costs: DayCosts) -> list[tuple[str, str]]:
    book = day.book
    slippage = costs.execution_usd
    return [
        ("Result of the session", signed_e4(book.profit_e4)),
        ("Below the peak", ABSENT if book.drawdown is None else percent_text(book.drawdown)),
        ("NAV", e4_text(book.nav_e4)),
        ("Cash", e4_text(book.cash_e4)),
        (
            "Gross exposure",
            ABSENT if book.gross_exposure is None else percent_text(book.gross_exposure),
        ),
        (
            "Costs",
            ABSENT
            if slippage is None
            else dollar_text(costs.commissions_usd + slippage).replace("-", "−"),
        ),
    ]


def _traded(
    fills: Sequence[DayFill], decisions: Sequence[Decided], orders: Sequence[DayOrder]
) -> list[dict[str, Any]]:
    """Symbols with an order or a fill, the largest amount first, each with its reason."""
    reasons = {row.symbol: row for row in decisions}
    ordered = {order.symbol: order for order in orders}
    names = {fill.symbol for fill in fills} | ordered.keys()
    names |= {row.symbol for row in decisions if row.ordered}
    rows = []
    for symbol in names:
        its = [fill for fill in fills if fill.symbol == symbol]
        quantity, value = sum(f.quantity for f in its), sum(f.value_e4 for f in its)
        decided = reasons.get(symbol)
        rows.append(
            {
                "symbol": symbol,
                "quantity": quantity,
                "value_e4": value,
                "price": value / quantity / 1e4 if quantity else None,
                "ordered": decided.ordered if decided else None,
                "order": ordered.get(symbol),
                "decided": decided,
                "chain": chain_text(decided) if decided else "",
            }
        )
    return sorted(rows, key=lambda row: (-abs(row["value_e4"]), row["symbol"]))


def _traded_before(found: Traded | None) -> list[dict[str, Any]]:
    """Symbols that were filled in an earlier session; an order without a fill is no trade."""
    if found is None:
        return []
    rows = _traded(found.fills, found.decisions, ())
    return [row for row in rows if row["quantity"] or row["value_e4"]]


def _most_used(guard: Guard) -> tuple[bool, bool, float, str]:
    """What is broken first, then the nearest to its bound, then what is not about this book."""
    return (not guard.broken, guard.used is None, -(guard.used or 0.0), guard.name)


def _factor(name: str, value: float | None, form: str) -> str:
    if value is None:
        return ""
    text = format(value, form).replace("-", "−")
    return f"{name}{text}" if name.endswith("×") else f"{name} {text}"


def _unless_one(value: float | None) -> float | None:
    return None if value == 1.0 else value


def _number(value: float | None, form: str = ",.2f") -> str:
    return ABSENT if value is None else format(value, form).replace("-", "−")


def _day(value: date | None) -> str:
    return "" if value is None else value.isoformat()


def _shares(value: int | None) -> str:
    return ABSENT if value is None else f"{value:+,d}".replace("-", "−") if value else "0"


def _share(value: float | None) -> str:
    return ABSENT if value is None else percent_text(value).replace("-", "−")


def _usd(value: float | None) -> str:
    return ABSENT if value is None else dollar_text(value).replace("-", "−")


FILTERS: Mapping[str, Callable[..., Any]] = {
    "e4": e4_text,
    "signed_e4": signed_e4,
    "number": _number,
    "day": _day,
    "shares": _shares,
    "share": _share,
    "usd": _usd,
    "guard": guard_text,
    "chain": chain_text,
}
"""What the templates of the daily and the weekly page write numbers with."""
