"""Plant one defect of a named kind into a market, at a random place, and know where it is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA, PRICES
from stocker_pipeline_tests.quality.clean_market import Market

SETTLED = 130
"""Bars of a symbol before the defect, so that its habits are known."""


@dataclass(frozen=True)
class Defect:
    """A kind of defect.

    Attributes:
        plant: Changes columns in place; receives bars, the row, actions as a list of rows, and a
            random generator. Returns False where the place does not suit.
        refuse: Whether the bar must be quarantined; otherwise any finding on it will do.
    """

    plant: Callable
    refuse: bool


def injected(market, kind, seed, tries=50) -> tuple[Market, str, str]:
    """A market with one defect, its symbol and its session as text."""
    random = np.random.default_rng(seed)
    bars = {
        name: market.bars[name].to_numpy(zero_copy_only=False).copy() for name in BARS_SCHEMA.names
    }
    actions = market.actions.to_pylist()
    symbols = bars["symbol"].astype(str)
    starts = np.flatnonzero(np.concatenate(([True], symbols[1:] != symbols[:-1])))
    place = np.arange(len(symbols)) - np.repeat(starts, np.diff(np.append(starts, len(symbols))))
    left = np.repeat(
        np.diff(np.append(starts, len(symbols))), np.diff(np.append(starts, len(symbols)))
    )
    candidates = np.flatnonzero((place >= SETTLED) & (place < left - 12))
    for _ in range(tries):
        row = int(random.choice(candidates))
        symbol, day = symbols[row], str(bars["session"][row])
        changed = (KINDS | SMALL)[kind].plant(bars, row, actions, random)
        if changed is not False:
            return _market(bars, actions, market.calendar_last), symbol, day
    raise AssertionError(f"no place for {kind}")


def _market(bars, actions, last):
    kept = ~np.isnat(bars["session"])
    table = pa.table(
        [
            pa.array(bars[name][kept], from_pandas=name not in ("symbol", "session"))
            for name in BARS_SCHEMA.names
        ],
        names=BARS_SCHEMA.names,
    ).cast(BARS_SCHEMA)
    return Market(table, pa.Table.from_pylist(actions, schema=ACTIONS_SCHEMA), last)


def _factor(random, low, high):
    """A factor off by low to high, up or down."""
    size = np.exp(random.uniform(np.log(1 + low), np.log(1 + high)))
    return size if random.random() < 0.5 else 1 / size


def _sized(random, bars, row, sigmas, least=0.01):
    """A factor off by some of the symbol's own daily moves, at least 1%, up or down."""
    moves = np.abs(np.diff(np.log(bars["close"][row - 60 : row])))
    move = max(1.4826 * np.median(moves) * random.uniform(*sigmas), least)
    return np.exp(move if random.random() < 0.5 else -move)


def _print(field, factor, *, stretch):
    def plant(bars, row, actions, random):
        by = factor(random, bars, row)
        # The vendor's adjusted close is made from its close.
        for name in (field, *(("adj_close",) if field == "close" else ())):
            bars[name][row] *= by
        if stretch:
            bars["high"][row] = max(bars["high"][row], bars[field][row])
            bars["low"][row] = min(bars["low"][row], bars[field][row])

    return plant


def _wick(field, sigmas):
    def plant(bars, row, actions, random):
        size = abs(np.log(_sized(random, bars, row, sigmas, least=0.015)))
        sign = 1 if field == "high" else -1
        bars[field][row] *= np.exp(sign * size)

    return plant


def _shift(length, factor):
    def plant(bars, row, actions, random):
        by = factor(random, bars, row)
        for name in (*PRICES, "adj_close"):
            bars[name][row : row + length] *= by

    return plant


def _set(field, value):
    def plant(bars, row, actions, random):
        bars[field][row] = value

    return plant


def _swap(bars, row, actions, random):
    high, low = bars["high"][row], bars["low"][row]
    if high == low:
        return False
    bars["high"][row], bars["low"][row] = low, high
    return None


def _repeat(with_volume):
    def plant(bars, row, actions, random):
        near = bars["close"][row - 60 : row + 1]
        if np.mean(near[1:] == near[:-1]) > 0.05 or bars["close"][row] == bars["close"][row - 1]:
            return False
        if bars["high"][row - 1] == bars["low"][row - 1]:
            return False
        for name in (*PRICES, *(("volume",) if with_volume else ())):
            bars[name][row] = bars[name][row - 1]
        return None

    return plant


def _volume(*factors):
    def plant(bars, row, actions, random):
        bars["volume"][row] *= random.choice(factors)

    return plant


def _volume_for_good(bars, row, actions, random):
    end = row + 1
    while end < len(bars["symbol"]) and bars["symbol"][end] == bars["symbol"][row]:
        end += 1
    bars["volume"][row:end] *= random.choice([0.01, 100.0, 1000.0])


def _acts(bars, row, actions):
    """Whether the symbol has an action within a few bars."""
    symbol = bars["symbol"][row]
    near = set(bars["session"][row - 6 : row + 7].astype("datetime64[D]").tolist())
    return any(one["symbol"] == symbol and one["session"] in near for one in actions)


def _split_unknown(bars, row, actions, random):
    """Prices split from here on, and nobody says so."""
    if _acts(bars, row, actions):
        return False
    ratio = random.choice([2.0, 3.0, 4.0, 1.5, 0.1, 0.25])
    end = row + 1
    while end < len(bars["symbol"]) and bars["symbol"][end] == bars["symbol"][row]:
        end += 1
    for name in PRICES:
        bars[name][row:end] /= ratio
    bars["volume"][row:end] *= ratio
    return None


def _split_invented(bars, row, actions, random):
    """A split is on file, and the prices do not split."""
    if _acts(bars, row, actions):
        return False
    day = bars["session"][row].astype("datetime64[D]").item()
    ratio = float(random.choice([2.0, 3.0, 1.5, 0.1]))
    actions.append(
        {"symbol": str(bars["symbol"][row]), "session": day, "split": ratio, "dividend": 0.0}
    )
    return None


def _dividend_unadjusted(bars, row, actions, random):
    """A dividend is on file that the adjusted series does not show."""
    if _acts(bars, row, actions):
        return False
    day = bars["session"][row].astype("datetime64[D]").item()
    paid = float(bars["close"][row] * random.uniform(0.002, 0.02))
    actions.append(
        {"symbol": str(bars["symbol"][row]), "session": day, "split": 1.0, "dividend": paid}
    )
    return None


def _adjusted_step(bars, row, actions, random):
    bars["adj_close"][row] *= _factor(random, 0.001, 0.05)


def _missing(bars, row, actions, random):
    bars["session"][row] = np.datetime64("NaT", "D")


def _off(field, sigmas):
    return _print(field, lambda r, b, i: _sized(r, b, i, sigmas), stretch=True)


PRINTS = (8, 40)
KINDS = {
    "null price": Defect(_set("close", np.nan), True),
    "zero price": Defect(_set("open", 0.0), True),
    "negative price": Defect(_set("low", -1.0), True),
    "high below low": Defect(_swap, True),
    "open outside the range": Defect(
        _print("open", lambda r, b, i: _factor(r, 0.1, 1.0), stretch=False), True
    ),
    "close outside the range": Defect(
        _print("close", lambda r, b, i: _factor(r, 0.1, 1.0), stretch=False), True
    ),
    "open, 8 to 40 daily moves off": Defect(_off("open", PRINTS), True),
    "close, 8 to 40 daily moves off": Defect(_off("close", PRINTS), True),
    "bar, 8 to 40 daily moves off": Defect(
        _shift(1, lambda r, b, i: _sized(r, b, i, PRINTS)), True
    ),
    "bar, in cents instead of dollars": Defect(
        _shift(1, lambda r, b, i: r.choice([100.0, 0.01])), True
    ),
    "three bars, 20% to a factor 10 off": Defect(
        _shift(3, lambda r, b, i: _factor(r, 0.2, 9.0)), True
    ),
    "high, 6 to 40 daily moves off": Defect(_wick("high", (6, 40)), False),
    "low, 6 to 40 daily moves off": Defect(_wick("low", (6, 40)), False),
    "yesterday's prices again": Defect(_repeat(with_volume=False), False),
    "yesterday's bar again": Defect(_repeat(with_volume=True), True),
    "zero volume": Defect(_set("volume", 0.0), False),
    "volume in other units for a day": Defect(_volume(100.0, 1000.0, 0.01, 0.001), False),
    "volume in other units for good": Defect(_volume_for_good, False),
    "split nobody told": Defect(_split_unknown, True),
    "split the prices do not show": Defect(_split_invented, True),
    "dividend not in the adjusted series": Defect(_dividend_unadjusted, False),
    "adjusted close off by 0.1% to 5%": Defect(_adjusted_step, False),
    "missing session": Defect(_missing, False),
}

SIZES = ((2, 3), (3, 4), (4, 6), (6, 8))
SMALL = {
    f"{field}, {low} to {high} daily moves off": Defect(
        _wick(field, (low, high)) if field in ("high", "low") else _off(field, (low, high)), False
    )
    for field in ("open", "close", "high", "low")
    for low, high in SIZES
}
"""The same prints nearer to the truth, to show where the gate stops seeing them."""
