"""``trend_literal`` in bt: one algo that transacts whole shares at the open, marked at the close.

bt thinks in one price per date. The orders' own prices come in through ``transact(price=…)``, which
bt allows once a bid-offer table is given; the table is zero, the slippage is in the price. Targets
before the breaker are computed ahead with NumPy. No performance report is made (``Backtest.run``
alone), which is the fastest way to a NAV in bt.
"""

import protocol  # isort: skip  (first, it starts the clock)

from typing import Any

import bt
import numpy as np
import pandas as pd
import trend_targets


class TrendOrders(bt.Algo):
    """Sends the orders of one session; holds the NAV of the close before."""

    def __init__(
        self,
        targets: np.ndarray,
        references: np.ndarray,
        prices: tuple[np.ndarray, np.ndarray],
        capital: float,
    ) -> None:
        super().__init__()
        self.targets = targets
        self.references = references
        self.buy_prices, self.sell_prices = prices
        self.row = 0
        self.nav = self.peak = capital
        self.held = np.zeros(targets.shape[1])
        self.orders = 0

    def __call__(self, target: bt.Strategy) -> bool:
        row = self.row
        delta = trend_targets.deltas(
            self.targets[row], self.references[row], self.held, self.nav, self.peak
        )
        securities = target._childrenv
        for column in np.flatnonzero(delta).tolist():
            quantity = int(delta[column])
            prices = self.buy_prices if quantity > 0 else self.sell_prices
            securities[column].transact(quantity, price=prices[row, column])
            self.orders += 1
        self.held += delta
        self.nav = target.value
        self.peak = max(self.peak, self.nav)
        self.row += 1
        return True


def prepare(bars: dict[str, Any]) -> dict[str, Any]:
    first = bars["first"]
    marks = pd.DataFrame(
        bars["mark"][first:],
        index=pd.DatetimeIndex(bars["sessions"][first:]),
        columns=[str(symbol) for symbol in bars["symbols"]],
    )
    return {**bars, "marks": marks, "bidoffer": marks * 0.0}


def run(bars: dict[str, Any]) -> protocol.Outcome:
    adjusted, first = bars["adj_close"], bars["first"]
    references = np.roll(adjusted, 1, axis=0)
    buy, sell = trend_targets.fill_prices(bars["adj_open"])
    algo = TrendOrders(
        trend_targets.targets(adjusted)[first:],
        references[first:],
        (buy[first:], sell[first:]),
        bars["initial_capital"],
    )
    securities = [bt.Security(symbol) for symbol in bars["marks"].columns]
    backtest = bt.Backtest(
        bt.Strategy("trend_literal", [algo], children=securities),
        bars["marks"],
        initial_capital=bars["initial_capital"],
        commissions=lambda quantity, price: trend_targets.COMMISSION_USD,
        integer_positions=True,
        progress_bar=False,
        additional_data={"bidoffer": bars["bidoffer"]},
    )
    backtest.run()
    # bt copies the strategy and its algos; the copy holds the results.
    ran = backtest.strategy.stack.algos[0]
    nav = backtest.strategy.values.to_numpy()[-len(bars["marks"]) :]
    return protocol.Outcome(nav=nav, orders=ran.orders)


if __name__ == "__main__":
    protocol.serve(
        prepare,
        run,
        packages=("bt", "ffn", "numpy", "pandas"),
        cannot_express=("lots: no realised P&L",),
    )
