"""A generated market without defects: volatility that clusters, news gaps, splits, dividends."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA
from stocker_pipeline.domain.session import SessionCalendar

KINDS = {
    # volatility per session, dividends a year, news gap's size, price, market beta
    "stock": (0.016, 4, 0.05, 80.0, 1.0),
    "fund": (0.009, 4, 0.0, 60.0, 1.0),
    "bond": (0.004, 12, 0.0, 105.0, -0.3),
    "bill": (0.0001, 12, 0.0, 91.5, 0.0),
}


@dataclass(frozen=True)
class Market:
    """Tables as the gate takes them, and the last session that is over."""

    bars: pa.Table
    actions: pa.Table
    calendar_last: date


def clean_market(seed, symbols=12, sessions=750, first=date(2010, 1, 4)) -> Market:
    """Symbols S00, S01, …: a third single stocks, a third funds, the rest bonds and bills."""
    random = np.random.default_rng(seed)
    days = SessionCalendar.between(first, date(2030, 12, 31)).sessions(first, date(2030, 12, 31))
    days = days[:sessions]
    market = 0.008 * clustered(random, sessions)
    bars, actions = [], []
    for number in range(symbols):
        kind = ("stock", "fund", "stock", "fund", "bond", "bill")[number % 6]
        one, own_actions = _symbol(random, f"S{number:02d}", kind, days, market)
        bars.append(one)
        actions.append(own_actions)
    return Market(pa.concat_tables(bars), pa.concat_tables(actions), days[-1].item())


def clustered(random, count) -> np.ndarray:
    """Unit returns with fat tails and GARCH(1,1) volatility."""
    shocks = random.standard_t(6, count) / np.sqrt(1.5)
    variance, out = 1.0, np.empty(count)
    for i in range(count):
        out[i] = np.sqrt(variance) * shocks[i]
        variance = 0.03 + 0.08 * min(out[i] ** 2, 25.0) + 0.89 * variance
    return out


def _symbol(random, name, kind, days, market):
    vol, payments, news, price, beta = KINDS[kind]
    count = len(days)
    total = beta * market + vol * clustered(random, count) * 0.8
    night = 0.5 * total + vol * 0.15 * random.normal(size=count)
    if news:
        announced = np.arange(random.integers(40, 60), count, 63)
        gaps = np.clip(news * random.standard_t(4, len(announced)), -0.22, 0.22)
        night[announced] += gaps
    day = total - 0.5 * total + vol * 0.3 * random.normal(size=count)
    split, dividend = np.ones(count), np.zeros(count)
    if kind == "stock":
        split[random.integers(100, count - 20)] = random.choice([2.0, 3.0, 1.5, 0.125])
    every = 252 // payments
    paid = np.arange(int(random.integers(5, every)), count, every)
    opens, closes = np.empty(count), np.empty(count)
    last = price * np.exp(random.normal(0, 0.3))
    for i in range(count):
        if i in paid:
            dividend[i] = round(last / split[i] * 0.02 / payments, 4)
        opens[i] = (last / split[i] - dividend[i]) * np.exp(night[i])
        closes[i] = opens[i] * np.exp(day[i])
        last = closes[i]
    reach = (
        vol * 0.4 * np.abs(random.normal(size=(2, count))) * (1 + np.abs(total) / max(vol, 1e-9))
    )
    highs = np.maximum(opens, closes) * np.exp(reach[0])
    lows = np.minimum(opens, closes) * np.exp(-reach[1])
    prices = [np.round(values, 2) for values in (opens, highs, lows, closes)]
    busy = np.exp(0.25 * random.normal(size=count) + 0.3 * np.abs(night + day) / vol / 3)
    shares = np.cumprod(split)
    volume = np.round(2e6 * busy * shares * np.exp(random.normal(0, 1)))
    bars = pa.table(
        [
            pa.array([name] * count),
            pa.array(days),
            *prices,
            volume,
            adjusted(prices[3], split, dividend),
        ],
        names=BARS_SCHEMA.names,
    ).cast(BARS_SCHEMA)
    acted = (split != 1) | (dividend > 0)
    actions = pa.table(
        [pa.array([name] * int(acted.sum())), pa.array(days[acted]), split[acted], dividend[acted]],
        names=ACTIONS_SCHEMA.names,
    ).cast(ACTIONS_SCHEMA)
    return bars, actions


def adjusted(close, split, dividend) -> np.ndarray:
    """The adjusted close as most vendors make it: divided by the close before the ex-date."""
    steps = np.ones(len(close))
    steps[1:] = split[1:] / (1 - dividend[1:] * split[1:] / close[:-1])
    earned = np.cumprod(steps)
    return close * earned / earned[-1]
