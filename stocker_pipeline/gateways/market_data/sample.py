"""The sample market: five US stocks as traded, 2000-03-01 to 2013-03-01, from bokeh_sampledata.

The package has prices as traded and an adjusted close, but no corporate actions. They are
recovered: adjusted/raw close is constant between two actions, up to the rounding of the adjusted
close to cents. Every day narrows the interval in which its segment's ratio can lie; where the next
day leaves no common value, a new segment begins, and the step between two segments is the action.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA, validated_actions, validated_bars
from stocker_pipeline.gateways.market_data.provider import MarketData

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
FIRST_SESSION, LAST_SESSION = date(2000, 3, 1), date(2013, 3, 1)
_HALF_CENT = 0.00501
_SMALLEST_SPLIT = 1.2
"""A step of at least this ratio (or its inverse) is a split; the largest dividend is far smaller."""


class _Segment(NamedTuple):
    """Rows over which adjusted/raw close is constant, and the bounds of that constant."""

    start: int
    low: float
    high: float


class SampleMarket:
    """Bars and recovered actions of the sample; no network."""

    name = "sample"

    def symbols(self) -> tuple[str, ...]:
        """All five."""
        return SYMBOLS

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> MarketData:
        """The sample's part of the range; a symbol it does not have is missing with a reason."""
        bars, actions = _market()
        chosen = pa.array(list(symbols), pa.string())
        low, high = pa.scalar(first, pa.date32()), pa.scalar(last, pa.date32())

        def part(table: pa.Table) -> pa.Table:
            inside = pc.and_(
                pc.greater_equal(table["session"], low), pc.less_equal(table["session"], high)
            )
            return table.filter(pc.and_(inside, pc.is_in(table["symbol"], value_set=chosen)))

        found = part(bars)
        have = set(pc.unique(found["symbol"]).to_pylist())
        missing = {
            symbol: f"no bar from {first} to {last}; it has {FIRST_SESSION} to {LAST_SESSION}"
            if symbol in SYMBOLS
            else f"not in the sample market, which has {', '.join(SYMBOLS)}"
            for symbol in symbols
            if symbol not in have
        }
        return MarketData(found, part(actions), missing)


@cache
def _market() -> tuple[pa.Table, pa.Table]:
    bars, actions = [], []
    for symbol in SYMBOLS:
        rows = _rows(symbol)
        bars.append(pa.Table.from_pylist(rows, schema=BARS_SCHEMA))
        actions.extend(_recovered(symbol, rows))
    return (
        validated_bars(pa.concat_tables(bars), where="the sample market"),
        validated_actions(
            pa.Table.from_pylist(actions, schema=ACTIONS_SCHEMA), where="the sample market"
        ),
    )


def _rows(symbol: str) -> list[dict[str, object]]:
    from bokeh_sampledata import stocks

    columns = getattr(stocks, symbol)
    prices = ("open", "high", "low", "close", "volume", "adj_close")
    return [
        {"symbol": symbol, "session": date.fromisoformat(day), **dict(zip(prices, row, strict=True))}
        for day, *row in zip(columns["date"], *(columns[name] for name in prices), strict=True)
    ]


def _recovered(symbol: str, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    close = np.array([row["close"] for row in rows], dtype=float)
    adjusted = np.array([row["adj_close"] for row in rows], dtype=float)
    segments = _segments((adjusted - _HALF_CENT) / close, (adjusted + _HALF_CENT) / close)
    return [
        {
            "symbol": symbol,
            "session": rows[after.start]["session"],
            **_action(before, after, float(close[after.start - 1])),
        }
        for before, after in zip(segments, segments[1:], strict=False)
    ]


def _segments(low: np.ndarray, high: np.ndarray) -> list[_Segment]:
    segments, current = [], _Segment(0, low[0], high[0])
    for row in range(1, len(low)):
        floor, ceiling = max(current.low, low[row]), min(current.high, high[row])
        if floor > ceiling:
            segments.append(current)
            current = _Segment(row, low[row], high[row])
        else:
            current = _Segment(current.start, floor, ceiling)
    return [*segments, current]


def _action(before: _Segment, after: _Segment, previous_close: float) -> dict[str, float]:
    """The split or dividend that explains the step between two segments.

    A split multiplies the ratio by new/old shares. A dividend D multiplies it by
    1/(1 − D/previous close).
    """
    smallest, largest = after.low / before.high, after.high / before.low
    middle = (smallest + largest) / 2
    if middle >= _SMALLEST_SPLIT or middle <= 1 / _SMALLEST_SPLIT:
        halves = round(middle * 2) / 2
        return {"split": halves if smallest <= halves <= largest else middle, "dividend": 0.0}
    dividend = previous_close * (1 - (1 / smallest + 1 / largest) / 2)
    return {"split": 1.0, "dividend": round(dividend, 2)}
