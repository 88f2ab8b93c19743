"""The broker's books against two others: the engine's backtest, and a fold written out by hand."""

import math
import tempfile
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stocker_pipeline.engine.book import CASH, NAV
from stocker_pipeline.engine.panel import Panel, panel_from_tables
from stocker_pipeline.engine.simulate import OpeningBook, rules_of, simulate
from stocker_pipeline.gateways.brokers.broker import OrderRefused
from stocker_pipeline.gateways.brokers.simulated_market import Costs
from stocker_pipeline_tests.effort import examples
from stocker_pipeline_tests.engine.builders import FIRST_DAY, free_of_charge, sessions_from
from stocker_pipeline_tests.gateways.brokers.desk import Desk, all_fills

SYMBOLS = ("A", "B", "C")
SPLITS = (2.0, 0.5, 1.5, 1 / 3, 0.1, 1.0)
ROWS = 9
some = settings(max_examples=examples(30, 60), suppress_health_check=[HealthCheck.too_slow])
costs = st.builds(
    Costs,
    slippage_bps=st.sampled_from([0.0, 5.0, 33.3]),
    commission_per_order=st.sampled_from([0.0, 1.0, 0.35]),
    commission_per_share=st.sampled_from([0.0, 0.005, 0.00333]),
    max_participation=st.sampled_from([None, 0.01, 0.1]),
)


@st.composite
def panels(draw) -> Panel:
    """Bars with holes, splits on the same day and on days without a bar, dividends."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    gaps, events = draw(st.sampled_from([0.0, 0.2])), draw(st.sampled_from([0.0, 0.3]))
    days = sessions_from(FIRST_DAY, ROWS)
    bars: dict[str, list] = {name: [] for name in ("symbol", "session", "open", "close", "volume")}
    actions: dict[str, list] = {name: [] for name in ("symbol", "session", "split", "dividend")}
    for symbol in SYMBOLS:
        price = rng.uniform(3, 300)
        for row, day in enumerate(days):
            for _ in range(2):
                if row and rng.random() < events:
                    event = (symbol, day, rng.choice(SPLITS), round(rng.choice([0, 0.1234567]), 7))
                    for name, value in zip(actions, event, strict=True):
                        actions[name].append(value)
            price *= rng.uniform(0.9, 1.1)
            if row and rng.random() < gaps:
                continue
            opening, volume = round(price * rng.uniform(0.98, 1.02), 2), rng.integers(0, 30_000)
            bar = (symbol, day, opening, round(price, 2), float(volume))
            for name, value in zip(bars, bar, strict=True):
                bars[name].append(value)
    return panel_from_tables(
        pa.table({**bars, "session": pa.array(np.array(bars["session"], "datetime64[D]"))}),
        pa.table(
            {
                "symbol": pa.array(actions["symbol"], pa.string()),
                "session": pa.array(np.array(actions["session"], "datetime64[D]")),
                "split": pa.array(actions["split"], pa.float64()),
                "dividend": pa.array(actions["dividend"], pa.float64()),
            }
        ),
        sessions=days,
        universe=SYMBOLS,
        price_basis="raw",
        with_returns=False,
    )


@given(panel=panels(), costs=costs, seed=st.integers(0, 2**32), flows=st.booleans())
@some
def test_the_books_are_those_of_the_backtest_that_ordered_the_same(panel, costs, seed, flows):
    """Shares, cash and equity after every session, to the share and 1/10,000 dollar."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(-1, 1, (ROWS, len(SYMBOLS)))
    weights[rng.random(weights.shape) < 0.2] = np.nan
    weights[0] = np.nan
    # A symbol without a bar at the previous session has no signal.
    weights[1:][np.isnan(panel.market.close[:-1])] = np.nan
    parameters = free_of_charge(
        flips="two_step",
        slippage_bps=costs.slippage_bps,
        commission_per_order=costs.commission_per_order,
        commission_per_share=costs.commission_per_share,
        max_participation=costs.max_participation,
    )
    moved = {row: int(rng.integers(1, 10**8)) for row in range(1, ROWS, 3)} if flows else {}
    opening = OpeningBook.of_cash(1_000_000_000)
    backtest = simulate(
        panel, weights, rules_of(parameters, 2), opening, first=1, last=ROWS - 1, flows_e4=moved
    )
    orders = backtest.orders.rows[: backtest.orders.count[0]].tolist()
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "a.db", panel=panel, costs=costs)
        for row in range(1, ROWS):
            for order in orders:
                if order[0] == row:
                    desk.send(row, SYMBOLS[order[1]], order[2])
            if row in moved:
                desk.simulated.move_cash(moved[row], desk.sessions[row], str(row))
            desk.evening(row)
            held = dict(desk.broker.holdings().quantities)
            account = desk.broker.account()
            quantity = backtest.record.quantity[row - 1].tolist()
            assert held == {s: q for s, q in zip(SYMBOLS, quantity, strict=True) if q}
            assert account.cash_e4 == backtest.record.totals[row - 1, CASH]
            assert account.equity_e4 == backtest.record.totals[row - 1, NAV]
        assert len(all_fills(desk.broker)) == backtest.fills.count[0]
        desk.simulated.close()


@dataclass
class Fold:
    """The account by the letter of the rules, in plain Python."""

    cash_e4: int
    held: dict[str, int]
    marks: dict[str, float]

    def act(self, panel: Panel, row: int) -> None:
        market, split = panel.market, dict.fromkeys(SYMBOLS, 1.0)
        for e in range(market.event_start[row], market.event_start[row + 1]):
            symbol = SYMBOLS[market.event_symbol[e]]
            ratio = Fraction(int(market.event_new[e]), int(market.event_old[e]))
            held = self.held.get(symbol, 0)
            exact = held * ratio
            self.held[symbol] = math.trunc(exact)
            split[symbol] *= float(ratio)
            left = exact - math.trunc(exact)
            if left:
                price = self.marks[symbol] / split[symbol]
                self.cash_e4 += round(float(left) * price * 1e4)
            self.cash_e4 += round(self.held[symbol] * market.event_dividend[e] * 1e4)
        self.marks = {symbol: mark / split[symbol] for symbol, mark in self.marks.items()}

    def fill(self, costs: Costs, symbol: str, quantity: int, opening: float, volume: float) -> int:
        if math.isnan(opening):
            return 0
        size = abs(quantity)
        if costs.max_participation is not None:
            size = min(size, math.floor(costs.max_participation * volume))
        if size == 0:
            return 0
        side = 1 if quantity > 0 else -1
        price_e4 = round(opening * (1 + side * (costs.slippage_bps / 1e4)) * 1e4)
        commission = costs.commission_per_order + costs.commission_per_share * size
        self.cash_e4 -= side * size * price_e4 + round(commission * 1e4)
        self.held[symbol] = self.held.get(symbol, 0) + side * size
        return side * size


@given(
    panel=panels(),
    costs=costs,
    wanted=st.lists(
        st.tuples(
            st.integers(1, ROWS - 1),
            st.sampled_from(SYMBOLS),
            st.integers(-400, 400).filter(bool),
            st.integers(1, 5),
        ),
        max_size=25,
    ),
)
@some
def test_any_orders_in_any_parts_are_the_books_of_a_fold_by_hand(panel, costs, wanted):
    market = panel.market
    fold = Fold(1_000_000_000, {}, {})
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "a.db", panel=panel, costs=costs, page_size=3)
        for row in range(1, ROWS):
            taken = []
            for number, (_, symbol, quantity, parts) in enumerate(
                order for order in wanted if order[0] == row
            ):
                name = f"{row}-{number}"
                size = -(-abs(quantity) // parts)
                desk.control.fill_in_parts(name, [size] * parts)
                try:
                    desk.send(row, symbol, quantity, name)
                except OrderRefused:
                    continue
                taken.append((symbol, quantity, name))
            desk.evening(row)
            fold.act(panel, row)
            for symbol, quantity, name in taken:
                j = SYMBOLS.index(symbol)
                filled = fold.fill(
                    costs, symbol, quantity, market.open[row, j], market.volume[row, j]
                )
                assert desk.broker.order(name).filled_quantity == filled
            for j, symbol in enumerate(SYMBOLS):
                if not math.isnan(market.close[row, j]):
                    fold.marks[symbol] = float(market.close[row, j])
            held = {symbol: shares for symbol, shares in fold.held.items() if shares}
            equity = fold.cash_e4 + sum(q * round(fold.marks[s] * 1e4) for s, q in held.items())
            account = desk.broker.account()
            assert dict(desk.broker.holdings().quantities) == held
            assert (account.cash_e4, account.equity_e4) == (fold.cash_e4, equity)
        assert_fills_agree(desk)
        desk.simulated.close()


def assert_fills_agree(desk: Desk) -> None:
    """Every fill has its own id, cumulates to its order, and its cash is in the account."""
    truth = desk.control.truth()
    fills = all_fills(desk.broker)
    assert list(truth.executions) == fills
    assert len({fill.execution_id for fill in fills}) == len(fills)
    for order in truth.orders:
        its = [fill for fill in fills if fill.broker_order_id == order.broker_order_id]
        assert sum(fill.quantity for fill in its) == order.filled_quantity
        running = np.cumsum([fill.quantity for fill in its]).tolist()
        assert [fill.cumulative_quantity for fill in its] == running
    spent = sum(fill.quantity * fill.price_e4 + fill.commission_e4 for fill in fills)
    assert spent == -sum(
        move.amount_e4 for move in truth.cash_moves if move.kind in ("trade", "commission")
    )
    booked = sum(move.amount_e4 for move in truth.cash_moves if move.booked)
    assert truth.cash_e4 == desk.cash_e4 + booked


@pytest.mark.parametrize("basis", ["raw", "adjusted"])
def test_the_adjusted_basis_trades_at_its_own_prices(tmp_path, basis):
    """E5: the panel's prices are what money uses, and the panel has no actions then."""
    days = sessions_from(FIRST_DAY, 3)
    bars = pa.table(
        {
            "symbol": ["A"] * 3,
            "session": pa.array(days),
            "open": [10.0, 11.0, 12.0],
            "close": [10.0, 11.0, 12.0],
            "volume": [1e6] * 3,
            "adj_close": [5.0, 5.5, 6.0],
        }
    )
    panel = panel_from_tables(
        bars, None, sessions=days, universe=("A",), price_basis=basis, with_returns=False
    )
    desk = Desk(tmp_path / "a.db", panel=panel)
    desk.trade(1, "A", 10)
    (fill,) = all_fills(desk.broker)
    assert fill.price_e4 == (110_000 if basis == "raw" else 55_000)
    assert fill.session == date(2020, 1, 3)
