"""A source whose answer a test writes row by row, and days to write it for."""

from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from stocker_pipeline.domain.session import FixedClock, SessionCalendar
from stocker_pipeline.gateways.market_data.provider import (
    RECEIVED_ACTIONS_SCHEMA,
    RECEIVED_BARS_SCHEMA,
    REFUSED_ROWS_SCHEMA,
    MarketData,
)

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 12)
DAYS: list[date] = SessionCalendar.between(FIRST, LAST).sessions(FIRST, LAST).tolist()
NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


def numbers(close: float, **others: float | None) -> dict[str, float | None]:
    """A bar that stood still at ``close``; any number can be another."""
    still = dict.fromkeys(("open", "high", "low", "close", "adj_close"), close)
    return {**still, "volume": 1_000.0, **others}


class ScriptedMarket:
    """What it says is in plain dictionaries, which a test changes between two questions.

    Attributes:
        bars: (symbol, session) → numbers.
        actions: (symbol, session) → (split, dividend).
        refused: Rows of ``REFUSED_ROWS_SCHEMA``.
        failed: Symbols about which no bars come; what is said of their actions may be nonsense.
    """

    def __init__(self, clock: FixedClock | None = None, name: str = "vendor") -> None:
        self.name, self.clock = name, clock or FixedClock(NOON)
        self.bars: dict[tuple[str, date], dict[str, float | None]] = {}
        self.actions: dict[tuple[str, date], tuple[float, float]] = {}
        self.refused: list[dict[str, Any]] = []
        self.failed: set[str] = set()

    def symbols(self) -> tuple[str, ...]:
        return tuple(sorted({symbol for symbol, _ in self.bars}))

    def fetch(self, symbols: Collection[str], first: date, last: date) -> MarketData:
        asked = set(symbols) - self.failed

        def chosen(rows: dict, of: Collection[str]) -> list[tuple[tuple[str, date], Any]]:
            return sorted(
                (key, value)
                for key, value in rows.items()
                if key[0] in of and first <= key[1] <= last
            )

        origin = {"source": self.name, "known_at": self.clock.now()}
        bars = [
            {"symbol": symbol, "session": day, **values, **origin}
            for (symbol, day), values in chosen(self.bars, asked)
        ]
        actions = [
            {"symbol": symbol, "session": day, "split": split, "dividend": dividend, **origin}
            for (symbol, day), (split, dividend) in chosen(self.actions, symbols)
        ]
        refused = [row for row in self.refused if row["symbol"] in asked]
        missing = asked - {row["symbol"] for row in bars}
        return MarketData(
            pa.Table.from_pylist(bars, schema=RECEIVED_BARS_SCHEMA),
            pa.Table.from_pylist(actions, schema=RECEIVED_ACTIONS_SCHEMA),
            dict.fromkeys(missing, "no bar in the range"),
            dict.fromkeys(set(symbols) & self.failed, "timed out three times"),
            pa.Table.from_pylist(refused, schema=REFUSED_ROWS_SCHEMA),
        )


def quiet_market(clock: FixedClock | None = None, name: str = "vendor") -> ScriptedMarket:
    """AAA at 10, 11, … and BBB at 50, 51, … on every day, BBB with a dividend."""
    market = ScriptedMarket(clock, name)
    for symbol, close in (("AAA", 10.0), ("BBB", 50.0)):
        for step, day in enumerate(DAYS):
            market.bars[symbol, day] = numbers(close + step)
    market.actions["BBB", DAYS[3]] = (1.0, 0.25)
    return market
