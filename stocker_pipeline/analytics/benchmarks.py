"""What the same money would have done without the strategy: bought and held, or left as cash."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.record import (
    PriceBasis,
    TrackRecord,
    coded_symbols,
    days_of,
    floats_of,
    require_columns,
    symbols_of,
)
from stocker_pipeline.analytics.returns import time_weighted_returns
from stocker_pipeline.domain.bars import split_fraction
from stocker_pipeline.domain.errors import InputRefused

BUY_AND_HOLD = "Buy and hold"
CASH = "Cash"


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A series to compare with, over the sessions of the portfolio.

    Attributes:
        name: Short label for legends and column heads.
        explanation: How it was made, in a sentence.
        initial_capital: Dollars before the first session.
        nav: Dollars at each close.
        gross_exposure: Invested part of nav at each close, as a fraction.
    """

    name: str
    explanation: str
    initial_capital: float
    nav: np.ndarray
    gross_exposure: np.ndarray

    @cached_property
    def returns(self) -> np.ndarray:
        """Return of each session as a fraction."""
        return time_weighted_returns(self.nav, np.zeros(len(self.nav)), self.initial_capital)


def benchmark_navs(
    snapshots: pa.Table,
    bars: pa.Table | None,
    corporate_actions: pa.Table | None = None,
    *,
    universe: Sequence[str] = (),
    price_basis: PriceBasis = "raw",
) -> tuple[Benchmark, ...]:
    """Benchmarks of a book: buy and hold where there are bars, then cash.

    Args:
        snapshots: The book from its first session on; its sessions and initial capital are used.
        bars, corporate_actions, universe, price_basis: See ``buy_and_hold``.
    """
    sessions = days_of(snapshots)
    capital = float(floats_of(snapshots, "initial_capital")[0]) if len(sessions) else 0.0
    cash = cash_benchmark(sessions, capital)
    if bars is None or not bars.num_rows or not len(sessions):
        return (cash,)
    held = buy_and_hold(
        bars,
        corporate_actions,
        sessions=sessions,
        initial_capital=capital,
        universe=universe,
        price_basis=price_basis,
    )
    return (held, cash)


def benchmarks_of(record: TrackRecord) -> tuple[Benchmark, ...]:
    """``benchmark_navs`` of a record."""
    return benchmark_navs(
        record.snapshots,
        record.bars,
        record.corporate_actions,
        universe=record.universe,
        price_basis=record.price_basis,
    )


def cash_benchmark(sessions: np.ndarray, initial_capital: float) -> Benchmark:
    """The initial capital, kept as cash without interest."""
    return Benchmark(
        name=CASH,
        explanation="The initial capital kept as cash, without interest.",
        initial_capital=float(initial_capital),
        nav=np.full(len(sessions), float(initial_capital)),
        gross_exposure=np.zeros(len(sessions)),
    )


def buy_and_hold(
    bars: pa.Table,
    corporate_actions: pa.Table | None,
    *,
    sessions: np.ndarray,
    initial_capital: float,
    universe: Sequence[str] = (),
    price_basis: PriceBasis = "raw",
) -> Benchmark:
    """Equal dollars in every symbol, bought once and never touched again.

    Each symbol's part waits as cash until the symbol's first bar on or after the first session, is
    invested at the open of that bar, and from then on follows the total-return series of ENGINE E4:
    dividends are reinvested in the symbol that paid them. On a session without a bar, and after a
    symbol's last one, its value stays as it was. There are no costs and fractions of shares are
    held, which flatters it a little.

    Args:
        bars: Prices, any order.
        corporate_actions: Splits and dividends by ex-date; None = there were none. Ignored on the
            adjusted basis (E5), where the series is ``adj_close``.
        sessions: Sessions of the portfolio, datetime64[D], ascending.
        initial_capital: Dollars to invest.
        universe: Symbols to hold; empty = every symbol of ``bars``.
        price_basis: Which prices the portfolio used.

    Raises:
        InputRefused: ``bars`` hold no symbol of the universe.
    """
    require_columns(bars, ("symbol", "session", "open", "close"), "bars")
    codes, names = coded_symbols(bars)
    members = sorted(set(universe)) or names
    if not set(members) & set(names):
        raise InputRefused(
            f"bars of the universe, {', '.join(members[:5])}",
            f"bars of {', '.join(names[:5]) or 'no symbol'}",
            where="bars given to the buy-and-hold benchmark",
            remedy="Give the bars that the portfolio was run on.",
        )
    order = np.lexsort((days_of(bars), codes))
    days, codes = days_of(bars)[order], codes[order]
    closes, opens = floats_of(bars, "close")[order], floats_of(bars, "open")[order]
    if price_basis == "adjusted":
        adjusted = floats_of(bars, "adj_close")[order]
        opens, closes = opens * (adjusted / closes), adjusted
    actions = {} if price_basis == "adjusted" else _actions_by_symbol(corporate_actions)
    part = float(initial_capital) / len(members)
    invested = np.zeros(len(sessions))
    waiting = np.zeros(len(sessions))
    code_of = {name: code for code, name in enumerate(names)}
    for symbol in members:
        code = code_of.get(symbol, -1)
        span = slice(np.searchsorted(codes, code), np.searchsorted(codes, code, "right"))
        growth = _growth(days[span], opens[span], closes[span], actions.get(symbol, []), sessions)
        invested += part * np.nan_to_num(growth)
        waiting += part * np.isnan(growth)
    nav = invested + waiting
    with np.errstate(divide="ignore", invalid="ignore"):
        exposure = invested / nav
    return Benchmark(
        name=BUY_AND_HOLD,
        explanation=f"Equal dollars in each of {len(members)} symbols, bought at the open of its"
        " first bar in the run and held, dividends reinvested, without any costs.",
        initial_capital=float(initial_capital),
        nav=nav,
        gross_exposure=exposure,
    )


def _growth(
    days: np.ndarray,
    opens: np.ndarray,
    closes: np.ndarray,
    actions: list[tuple[np.datetime64, float, float]],
    sessions: np.ndarray,
) -> np.ndarray:
    """What a dollar invested at the first open of the run is worth at each close; NaN before."""
    out = np.full(len(sessions), np.nan)
    first = int(np.searchsorted(days, sessions[0])) if len(sessions) else len(days)
    if first == len(days):
        return out
    days, opens, closes = days[first:], opens[first:], closes[first:]
    split, dividend = np.ones(len(days)), np.zeros(len(days))
    for day, new_per_old, cash in actions:
        bar = int(np.searchsorted(days, day))
        # Up to the day of purchase an action is in the price already paid.
        if 0 < bar < len(days):
            split[bar] *= new_per_old
            dividend[bar] = dividend[bar] / new_per_old + cash
    factors = split * (closes + dividend) / np.concatenate((opens[:1], closes[:-1]))
    series = np.cumprod(factors)
    latest = np.searchsorted(days, sessions, side="right") - 1
    known = latest >= 0
    out[known] = series[latest[known]]
    return out


def _actions_by_symbol(
    corporate_actions: pa.Table | None,
) -> dict[str, list[tuple[np.datetime64, float, float]]]:
    """(day, split, dividend) of each symbol in order of date."""
    found: dict[str, list[tuple[np.datetime64, float, float]]] = {}
    if corporate_actions is None:
        return found
    days = days_of(corporate_actions)
    names = symbols_of(corporate_actions)
    splits = floats_of(corporate_actions, "split")
    cash = floats_of(corporate_actions, "dividend")
    for i in np.argsort(days, kind="stable").tolist():
        split = float(split_fraction(splits[i]))
        found.setdefault(names[i], []).append((days[i], split, float(cash[i])))
    return found
