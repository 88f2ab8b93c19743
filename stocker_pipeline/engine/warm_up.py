"""Compile the kernels once, so that the first backtest does not wait for it.

``python -m stocker_pipeline.engine.warm_up`` runs a market of three symbols through every kernel,
with and without gaps, leaves the machine code in Numba's cache beside the sources and removes what
other states of the sources have left there.
"""

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.engine.day import decide
from stocker_pipeline.engine.kernel_cache import forget_others
from stocker_pipeline.engine.panel import Panel, panel_from_tables
from stocker_pipeline.engine.replay import lots_from
from stocker_pipeline.engine.settlement import GivenFills, settle
from stocker_pipeline.engine.signals import (
    bar_counts,
    compress,
    expand,
    momentum_and_volatility,
)
from stocker_pipeline.engine.simulate import OpeningBook, rules_of, simulate

_SYMBOLS = ("AAA", "BBB", "CCC")


def warm_up() -> None:
    """Run everything that is compiled, on as little as it takes."""
    panel = _panel()
    own = compress(panel.index)
    momentum, _ = momentum_and_volatility(own, 2, 4, 0.94)
    expand(momentum, bar_counts(panel.index))
    weights = np.where(np.isnan(np.roll(panel.index, 1, axis=0)), np.nan, 1 / 3)
    rules = rules_of(PortfolioParameters(), 4)
    for detail in (True, False):
        simulate(panel, weights, rules, OpeningBook.of_cash(10**9), first=1, last=5, detail=detail)
    book = OpeningBook.of_cash(10**9)
    decided = decide(panel, weights, rules, book, 5)
    numbers = [(panel.columns_of([order.symbol])[0], 1, 10**4, 0) for order in decided.orders()]
    fills = GivenFills(*np.array(numbers, np.int64).reshape(-1, 4).T.copy())
    closing = settle(panel, rules, book, 5, fills).closing
    decide(panel, weights, rules, closing, 5)
    lots_from(np.zeros((0, 4), np.int64), np.zeros((0, 4), np.int64), _SYMBOLS)


def _panel() -> Panel:
    sessions = np.arange("2020-01-06", "2020-01-12", dtype="datetime64[D]")
    rows = [(symbol, day) for symbol in _SYMBOLS for day in sessions]
    price = np.linspace(10.0, 20.0, len(rows))
    bars = pa.table(
        {
            "symbol": [symbol for symbol, _ in rows],
            "session": np.array([day for _, day in rows]),
            **dict.fromkeys(("open", "high", "low", "close", "volume"), price),
        }
    )
    actions = pa.table(
        {"symbol": ["AAA"], "session": sessions[3:4], "split": [1.5], "dividend": [0.25]}
    )
    return panel_from_tables(
        bars.slice(1),
        actions,
        sessions=sessions,
        universe=_SYMBOLS,
        price_basis="raw",
        with_returns=True,
    )


if __name__ == "__main__":
    forget_others()
    warm_up()
