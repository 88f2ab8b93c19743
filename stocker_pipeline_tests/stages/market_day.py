"""A small market in a lake, for tests of the stages."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.gateways.market_data.provider import MarketData
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from

SYMBOLS = ("AAA", "BBB")
FIRST, LAST = date(2020, 1, 2), date(2020, 6, 30)
CALENDAR = SessionCalendar.between(FIRST, LAST)


class TwoSymbolMarket:
    """Two symbols that wander, one with a split and dividends; deterministic."""

    name = "two"

    def symbols(self) -> tuple[str, ...]:
        return SYMBOLS

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> MarketData:
        sessions = CALENDAR.sessions(FIRST, LAST)
        generator = np.random.default_rng(1)
        shape = (len(sessions), len(SYMBOLS))
        close = np.round(50 * np.exp(np.cumsum(generator.normal(0, 0.02, shape), axis=0)), 2)
        close[60:, 0] = np.round(close[60:, 0] / 2, 2)
        day = np.repeat(sessions, len(SYMBOLS))
        price = close.reshape(-1)
        bars = pa.table(
            {
                "symbol": np.tile(np.array(SYMBOLS), len(sessions)),
                "session": day,
                **dict.fromkeys(("open", "high", "low", "close"), price),
                "volume": np.full(len(day), 1e6),
                "adj_close": price,
            }
        )
        actions = pa.table(
            {
                "symbol": ["AAA", "BBB"],
                "session": sessions[[60, 80]],
                "split": [2.0, 1.0],
                "dividend": [0.0, 0.4],
            }
        )
        inside = (day >= np.datetime64(first)) & (day <= np.datetime64(last))
        bars = bars.filter(pa.array(inside & np.isin(np.array(bars["symbol"]), symbols)))
        when = actions["session"].to_numpy()
        known = (when >= np.datetime64(first)) & (when <= np.datetime64(last))
        missing = {symbol: "not in this market" for symbol in symbols if symbol not in SYMBOLS}
        return MarketData(bars, actions.filter(pa.array(known)), missing)


def small_portfolio(**changes: object) -> Portfolio:
    """Trend on ten bars, so that half a year is enough."""
    parameters = {"lookback": 10, "window": 30, **changes}
    return portfolio_from(
        {"strategy": "trend", "universe": list(SYMBOLS), "parameters": parameters}, where="test"
    )
