"""The sample market: five US stocks as traded, 2000-03-01 to 2013-03-01, from bokeh_sampledata.

The package has raw prices and an adjusted close, but no corporate actions: those are recovered from
the steps between the two. Its prices are taken as they are; every bar passes the rules of bars.
"""

from collections.abc import Collection
from datetime import date
from functools import cache

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.bars import (
    ACTIONS_SCHEMA,
    BARS_SCHEMA,
    PRICES,
    validated_actions,
    validated_bars,
)
from stocker_pipeline.domain.session import Clock, SystemClock
from stocker_pipeline.gateways.market_data.adjustments import recovered_actions
from stocker_pipeline.gateways.market_data.provider import MarketData, selection, with_origin

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
FIRST_SESSION, LAST_SESSION = date(2000, 3, 1), date(2013, 3, 1)
_WHERE = "the sample market of bokeh_sampledata"


class SampleMarket:
    """Bars and recovered actions of the sample; no network.

    FB starts on 2012-05-18 and GOOG on 2004-08-19, when they went public. Rows are known since the
    moment they were asked for.
    """

    name = "sample"

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    def symbols(self) -> tuple[str, ...]:
        """All five."""
        return SYMBOLS

    def fetch(self, symbols: Collection[str], first: date, last: date) -> MarketData:
        """See ``MarketDataProvider.fetch``."""
        now = self._clock.now()
        bars, actions = (with_origin(table, self.name, now) for table in _market())
        return selection(bars, actions, symbols, first, last)


@cache
def _market() -> tuple[pa.Table, pa.Table]:
    # Imported here: the package parses its prices on import.
    from bokeh_sampledata import stocks

    bars, actions = [], []
    for symbol in SYMBOLS:
        columns = getattr(stocks, symbol)
        bars.append(_bars(symbol, columns))
        actions.append(_actions(symbol, columns))
    return (
        validated_bars(pa.concat_tables(bars), where=_WHERE),
        validated_actions(pa.concat_tables(actions), where=_WHERE),
    )


def _bars(symbol: str, columns: dict[str, list[str] | list[float]]) -> pa.Table:
    rows = len(columns["date"])
    numbers = [
        pa.array(np.asarray(columns[name], dtype=np.float64))
        for name in (*PRICES, "volume", "adj_close")
    ]
    return pa.Table.from_arrays(
        [pa.repeat(pa.scalar(symbol), rows), _dates(columns), *numbers], schema=BARS_SCHEMA
    )


def _actions(symbol: str, columns: dict[str, list[str] | list[float]]) -> pa.Table:
    found = recovered_actions(
        np.asarray(columns["close"], dtype=np.float64),
        np.asarray(columns["adj_close"], dtype=np.float64),
        where=f"{_WHERE}, {symbol}",
    )
    return pa.Table.from_arrays(
        [
            pa.repeat(pa.scalar(symbol), len(found)),
            _dates(columns).take(pa.array([action.row for action in found], pa.int64())),
            pa.array([float(action.split) for action in found], pa.float64()),
            pa.array([action.dividend_usd for action in found], pa.float64()),
        ],
        schema=ACTIONS_SCHEMA,
    )


def _dates(columns: dict[str, list[str] | list[float]]) -> pa.Array:
    return pa.array(columns["date"], pa.string()).cast(pa.date32())
