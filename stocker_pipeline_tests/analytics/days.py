"""Reports of one session as values, for tests of their arithmetic and of their page."""

from datetime import date, timedelta
from typing import Any

from stocker_pipeline.analytics.day_values import (
    DayAction,
    DayAlert,
    DayBook,
    DayBreak,
    DayFill,
    DayFinding,
    DayOrder,
    DayReport,
    DayTicket,
    Decided,
    Guard,
    Holding,
    Traded,
)

EARLIER, SESSION, NEXT = date(2024, 2, 28), date(2024, 3, 4), date(2024, 3, 5)


def book(nav: int = 1_000_000_000, before: int = 1_000_000_000, **changes: Any) -> DayBook:
    """A book of 100,000 dollars."""
    values: dict[str, Any] = {
        "cash_e4": nav,
        "peak_e4": max(nav, before),
        "drawdown": 0.0,
        "gross_exposure": 0.0,
        "net_exposure": 0.0,
        "tripped": False,
    }
    return DayBook(nav_e4=nav, nav_before_e4=before, **(values | changes))


def decided(symbol: str, ordered: int = 0, **changes: Any) -> Decided:
    """A decision with every factor."""
    values: dict[str, Any] = {
        "decision": "OPEN" if ordered else "WITHIN_BUFFER",
        "why": "a new position" if ordered else "the change is within the no-trade buffer",
        "held": 0,
        "desired": ordered,
        "momentum": 0.05,
        "vol": 0.2,
        "weight": 0.1,
        "sigma_p": 0.08,
        "k": 1.25,
        "single_capped": True,
        "gross_factor": 0.9,
        "breaker_factor": 1.0,
        "target": 0.11,
        "reference_price": 10.0,
    }
    return Decided(symbol=symbol, ordered=ordered, **(values | changes))


def empty_day(**changes: Any) -> DayReport:
    """A book in which nothing is and nothing happened."""
    return DayReport("p", SESSION, "dev", book(), **changes)


def busy_day(symbols: int = 100, short_every: int = 2, name: str = "S{:03d}") -> DayReport:
    """As many symbols as asked for, each bought or sold and held; each gains one dollar a share.

    The profit of each is 10 shares times one dollar, less a commission of one dollar.
    """
    names = [name.format(i) for i in range(symbols)]
    sides = [-1 if short_every and i % short_every else 1 for i in range(symbols)]
    fills = [
        DayFill(s, 10 * side, 100_000, 10_000, 9.9, 9.95)
        for s, side in zip(names, sides, strict=True)
    ]
    holdings = [
        Holding(s, 10 * side, side * 10 * (100_000 + side * 10_000))
        for s, side in zip(names, sides, strict=True)
    ]
    rows = [decided(s, 10 * side) for s, side in zip(names, sides, strict=True)]
    curve = [(SESSION - timedelta(days=30 - i), 1_000_000_000 + i * i) for i in range(30)]
    return DayReport(
        "p",
        SESSION,
        "dev",
        book(1_000_000_000 + symbols * 90_000),
        outcome="TRADED",
        outcome_reason="every order was filled",
        state="ARMED",
        state_reason="me: began",
        holdings=holdings,
        fills=fills,
        decisions=[*rows, decided("IDLE")],
        orders=[DayOrder(f.symbol, f.quantity, f.quantity, "FILLED") for f in fills],
        guards=[
            Guard("Gross exposure", 0.9, 1.5, "of NAV", "limits.gross_exposure", "less"),
            Guard("Minimum price", None, 5.0, "dollars", "limits.x", "no", True, False),
        ],
        ticket=DayTicket(NEXT, "preview", rows, 1_000_000_000, 0.5, 0.6, 1.0),
        curve=curve,
        facts={"configuration": "abc", "data versions": {"bars": "1"}},
    )


def hostile_day(text: str) -> DayReport:
    """Every word that data can bring is this text."""
    row = decided(text, 1, decision=text, why=text, signal_reason=text, overridden_by=text)
    return DayReport(
        text,
        SESSION,
        text,
        book(),
        outcome=text,
        outcome_reason=text,
        state=text,
        state_reason=text,
        holdings=[Holding(text, 1, 1, 3)],
        fills=[DayFill(text, 1, 1, 1)],
        actions=[DayAction(text, 2, 1, 0.5, 10)],
        decisions=[row, decided(text, decision=text, why=text, overridden_by=text)],
        decisions_missing=text,
        orders=[DayOrder(text, 2, 1, text, text)],
        traded_before=Traded(SESSION, [DayFill(text, 1, 1, 1)], [row]),
        stopped=[(text, text, text)],
        breaks=[DayBreak(text, text, text, text, text)],
        suspense=[text],
        alerts=[DayAlert("critical", text, text, SESSION)],
        guards=[Guard(text, 2.0, 1.0, text, text, text), Guard(text, None, 1.0, text, text)],
        ticket=DayTicket(NEXT, "preview", [row], 1, 0.1, 0.2, 1.0, [(text,) * 3], [text]),
        findings=[DayFinding(text, SESSION, text, text, text, text)],
        flows=[text],
        facts={text: {text: text}},
    )
