"""The shipped limits stop nothing that the shipped parameters decide: eight years of the sample."""

from datetime import date
from functools import cache

import numpy as np
import pytest

from stocker_pipeline.engine.book import CASH, NAV
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.engine.simulate import OpeningBook
from stocker_pipeline.risk.limits.facts import Facts, Order
from stocker_pipeline.risk.limits.judging import LimitSet, limit_set, suppress
from stocker_pipeline.stages.forecast import forecast_rows
from stocker_pipeline.stages.limits import quotes
from stocker_pipeline.stages.portfolios import named_portfolio
from stocker_pipeline.stages.trade import run_book, run_tables
from stocker_pipeline.strategies.portfolio import Portfolio
from stocker_pipeline_tests.stages.paper_day import sample_market

FIRST, LAST = date(2005, 1, 3), date(2012, 12, 31)
TREND = named_portfolio("trend_paper")


@cache
def sized(first: date = FIRST, last: date = LAST) -> tuple[Facts, ...]:
    """The orders of each session with the book and market they were sized in."""
    market = sample_market(date(2013, 1, 15))
    panel, rule = market.panel, TREND.rule()
    row, end = panel.row_of(first), panel.row_of(last)
    forecast, _ = forecast_rows(rule, panel, first=row, last=end, book_start=row)
    book = OpeningBook.of_cash(to_e4(TREND.initial_capital))
    run = run_book(panel, TREND, forecast.weights, book, first=row, last=end)
    tables = run_tables(run, forecast.weights, rule.required_bars)
    orders: dict[date, list[Order]] = {}
    for found in tables["orders"].to_pylist():
        order = Order(found["symbol"], found["quantity"], found["reference_price"])
        orders.setdefault(found["session"], []).append(order)
    held: dict[date, dict[str, int]] = {}
    for found in tables["decisions"].to_pylist():
        if found["held"]:
            held.setdefault(found["session"], {})[found["symbol"]] = found["held"]
    made = []
    for session, batch in sorted(orders.items()):
        at = panel.row_of(session) - row
        before = run.record.totals[at - 1] if at else np.array([book.cash_e4] * 9)
        nav = (before[NAV] if at else book.nav_e4) / 1e4
        shares = held.get(session, {})
        market_facts = quotes(panel, session, {*shares, *(order.symbol for order in batch)})
        made.append(Facts(nav, before[CASH] / 1e4, shares, market_facts, tuple(batch)))
    return tuple(made)


def limits(portfolio: Portfolio) -> LimitSet:
    return limit_set(portfolio.limit_bounds, portfolio.limits.restricted)


def test_the_shipped_limits_stop_no_order_of_eight_years():
    found = [stopped.words for facts in sized() for stopped in suppress(facts, limits(TREND))]
    assert len(sized()) > 500
    assert found == []


@pytest.mark.parametrize(
    ("name", "tight"),
    [
        ("gross_exposure", 0.5),
        ("gross_worst_case", 0.5),
        ("short_exposure", 0.1),
        ("cash_floor", 0.5),
        ("turnover", 0.2),
        ("order_count", 1),
        ("session_notional_usd", 20_000.0),
        ("single_name", 0.2),
        ("order_notional", 0.1),
        ("order_notional_usd", 10_000.0),
        ("participation", 1e-6),
        ("minimum_price_usd", 100.0),
        ("minimum_adv_usd", 1e9),
        ("reference_jump", 0.02),
    ],
)
def test_a_tight_limit_stops_some_of_the_same_orders_and_says_so(name, tight):
    data = TREND.model_dump()
    portfolio = Portfolio.model_validate({**data, "limits": {name: tight}})
    found = [stopped for facts in sized() for stopped in suppress(facts, limits(portfolio))]
    assert found
    assert {judged.limit for stopped in found for judged in stopped.judgements} == {name}
    assert all(name in stopped.words for stopped in found)
