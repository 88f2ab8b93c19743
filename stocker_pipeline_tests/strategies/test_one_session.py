"""A session forecast on its own, before its open, is that session of a range, to the last bit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.engine.day import before_open
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.stages.forecast import forecast_rows
from stocker_pipeline.strategies.portfolio import portfolio_from
from stocker_pipeline.strategies.registry import strategies
from stocker_pipeline_tests.effort import examples
from stocker_pipeline_tests.engine.random_markets import World, worlds
from stocker_pipeline_tests.strategies.test_registry import FIRST, world

SHORT = {"lookback": 3, "window": 7}
TREND = {"trend", "trend_literal"}


def rule_of(name: str, symbols: tuple[str, ...], parameters: dict[str, object]):
    own = parameters if name in TREND else {}
    if name == "sixty_forty":
        own = {"weights": {symbols[0]: 0.6, symbols[1]: -0.4}}
    data = {"strategy": name, "universe": list(symbols), "parameters": own}
    return portfolio_from(data, where="test").rule()


def assert_session_by_session(name: str, panel: Panel, parameters: dict, first: int) -> None:
    rule, last = rule_of(name, panel.symbols, parameters), len(panel.sessions) - 1
    whole, table = forecast_rows(rule, panel, first=first, last=last, book_start=first)
    symbols = len(panel.symbols)
    for row in range(first, last + 1):
        for known in (panel, before_open(panel, row)):
            alone, rows = forecast_rows(rule, known, first=row, last=row, book_start=first)
            assert bits(alone.weights[row]) == bits(whole.weights[row])
            assert rows.equals(table.slice((row - first) * symbols, symbols))


def bits(numbers: np.ndarray) -> list[int]:
    """Floats by their bits; every NaN is one."""
    same = np.where(np.isnan(numbers), np.nan, numbers)
    return same.view(np.int64).tolist()


@pytest.mark.parametrize("name", sorted(strategies()))
@settings(max_examples=examples(12, 25))
@given(worlds(max_rows=25), st.integers(0, 3))
def test_on_markets_with_gaps_late_listings_and_leavers(name: str, market: World, first: int):
    assert_session_by_session(name, market.panel, SHORT, first)


@pytest.mark.parametrize("name", sorted(strategies()))
@pytest.mark.parametrize("gaps", [True, False])
def test_on_a_year_and_a_half_with_the_shipped_parameters(name: str, gaps: bool):
    panel = world(gaps=gaps)
    if gaps:
        member = np.random.default_rng(3).random(panel.index.shape) > 0.1
        panel = replace(panel, market=panel.market._replace(member=member))
    assert_session_by_session(name, panel, {}, FIRST)
