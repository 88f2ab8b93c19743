"""Round trips by hand, over splits, and against the worked examples of the engine's rules."""

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.analytics.trades import RoundTrip, round_trips
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline_tests.analytics.builders import (
    MONEY,
    actions_from_text,
    record_from_text,
)
from stocker_pipeline_tests.analytics.random_books import books

FOUR_DAYS = """
session     nav
2024-01-02  100
2024-01-03  100
2024-01-04  100
2024-01-05  100
"""


def _trips(fills: str, actions: str = "", held: str = "") -> list[tuple[object, ...]]:
    record = record_from_text(
        FOUR_DAYS,
        fills=f"session symbol quantity price\n{fills}",
        positions=f"session symbol quantity\n{held}",
        corporate_actions=actions_from_text(f"symbol session split\n{actions}"),
    )
    return [
        (t.symbol, t.quantity, t.sessions_held, t.entry_value_usd, t.profit_usd)
        for t in round_trips(record)
    ]


def test_a_fill_that_closes_two_lots_is_two_trips_the_oldest_first() -> None:
    assert _trips(
        """
        2024-01-02 AAA 10 1.00
        2024-01-03 AAA 10 2.00
        2024-01-05 AAA -20 3.00
        """
    ) == [("AAA", 10, 3, 10.0, 20.0), ("AAA", 10, 2, 20.0, 10.0)]


def test_half_a_lot_is_a_trip_of_half_its_cost() -> None:
    assert _trips("2024-01-02 AAA 10 1\n2024-01-03 AAA -4 2", held="2024-01-05 AAA 6") == [
        ("AAA", 4, 1, 4.0, 4.0)
    ]


def test_a_cost_that_does_not_divide_rounds_half_to_even() -> None:
    # Three shares cost 0.0005 together: the first takes 0.0002 of it, the second half of 0.0003.
    assert _trips(
        """
        2024-01-02 AAA 1 0.0001
        2024-01-02 AAA 1 0.0002
        2024-01-02 AAA 1 0.0002
        2024-01-03 AAA -1 1
        2024-01-04 AAA -1 1
        2024-01-05 AAA -1 1
        """
    ) == [
        ("AAA", 1, 1, 0.0002, 0.9998),
        ("AAA", 1, 2, 0.0002, 0.9998),
        ("AAA", 1, 3, 0.0001, 0.9999),
    ]


def test_a_half_of_an_even_number_rounds_down() -> None:
    # Two shares cost 0.0005 together: the first takes 0.0002 of it.
    assert _trips(
        """
        2024-01-02 AAA 1 0.0002
        2024-01-02 AAA 1 0.0003
        2024-01-03 AAA -1 1
        2024-01-04 AAA -1 1
        """
    ) == [("AAA", 1, 1, 0.0002, 0.9998), ("AAA", 1, 2, 0.0003, 0.9997)]


def test_a_short_earns_when_the_price_falls() -> None:
    assert _trips("2024-01-02 AAA -10 5\n2024-01-03 AAA 10 4") == [("AAA", -10, 1, 50.0, 10.0)]


def test_a_fill_that_crosses_zero_closes_one_way_and_opens_the_other() -> None:
    assert _trips(
        """
        2024-01-02 AAA 10 1
        2024-01-03 AAA -15 2
        2024-01-04 AAA 5 1
        """
    ) == [("AAA", 10, 1, 10.0, 10.0), ("AAA", -5, 1, 10.0, 5.0)]


def test_a_split_changes_shares_and_not_cost() -> None:
    assert _trips("2024-01-02 AAA 10 6\n2024-01-04 AAA -20 4", actions="AAA 2024-01-04 2") == [
        ("AAA", 20, 2, 60.0, 20.0)
    ]


def test_a_split_on_a_holiday_takes_effect_on_the_next_session() -> None:
    record = record_from_text(
        "session nav\n2024-01-12 100\n2024-01-16 100",
        fills="session symbol quantity price\n2024-01-12 AAA 5 2\n2024-01-16 AAA -15 1",
        corporate_actions=actions_from_text("symbol session split\nAAA 2024-01-15 3"),
    )
    (trip,) = round_trips(record)
    assert (trip.quantity, trip.profit_usd) == (15, 5.0)


def test_a_reverse_split_leaves_the_cost_of_an_empty_lot_to_the_next() -> None:
    # Lots of 1 and 3 at 1:4 hold 0 and 1 shares afterwards: the one share carries all the cost.
    assert _trips(
        """
        2024-01-02 AAA 1 8
        2024-01-03 AAA 3 4
        2024-01-05 AAA -1 30
        """,
        actions="AAA 2024-01-04 0.25",
    ) == [("AAA", 1, 2, 20.0, 10.0)]


def test_the_cost_of_an_empty_youngest_lot_goes_to_an_older_one() -> None:
    assert _trips(
        """
        2024-01-02 AAA 4 2
        2024-01-03 AAA 1 7
        2024-01-05 AAA -1 30
        """,
        actions="AAA 2024-01-04 0.25",
    ) == [("AAA", 1, 3, 15.0, 15.0)]


def test_a_position_that_vanishes_in_a_split_is_a_trade_at_zero_proceeds() -> None:
    assert _trips("2024-01-02 AAA 2 5", actions="AAA 2024-01-04 0.25") == [
        ("AAA", 2, 2, 10.0, -10.0)
    ]


def test_a_split_after_the_last_fill_still_moves_the_open_lots() -> None:
    assert _trips("2024-01-02 AAA 2 5", actions="AAA 2024-01-04 2", held="2024-01-05 AAA 4") == []


def test_executions_of_one_order_are_one_trade_at_their_average_price() -> None:
    assert _trips("2024-01-02 AAA 4 1\n2024-01-02 AAA 6 2\n2024-01-04 AAA -10 2") == [
        ("AAA", 10, 2, 16.0, 4.0)
    ]


def test_lots_that_disagree_with_the_positions_are_refused() -> None:
    with pytest.raises(InputRefused, match=r"AAA.*position of 20 shares.*received 10 shares"):
        _trips("2024-01-02 AAA 10 1", held="2024-01-05 AAA 20")


def test_the_adjusted_basis_knows_no_splits() -> None:
    record = record_from_text(
        FOUR_DAYS,
        fills="session symbol quantity price\n2024-01-02 AAA 10 1\n2024-01-05 AAA -10 2",
        corporate_actions=actions_from_text("symbol session split\nAAA 2024-01-04 2"),
        price_basis="adjusted",
    )
    assert [trip.profit_usd for trip in round_trips(record)] == [10.0]


@settings(max_examples=80, deadline=None)
@given(books(max_sessions=3), st.randoms(use_true_random=False))
def test_the_order_of_fills_in_the_table_does_not_matter(book: TrackRecord, random: object) -> None:
    order = list(range(book.fills.num_rows))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = TrackRecord(
        book.snapshots, book.fills.take(pa.array(order, pa.int64())), book.positions
    )
    assert round_trips(shuffled) == round_trips(book)


@settings(max_examples=80, deadline=None)
@given(books())
def test_profits_and_open_cost_add_up_to_all_cash_that_moved(book: TrackRecord) -> None:
    """Closing everything at zero turns every dollar spent into a trip's loss."""
    totals: dict[str, int] = defaultdict(int)
    spent = Decimal(0)
    for row in book.fills.to_pylist():
        totals[row["symbol"]] += row["quantity"]
        spent += row["quantity"] * row["price"]
    open_symbols = [(name, quantity) for name, quantity in totals.items() if quantity]
    last = book.sessions[-1:].astype(object).tolist() * len(open_symbols)
    closing = pa.table(
        {
            "session": pa.array(last, pa.date32()),
            "symbol": pa.array([name for name, _ in open_symbols], pa.string()),
            "quantity": pa.array([-quantity for _, quantity in open_symbols], pa.int64()),
            "price": pa.array([Decimal(0)] * len(open_symbols), MONEY),
            "commission": pa.array([Decimal(0)] * len(open_symbols), MONEY),
        }
    )
    fills = pa.concat_tables([book.fills, closing])
    closed = TrackRecord(book.snapshots, fills, book.positions.slice(0, 0))
    profit = sum(Decimal(str(trip.profit_usd)) for trip in round_trips(closed))
    assert profit == pytest.approx(-spent, abs=Decimal("0.00001"))


@pytest.mark.parametrize("case", ["raw_splits_dividends", "literal_adjusted", "gaps_two_step"])
def test_profits_are_those_that_the_worked_examples_realised(shared_dir: Path, case: str) -> None:
    folder = shared_dir / "golden" / case
    record = _golden_record(folder, "adjusted" if case == "literal_adjusted" else "raw")
    profit: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for trip in round_trips(record):
        profit[(trip.symbol, trip.closed_row)] += Decimal(str(trip.profit_usd))
    fills = pd.read_csv(folder / "expected" / "fills.csv", dtype={"realised": str})
    rows = record.session_rows(record.fills)
    expected = {
        (symbol, int(row)): Decimal(realised)
        for symbol, row, realised in zip(fills["symbol"], rows, fills["realised"], strict=True)
        if Decimal(realised)
    }
    assert {key: value for key, value in profit.items() if value} == expected
    assert len(expected) > 10


def _golden_record(folder: Path, price_basis: str) -> TrackRecord:
    snapshots = pd.read_csv(folder / "expected" / "snapshots.csv", parse_dates=["session"])
    absent = dict.fromkeys(("flows", "gross_exposure", "net_exposure", "initial_capital"), 0.0)
    fills = pd.read_csv(folder / "expected" / "fills.csv", parse_dates=["session"])
    positions = pq.read_table(folder / "expected" / "positions.parquet").to_pandas()
    actions = pq.read_table(folder / "actions.parquet")
    return TrackRecord(
        _dated(snapshots.assign(**absent)),
        _dated(fills),
        _dated(positions.assign(market_value=0.0)),
        corporate_actions=actions,
        price_basis=price_basis,  # type: ignore[arg-type]
    )


def _dated(frame: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    at = table.column_names.index("session")
    return table.set_column(at, "session", table["session"].cast(pa.date32()))


def test_a_trip_within_one_session_is_held_for_none() -> None:
    assert RoundTrip("AAA", 1, 4, 4, 1.0, 0.0).sessions_held == 0
