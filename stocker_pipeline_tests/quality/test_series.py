import numpy as np
import pytest

from stocker_pipeline_tests.quality.builders import acting, quiet, without
from stocker_pipeline_tests.quality.test_volatility import series_of


def test_actions_since_the_bar_before_are_brought_to_one_basis():
    """A dividend of a dollar per old share, then two new shares per old, both while halted."""
    market = acting(quiet("AAA", "BBB"), ("AAA", 100, 1.0, 1.0), ("AAA", 101, 2.0, 0.0))
    series = series_of(without(market, "AAA", 100, 103))
    assert series.split[100] == 2.0
    assert series.dividend[100] == 0.5
    before = series.close[99] / 2 - 0.5
    assert np.exp(series.log_close_before[100]) == pytest.approx(before)
    after = (series.open[100] + 0.5) * 2
    assert np.exp(series.log_open_after[99]) == pytest.approx(after)
    assert series.split.sum() == len(series) + 1


def test_an_action_of_a_first_bar_is_in_its_price_already():
    market = acting(quiet("AAA"), ("AAA", 0, 2.0, 0.0), ("AAA", 130, 4.0, 0.0))
    assert set(series_of(without(market, "AAA", 60, 129)).split) == {1.0}


def test_an_action_on_a_closed_day_takes_effect_on_the_next_bar():
    market = acting(quiet("AAA"), ("AAA", 50, 3.0, 0.0))
    saturday = np.datetime64("2024-03-16")
    moved = market.actions.set_column(1, "session", [[saturday.item()]])
    market = type(market)(market.bars, moved.cast(market.actions.schema), market.calendar_last)
    series = series_of(market)
    (row,) = np.flatnonzero(series.split != 1)
    assert series.days[row] == np.datetime64("2024-03-18")


def test_neighbours_do_not_cross_symbols_or_long_holes():
    series = series_of(without(quiet("AAA", "BBB"), "AAA", 60, 129))
    first_after, first_of_next = 60, 150
    for row in (0, first_after, first_of_next):
        assert np.isnan(series.log_close_before[row])
    for row in (first_after - 1, first_of_next - 1, len(series) - 1):
        assert np.isnan(series.log_open_after[row])
    assert series.hole[first_after] == 70
    assert np.isfinite(series.log_close_before[1:first_after]).all()


def test_bars_taken_away_leave_their_actions_to_the_next_one():
    market = acting(quiet("AAA"), ("AAA", 100, 2.0, 0.0))
    series = series_of(market)
    kept = series.kept(np.arange(len(series)) != 100)
    assert kept.split[100] == 2.0
    assert kept.days[100] == series.days[101]
