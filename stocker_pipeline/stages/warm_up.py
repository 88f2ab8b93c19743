"""Compile the kernels once, so that the first backtest does not wait for it.

``python -m stocker_pipeline.stages.warm_up`` runs a market of three symbols through every kernel,
with and without gaps, leaves the machine code in Numba's cache beside the sources and removes what
other states of the sources have left there.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.breadth import market_breadth
from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.engine.day import decide
from stocker_pipeline.engine.history import PriceHistory
from stocker_pipeline.engine.kernel_cache import forget_others
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.replay import lots_from
from stocker_pipeline.engine.settlement import GivenFills, settle
from stocker_pipeline.engine.simulate import OpeningBook, rules_of, simulate
from stocker_pipeline.stages.market import panel_of
from stocker_pipeline.stages.simulate import simulate_market
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from

_SYMBOLS = ("AAA", "BBB", "CCC")
_DAYS = tuple(date(2020, 1, day) for day in (6, 7, 8, 9, 10, 13))
_TREND = {"strategy": "trend", "parameters": {"lookback": 2, "window": 4}}
_LITERAL = {"strategy": "trend_literal", "parameters": {"lookback": 2, "window": 4}}
_FILTERED = {
    "strategy": "buy_and_hold",
    "universe": {"symbols": list(_SYMBOLS), "filter": {"price_min_usd": 1.0, "review": "daily"}},
}


def warm_up() -> None:
    """Run everything that is compiled, on as little as it takes."""
    whole, actions = _market()
    gap = whole.slice(1)
    for bars in (whole, gap):
        for chosen in (_TREND, _LITERAL, _FILTERED):
            simulate_market(bars, actions, _portfolio(chosen), where="warm_up")
    market_breadth(gap, actions, _DAYS[0], _DAYS[-1])
    portfolio = _portfolio(_TREND)
    panel = panel_of(whole, None, portfolio, _DAYS[-1], where="warm_up")
    history = PriceHistory(panel.symbols, panel.index, panel.market.member, 1, 5, 1)
    _one_session(panel, portfolio.rule().weights_range(history))


def _one_session(panel: Panel, weights: np.ndarray) -> None:
    """Without detail, and as a day of a paper book: decided, settled, decided again."""
    rules, book = rules_of(PortfolioParameters(), 4), OpeningBook.of_cash(10**9)
    simulate(panel, weights, rules, book, first=1, last=5, detail=False)
    decided = decide(panel, weights, rules, book, 5)
    numbers = [(panel.columns_of([order.symbol])[0], 1, 10**4, 0) for order in decided.orders()]
    fills = GivenFills(*np.array(numbers, np.int64).reshape(-1, 4).T.copy())
    closing = settle(panel, rules, book, 5, fills).closing
    decide(panel, weights, rules, closing, 5)
    lots_from(np.zeros((0, 4), np.int64), np.zeros((0, 4), np.int64), _SYMBOLS)


def _portfolio(chosen: Mapping[str, Any]) -> Portfolio:
    return portfolio_from({"universe": list(_SYMBOLS), **chosen}, where="warm_up")


def _market() -> tuple[pa.Table, pa.Table]:
    """Bars of every symbol and session, and a split with a dividend."""
    keys = [(symbol, day) for symbol in _SYMBOLS for day in _DAYS]
    price = np.linspace(10.0, 20.0, len(keys))
    names = ("open", "high", "low", "close", "volume", "adj_close")
    bars = pa.table(
        {
            "symbol": [symbol for symbol, _ in keys],
            "session": [day for _, day in keys],
            **dict.fromkeys(names, price),
        }
    )
    actions = pa.table(
        {"symbol": ["AAA"], "session": [_DAYS[3]], "split": [1.5], "dividend": [0.25]}
    )
    return bars, actions


if __name__ == "__main__":
    forget_others()
    warm_up()
