"""The review of a week as a page: its sessions side by side, and what they add up to.

Made of the reports of its sessions (``day_values``), so a number here is the sum of numbers there.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stocker_pipeline.analytics.day_numbers import (
    DayCosts,
    Profits,
    SymbolProfit,
    bad_news,
    costs_of,
    profits_of,
)
from stocker_pipeline.analytics.day_page import FILTERS, ROWS_SHOWN, e4_text, signed_e4
from stocker_pipeline.analytics.day_values import DayAlert, DayReport
from stocker_pipeline.analytics.page import rendered
from stocker_pipeline.analytics.sections import facts_of
from stocker_pipeline.analytics.wording import ABSENT, dollar_text, percent_text
from stocker_pipeline.domain.errors import InputRefused


@dataclass(frozen=True)
class _DayLine:
    """One session as a line of the table."""

    day: DayReport
    profits: Profits
    costs: DayCosts
    news: Sequence[str]


def week_page(days: Sequence[DayReport], *, links: bool = True) -> str:
    """The page as text.

    Args:
        days: Sessions of one portfolio in order; by custom those of one calendar week.
        links: Whether the daily pages lie where ``stocker report`` puts them.

    Raises:
        InputRefused: There is no session.
    """
    if not days:
        raise InputRefused(
            "at least one session", "none", where="the weekly review", remedy="Name another week."
        )
    lines = [_line(day) for day in days]
    last = days[-1]
    return rendered(
        "week.html.j2",
        FILTERS,
        title=f"{last.portfolio} {days[0].session} to {last.session}",
        portfolio=last.portfolio,
        kind=last.kind,
        first=days[0].session,
        last=last.session,
        news=[f"{line.day.session}: {text}" for line in lines for text in line.news],
        sentence=_sentence(days),
        headlines=_headlines(days),
        lines=lines,
        links=links,
        profits=merged_profits([line.profits for line in lines]),
        costs=costs_of([fill for day in days for fill in day.fills]),
        reasons=Counter(
            (row.decision, row.why) for day in days for row in day.decisions
        ).most_common(),
        alerts=_alerts(days),
        findings=[found for day in days for found in day.findings],
        ticket=last.ticket,
        facts=facts_of(last.facts),
        rows_shown=ROWS_SHOWN,
    )


def merged_profits(parts: Sequence[Profits]) -> Profits:
    """Profits of consecutive sessions by symbol, the largest loss first.

    A symbol's side is that of its last session; long and short are added session by session.
    """
    rows: dict[str, SymbolProfit] = {}
    for part in parts:
        for row in part.rows:
            before = rows.get(row.symbol)
            rows[row.symbol] = row if before is None else _added(before, row)
    return Profits(
        sorted(rows.values(), key=lambda row: (row.profit_e4, row.symbol)),
        sum(part.long_e4 for part in parts),
        sum(part.short_e4 for part in parts),
        sum(part.rest_e4 for part in parts),
    )


def _added(first: SymbolProfit, then: SymbolProfit) -> SymbolProfit:
    return SymbolProfit(
        then.symbol,
        then.side,
        first.quantity_before,
        then.quantity,
        first.traded + then.traded,
        then.value_e4,
        first.profit_e4 + then.profit_e4,
        first.commission_e4 + then.commission_e4,
    )


def _line(day: DayReport) -> _DayLine:
    profits = profits_of(day)
    return _DayLine(day, profits, costs_of(day.fills), bad_news(day, profits))


def _sentence(days: Sequence[DayReport]) -> str:
    made = sum(day.book.profit_e4 for day in days)
    flows = sum(day.book.flows_e4 for day in days)
    moved = f", with {signed_e4(flows)} paid in or out" if flows else ""
    worst = min(days, key=lambda day: day.book.profit_e4)
    text = (
        f"NAV went from {e4_text(days[0].book.nav_before_e4)} to {e4_text(days[-1].book.nav_e4)}"
        f"{moved}: {signed_e4(made)}."
    )
    if worst.book.profit_e4 < 0:
        text += f" The worst session was {worst.session} with {signed_e4(worst.book.profit_e4)}."
    return text


def _headlines(days: Sequence[DayReport]) -> list[tuple[str, str]]:
    growth: float | None = 1.0
    for day in days:
        change = day.book.day_return
        growth = None if growth is None or change is None else growth * (1 + change)
    costs = costs_of([fill for day in days for fill in day.fills])
    deepest = [day.book.drawdown for day in days if day.book.drawdown is not None]
    loud = sum(alert.severity in {"error", "critical"} for alert in _alerts(days))
    paid = None if costs.execution_usd is None else costs.commissions_usd + costs.execution_usd
    return [
        ("Result of the week", signed_e4(sum(day.book.profit_e4 for day in days))),
        ("Deepest below the peak", percent_text(max(deepest)) if deepest else ABSENT),
        ("Return", ABSENT if growth is None else percent_text(growth - 1).replace("-", "−")),
        ("Fills", f"{sum(len(day.fills) for day in days):,}"),
        ("Loud alerts", f"{loud:,}"),
        ("Costs", ABSENT if paid is None else dollar_text(paid).replace("-", "−")),
    ]


def _alerts(days: Sequence[DayReport]) -> list[DayAlert]:
    """Each once: an alert that stays open is on the page of the last session too."""
    return list(dict.fromkeys(alert for day in days for alert in day.alerts))
