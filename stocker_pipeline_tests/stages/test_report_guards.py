"""Bounds on the page of a session: the same numbers as those that a monitor or a limit judges."""

from dataclasses import replace

import pytest

from stocker_pipeline.analytics.day_values import Holding
from stocker_pipeline.risk.monitors.losses import Value, drawdown
from stocker_pipeline.stages.report_guards import guards_of, limit_guards
from stocker_pipeline_tests.analytics.days import book, decided
from stocker_pipeline_tests.stages.market_day import FIRST, LAST, small_portfolio, two_symbol_tables

NAV = 1_000_000_000


@pytest.fixture(scope="module")
def panel():
    from stocker_pipeline.stages.market import panel_of

    bars, actions = two_symbol_tables()
    return panel_of(bars, actions, small_portfolio(), LAST, where="test")


def by_source(guards):
    return {guard.source: guard for guard in guards}


def test_a_backtest_has_the_breaker_and_its_largest_position_and_no_monitor():
    held = [Holding("AAA", 10, 200_000_000), Holding("BBB", -10, -300_000_000)]
    found = guards_of(small_portfolio(), book(drawdown=0.05), held, (), watched=False)
    assert [guard.source for guard in found] == ["parameters.drawdown_trip", "limits.single_name"]
    assert (found[1].name, found[1].measured) == ("Largest position, BBB", 0.3)


@pytest.mark.parametrize("nav", [900_000_000, 900_000_001, 800_000_000, 1_000_000_000])
def test_the_page_and_the_monitor_agree_on_a_drawdown_to_the_last_digit(nav):
    portfolio = small_portfolio()
    bounds = portfolio.monitors
    verdict = drawdown(Value(nav, NAV), bounds.drawdown_reduce, bounds.drawdown_kill)
    made = book(nav, drawdown=(NAV - nav) / NAV)
    found = by_source(guards_of(portfolio, made, [], (), watched=True))
    assert found["monitors.drawdown_reduce"].broken is verdict.raised


def test_volatility_is_not_judged_on_too_few_sessions():
    portfolio = small_portfolio(target_vol=0.10)
    few = by_source(guards_of(portfolio, book(), [], [0.01] * 19, watched=True))
    assert not few["monitors.volatility_multiple"].applies
    many = by_source(guards_of(portfolio, book(), [], [0.02, -0.02] * 10, watched=True))
    guard = many["monitors.volatility_multiple"]
    assert guard.broken
    assert guard.measured == pytest.approx(0.02 * (20 / 19) ** 0.5 * 252**0.5)


def test_every_limit_has_its_line_and_the_nearest_order_counts(panel):
    portfolio = small_portfolio()
    rows = [decided("AAA", 100, reference_price=50.0), decided("BBB", 1, reference_price=50.0)]
    found = limit_guards(portfolio, panel, LAST, nav_usd=100_000.0, cash_usd=100_000.0, rows=rows)
    bounds = portfolio.limit_bounds
    shown = by_source(found)
    expected = {f"limits.{name}" for name in bounds}
    # The collar compares with the price at the last gate; before it there is nothing to measure.
    assert expected - shown.keys() <= {"limits.price_collar"}
    assert shown["limits.order_notional"].measured == pytest.approx(0.05)
    assert shown["limits.gross_exposure"].bound == bounds["gross_exposure"].value
    assert shown["limits.order_count"].measured == 2
    assert shown["limits.minimum_price_usd"].at_least


def test_without_orders_limits_on_one_order_have_nothing_to_measure(panel):
    rows = [replace(decided("AAA"), held=10)]
    found = limit_guards(small_portfolio(), panel, LAST, nav_usd=1e5, cash_usd=1e5, rows=rows)
    idle = {guard.source for guard in found if not guard.applies}
    assert "limits.single_name" in idle
    assert "limits.gross_exposure" not in idle
    assert not any(guard.broken for guard in found)


def test_what_is_not_known_is_broken_and_not_left_out(panel):
    rows = [decided("CCC", 5, reference_price=None)]
    found = limit_guards(small_portfolio(), panel, FIRST, nav_usd=1e5, cash_usd=1e5, rows=rows)
    assert by_source(found)["limits.order_notional"].broken
