"""Small quiet markets for tests, and ways to spoil one bar of them."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline_tests.quality.clean_market import Market

FIRST = date(2024, 1, 2)


def sessions(count, first=FIRST) -> np.ndarray:
    """That many sessions, datetime64[D]."""
    last = date(first.year + 1 + count // 250, 12, 31)
    return SessionCalendar.between(first, last).sessions(first, last)[:count]


def quiet(*symbols, bars=220, sigma=0.01, price=100.0, volume=1e6, seed=7) -> Market:
    """Symbols whose closes move by a sigma or so, open where they closed, and trade steadily."""
    random = np.random.default_rng(seed)
    days = sessions(bars)
    tables = []
    for symbol in symbols:
        # Normal moves cut at two sigmas: nothing here is odd by chance.
        moves = np.clip(random.normal(0, sigma, (2, bars)), -2 * sigma, 2 * sigma)
        closes = price * np.exp(np.cumsum(moves[0]))
        opens = np.append(price, closes[:-1]) * np.exp(0.2 * moves[1])
        highs = np.maximum(opens, closes) * (1 + 0.3 * sigma)
        lows = np.minimum(opens, closes) * (1 - 0.3 * sigma)
        shares = np.round(volume * np.exp(random.normal(0, 0.2, bars)))
        tables.append(
            pa.table(
                [[symbol] * bars, days, opens, highs, lows, closes, shares, closes],
                names=BARS_SCHEMA.names,
            ).cast(BARS_SCHEMA)
        )
    return Market(pa.concat_tables(tables), ACTIONS_SCHEMA.empty_table(), days[-1].item())


def day(place) -> str:
    """The session of a bar counted from 0, as text."""
    return str(sessions(place + 1)[-1])


def spoilt(market, symbol, place, **cells) -> Market:
    """The market with cells of one bar changed: to a value, or by a function of the value."""
    bars = market.bars.to_pylist()
    row = [i for i, one in enumerate(bars) if one["symbol"] == symbol][place]
    for name, value in cells.items():
        bars[row][name] = value(bars[row][name]) if callable(value) else value
    return replace(market, bars=pa.Table.from_pylist(bars, schema=BARS_SCHEMA))


def scaled(market, symbol, first, last, by, *names) -> Market:
    """The market with some columns of bars first … last of a symbol multiplied."""
    for place in range(first, last + 1):
        market = spoilt(market, symbol, place, **dict.fromkeys(names, lambda value: value * by))
    return market


def without(market, symbol, first, last) -> Market:
    """The market without bars first … last of a symbol."""
    days = pa.array(sessions(last + 1)[first:]).cast(pa.date32())
    gone = pc.and_(pc.equal(market.bars["symbol"], symbol), pc.is_in(market.bars["session"], days))
    return replace(market, bars=market.bars.filter(pc.invert(gone)))


def acting(market, *rows) -> Market:
    """The market with actions: (symbol, place, split, dividend)."""
    table = pa.Table.from_pylist(
        [
            {
                "symbol": symbol,
                "session": date.fromisoformat(day(place)),
                "split": split,
                "dividend": dividend,
            }
            for symbol, place, split, dividend in rows
        ],
        schema=ACTIONS_SCHEMA,
    )
    return replace(market, actions=table)
