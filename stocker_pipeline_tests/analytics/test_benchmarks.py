"""Buy and hold, and cash."""

import numpy as np
import pyarrow as pa
import pytest

from stocker_pipeline.analytics.benchmarks import benchmark_navs, buy_and_hold, cash_benchmark
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.engine.panel import panel_from_tables
from stocker_pipeline_tests.analytics.builders import (
    actions_from_text,
    bars_from_text,
    snapshots_from_text,
)

SESSIONS = np.array(["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"], "datetime64[D]")

ONE_SYMBOL = """
symbol  session     open  close
AAA     2024-01-02  10    11
AAA     2024-01-03  11    12
AAA     2024-01-04  12    6
AAA     2024-01-05  6     9
"""


def _held(bars: str, actions: str = "", **others: object) -> list[float]:
    benchmark = buy_and_hold(
        bars_from_text(bars),
        actions_from_text(f"symbol session split dividend\n{actions}"),
        sessions=SESSIONS,
        initial_capital=100.0,
        **others,  # type: ignore[arg-type]
    )
    return [float(nav) for nav in benchmark.nav]


def test_a_symbol_is_bought_at_the_open_of_the_first_session() -> None:
    assert _held(ONE_SYMBOL) == pytest.approx([110, 120, 60, 90])


def test_a_split_changes_nothing() -> None:
    assert _held(ONE_SYMBOL, "AAA 2024-01-04 2 0") == pytest.approx([110, 120, 120, 180])


def test_a_dividend_is_reinvested_at_the_close_of_its_ex_date() -> None:
    # 6 dollars paid on a close of 6 double what is held.
    assert _held(ONE_SYMBOL, "AAA 2024-01-04 1 6") == pytest.approx([110, 120, 120, 180])


def test_a_dividend_of_the_day_of_purchase_belongs_to_the_seller() -> None:
    assert _held(ONE_SYMBOL, "AAA 2024-01-02 2 5") == pytest.approx([110, 120, 60, 90])


def test_a_dividend_before_a_split_is_brought_to_the_new_shares() -> None:
    bars = """
    symbol  session     open  close
    AAA     2024-01-02  10    10
    AAA     2024-01-05  4     4
    """
    # 2 dollars per old share, then 2:1: 1 dollar per new share on the bar of the fifth.
    nav = _held(bars, "AAA 2024-01-03 1 2\nAAA 2024-01-04 2 0")
    assert nav == pytest.approx([100, 100, 100, 100 * 2 * (4 + 1) / 10])


def test_a_symbol_that_is_not_listed_yet_waits_as_cash() -> None:
    bars = ONE_SYMBOL + "BBB 2024-01-04 20 20\nBBB 2024-01-05 20 30"
    benchmark = buy_and_hold(bars_from_text(bars), None, sessions=SESSIONS, initial_capital=100.0)
    assert benchmark.nav == pytest.approx([105, 110, 80, 120])
    expected = [55 / 105, 60 / 110, 1, 1]
    assert benchmark.gross_exposure == pytest.approx(expected)


def test_a_missing_bar_and_a_delisting_leave_the_last_value() -> None:
    bars = "symbol session open close\nAAA 2024-01-02 10 10\nAAA 2024-01-04 12 12"
    assert _held(bars) == pytest.approx([100, 100, 120, 120])


def test_history_before_the_first_session_does_not_count() -> None:
    assert _held(ONE_SYMBOL + "AAA 2023-12-29 1 1") == pytest.approx([110, 120, 60, 90])


def test_only_the_universe_is_held() -> None:
    bars = ONE_SYMBOL + "BBB 2024-01-02 20 40"
    assert _held(bars, universe=("AAA",)) == pytest.approx([110, 120, 60, 90])


def test_the_adjusted_basis_uses_adjusted_closes_and_no_actions() -> None:
    bars = """
    symbol  session     open  close  adj_close
    AAA     2024-01-02  8     10     5
    AAA     2024-01-03  9     10     6
    """
    nav = _held(bars, "AAA 2024-01-03 2 1", price_basis="adjusted")
    assert nav == pytest.approx([125, 150, 150, 150])


def test_bars_without_any_symbol_of_the_universe_are_refused() -> None:
    with pytest.raises(InputRefused, match=r"bars of the universe, ZZZ"):
        _held(ONE_SYMBOL, universe=("ZZZ",))


def test_growth_follows_the_total_return_series_of_the_engine() -> None:
    random = np.random.default_rng(7)
    sessions = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
    kept = np.sort(random.choice(len(sessions), 40, replace=False))
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.03, len(kept))))
    bars = pa.table(
        {
            "symbol": ["AAA"] * len(kept),
            "session": pa.array(sessions[kept]),
            "open": close,
            "high": close,
            "low": close,
            "close": close,
            "volume": np.ones(len(kept)),
        }
    )
    ex_dates = np.sort(random.choice(len(sessions), 12, replace=False))
    actions = pa.table(
        {
            "symbol": ["AAA"] * 12,
            "session": pa.array(sessions[ex_dates]),
            "split": random.choice([1.0, 2.0, 1.5, 0.125], 12),
            "dividend": random.choice([0.0, 0.25, 1.0], 12),
        }
    )
    first = kept[0]
    panel = panel_from_tables(
        bars, actions, sessions=sessions, universe=("AAA",), price_basis="raw", with_returns=False
    )
    benchmark = buy_and_hold(bars, actions, sessions=sessions[first:], initial_capital=1.0)
    assert benchmark.nav[kept - first] == pytest.approx(panel.index[kept, 0], rel=1e-12)


def test_cash_stays_what_it_was() -> None:
    cash = cash_benchmark(SESSIONS, 100.0)
    assert cash.nav.tolist() == [100.0] * 4
    assert cash.returns.tolist() == [0.0] * 4


def test_benchmarks_start_from_the_capital_and_the_sessions_of_the_book() -> None:
    snapshots = snapshots_from_text("session nav\n2024-01-03 1\n2024-01-04 1", "200")
    held, cash = benchmark_navs(snapshots, bars_from_text(ONE_SYMBOL))
    assert held.nav == pytest.approx([200 * 12 / 11, 200 * 6 / 11])
    assert held.returns == pytest.approx([1 / 11, -0.5])
    assert cash.nav.tolist() == [200.0, 200.0]


def test_without_bars_there_is_only_cash() -> None:
    snapshots = snapshots_from_text("session nav\n2024-01-03 1")
    assert [other.name for other in benchmark_navs(snapshots, None)] == ["Cash"]
