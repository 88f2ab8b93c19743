"""Buy and hold, and cash."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


TWO_SYMBOLS = """
symbol  session     open  close
AAA     2024-01-02  10    11
AAA     2024-01-03  11    12
AAA     2024-01-04  12    15
AAA     2024-01-05  15    30
BBB     2024-01-02  20    20
BBB     2024-01-03  20    22
BBB     2024-01-04  22    22
BBB     2024-01-05  20    10
"""


def members(text: str) -> np.ndarray:
    """Membership written one line per session, ``x`` = member."""
    return np.array([[cell == "x" for cell in line.split()] for line in text.split("\n")])


def test_a_symbol_is_held_only_while_it_is_a_member() -> None:
    both = {"universe": ("AAA", "BBB"), "member": members("x .\nx .\n. x\n. x")}
    # AAA from its open of 10 to the open of 12, then BBB from its open of 22.
    assert _held(TWO_SYMBOLS, **both) == pytest.approx([110, 120, 120, 120 * 10 / 22])


def test_when_members_change_all_have_equal_dollars_again() -> None:
    both = {"universe": ("AAA", "BBB"), "member": members("x .\nx .\nx x\nx x")}
    half = 100 * 12 / 10 / 2
    expected = [110, 120, half * 15 / 12 + half, half * 30 / 12 + half * 10 / 22]
    assert _held(TWO_SYMBOLS, **both) == pytest.approx(expected)


def test_without_members_all_is_cash() -> None:
    both = {"universe": ("AAA", "BBB"), "member": members("x .\n. .\n. .\n. x")}
    assert _held(TWO_SYMBOLS, **both) == pytest.approx([110, 110, 110, 110 * 10 / 20])


def test_a_dividend_of_the_day_of_the_sale_belongs_to_the_one_who_sells() -> None:
    both = {"universe": ("AAA", "BBB"), "member": members("x .\nx .\n. x\n. x")}
    nav = _held(TWO_SYMBOLS, "AAA 2024-01-04 1 3\nBBB 2024-01-04 1 11", **both)
    assert nav == pytest.approx([110, 120, 150, 150 * 10 / 22])


def test_a_member_without_a_bar_waits_as_cash_and_a_leaver_without_one_goes_at_its_last_value() -> (
    None
):
    bars = "symbol session open close\nAAA 2024-01-02 10 11\nBBB 2024-01-04 20 30"
    both = {"universe": ("AAA", "BBB"), "member": members("x .\n. x\n. x\n. x")}
    assert _held(bars, **both) == pytest.approx([110, 110, 165, 165])


def test_one_row_of_membership_is_for_ever() -> None:
    both = {"universe": ("AAA", "BBB"), "member": members("x x")}
    assert _held(TWO_SYMBOLS, **both) == _held(TWO_SYMBOLS)


def test_the_explanation_says_whether_members_change() -> None:
    def explained(member: np.ndarray) -> str:
        bars = bars_from_text(TWO_SYMBOLS)
        universe = ("AAA", "BBB")
        return buy_and_hold(
            bars, None, sessions=SESSIONS, initial_capital=1.0, universe=universe, member=member
        ).explanation

    assert "bought at the open of its first bar" in explained(members("x x"))
    assert "whenever one of its 2 symbols comes or goes" in explained(members("x x\nx .\nx .\nx x"))


@pytest.mark.parametrize("shape", [(2, 2), (4, 1), (4,)])
def test_membership_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    both = {"universe": ("AAA", "BBB"), "member": np.ones(shape, bool)}
    with pytest.raises(InputRefused, match="membership of 2 symbols, one row or 4"):
        _held(TWO_SYMBOLS, **both)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3]), st.sampled_from([0.05, 0.5]))
def test_a_book_kept_share_by_share_comes_to_the_same(seed: int, gaps: float, turnover: float):
    random = np.random.default_rng(seed)
    shape = (30, 3)
    sessions = np.arange("2024-01-01", "2024-01-31", dtype="datetime64[D]")
    opens, closes = random.uniform(5, 15, shape), random.uniform(5, 15, shape)
    seen = random.random(shape) >= gaps
    member = random.random((1, 3)) > 0.3
    member = np.logical_xor.accumulate(
        np.concatenate((member, random.random((29, 3)) < turnover)), axis=0
    )
    names = ["AAA", "BBB", "CCC"]
    rows = np.argwhere(seen)
    bars = pa.table(
        {
            "symbol": pa.array([names[j] for _, j in rows], pa.string()),
            "session": pa.array(sessions[rows[:, 0]]),
            "open": opens[seen],
            "close": closes[seen],
        }
    )
    if not len(rows):
        return
    found = buy_and_hold(
        bars, None, sessions=sessions, initial_capital=1.0, universe=names, member=member
    )
    cash = {"idle": 1.0}
    shares, mark, before = [0.0] * 3, [0.0] * 3, None
    for t in range(30):
        if before is None or (member[t] != before).any():
            price = [opens[t, j] if seen[t, j] else mark[j] for j in range(3)]
            whole = sum(cash.values()) + sum(shares[j] * price[j] for j in range(3))
            those = [j for j in range(3) if member[t, j]]
            cash = {j: whole / len(those) for j in those} if those else {"idle": whole}
            shares = [0.0] * 3
        before = member[t]
        for j in range(3):
            if seen[t, j]:
                shares[j] += cash.pop(j, 0.0) / opens[t, j]
                mark[j] = closes[t, j]
        invested = sum(shares[j] * mark[j] for j in range(3))
        nav = invested + sum(cash.values())
        assert found.nav[t] == pytest.approx(nav, rel=1e-9)
        assert found.gross_exposure[t] == pytest.approx(invested / nav, abs=1e-9)


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
