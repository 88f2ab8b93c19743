"""Returns, drawdowns and months, by hand and against empyrical."""

from datetime import date

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stocker_pipeline.analytics.returns import (
    drawdown_episodes,
    drawdowns,
    monthly_returns,
    rolling_volatility,
    time_weighted_returns,
    wealth_index,
    worst_compounded,
)
from stocker_pipeline_tests.analytics.builders import sessions_from


def _days(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[D]")


def _weekdays(count: int) -> np.ndarray:
    return np.array(sessions_from(date(2019, 5, 15), count), "datetime64[D]")


def test_first_return_runs_from_the_initial_capital() -> None:
    returns = time_weighted_returns(np.array([110.0, 99.0]), np.zeros(2), 100.0)
    assert returns == pytest.approx([0.10, -0.10])


def test_a_deposit_at_the_close_is_no_return() -> None:
    # 100 grows to 110, then 90 are added; the 200 become 220.
    returns = time_weighted_returns(np.array([200.0, 220.0]), np.array([90.0, 90.0]), 100.0)
    assert returns == pytest.approx([0.10, 0.10])


def test_a_withdrawal_is_no_loss() -> None:
    returns = time_weighted_returns(np.array([100.0, 60.0]), np.array([0.0, -50.0]), 100.0)
    assert returns == pytest.approx([0.0, 0.10])


@pytest.mark.parametrize("ruin", [0.0, -20.0])
def test_a_nav_of_zero_or_below_ends_the_series(ruin: float) -> None:
    returns = time_weighted_returns(np.array([50.0, ruin, 30.0]), np.zeros(3), 100.0)
    assert returns.tolist() == [-0.5, -1.0, 0.0]


def test_no_sessions_have_no_returns() -> None:
    assert time_weighted_returns(np.empty(0), np.empty(0), 100.0).tolist() == []


@given(
    earned=arrays(float, st.integers(1, 40), elements=st.floats(-0.3, 0.3)),
    data=st.data(),
)
def test_flows_do_not_change_returns(earned: np.ndarray, data: st.DataObject) -> None:
    flows = data.draw(arrays(float, len(earned), elements=st.floats(-0.4, 2.0)))
    nav, total, navs, totals = 100.0, 0.0, [], []
    for growth, share in zip(earned.tolist(), flows.tolist(), strict=True):
        nav *= 1.0 + growth
        total += share * nav
        nav += share * nav
        navs.append(nav)
        totals.append(total)
    returns = time_weighted_returns(np.array(navs), np.array(totals), 100.0)
    # Totals of dollars lose digits when they outgrow the nav; that is all that may differ.
    scale = np.maximum.accumulate(np.abs([100.0, *totals[:-1]])) / np.array([100.0, *navs[:-1]])
    assert np.all(np.abs(returns - earned) <= 1e-12 * (1.0 + scale))


def test_drawdown_counts_the_initial_capital_as_a_high() -> None:
    assert drawdowns(np.array([-0.10, 0.05])) == pytest.approx([0.10, 0.055])


def test_episodes_tell_high_low_recovery_and_lengths() -> None:
    # 100 | 120 90 130 | 117 104 : one drawdown of 25% that recovered, one of 20% that did not.
    navs = np.array([120.0, 90.0, 130.0, 117.0, 104.0])
    days = _days("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08")
    first, second = drawdown_episodes(days, time_weighted_returns(navs, np.zeros(5), 100.0))
    assert first.depth_frac == pytest.approx(0.25)
    assert (first.peak_session, first.trough_session) == (date(2024, 1, 2), date(2024, 1, 3))
    assert first.recovery_session == date(2024, 1, 4)
    assert (first.sessions, first.sessions_to_trough) == (2, 1)
    assert second.depth_frac == pytest.approx(0.20)
    assert second.peak_session == date(2024, 1, 4)
    assert second.recovery_session is None
    assert (second.sessions, second.sessions_to_trough) == (2, 2)


def test_an_episode_from_the_initial_capital_has_no_peak_session() -> None:
    (episode,) = drawdown_episodes(_days("2024-01-02"), np.array([-0.01]))
    assert episode.peak_session is None
    assert episode.sessions == 1


def test_coming_back_to_the_cent_is_a_recovery() -> None:
    navs = np.array([99.91, 100.0, 99.5, 100.0])
    returns = time_weighted_returns(navs, np.zeros(4), 100.0)
    assert len(drawdown_episodes(_weekdays(4), returns)) == 2


def test_a_series_that_only_rises_has_no_episode() -> None:
    assert drawdown_episodes(_weekdays(3), np.array([0.01, 0.0, 0.02])) == []


@given(arrays(float, st.integers(1, 300), elements=st.floats(-0.2, 0.2)))
def test_maximum_drawdown_is_that_of_empyrical_with_the_sign_turned(returns: np.ndarray) -> None:
    assert drawdowns(returns).max() == pytest.approx(-empyrical.max_drawdown(returns), abs=1e-10)


@given(arrays(float, st.integers(1, 300), elements=st.floats(-0.2, 0.2)))
def test_episodes_cover_exactly_the_sessions_below_a_high(returns: np.ndarray) -> None:
    episodes = drawdown_episodes(_weekdays(len(returns)), returns)
    below = int((drawdowns(returns) > 0).sum())
    inside = sum(e.sessions - (1 if e.recovery_session else 0) for e in episodes)
    assert inside == below


@given(arrays(float, st.integers(1, 400), elements=st.floats(-0.2, 0.2)))
def test_months_compound_as_in_empyrical(returns: np.ndarray) -> None:
    days = _weekdays(len(returns))
    series = pd.Series(returns, index=pd.DatetimeIndex(days))
    expected = empyrical.aggregate_returns(series, "monthly").to_numpy()
    assert monthly_returns(days, returns).values == pytest.approx(expected, abs=1e-10)


def test_a_month_without_a_session_has_a_return_of_zero_and_says_so() -> None:
    monthly = monthly_returns(_days("2024-01-31", "2024-03-01"), np.array([0.1, 0.2]))
    assert monthly.values == pytest.approx([0.1, 0.0, 0.2])
    assert monthly.has_session.tolist() == [True, False, True]


def test_months_after_ruin_are_zero() -> None:
    monthly = monthly_returns(_days("2024-01-31", "2024-02-01"), np.array([-1.0, 0.0]))
    assert monthly.values.tolist() == [-1.0, 0.0]


def test_worst_of_several_months_needs_that_many() -> None:
    monthly = monthly_returns(
        _days("2024-01-31", "2024-02-01", "2024-03-01"), np.array([-0.1, -0.1, 0.5])
    )
    assert worst_compounded(monthly, 2) == pytest.approx(0.9 * 0.9 - 1)
    assert worst_compounded(monthly, 3) == pytest.approx(0.9 * 0.9 * 1.5 - 1)
    assert worst_compounded(monthly, 4) is None


def test_rolling_volatility_is_that_of_empyrical() -> None:
    returns = np.random.default_rng(4).normal(0.0, 0.01, 300)
    ours = rolling_volatility(returns)
    assert np.isnan(ours[:251]).all()
    expected = empyrical.roll_annual_volatility(returns, 252)
    assert ours[251:] == pytest.approx(expected, abs=1e-10)


def test_wealth_index_starts_at_one_dollar() -> None:
    assert wealth_index(np.array([0.5, -0.5])).tolist() == [1.0, 1.5, 0.75]
