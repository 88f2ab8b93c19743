"""Rules that every registered strategy keeps, whoever wrote it."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stocker_pipeline.engine.history import PriceHistory
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.engine.panel import Panel, panel_from_tables
from stocker_pipeline.engine.simulate import OpeningBook, rules_of, simulate
from stocker_pipeline.engine.tables import orders_table, targets_table
from stocker_pipeline.stages.forecast import forecast_rows
from stocker_pipeline.strategies import trend
from stocker_pipeline.strategies.base import Strategy
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from
from stocker_pipeline.strategies.registry import strategies
from stocker_pipeline_tests.engine.builders import FIRST_DAY, history, sessions_from

UNIVERSE = ("AAA", "IEF", "SPY", "ZZZ")
ROWS, FIRST = 320, 150


def world(poison_from: int | None = None, *, gaps: bool = True) -> Panel:
    """A market with gaps, a late listing, splits and dividends; poisoned from a row on."""
    generator = np.random.default_rng(5)
    sessions = sessions_from(FIRST_DAY, ROWS)
    shape = (ROWS, len(UNIVERSE))
    close = np.round(50 * np.exp(np.cumsum(generator.normal(0, 0.02, shape), axis=0)), 2)
    seen = generator.random(shape) > 0.02
    seen[:170, 3] = False
    seen |= not gaps
    factor = np.ones(ROWS)
    if poison_from is not None:
        factor[poison_from:] = generator.uniform(0.1, 9, ROWS - poison_from)
        seen[poison_from:] ^= generator.random((ROWS - poison_from, len(UNIVERSE))) > 0.5
    at, column = np.nonzero(seen)
    price = (close * factor[:, None])[at, column]
    bars = pa.table(
        {
            "symbol": np.array(UNIVERSE)[column],
            "session": sessions[at],
            "open": price * 1.001,
            "close": price,
            "volume": np.full(len(at), 1e6),
            "adj_close": price * 0.9,
        }
    )
    rows = [20, 160, 200, 250]
    actions = pa.table(
        {
            "symbol": ["AAA", "SPY", "SPY", "IEF"],
            "session": sessions[rows],
            "split": [2.0, 1.0, 0.5, 1.0],
            "dividend": [0.0, 0.7, 0.0, 0.3],
        }
    )
    return panel_from_tables(
        bars, actions, sessions=sessions, universe=UNIVERSE, price_basis="raw", with_returns=True
    )


def portfolio_of(name: str) -> Portfolio:
    return portfolio_from({"strategy": name, "universe": list(UNIVERSE)}, where="test")


@pytest.fixture(params=sorted(strategies()))
def portfolio(request: pytest.FixtureRequest) -> Portfolio:
    return portfolio_of(request.param)


def decided(portfolio: Portfolio, panel: Panel, session: int):
    """Signals of a session, and targets and orders of every session up to it."""
    rule = portfolio.rule()
    forecast, rows = forecast_rows(rule, panel, first=FIRST, last=session, book_start=FIRST)
    run = simulate(
        panel,
        forecast.weights,
        rules_of(portfolio.parameters, rule.window_bars),
        OpeningBook.of_cash(to_e4(portfolio.initial_capital)),
        first=FIRST,
        last=session,
    )
    orders = orders_table(run).drop_columns(["filled", "status"])
    return rows, targets_table(run, forecast.weights), orders


@pytest.mark.parametrize("session", [FIRST, 171, 200, 201, 251, 300])
def test_poisoning_a_session_and_all_later_ones_changes_nothing_decided_for_it(portfolio, session):
    honest = decided(portfolio, world(), session)
    poisoned = decided(portfolio, world(poison_from=session), session)
    for before, after in zip(honest, poisoned, strict=True):
        assert before.equals(after)


def test_poison_in_the_session_before_does_change_something():
    """The test above can fail: yesterday's bar is known, and matters."""
    portfolio = portfolio_of("trend")
    honest = decided(portfolio, world(), 300)
    poisoned = decided(portfolio, world(poison_from=299), 300)
    assert not honest[0].equals(poisoned[0])


def test_a_range_at_once_equals_window_by_window(portfolio):
    panel, rule = world(), portfolio.rule()
    past = history(panel, FIRST, ROWS - 1)
    at_once = rule.forecast_range(past).weights
    slow = Strategy.forecast_range(rule, past).weights
    assert np.allclose(at_once, slow, rtol=1e-9, atol=1e-15, equal_nan=True)
    assert np.array_equal(np.isnan(at_once), np.isnan(slow))


@pytest.mark.parametrize("gaps", [True, False])
def test_weights_alone_are_the_weights_of_the_forecast(portfolio, gaps):
    rule, panel = portfolio.rule(), world(gaps=gaps)
    for first in (0, FIRST, ROWS - 2):
        past = history(panel, first, ROWS - 1, first)
        assert past.dense != gaps
        assert np.array_equal(
            rule.weights_range(past), rule.forecast_range(past).weights, equal_nan=True
        )


def test_weights_come_in_parts_that_follow_each_other(monkeypatch):
    """Three sessions at a time: the same bits."""
    monkeypatch.setattr(trend, "rows_of_a_part", lambda symbols: 3)
    rule = portfolio_of("trend_literal").rule()
    past = history(world(gaps=False), FIRST, ROWS - 1)
    wanted = rule.forecast_range(past).weights[FIRST:]
    parts = list(rule.weights_in_parts(past))
    assert [len(part) for part in parts] == [3] * (len(wanted) // 3) + [len(wanted) % 3]
    assert np.array_equal(np.concatenate(parts), wanted, equal_nan=True)


def test_a_market_of_many_symbols_is_the_same_some_symbols_at_a_time():
    """More symbols than are taken together, over more bars than the window has."""
    rule = portfolio_of("trend_literal").rule()
    rows, symbols = 300, 1111
    steps = np.random.default_rng(3).normal(0, 0.02, (rows, symbols))
    prices = 50 * np.exp(np.cumsum(steps, axis=0))
    past = PriceHistory(("A",) * symbols, prices, np.ones((1, symbols), bool), 1, rows - 1, 1)
    parts = np.concatenate(list(rule.weights_in_parts(past)))
    assert np.array_equal(parts, rule.forecast_range(past).weights[1:], equal_nan=True)


@pytest.mark.parametrize("rise", [0.0, 4e-13, 9e-13, 1.1e-12, 1.9e-12, 3e-12, -2e-12])
def test_a_price_that_rose_by_no_more_than_rounding_is_down(rise):
    """Around the smallest rise that counts, where two prices alone do not tell."""
    rule = portfolio_of("trend_literal").rule()
    prices = np.tile([[100.0, 50.0], [101.0, 51.0]], (80, 1))
    prices[126:, 0] *= 1.0 + rise
    past = PriceHistory(("A", "B"), prices, np.ones((1, 2), bool), 130, 159, 130)
    (part,) = rule.weights_in_parts(past)
    assert (part[:, 0] > 0).tolist() == [rise > 1e-12] * len(part[:, 0])
    assert np.array_equal(part, rule.forecast_range(past).weights[130:], equal_nan=True)


@pytest.mark.parametrize("row", [0, FIRST, 200, 201, 202, ROWS - 2, ROWS - 1])
def test_from_a_missing_bar_on_the_weights_are_those_of_own_bars(monkeypatch, row):
    """Three sessions at a time: the bar is missing in, before and behind a part's last row."""
    monkeypatch.setattr(trend, "rows_of_a_part", lambda symbols: 3)
    rule, panel = portfolio_of("trend_literal").rule(), world(gaps=False)
    index = panel.index.copy()
    index[row, 2] = np.nan
    past = history(replace(panel, index=index), FIRST, ROWS - 1)
    assert not past.dense
    parts = list(rule.weights_in_parts(past))
    assert np.array_equal(
        np.concatenate(parts), rule.forecast_range(past).weights[FIRST:], equal_nan=True
    )


def test_a_forecast_is_the_same_whatever_range_it_is_made_in(portfolio):
    panel, rule = world(), portfolio.rule()
    whole = rule.forecast_range(history(panel, FIRST, ROWS - 1)).weights
    alone = rule.forecast_range(history(panel, 222, 222, FIRST)).weights
    assert np.array_equal(whole[222], alone[222], equal_nan=True)


def test_a_strategy_cannot_write_into_what_it_is_shown(portfolio):
    window = history(world(), FIRST, FIRST).window(FIRST, 10)
    for array in (window.values, window.bars, window.growth):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_every_parameter_says_what_it_is_and_has_bounds(portfolio):
    for name, field in type(portfolio.parameters).model_fields.items():
        assert field.description, name


def test_buy_and_hold_starts_equal_and_leaves_room_for_what_is_not_listed():
    panel = world()
    window = history(panel, FIRST, FIRST).window(FIRST, 1)
    weights = portfolio_of("buy_and_hold").rule().forecast(window).weights
    assert weights.tolist() == pytest.approx([0.25] * 4)
    late = history(panel, FIRST, 300).window(300, 1)
    held = portfolio_of("buy_and_hold").rule().forecast(late).weights
    assert held.sum() == pytest.approx(1.0)


def test_sixty_forty_holds_its_weights_and_nothing_else():
    window = history(world(), FIRST, FIRST).window(FIRST, 1)
    weights = portfolio_of("sixty_forty").rule().forecast(window).weights
    assert weights.tolist() == [0.0, 0.4, 0.6, 0.0]


def test_the_strategy_in_the_documentation_runs_as_it_is_written():
    page = Path(__file__).resolve().parents[2] / "docs" / "strategies.md"
    (source,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    namespace: dict = {}
    exec(source, namespace)
    rule = namespace["Reversal"](namespace["ReversalParameters"]())
    weights = rule.forecast_range(history(world(), FIRST, FIRST + 5)).weights[FIRST : FIRST + 6]
    assert np.nansum(weights, axis=1).tolist() == pytest.approx([1.0] * 6)
