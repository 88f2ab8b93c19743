"""Signals against their definitions, written out slowly (ENGINE E4, E6–E8, E10)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.engine.signals import (
    bar_counts,
    compress,
    expand,
    log_returns,
    momentum_and_volatility,
)
from stocker_pipeline.engine.sizing import inverse_volatility_weights, portfolio_volatility
from stocker_pipeline_tests.engine.builders import market


def slow_volatility(series: np.ndarray, window: int, decay: float) -> float:
    returns = np.diff(np.log(series[-window:]))[::-1]
    weights = decay ** np.arange(len(returns))
    return float(np.sqrt(252 * (weights @ returns**2) / weights.sum()))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.integers(1, 20),
    st.floats(0.05, 1.0),
    st.floats(0.0001, 0.8),
)
def test_momentum_and_volatility_equal_their_definitions(seed, lookback, extra, decay, size):
    window, bars = lookback + extra, 90
    steps = np.random.default_rng(seed).normal(0, size, (bars, 3))
    series = np.exp(np.cumsum(steps, axis=0))
    momentum, volatility = momentum_and_volatility(series, lookback, window, decay)
    assert np.isnan(momentum[:lookback]).all()
    assert np.isnan(volatility[:lookback]).all()
    for i in range(lookback, bars):
        for j in range(3):
            past = series[: i + 1, j]
            assert momentum[i, j] == pytest.approx(past[-1] / past[-1 - lookback] - 1, rel=1e-9)
            assert volatility[i, j] == pytest.approx(slow_volatility(past, window, decay), rel=1e-9)


def test_a_window_of_constant_prices_has_volatility_zero_however_wild_it_was_before():
    wild = np.exp(np.random.default_rng(3).normal(0, 0.5, 40))
    series = np.concatenate([wild, np.full(60, 7.0)])[:, None]
    _, volatility = momentum_and_volatility(series, 5, 20, 0.94)
    assert volatility[58, 0] > 0
    assert (volatility[60:, 0] == 0.0).all()


def test_a_symbol_that_does_not_move_gets_no_weight():
    weights = np.empty(3)
    inverse_volatility_weights(
        np.array([0.1, -0.1, 0.0]), np.array([0.2, 0.0, 0.1]), 1e-12, weights
    )
    assert weights.tolist() == pytest.approx([1 / 3, 0.0, -2 / 3])


def test_momentum_of_a_price_that_came_back_is_down_not_noise():
    weights = np.empty(1)
    inverse_volatility_weights(np.array([1e-13]), np.array([0.2]), 1e-12, weights)
    assert weights[0] == -1.0


def test_a_gap_does_not_shift_another_symbol():
    panel = market("A B\n1 10\n2 -\n3 20\n- 30\n5 40")
    counts = bar_counts(panel.index)
    own = compress(panel.index)
    assert own[:4, 0].tolist() == [1, 2, 3, 5]
    assert own[:4, 1].tolist() == [1, 2, 3, 4]
    assert np.array_equal(expand(own, counts), panel.index, equal_nan=True)


def test_the_total_return_series_puts_every_dividend_on_the_share_basis_of_its_day():
    panel = market("A\n100\n-\n60\n66", "1 A 1 2\n2 A 2:1 0.5\n3 A 1 0")
    # On row 2: split 2; the dividend of 2 before it is 1 per new share, plus 0.5.
    growth = 2 * (60 + 1 + 0.5) / 100
    assert panel.index[:, 0].tolist() == pytest.approx(
        [1.0, np.nan, growth, growth * 66 / 60], nan_ok=True
    )


def test_actions_before_the_first_bar_change_nothing():
    panel = market("A B\n- 1\n50 1\n51 1", "0 A 2:1 1")
    assert panel.index[1:, 0].tolist() == [1.0, 1.02]


def test_log_returns_are_exact_for_small_and_for_large_moves():
    series = np.array([[1.0], [1.0 + 1e-9], [1.1], [1.4], [14.0], [0.001], [0.001]])
    returns = log_returns(series)[:, 0]
    expected = np.diff(np.log(series[:, 0]))
    assert returns[0] == 0.0
    assert returns[1:] == pytest.approx(expected, rel=1e-7, abs=1e-16)
    assert returns[1] == pytest.approx(np.log1p(1e-9), rel=1e-6)


def test_portfolio_volatility_equals_the_quadratic_form_of_its_covariance():
    generator = np.random.default_rng(11)
    returns = generator.normal(0, 0.01, (60, 4))
    weights = generator.normal(0, 0.3, 4)
    decay, window, session = 0.97, 41, 55
    past = returns[session - 40 : session][::-1]
    shares = decay ** np.arange(40)
    covariance = (past * shares[:, None]).T @ past / shares.sum()
    expected = np.sqrt(252 * weights @ covariance @ weights)
    sigma = portfolio_volatility(weights, returns, session, 0, window, decay)
    assert sigma == pytest.approx(expected, rel=1e-12)


def test_portfolio_volatility_normalises_over_the_sessions_there_are():
    returns = np.array([[0.0], [0.01], [0.02]])
    sigma = portfolio_volatility(np.ones(1), returns, 3, 1, 252, 0.5)
    assert sigma == pytest.approx(np.sqrt(252 * (0.02**2 + 0.5 * 0.01**2) / 1.5))
    assert portfolio_volatility(np.ones(1), returns, 1, 1, 252, 0.5) == 0.0
