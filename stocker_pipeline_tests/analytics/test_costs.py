"""Slippage and traded dollars."""

from typing import Any

import pytest

from stocker_pipeline.analytics.costs import slippage_of_fills, total_by_session, traded_notional
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline_tests.analytics.builders import bars_from_text, record_from_text

BARS = """
symbol  session     open  close  adj_close
AAA     2024-01-02  10    10     5
AAA     2024-01-03  20    20     10
BBB     2024-01-02  7     7      7
"""


def _record(fills: str, bars: str | None = BARS, **others: Any) -> TrackRecord:
    return record_from_text(
        "session nav\n2024-01-02 100\n2024-01-03 100",
        fills=f"session symbol quantity price\n{fills}",
        bars=None if bars is None else bars_from_text(bars),
        **others,
    )


def test_a_buy_above_the_open_and_a_sale_below_it_both_cost() -> None:
    record = _record("2024-01-03 AAA 3 20.01\n2024-01-02 BBB -100 6.99")
    assert slippage_of_fills(record) == pytest.approx([0.03, 1.0])


def test_a_better_price_than_the_open_is_a_gain() -> None:
    assert slippage_of_fills(_record("2024-01-02 AAA 10 9.9")) == pytest.approx([-1.0])


def test_the_adjusted_basis_compares_with_the_adjusted_open() -> None:
    record = _record("2024-01-03 AAA 10 10.1", price_basis="adjusted")
    assert slippage_of_fills(record) == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("fill", "bars"),
    [
        ("2024-01-03 BBB 1 7", BARS),
        ("2024-01-02 CCC 1 7", BARS),
        ("2024-01-02 AAA 1 10", None),
        ("2024-01-02 AAA 1 10", "symbol session open close"),
    ],
)
def test_one_fill_without_a_bar_makes_slippage_unknown(fill: str, bars: str | None) -> None:
    assert slippage_of_fills(_record(f"2024-01-02 AAA 1 10\n{fill}", bars)) is None


def test_no_fills_have_no_slippage_even_without_bars() -> None:
    slippage = slippage_of_fills(_record("", None))
    assert slippage is not None and slippage.sum() == 0.0


def test_traded_dollars_count_both_sides() -> None:
    record = _record("2024-01-03 AAA 3 20\n2024-01-02 BBB -10 7")
    traded = traded_notional(record)
    assert traded == pytest.approx([60, 70])
    assert total_by_session(record, traded) == pytest.approx([70, 60])
