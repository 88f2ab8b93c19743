"""``trend_literal`` in zipline-reloaded: orders sent after a close, filled at the next open.

Targets before the breaker are computed ahead with NumPy. Zipline fills daily orders at the close of
the next session; a slippage model of our own fills them at its open. The bars come from memory
through a reader of our own, since a bundle on disk keeps three decimals only; that also spares the
contestant its disk. No metrics are collected (``metrics_set="none"``).
"""

import protocol  # isort: skip  (first, it starts the clock)

from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy
import trend_targets
from zipline.algorithm import TradingAlgorithm
from zipline.assets import AssetDBWriter, AssetFinder
from zipline.data.data_portal import DataPortal
from zipline.data.in_memory_daily_bars import InMemoryDailyBarReader
from zipline.finance import commission, metrics, slippage
from zipline.finance.trading import SimulationParameters
from zipline.utils.calendar_utils import get_calendar


class Reader(InMemoryDailyBarReader):
    """Bars from arrays, found by session and column without pandas."""

    def attach(self) -> "Reader":
        self._row = {session: row for row, session in enumerate(self._sessions)}
        return self

    @property
    def last_available_dt(self) -> pd.Timestamp:
        return self._sessions[-1]

    def get_value(self, sid: int, dt: pd.Timestamp, field: str) -> float:
        return self._values[field][self._row[dt], sid]

    def get_last_traded_dt(self, asset: Any, dt: pd.Timestamp) -> pd.Timestamp:
        return dt


class AtOpen(slippage.SlippageModel):
    """Fills in full at the open of the session, slipped and rounded to 1/10,000 dollar."""

    def process_order(self, data: Any, order: Any) -> tuple[float, int]:
        open_ = data.current(order.asset, "open")
        side = 1.0 if order.amount > 0 else -1.0
        price = open_ * (1.0 + side * trend_targets.SLIPPAGE_BPS / 1e4)
        return round(price * 1e4) / 1e4, order.amount

    def simulate(self, data: Any, asset: Any, orders_for_asset: Any) -> Any:
        # The base class wants volume; there is one order for a symbol and session, filled in full.
        for order in orders_for_asset:
            price, amount = self.process_order(data, order)
            yield order, slippage.create_transaction(order, data.current_dt, price, amount)


def prepare(bars: dict[str, Any]) -> dict[str, Any]:
    sessions = pd.DatetimeIndex(bars["sessions"])
    symbols = [str(symbol) for symbol in bars["symbols"]]
    equities = pd.DataFrame(
        {
            "symbol": symbols,
            "asset_name": symbols,
            "start_date": sessions[0],
            "end_date": sessions[-1],
            "auto_close_date": sessions[-1] + pd.Timedelta(days=30),
            "exchange": "XNYS",
        }
    )
    exchanges = pd.DataFrame({"exchange": ["XNYS"], "country_code": ["US"]})
    engine = sqlalchemy.create_engine("sqlite://")
    AssetDBWriter(engine).write(equities=equities, exchanges=exchanges)
    # A day more on each side, since the portal looks before the first session.
    calendar = get_calendar("XNYS", start=sessions[0], end=sessions[-1] + pd.Timedelta(days=40))
    adjusted_open = bars["adj_open"]
    fields = {
        "open": adjusted_open,
        "high": np.maximum(adjusted_open, bars["mark"]),
        "low": np.minimum(adjusted_open, bars["mark"]),
        "close": bars["mark"],
        "volume": bars["volume"],
    }
    frames = {
        name: pd.DataFrame(values, index=sessions, columns=range(len(symbols)))
        for name, values in fields.items()
    }
    currencies = pd.Series("USD", index=range(len(symbols)))
    reader = Reader(frames, calendar, currencies, verify_indices=False).attach()
    return {**bars, "index": sessions, "finder": AssetFinder(engine), "reader": reader}


def run(bars: dict[str, Any]) -> protocol.Outcome:
    adjusted, first, capital = bars["adj_close"], bars["first"], bars["initial_capital"]
    reader, sessions = bars["reader"], bars["index"]
    targets = trend_targets.targets(adjusted)
    assets = bars["finder"].retrieve_all(range(adjusted.shape[1]))
    book: dict[str, Any] = {"row": max(first - 1, 0), "peak": capital, "nav": [], "orders": 0}

    def initialize(context: Any) -> None:
        context.set_slippage(us_equities=AtOpen())
        context.set_commission(us_equities=commission.PerTrade(cost=trend_targets.COMMISSION_USD))

    def handle_data(context: Any, data: Any) -> None:
        row = book["row"]
        book["row"] += 1
        nav = context.portfolio.portfolio_value
        book["nav"].append(nav)
        book["peak"] = max(book["peak"], nav)
        if row + 1 >= len(targets):
            return
        positions = context.portfolio.positions
        held = np.array(
            [positions[asset].amount if asset in positions else 0 for asset in assets],
            dtype=np.float64,
        )
        delta = trend_targets.deltas(targets[row + 1], adjusted[row], held, nav, book["peak"])
        for column in np.flatnonzero(delta).tolist():
            context.order(assets[column], int(delta[column]))
            book["orders"] += 1

    calendar = reader.trading_calendar
    algorithm = TradingAlgorithm(
        namespace={},
        data_portal=DataPortal(
            bars["finder"], calendar, first_trading_day=sessions[0], equity_daily_reader=reader
        ),
        trading_calendar=calendar,
        sim_params=SimulationParameters(
            start_session=sessions[max(first - 1, 0)],
            end_session=sessions[-1],
            trading_calendar=calendar,
            capital_base=capital,
            data_frequency="daily",
        ),
        metrics_set=metrics.load("none"),
        blotter=None,
        benchmark_returns=pd.Series(0.0, index=sessions),
        initialize=initialize,
        handle_data=handle_data,
    )
    algorithm.run()
    return protocol.Outcome(nav=book["nav"][-(len(adjusted) - first) :], orders=book["orders"])


if __name__ == "__main__":
    protocol.serve(
        prepare,
        run,
        packages=("zipline-reloaded", "numpy", "pandas"),
        cannot_express=("FIFO lots (positions are at average cost)",),
    )
