"""What a track record refuses."""

import pyarrow as pa
import pytest

from stocker_pipeline.analytics.record import TrackRecord, coded_symbols, e4_of
from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline_tests.analytics.builders import (
    MONEY,
    fills_from_text,
    positions_from_text,
    record_from_text,
    snapshots_from_text,
)

TWO_DAYS = "session nav\n2024-01-02 100\n2024-01-03 101"


def test_a_missing_column_is_named() -> None:
    snapshots = snapshots_from_text(TWO_DAYS).drop_columns("flows")
    fills, positions = fills_from_text("session symbol"), positions_from_text("session symbol")
    with pytest.raises(InputRefused, match="snapshots.*without flows"):
        TrackRecord(snapshots, fills, positions)


@pytest.mark.parametrize("second", ["2024-01-02", "2024-01-01"])
def test_sessions_that_do_not_ascend_are_refused_with_their_row(second: str) -> None:
    with pytest.raises(InputRefused, match=rf"row 1: .*received {second} after 2024-01-02"):
        record_from_text(f"session nav\n2024-01-02 100\n{second} 101")


def test_a_fill_on_a_session_without_a_snapshot_is_refused() -> None:
    fills = "session symbol quantity price\n2024-01-04 AAA 1 1"
    with pytest.raises(InputRefused, match=r"fills.*row 0.*2024-01-04"):
        record_from_text(TWO_DAYS, fills=fills)


def test_a_position_on_a_session_without_a_snapshot_is_refused() -> None:
    positions = "session symbol quantity\n2024-01-01 AAA 1"
    with pytest.raises(InputRefused, match=r"positions.*2024-01-01"):
        record_from_text(TWO_DAYS, positions=positions)


def test_an_empty_session_is_refused() -> None:
    snapshots = snapshots_from_text(TWO_DAYS)
    holes = snapshots.set_column(0, "session", pa.array([None, None], pa.date32()))
    fills, positions = fills_from_text("session symbol"), positions_from_text("session symbol")
    with pytest.raises(InputRefused, match="2 empty"):
        TrackRecord(holes, fills, positions)


@pytest.mark.parametrize("target", [0.0, -0.1, float("nan"), float("inf")])
def test_an_impossible_target_volatility_is_refused(target: float) -> None:
    with pytest.raises(ConfigurationRefused, match="target_vol"):
        record_from_text(TWO_DAYS, target_vol=target)


def test_an_unknown_price_basis_is_refused() -> None:
    with pytest.raises(ConfigurationRefused, match="'raw' or 'adjusted'.*'real'"):
        record_from_text(TWO_DAYS, price_basis="real")


def test_flows_are_taken_out_of_what_the_capital_became() -> None:
    record = record_from_text("session nav flows\n2024-01-02 110 0\n2024-01-03 160 50")
    assert record.grown_capital.tolist() == pytest.approx([110.0, 110.0])


def test_money_becomes_exact_integers_from_any_kind_of_column() -> None:
    text = ["99999999999.9999", "-0.0001"]
    exact = pa.table({"price": pa.array(text).cast(MONEY)})
    floats = pa.table({"price": pa.array([float(cell) for cell in text])})
    assert e4_of(exact, "price").tolist() == [999_999_999_999_999, -1]
    assert e4_of(floats, "price").tolist() == [999_999_999_999_999, -1]


def test_symbols_are_coded_in_alphabetical_order_whatever_their_chunks() -> None:
    table = pa.table({"symbol": pa.chunked_array([["B", "A"], ["C", "A"]])})
    codes, names = coded_symbols(table)
    assert (codes.tolist(), names) == ([1, 0, 2, 0], ["A", "B", "C"])
