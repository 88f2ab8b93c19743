"""Splits and dividends recovered from an adjusted close."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.gateways.market_data.adjustments import (
    RecoveredAction,
    rebuilt_adjusted_close,
    recovered_actions,
)

CLOSE = np.array([100.0, 50.0, 51.0, 48.0, 49.0])


def recovered(close, actions, scale=1.0):
    adjusted = rebuilt_adjusted_close(close, actions) * scale
    return recovered_actions(close, adjusted, where="X")


def action(row, split, dividend_usd):
    return RecoveredAction(row, Fraction(split), dividend_usd)


def test_the_adjusted_close_credits_a_dividend_at_the_close_of_its_ex_date():
    adjusted = rebuilt_adjusted_close(CLOSE, [action(1, "2", 0.0), action(3, "1", 2.4)])
    np.testing.assert_allclose(adjusted, [100 / 2 / 1.05, 50 / 1.05, 51 / 1.05, 48, 49])


@pytest.mark.parametrize(
    "happened",
    [
        [],
        [action(1, "2", 0.0)],
        [action(1, "3/2", 0.0)],
        [action(4, "1/25", 0.0)],
        [action(2, "50", 0.0)],
        [action(1, "1", 0.01)],
        [action(1, "1", 0.0825)],
        [action(1, "1", 5.0)],
        [action(1, "2", 0.25)],
        [action(1, "2", 0.0), action(2, "1", 0.5), action(3, "1", 0.5)],
    ],
)
@pytest.mark.parametrize("scale", [1.0, 0.50155])
def test_what_made_the_series_is_recovered_from_it(happened, scale):
    assert recovered(CLOSE, happened, scale) == happened


@given(
    st.lists(st.integers(500, 100_000), min_size=2, max_size=30),
    st.lists(st.integers(0, 200), min_size=30, max_size=30),
)
def test_any_dividends_in_cents_are_recovered(close_cents, dividend_cents):
    close = np.array(close_cents) / 100
    happened = [
        action(row, "1", cents / 100)
        for row, cents in enumerate(dividend_cents[: len(close)])
        if row and cents and Fraction(cents, close_cents[row]).denominator > 10
    ]
    assert recovered(close, happened) == happened


def test_prices_that_a_vendor_rounded_to_cents_are_refused_not_guessed():
    adjusted = np.round(rebuilt_adjusted_close(CLOSE, [action(3, "1", 0.4)]) * 0.0713, 2)
    with pytest.raises(InputRefused, match="ten digits") as refusal:
        recovered_actions(CLOSE, adjusted, where="X")
    assert refusal.value.where == "X, row 2, column adj_close"


def test_a_vendor_that_divides_by_the_close_before_is_refused_not_guessed():
    factor = 1 - 0.4 / CLOSE[2]
    adjusted = CLOSE * np.array([factor, factor, factor, 1, 1])
    with pytest.raises(InputRefused, match="split or a dividend"):
        recovered_actions(CLOSE, adjusted, where="X")


def test_a_slow_drift_that_no_single_step_shows_is_refused():
    close = np.full(400, 10.0)
    adjusted = close * (1 + 5e-10) ** np.arange(400)
    with pytest.raises(InputRefused, match="rebuilt from 0 actions"):
        recovered_actions(close, adjusted, where="X")
