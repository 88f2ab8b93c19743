"""A small market in a lake, for tests of the stages."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.gateways.market_data.provider import MarketData, selection, with_origin
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from

SYMBOLS = ("AAA", "BBB")
FIRST, LAST = date(2020, 1, 2), date(2020, 6, 30)
KNOWN_AT = datetime(2020, 7, 1, 12, tzinfo=UTC)
CALENDAR = SessionCalendar.between(FIRST, LAST)


class TwoSymbolMarket:
    """Two symbols that wander, one with a split and dividends; deterministic."""

    name = "two"

    def symbols(self) -> tuple[str, ...]:
        return SYMBOLS

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> MarketData:
        bars, actions = (with_origin(table, self.name, KNOWN_AT) for table in two_symbol_tables())
        return selection(bars, actions, symbols, first, last)


def two_symbol_tables() -> tuple[pa.Table, pa.Table]:
    """Bars and actions of the whole market, as files have them."""
    sessions = CALENDAR.sessions(FIRST, LAST)
    generator = np.random.default_rng(1)
    shape = (len(sessions), len(SYMBOLS))
    close = np.round(50 * np.exp(np.cumsum(generator.normal(0, 0.02, shape), axis=0)), 2)
    close[60:, 0] = np.round(close[60:, 0] / 2, 2)
    price = close.T.reshape(-1)
    bars = {
        "symbol": np.repeat(np.array(SYMBOLS), len(sessions)),
        "session": np.tile(sessions, len(SYMBOLS)),
        **dict.fromkeys(("open", "high", "low", "close"), price),
        "volume": np.full(len(price), 1e6),
        "adj_close": price,
    }
    actions = {
        "symbol": ["AAA", "BBB"],
        "session": sessions[[60, 80]],
        "split": [2.0, 1.0],
        "dividend": [0.0, 0.4],
    }
    return pa.table(bars, schema=BARS_SCHEMA), pa.table(actions, schema=ACTIONS_SCHEMA)


def small_portfolio(**changes: object) -> Portfolio:
    """Trend on ten bars, so that half a year is enough."""
    parameters = {"lookback": 10, "window": 30, **changes}
    return portfolio_from(
        {"strategy": "trend", "universe": list(SYMBOLS), "parameters": parameters}, where="test"
    )
