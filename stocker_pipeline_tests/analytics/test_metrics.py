"""Metrics by hand and against empyrical, which defines most of them as we do."""

import math
from datetime import date

import empyrical
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stocker_pipeline.analytics.benchmarks import cash_benchmark
from stocker_pipeline.analytics.metrics import (
    Metrics,
    ReturnMetrics,
    benchmark_metrics,
    performance_metrics,
    return_metrics,
)
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline_tests.analytics.builders import (
    bars_from_text,
    record_from_text,
    record_of_navs,
    sessions_from,
)
from stocker_pipeline_tests.analytics.random_books import books


def _metrics_of(returns: np.ndarray) -> ReturnMetrics:
    sessions = np.array(sessions_from(date(2010, 1, 4), len(returns)), "datetime64[D]")
    return return_metrics(sessions, returns)


def _walk(seed: int, count: int = 1_500, fat: bool = False) -> np.ndarray:
    """Returns like those of a market: clustered volatility, and fat tails if asked for."""
    random = np.random.default_rng(seed)
    noise = random.standard_t(4, count) if fat else random.normal(size=count)
    calm_and_storm = 0.008 * (1.0 + 0.7 * np.sin(np.arange(count) / 90.0))
    return 0.0003 + calm_and_storm * noise


@pytest.mark.parametrize("returns", [_walk(1), _walk(2, 300, fat=True), _walk(3, 2)])
def test_definitions_are_those_of_empyrical(returns: np.ndarray) -> None:
    ours = _metrics_of(returns)
    expected = {
        "total_return": empyrical.cum_returns_final(returns),
        "cagr": empyrical.annual_return(returns),
        "volatility": empyrical.annual_volatility(returns),
        "sharpe": empyrical.sharpe_ratio(returns),
        "sortino": empyrical.sortino_ratio(returns),
        "calmar": empyrical.calmar_ratio(returns),
        # Ours is a positive fraction of the high, theirs a negative return.
        "max_drawdown": -empyrical.max_drawdown(returns),
    }
    for name, value in expected.items():
        assert getattr(ours, name) == pytest.approx(value, rel=1e-10, abs=1e-10), name


@given(arrays(float, st.integers(2, 60), elements=st.floats(-0.2, 0.2)))
def test_sharpe_and_sortino_agree_with_empyrical_wherever_they_are_defined(
    returns: np.ndarray,
) -> None:
    # Where a denominator vanishes, empyrical answers NaN or infinite; we say that there is no
    # value. In between, where it is all rounding, neither means anything.
    assume(returns.std() > 1e-9 and np.minimum(returns, 0.0).min() < -1e-9)
    ours = _metrics_of(returns)
    assert ours.sharpe == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-9, abs=1e-10)
    assert ours.sortino == pytest.approx(empyrical.sortino_ratio(returns), rel=1e-9, abs=1e-10)


def test_returns_by_hand() -> None:
    record = record_from_text(
        """
        session     nav  commissions  gross_exposure  net_exposure
        2024-01-30  110  1            0.5             -0.1
        2024-01-31   99  2            1.5              0.3
        2024-02-01  121  3            1.0              0.1
        """,
        target_vol=0.2,
    )
    metrics = performance_metrics(record)
    assert (metrics.sessions, metrics.start, metrics.end) == (
        3,
        date(2024, 1, 30),
        date(2024, 2, 1),
    )
    assert metrics.total_return == pytest.approx(0.21)
    assert metrics.cagr == pytest.approx(1.21**84 - 1)
    assert metrics.max_drawdown == pytest.approx(0.10)
    assert metrics.max_drawdown_sessions == 2
    assert metrics.max_drawdown_peak_session == date(2024, 1, 30)
    assert metrics.max_drawdown_trough_session == date(2024, 1, 31)
    assert metrics.max_drawdown_recovery_session == date(2024, 2, 1)
    assert metrics.worst_1_month == pytest.approx(-0.01)
    assert metrics.worst_3_months is None
    assert metrics.winning_months_frac == pytest.approx(0.5)
    returns = [0.1, -0.1, 121 / 99 - 1]
    deviation = np.std(returns, ddof=1)
    assert metrics.volatility == pytest.approx(deviation * math.sqrt(252))
    assert metrics.volatility_to_target == pytest.approx(deviation * math.sqrt(252) / 0.2)
    assert metrics.sharpe == pytest.approx(np.mean(returns) / deviation * math.sqrt(252))
    assert metrics.sortino == pytest.approx(np.mean(returns) * 252 / math.sqrt(252 * 0.1**2 / 3))
    assert metrics.gross_exposure_mean == pytest.approx(1.0)
    assert metrics.gross_exposure_max == 1.5
    assert metrics.net_exposure_mean == pytest.approx(0.1)
    assert (metrics.initial_capital, metrics.final_nav, metrics.commissions) == (100, 121, 3)


def test_a_month_without_a_session_neither_wins_nor_loses() -> None:
    record = record_from_text("session nav\n2024-01-31 110\n2024-03-01 121")
    assert performance_metrics(record).winning_months_frac == 1.0


def test_turnover_is_half_of_what_was_bought_and_sold_over_mean_nav_and_years() -> None:
    record = record_from_text(
        """
        session     nav
        2024-01-02  100
        2024-01-03  300
        """,
        fills="""
        session     symbol  quantity  price
        2024-01-02  AAA     10        5
        2024-01-03  AAA     -10       15
        """,
    )
    # (50 + 150)/2 dollars, a mean nav of 200, two sessions.
    assert performance_metrics(record).turnover_annual == pytest.approx(100 / 200 * 126)


def test_costs_a_year_are_commissions_and_slippage_over_mean_nav_and_years() -> None:
    record = record_from_text(
        """
        session     nav  commissions
        2024-01-02  100  1
        """,
        fills="""
        session     symbol  quantity  price
        2024-01-02  AAA     10        5.1
        """,
        positions="""
        session     symbol  quantity
        2024-01-02  AAA     10
        """,
        bars=bars_from_text(
            """
            symbol  session     open  close
            AAA     2024-01-02  5     5
            """
        ),
    )
    metrics = performance_metrics(record)
    assert metrics.slippage_usd == pytest.approx(1.0)
    assert metrics.costs_frac_annual == pytest.approx(2.0 / 100 * 252)


def test_trades_by_hand() -> None:
    record = record_from_text(
        """
        session     nav
        2024-01-02  100
        2024-01-03  100
        2024-01-04  100
        2024-01-05  100
        """,
        fills="""
        session     symbol  quantity  price
        2024-01-02  AAA     10        4
        2024-01-03  AAA     10        6
        2024-01-04  AAA     -10       7
        2024-01-05  AAA     -10       5
        2024-01-02  BBB     -5        2
        2024-01-05  BBB     5         2
        """,
    )
    metrics = performance_metrics(record)
    # AAA +30 after 2 sessions on 40 dollars, −10 after 2 on 60; BBB 0 after 3 on 10.
    assert metrics.trades == 3
    assert metrics.win_rate == pytest.approx(1 / 3)
    assert metrics.average_win_usd == pytest.approx(30)
    assert metrics.average_loss_usd == pytest.approx(-10)
    assert metrics.profit_factor == pytest.approx(3)
    assert metrics.average_trade_sessions == pytest.approx((40 * 2 + 60 * 2 + 10 * 3) / 110)


def test_without_sessions_nothing_is_defined() -> None:
    metrics = performance_metrics(record_of_navs(np.empty(0)))
    counts = {"sessions", "initial_capital", "final_nav", "net_flows_usd", "commissions"}
    counts |= {"slippage_usd", "trades"}
    for name, value in metrics.model_dump().items():
        assert value == 0 if name in counts else value is None, name


def test_one_session_has_a_return_but_no_rate() -> None:
    metrics = performance_metrics(record_of_navs(np.array([101.0])))
    assert metrics.total_return == pytest.approx(0.01)
    assert metrics.max_drawdown == 0.0
    assert [metrics.cagr, metrics.volatility, metrics.sharpe, metrics.sortino] == [None] * 4


def test_a_constant_series_has_no_ratios() -> None:
    metrics = performance_metrics(record_of_navs(np.full(30, 100.0)))
    assert metrics.volatility == 0.0
    assert [metrics.sharpe, metrics.sortino, metrics.calmar] == [None] * 3


def test_constant_growth_has_no_volatility_although_floats_wobble() -> None:
    metrics = performance_metrics(record_of_navs(100.0 * 1.0003 ** np.arange(1, 300)))
    assert metrics.volatility == 0.0
    assert metrics.sharpe is None


def test_only_winners_have_no_profit_factor_and_no_average_loss() -> None:
    record = record_from_text(
        "session nav\n2024-01-02 100\n2024-01-03 100",
        fills="session symbol quantity price\n2024-01-02 AAA 1 1\n2024-01-03 AAA -1 2",
    )
    metrics = performance_metrics(record)
    assert metrics.average_loss_usd is None
    assert metrics.profit_factor is None
    assert metrics.win_rate == 1.0


def test_a_ruined_book_has_lost_everything_and_no_more() -> None:
    metrics = performance_metrics(record_of_navs(np.array([50.0, -10.0, -20.0])))
    assert metrics.total_return == -1.0
    assert metrics.cagr == -1.0
    assert metrics.max_drawdown == 1.0
    assert metrics.final_nav == -20.0


def test_growth_too_fast_for_a_number_has_no_rate() -> None:
    metrics = performance_metrics(record_of_navs(np.array([100.0, 1e9])))
    assert metrics.total_return == pytest.approx(1e7 - 1)
    assert metrics.cagr is None


def test_exposures_of_a_book_without_value_are_left_out() -> None:
    record = record_from_text(
        """
        session     nav  gross_exposure  net_exposure
        2024-01-02  100  0.5             0.5
        2024-01-03  -1   nan             -
        """
    )
    metrics = performance_metrics(record)
    assert metrics.gross_exposure_mean == 0.5
    assert metrics.net_exposure_mean == 0.5


def test_deposits_show_in_the_nav_and_not_in_the_return() -> None:
    record = record_of_navs(np.array([110.0, 160.0]), np.array([0.0, 50.0]))
    metrics = performance_metrics(record)
    assert metrics.total_return == pytest.approx(0.10)
    assert (metrics.final_nav, metrics.net_flows_usd) == (160.0, 50.0)


def test_cash_returns_nothing_and_loses_nothing() -> None:
    record = record_of_navs(np.array([90.0, 80.0]))
    metrics = benchmark_metrics(record, cash_benchmark(record.sessions, 100.0))
    assert (metrics.total_return, metrics.max_drawdown, metrics.sharpe) == (0.0, 0.0, None)


def test_every_metric_says_what_it_is() -> None:
    for name, field in Metrics.model_fields.items():
        assert field.title and len(field.description or "") > 15, name


@settings(max_examples=60, deadline=None)
@given(books())
def test_metrics_are_finite_or_none(book: TrackRecord) -> None:
    for name, value in performance_metrics(book).model_dump().items():
        if isinstance(value, float):
            assert math.isfinite(value), name
