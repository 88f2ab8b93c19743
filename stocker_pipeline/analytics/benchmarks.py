"""What the same money would have done without the strategy: bought and held, or left as cash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

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
    member: np.ndarray | None = None,
    price_basis: PriceBasis = "raw",
) -> tuple[Benchmark, ...]:
    """Benchmarks of a book: buy and hold where there are bars, then cash.

    Args:
        snapshots: The book from its first session on; its sessions and initial capital are used.
        bars, corporate_actions, universe, member, price_basis: See ``buy_and_hold``.
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
        member=member,
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
        member=record.member,
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
    member: np.ndarray | None = None,
    price_basis: PriceBasis = "raw",
) -> Benchmark:
    """Equal dollars in every member of the universe, bought once while its members stay the same.

    Each member's part waits as cash until the symbol's first bar on or after the first session, is
    invested at the open of that bar, and from then on follows the total-return series of ENGINE E4:
    dividends are reinvested in the symbol that paid them. On a session without a bar, and after a
    symbol's last one, its value stays as it was. Where members come or go, all is sold at the open
    of that session (at the last value where there is no open) and put in equal parts into the
    members of that day. There are no costs and fractions of shares are held, which flatters it a
    little.

    Args:
        bars: Prices, any order.
        corporate_actions: Splits and dividends by ex-date; None = there were none. Ignored on the
            adjusted basis (E5), where the series is ``adj_close``.
        sessions: Sessions of the portfolio, datetime64[D], ascending.
        initial_capital: Dollars to invest.
        universe: Symbols to hold; empty = every symbol of ``bars``.
        member: Whether a symbol of ``universe`` may be held on a session, bool, one row for ever or
            ``[sessions, symbols]``; None = always.
        price_basis: Which prices the portfolio used.

    Raises:
        InputRefused: ``bars`` hold no symbol of the universe, or ``member`` has another shape.
    """
    require_columns(bars, ("symbol", "session", "open", "close"), "bars")
    _, names = coded_symbols(bars)
    symbols = list(dict.fromkeys(universe)) or names
    if not set(symbols) & set(names):
        raise InputRefused(
            f"bars of the universe, {', '.join(symbols[:5])}",
            f"bars of {', '.join(names[:5]) or 'no symbol'}",
            where="bars given to the buy-and-hold benchmark",
            remedy="Give the bars that the portfolio was run on.",
        )
    members = _members(member, len(sessions), len(symbols))
    actions = {} if price_basis == "adjusted" else _actions_by_symbol(corporate_actions)
    growth = _growth(bars, symbols, actions, sessions, price_basis)
    invested, waiting = _held(growth, members, float(initial_capital))
    nav = invested + waiting
    with np.errstate(divide="ignore", invalid="ignore"):
        exposure = invested / nav
    return Benchmark(
        name=BUY_AND_HOLD,
        explanation=_explanation(len(symbols), members),
        initial_capital=float(initial_capital),
        nav=nav,
        gross_exposure=exposure,
    )


def _members(member: np.ndarray | None, sessions: int, symbols: int) -> np.ndarray:
    found = np.ones((1, symbols), bool) if member is None else member
    if found.ndim != 2 or found.shape[0] not in (1, sessions) or found.shape[1] != symbols:
        raise InputRefused(
            f"membership of {symbols} symbols, one row or {sessions}",
            f"an array of {' x '.join(map(str, found.shape))}",
            where="membership given to the buy-and-hold benchmark",
            remedy="Give one column per symbol of the universe and one row per session.",
        )
    return np.broadcast_to(found, (sessions, symbols))


def _explanation(symbols: int, members: np.ndarray) -> str:
    if len(members) == 0 or (members == members[0]).all():
        return (
            f"Equal dollars in each of {symbols} symbols, bought at the open of its"
            " first bar in the run and held, dividends reinvested, without any costs."
        )
    return (
        "Equal dollars in each member of the universe, and again in each member of the day"
        f" whenever one of its {symbols} symbols comes or goes, at that session's open; dividends"
        " reinvested, without any costs."
    )


class _Growth(NamedTuple):
    """What a dollar becomes, ``[sessions, symbols]``; 1 where there is no bar.

    Attributes:
        seen: Whether there is a bar.
        whole: From the symbol's previous bar's close to this close.
        night: From the previous bar's close to this open.
        day: From this open to this close.
    """

    seen: np.ndarray
    whole: np.ndarray
    night: np.ndarray
    day: np.ndarray


def _growth(
    bars: pa.Table,
    symbols: Sequence[str],
    actions: Mapping[str, list[tuple[np.datetime64, float, float]]],
    sessions: np.ndarray,
    price_basis: PriceBasis,
) -> _Growth:
    codes, names = coded_symbols(bars)
    order = np.lexsort((days_of(bars), codes))
    days, codes = days_of(bars)[order], codes[order]
    closes, opens = floats_of(bars, "close")[order], floats_of(bars, "open")[order]
    if price_basis == "adjusted":
        adjusted = floats_of(bars, "adj_close")[order]
        opens, closes = opens * (adjusted / closes), adjusted
    shape = (len(sessions), len(symbols))
    growth = _Growth(np.zeros(shape, bool), np.ones(shape), np.ones(shape), np.ones(shape))
    code_of = {name: code for code, name in enumerate(names)}
    for j, symbol in enumerate(symbols):
        code = code_of.get(symbol, -1)
        low, high = np.searchsorted(codes, (code, code + 1)).tolist()
        inside = np.isin(days[low:high], sessions)
        day, opening, close = (part[low:high][inside] for part in (days, opens, closes))
        if len(day) == 0:
            continue
        split, dividend = np.ones(len(day)), np.zeros(len(day))
        for when, new_per_old, cash in actions.get(symbol, []):
            bar = int(np.searchsorted(day, when))
            # Up to the first day of the run an action is in the price already paid.
            if 0 < bar < len(day):
                split[bar] *= new_per_old
                dividend[bar] = dividend[bar] / new_per_old + cash
        before = np.concatenate((opening[:1], close[:-1]))
        rows = np.searchsorted(sessions, day)
        growth.seen[rows, j] = True
        growth.whole[rows, j] = split * (close + dividend) / before
        growth.night[rows, j] = split * (opening + dividend) / before
        growth.day[rows, j] = close / opening
    return growth


def _held(growth: _Growth, members: np.ndarray, capital: float) -> tuple[np.ndarray, np.ndarray]:
    """Dollars invested and dollars waiting as cash at each close."""
    sessions, symbols = members.shape
    invested, cash = np.zeros(sessions), np.zeros(sessions)
    changed = np.ones(sessions, bool)
    changed[1:] = (members[1:] != members[:-1]).any(axis=1)
    value, waiting, idle = np.zeros(symbols), np.zeros(symbols), capital
    t = 0
    while t < sessions:
        if changed[t]:
            whole = float(value @ growth.night[t]) + waiting.sum() + idle
            count = int(members[t].sum())
            waiting = members[t] * (whole / count if count else 0.0)
            value, idle = np.zeros(symbols), 0.0 if count else whole
        bought = growth.seen[t] & (waiting > 0.0)
        value = np.where(bought, waiting * growth.day[t], value * growth.whole[t])
        waiting = np.where(bought, 0.0, waiting)
        # Nothing is decided until members change or one that waits has a bar.
        events = changed[t + 1 :] | growth.seen[t + 1 :, waiting > 0.0].any(axis=1)
        until = t + 1 + int(events.argmax()) if events.any() else sessions
        path = value * np.cumprod(growth.whole[t + 1 : until], axis=0)
        invested[t], invested[t + 1 : until] = value.sum(), path.sum(axis=1)
        cash[t:until] = waiting.sum() + idle
        value, t = path[-1] if len(path) else value, until
    return invested, cash


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
