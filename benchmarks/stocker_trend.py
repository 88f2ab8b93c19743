"""``trend_literal`` in Stocker's own engine, driven as its peers are.

The arrays of the bars file are put into a panel beforehand, as they would stand after reading. One
run is the strategy over the whole range and the engine over its weights: signals, sizes, orders,
fills, FIFO lots, snapshots. With ``--detail`` the run also keeps every symbol's target, order,
position and mark of every session, which is what a stored backtest writes.
"""

import protocol  # isort: skip  (first, it starts the clock)

import sys
from typing import Any

import numpy as np

from stocker_pipeline.engine.book import NAV
from stocker_pipeline.engine.history import PriceHistory
from stocker_pipeline.engine.kernel import Market
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.simulate import OpeningBook, rules_of, simulate
from stocker_pipeline.strategies.trend import TrendLiteral, TrendLiteralParameters

STRATEGY = TrendLiteral(TrendLiteralParameters())
"""Its numbers are constants, as in every peer."""


def prepare(bars: dict[str, Any]) -> tuple[Panel, int, float]:
    sessions, symbols = bars["adj_close"].shape
    nothing = np.zeros(0, np.int64)
    market = Market(
        open=bars["adj_open"],
        close=bars["adj_close"],
        volume=bars["volume"],
        returns=np.zeros((0, symbols)),
        event_start=np.zeros(sessions + 1, np.int64),
        event_symbol=nothing,
        event_new=nothing,
        event_old=nothing,
        event_dividend=np.zeros(0),
        member=np.ones((1, symbols), bool),
        first_bar=np.zeros(symbols, np.int64),
    )
    panel = Panel(tuple(bars["symbols"].tolist()), bars["sessions"], bars["adj_close"], market)
    return panel, bars["first"], bars["initial_capital"]


def run(data: tuple[Panel, int, float], *, detail: bool = "--detail" in sys.argv) -> Any:
    panel, first, capital = data
    last = len(panel.sessions) - 1
    history = PriceHistory(panel.symbols, panel.index, panel.market.member, first, last, first)
    weights = STRATEGY.weights_in_parts(history)
    rules = rules_of(STRATEGY.parameters, STRATEGY.window_bars)
    opening = OpeningBook.of_cash(to_e4(capital))
    result = simulate(panel, weights, rules, opening, first=first, last=last, detail=detail)
    return protocol.Outcome(
        nav=result.record.totals[:, NAV] / 1e4, orders=int(result.fills.count[0])
    )


if __name__ == "__main__":
    protocol.serve(prepare, run, packages=("numba", "numpy"))
