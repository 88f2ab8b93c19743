"""``trend_literal`` in backtrader: market orders sent after a close, filled at the next open.

Targets before the breaker are computed ahead with NumPy. Feeds read from Python lists, preloaded,
without observers or analysers. Two small subclasses keep the rules: one commission for an order,
also for one that crosses zero (backtrader charges its closing and its opening part), and fill
prices rounded to 1/10,000 dollar. backtrader refuses orders that would make cash negative, so the
account starts with a loan that is taken out of every value again.
"""

import protocol  # isort: skip  (first, it starts the clock)

from typing import Any

import backtrader
import numpy as np
import trend_targets

LOAN_MULTIPLE = 8.0


class PerOrder(backtrader.CommInfoBase):
    """One fixed commission for each order."""

    params = (("stocklike", True), ("commtype", backtrader.CommInfoBase.COMM_FIXED))
    charged = False

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        # The broker asks for the closing part, then for the opening part, then confirms both.
        if not pseudoexec:
            self.charged = False
            return 0.0
        commission = 0.0 if self.charged else trend_targets.COMMISSION_USD
        self.charged = True
        return commission


class RoundingBroker(backtrader.brokers.BackBroker):
    """Slips market orders and rounds their price to 1/10,000 dollar."""

    def _slip_up(self, pmax: float, price: float, doslip: bool = True, lim: bool = False) -> float:
        return round(price * (1.0 + trend_targets.SLIPPAGE_BPS / 1e4) * 1e4) / 1e4

    def _slip_down(
        self, pmin: float, price: float, doslip: bool = True, lim: bool = False
    ) -> float:
        return round(price * (1.0 - trend_targets.SLIPPAGE_BPS / 1e4) * 1e4) / 1e4


class Feed(backtrader.feed.DataBase):
    """One symbol: adjusted open, and the mark as its close."""

    params = (("rows", ()),)

    def start(self) -> None:
        super().start()
        self._rows = iter(self.p.rows)

    def _load(self) -> bool:
        row = next(self._rows, None)
        if row is None:
            return False
        day, open_, mark = row
        lines = self.lines
        lines.datetime[0] = day
        lines.open[0] = open_
        lines.high[0] = max(open_, mark)
        lines.low[0] = min(open_, mark)
        lines.close[0] = mark
        lines.volume[0] = 0.0
        lines.openinterest[0] = 0.0
        return True


class Trend(backtrader.Strategy):
    """Decides at a close what to order for the next open."""

    params = (
        ("targets", None),
        ("references", None),
        ("first", 0),
        ("capital", 0.0),
        ("loan", 0.0),
    )

    def __init__(self) -> None:
        self.nav: list[float] = []
        self.peak = self.p.capital
        self.orders_sent = 0

    def next(self) -> None:
        row = len(self) - 1
        nav = self.broker.getvalue() - self.p.loan
        self.peak = max(self.peak, nav)
        self.nav.append(nav)
        if row + 1 < self.p.first or row + 1 >= len(self.p.targets):
            return
        positions = self.broker.positions
        held = np.array([positions[data].size for data in self.datas], dtype=np.float64)
        delta = trend_targets.deltas(
            self.p.targets[row + 1], self.p.references[row], held, nav, self.peak
        )
        for column in np.flatnonzero(delta).tolist():
            quantity = int(delta[column])
            send = self.buy if quantity > 0 else self.sell
            send(data=self.datas[column], size=abs(quantity))
            self.orders_sent += 1


def prepare(bars: dict[str, Any]) -> dict[str, Any]:
    moments = bars["sessions"].astype("datetime64[s]").tolist()
    days = [backtrader.date2num(moment) for moment in moments]
    return {**bars, "days": days}


def run(bars: dict[str, Any]) -> protocol.Outcome:
    adjusted, capital = bars["adj_close"], bars["initial_capital"]
    loan = LOAN_MULTIPLE * capital
    cerebro = backtrader.Cerebro(stdstats=False)
    broker = RoundingBroker(slip_perc=trend_targets.SLIPPAGE_BPS / 1e4, slip_open=True)
    broker.set_cash(capital + loan)
    broker.set_checksubmit(False)
    broker.addcommissioninfo(PerOrder())
    cerebro.setbroker(broker)
    for column, symbol in enumerate(bars["symbols"].tolist()):
        marks = bars["mark"][:, column].tolist()
        opens = bars["adj_open"][:, column].tolist()
        cerebro.adddata(Feed(rows=list(zip(bars["days"], opens, marks, strict=True))), symbol)
    cerebro.addstrategy(
        Trend,
        targets=trend_targets.targets(adjusted),
        references=adjusted,
        first=bars["first"],
        capital=capital,
        loan=loan,
    )
    (strategy,) = cerebro.run()
    return protocol.Outcome(nav=strategy.nav[bars["first"] :], orders=strategy.orders_sent)


if __name__ == "__main__":
    protocol.serve(
        prepare,
        run,
        packages=("backtrader", "numpy"),
        cannot_express=("FIFO lots (realised P&L is at average cost)",),
    )
