"""What the UI plots of each session of a backtest."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from stocker_pipeline.orchestration.session_numbers import numbers_by_session

MONDAY, TUESDAY, WEDNESDAY = (date(2010, 1, day) for day in (4, 5, 6))


def tables(orders: list[tuple], fills: list[tuple]) -> dict[str, pa.Table]:
    """Three sessions; an order is symbol and reference price, a fill quantity and price too."""
    money = pa.array([Decimal("100.5000")] * 3, pa.decimal128(18, 4))
    return {
        "snapshots": pa.table(
            {
                "session": pa.array([MONDAY, TUESDAY, WEDNESDAY], pa.date32()),
                "nav": money,
                "drawdown": [0.0, 0.1, 0.2],
                "gross_exposure": [0.5, 0.6, 0.7],
            }
        ),
        "orders": pa.table(
            {
                "session": pa.array([row[0] for row in orders], pa.date32()),
                "symbol": pa.array([row[1] for row in orders], pa.string()),
                "reference_price": pa.array([row[2] for row in orders], pa.float64()),
            }
        ),
        "fills": pa.table(
            {
                "session": pa.array([row[0] for row in fills], pa.date32()),
                "symbol": pa.array([row[1] for row in fills], pa.string()),
                "quantity": pa.array([row[2] for row in fills], pa.int64()),
                "price": pa.array([row[3] for row in fills], pa.float64()),
            }
        ),
    }


def test_each_session_has_its_book_and_its_counts():
    shown = numbers_by_session(tables([(MONDAY, "A", 10.0), (MONDAY, "B", 1.0)], []))
    assert shown["2010-01-05"] == {
        "nav": 100.5,
        "drawdown": 0.1,
        "gross_exposure": 0.6,
        "orders": 0,
        "fills": 0,
    }
    assert [numbers["orders"] for numbers in shown.values()] == [2, 0, 0]


@pytest.mark.parametrize(
    ("fills", "expected_bps"),
    [
        ([(TUESDAY, "A", 10, 10.1)], 100),
        ([(TUESDAY, "A", -10, 10.1)], -100),
        # 10 dollars lost and 5 won, of 100 + 100 traded at the prices that were decided on.
        ([(TUESDAY, "A", 10, 11.0), (TUESDAY, "B", -20, 5.25)], 250),
    ],
)
def test_a_purchase_above_the_price_it_was_decided_on_is_a_loss(fills, expected_bps):
    orders = [(TUESDAY, "A", 10.0), (TUESDAY, "B", 5.0), (MONDAY, "A", 99.0)]
    shown = numbers_by_session(tables(orders, fills))
    assert shown["2010-01-05"]["implementation_shortfall_bps"] == pytest.approx(expected_bps)
    assert "implementation_shortfall_bps" not in shown["2010-01-06"]
