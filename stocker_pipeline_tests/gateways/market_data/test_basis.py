"""As traded or split-adjusted: what closes show at splits, and the way back."""

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.gateways.market_data.basis import (
    Split,
    detected_basis,
    later_splits,
    unapplied_splits,
    unsplit_dividends,
    unsplit_prices,
    unsplit_volumes,
)

DAYS = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-12-31")).astype("datetime64[D]")
DAYS = DAYS[np.is_busday(DAYS)]
EX_ROW = 100
EX_DATE = DAYS[EX_ROW].item()


def adjusted_close(seed=7, move=0.01):
    """A split-adjusted year: small moves and no jump."""
    return 50 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, move, len(DAYS))))


def traded(close, splits):
    return unsplit_prices(DAYS, close, splits)


def split(ratio, ex_date=EX_DATE):
    return Split(ex_date, Fraction(ratio))


RATIOS = ["2", "3", "3/2", "5/4", "1/8", "1/20", "10", "50"]


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_close_that_steps_by_the_ratio_at_the_ex_date_is_as_traded(ratio):
    verdict = detected_basis(DAYS, traded(adjusted_close(), [split(ratio)]), [split(ratio)])
    assert verdict.basis == "as_traded"
    assert f"split {ratio} on {EX_DATE}" in verdict.reason


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_close_that_does_not_step_at_the_ex_date_is_split_adjusted(ratio):
    assert detected_basis(DAYS, adjusted_close(), [split(ratio)]).basis == "split_adjusted"


@given(st.sampled_from(RATIOS), st.integers(30, 200), st.integers(0, 1000), st.floats(0.001, 0.015))
def test_whichever_made_a_series_is_found_in_it(ratio, row, seed, move):
    splits = [split(ratio, DAYS[row].item())]
    close = adjusted_close(seed, move)
    # Moves are normal here, so that a day of a quarter of the ratio's distance does not happen.
    assert detected_basis(DAYS, close, splits).basis in ("split_adjusted", None)
    assert detected_basis(DAYS, traded(close, splits), splits).basis in ("as_traded", None)
    if ratio != "5/4":
        assert detected_basis(DAYS, close, splits).basis == "split_adjusted"
        assert detected_basis(DAYS, traded(close, splits), splits).basis == "as_traded"


def test_without_a_split_after_the_first_bar_there_is_nothing_to_tell():
    assert detected_basis(DAYS, adjusted_close(), []).basis == "as_traded"
    before = [split("2", DAYS[0].item()), split("3", date(2020, 1, 2))]
    assert detected_basis(DAYS, adjusted_close(), before).basis == "as_traded"


@pytest.mark.parametrize("ratio", ["1.0027", "1.05", "0.97"])
def test_a_split_as_small_as_daily_moves_leaves_it_undecided(ratio):
    close = traded(adjusted_close(), [split(ratio)])
    verdict = detected_basis(DAYS, close, [split(ratio)])
    assert verdict.basis is None
    assert "too small to be told" in verdict.reason


def test_a_split_too_small_to_be_seen_follows_the_clear_one_of_its_symbol():
    splits = [split("1.0027"), split("2", DAYS[200].item())]
    assert detected_basis(DAYS, adjusted_close(), splits).basis == "split_adjusted"
    assert detected_basis(DAYS, traded(adjusted_close(), splits), splits).basis == "as_traded"


def test_one_split_in_the_prices_and_one_that_is_not_is_undecided():
    shown, hidden = split("2"), split("3", DAYS[200].item())
    verdict = detected_basis(DAYS, traded(adjusted_close(), [shown]), [shown, hidden])
    assert verdict.basis is None
    assert "as_traded" in verdict.reason
    assert "split_adjusted" in verdict.reason


def test_a_step_by_another_ratio_is_undecided():
    verdict = detected_basis(DAYS, traded(adjusted_close(), [split("2")]), [split("4")])
    assert verdict.basis is None
    assert "neither the ratio nor 1" in verdict.reason


@pytest.mark.parametrize("shift", [-5, -1, 1, 5])
def test_an_ex_date_some_days_off_is_not_taken_for_adjusted_prices(shift):
    close = traded(adjusted_close(), [split("2")])
    verdict = detected_basis(DAYS, close, [split("2", DAYS[EX_ROW + shift].item())])
    assert verdict.basis is None
    assert f"by the ratio on {EX_DATE} instead" in verdict.reason


def test_a_split_on_a_day_without_a_bar_shows_at_the_next_bar():
    there = np.arange(len(DAYS)) != EX_ROW
    close = traded(adjusted_close(), [split("2")])
    assert detected_basis(DAYS[there], close[there], [split("2")]).basis == "as_traded"
    assert detected_basis(DAYS[there], adjusted_close()[there], [split("2")]).basis == (
        "split_adjusted"
    )


def test_after_a_long_gap_a_step_says_less():
    close = 50 * (1 + 0.01 * (np.arange(len(DAYS)) % 2))
    assert detected_basis(DAYS, close, [split("3/2")]).basis == "split_adjusted"
    there = np.abs(np.arange(len(DAYS)) - EX_ROW) > 90
    verdict = detected_basis(DAYS[there], close[there], [split("3/2")])
    assert verdict.basis is None
    assert "too small to be told" in verdict.reason


def test_a_split_after_the_last_bar_is_neither_seen_nor_applied():
    late = split("2", date(2025, 6, 2))
    assert unapplied_splits(DAYS, [split("3"), late]) == [late]
    assert unapplied_splits(DAYS[:0], [late]) == [late]
    assert detected_basis(DAYS, adjusted_close(), [late]).basis is None


@pytest.mark.parametrize("wrong", [np.nan, 0.0, -3.0])
def test_a_close_that_is_no_price_counts_as_no_bar(wrong):
    close = adjusted_close()
    close[EX_ROW] = wrong
    assert detected_basis(DAYS, close, [split("2")]).basis == "split_adjusted"


def test_splits_that_meet_at_one_bar_are_one():
    there = np.abs(np.arange(len(DAYS)) - EX_ROW) != 1
    splits = [split("2", DAYS[EX_ROW - 1].item()), split("3")]
    close = traded(adjusted_close(), splits)
    verdict = detected_basis(DAYS[there], close[there], splits)
    assert verdict.basis == "as_traded"
    assert "split 6 on" in verdict.reason


def test_prices_are_multiplied_and_volumes_divided_by_the_splits_that_came_later():
    days = np.array(["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"], "datetime64[D]")
    splits = [split("1/8", date(2024, 1, 5)), split("3/2", date(2024, 1, 3))]
    np.testing.assert_array_equal(later_splits(days, splits), [[3, 1, 1, 1], [16, 8, 8, 1]])
    prices = np.array([160.0, 80.0, 88.0, 12.0])
    np.testing.assert_array_equal(unsplit_prices(days, prices, splits), [30, 10, 11, 12])
    volumes = np.array([30.0, 20.0, np.nan, 7.5])
    np.testing.assert_array_equal(unsplit_volumes(days, volumes, splits), [160, 160, np.nan, 7.5])


def test_a_dividend_of_an_ex_date_of_a_split_is_per_new_share():
    days = np.array(["2024-01-02", "2024-01-03"], "datetime64[D]")
    paid = unsplit_dividends(days, np.array([0.25, 0.25]), [split("2", date(2024, 1, 3))])
    np.testing.assert_array_equal(paid, [0.5, 0.25])


def test_an_ex_date_without_a_bar_changes_the_days_before_it():
    days = np.array(["2024-01-05", "2024-01-08"], "datetime64[D]")
    numerator, _ = later_splits(days, [split("2", date(2024, 1, 6))])
    np.testing.assert_array_equal(numerator, [2, 1])


def test_ratios_are_exact():
    thirds = [split("1/3", DAYS[row].item()) for row in (10, 20, 30)]
    back = [split("27", DAYS[40].item())]
    numerator, denominator = later_splits(DAYS, [*thirds, *back])
    assert (numerator[0], denominator[0]) == (1, 1)
    close = adjusted_close()
    assert unsplit_prices(DAYS, close, [*thirds, *back])[0] == close[0]


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(DAYS) - 1), st.fractions(Fraction(1, 50), 50, max_denominator=50)
        ),
        max_size=6,
    )
)
def test_the_factor_of_each_day_is_the_product_of_the_splits_after_it(stated):
    splits = [split(ratio, DAYS[row].item()) for row, ratio in stated]
    numerator, denominator = later_splits(DAYS, splits)
    for row in (0, 1, EX_ROW, len(DAYS) - 1):
        product = Fraction(1)
        for one in splits:
            product *= one.ratio if np.datetime64(one.ex_date) > DAYS[row] else 1
        assert Fraction(int(numerator[row]), int(denominator[row])) == product or (
            max(product.numerator, product.denominator) > 2**53
        )


def test_without_splits_nothing_changes():
    close = adjusted_close()
    assert unsplit_prices(DAYS, close, []) is not close
    np.testing.assert_array_equal(unsplit_prices(DAYS, close, []), close)
    np.testing.assert_array_equal(unsplit_volumes(DAYS, close, []), close)
