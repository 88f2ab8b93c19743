"""A portfolio walked through a market one session at a time."""

from dataclasses import replace

import numpy as np

from stocker_pipeline.engine.day import Decided, decide
from stocker_pipeline.engine.fills import fill_commission, fill_price, fill_quantity
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.settlement import GivenFills, Settled, settle
from stocker_pipeline.engine.simulate import OpeningBook
from stocker_pipeline_tests.engine.random_markets import World

CAPITAL = OpeningBook.of_cash(10**9)


def simulated_fills(decided: Decided, panel: Panel, rules: Rules) -> GivenFills:
    """E21–E23 for the orders of a session, from the real bars."""
    market, row = panel.market, decided.row
    rows = []
    for order in decided.orders():
        column = panel.symbols.index(order.symbol)
        opening = market.open[row, column]
        if np.isnan(opening):
            continue
        filled = fill_quantity(order.quantity, market.volume[row, column], rules.max_participation)
        if filled:
            price = fill_price(opening, filled, rules.slippage_bps)
            rows.append((column, filled, price, fill_commission(filled, rules)))
    return GivenFills(*np.array(rows, np.int64).reshape(-1, 4).T.copy())


def walked(world: World, *, first: int = 1) -> list[tuple[Decided, Settled]]:
    """Every session of the world on its own, each from the closing book of the one before."""
    book, days = CAPITAL, []
    for row in range(first, world.last + 1):
        decided = decide(world.panel, world.weights, world.rules, book, row)
        fills = simulated_fills(decided, world.panel, world.rules)
        settled = settle(
            world.panel, world.rules, book, row, fills, flows_e4=world.flows.get(row, 0)
        )
        days.append((decided, settled))
        book = settled.closing
    return days


def without_withdrawals(world: World) -> World:
    """A withdrawal that takes all there is would end the range."""
    return replace(world, flows={row: abs(amount) for row, amount in world.flows.items()})
