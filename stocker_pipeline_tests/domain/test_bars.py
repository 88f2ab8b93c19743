"""What a table of bars or actions must be, and how a wrong one is refused."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stocker_pipeline.domain.bars import (
    ACTIONS_SCHEMA,
    BARS_SCHEMA,
    split_fraction,
    validated_actions,
    validated_bars,
)
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline_tests.domain.bar_tables import (
    GOOD_ACTIONS,
    GOOD_BARS,
    actions,
    bars,
    with_cell,
    with_column,
)


def refused(table: pa.Table, validate=validated_bars, **options) -> InputRefused:
    with pytest.raises(InputRefused) as refusal:
        validate(table, where="x.parquet", **options)
    return refusal.value


def test_good_bars_pass_unchanged():
    assert validated_bars(bars(), where="x").equals(bars())


def test_good_actions_pass_unchanged():
    assert validated_actions(actions(), where="x").equals(actions())


def test_bars_sorted_by_session_come_out_sorted_by_symbol():
    by_session = bars().sort_by([("session", "ascending"), ("symbol", "ascending")])
    assert not by_session.equals(bars())
    assert validated_bars(by_session, where="x").equals(bars())


def test_columns_may_come_in_any_order():
    assert validated_bars(bars().select(BARS_SCHEMA.names[::-1]), where="x").equals(bars())


def test_bars_without_adjusted_close_have_it_unknown():
    made = validated_bars(bars().drop_columns(["adj_close"]), where="x")
    assert made.schema.equals(BARS_SCHEMA)
    assert made["adj_close"].null_count == made.num_rows


def test_nan_volume_and_adjusted_close_are_unknown():
    table = with_cell(with_cell(bars(), 0, "volume", np.nan), 0, "adj_close", np.nan)
    made = validated_bars(table, where="x").slice(0, 1)
    assert made.select(["volume", "adj_close"]).to_pylist() == [{"volume": None, "adj_close": None}]


@pytest.mark.parametrize(
    "kind",
    [pa.date32(), pa.date64(), *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns"))],
    ids=str,
)
def test_dates_in_every_type_of_date_are_the_same_session(kind):
    table = with_column(bars(), "session", bars()["session"].cast(kind))
    assert validated_bars(table, where="x").equals(bars())


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_dates_and_symbols_as_text_are_read(kind):
    table = with_column(bars(), "session", bars()["session"].cast(pa.string()).cast(kind))
    table = with_column(table, "symbol", bars()["symbol"].cast(kind))
    assert validated_bars(table, where="x").equals(bars())


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint16(), pa.float32(), pa.decimal128(18, 4)])
def test_prices_in_every_type_of_number_are_read(kind):
    rows = [("AAA", "2024-01-02", 10, 12, 8, 11, 100, 11)]
    table = bars(rows)
    for name in ("open", "high", "low", "close", "volume", "adj_close"):
        table = with_column(table, name, table[name].cast(kind))
    assert validated_bars(table, where="x").equals(bars(rows))


def test_chunked_bars_pass_like_whole_ones():
    chunks = pa.concat_tables([bars().slice(0, 2), bars().slice(2, 0), bars().slice(2)])
    assert validated_bars(chunks, where="x").equals(bars())


def test_actions_without_rows_pass_whatever_their_types():
    empty = pa.table({name: pa.array([], pa.null()) for name in ACTIONS_SCHEMA.names})
    assert validated_actions(empty, where="x").equals(ACTIONS_SCHEMA.empty_table())


def test_the_noise_of_float32_is_no_bad_bar():
    close = float(np.float32(88.98))
    rows = [("AAA", "2024-01-02", 88.98, close * (1 - 6e-8), 88.0, close, 1.0, 1.0)]
    assert validated_bars(bars(rows), where="x").equals(bars(rows))


@pytest.mark.parametrize("case", ["raw_splits_dividends", "literal_adjusted", "gaps_two_step"])
def test_the_worked_examples_pass(shared_dir, case):
    folder = shared_dir / "golden" / case
    given_bars = pq.read_table(folder / "bars.parquet")
    made = validated_bars(given_bars, where="bars.parquet")
    assert made.num_rows == given_bars.num_rows
    given_actions = pq.read_table(folder / "actions.parquet")
    made = validated_actions(given_actions, where="actions.parquet")
    assert made.num_rows == given_actions.num_rows


@pytest.mark.parametrize("name", ["dev_etf_yahoo", "dev_etf_tiingo_astraded", "dev_lean_astraded"])
def test_real_vendor_prices_pass(shared_dir, name):
    table = pq.read_table(shared_dir / "data" / name / "prices.parquet")
    made = validated_bars(table.rename_columns({"date": "session"}), where=name)
    assert made.num_rows == table.num_rows


BAD_BAR_CELLS = [
    ("symbol", "aapl", "[A-Z][A-Z0-9.\\-]{0,9}", "'aapl'"),
    ("symbol", "ABCDEFGHIJK", "[A-Z][A-Z0-9.\\-]{0,9}", "'ABCDEFGHIJK'"),
    ("symbol", "9AB", "[A-Z][A-Z0-9.\\-]{0,9}", "'9AB'"),
    ("symbol", "AAA\n", "[A-Z][A-Z0-9.\\-]{0,9}", "'AAA\\n'"),
    ("symbol", "", "[A-Z][A-Z0-9.\\-]{0,9}", "''"),
    ("symbol", None, "text in every row", "an empty cell"),
    ("session", date(2024, 1, 6), "a session of XNYS", "2024-01-06 (Saturday)"),
    ("session", date(2024, 1, 1), "a session of XNYS", "2023-12-29, 2024-01-02"),
    ("session", date(1969, 1, 2), "a session of XNYS", "outside the years 1970 to 2100"),
    ("session", date(2101, 1, 4), "a session of XNYS", "outside the years 1970 to 2100"),
    ("session", None, "a date in every row", "an empty cell"),
    ("high", 9.9999, "a high at or above", "high 9.9999 with low 10.0"),
    ("open", 10.6, "an open from low to high", "10.6 with low 10.0 and high 10.5"),
    ("open", 9.9, "an open from low to high", "9.9 with low 10.0 and high 10.5"),
    ("close", 10.51, "a close from low to high", "10.51 with low 10.0 and high 10.5"),
    ("close", 9.99, "a close from low to high", "9.99 with low 10.0 and high 10.5"),
    ("volume", -1.0, "0 or more", "-1.0"),
    ("volume", float("inf"), "a finite number of shares", "inf"),
    ("adj_close", 0.0, "above 0", "0.0"),
    ("adj_close", -3.0, "above 0", "-3.0"),
    ("adj_close", float("inf"), "a finite adjusted close", "inf"),
    *(
        (name, value, "a finite price from 0.0001 to 1,000,000,000 dollars", text)
        for name in ("open", "high", "low", "close")
        for value, text in (
            (0.0, "0.0"),
            (-10.0, "-10.0"),
            (0.00009, "9e-05"),
            (1.1e9, "1100000000.0"),
            (float("inf"), "inf"),
            (float("-inf"), "-inf"),
            (float("nan"), "NaN"),
            (None, "an empty cell"),
            (1.7e308, "1.7e+308"),
        )
    ),
]


@pytest.mark.parametrize(("column", "value", "bound", "text"), BAD_BAR_CELLS)
def test_a_wrong_cell_is_refused_by_file_row_column_value_and_bound(column, value, bound, text):
    refusal = refused(with_cell(bars(), 1, column, value))
    assert refusal.where == f"x.parquet, row 2, column {column}"
    assert bound in refusal.wanted
    assert text in refusal.received
    assert refusal.remedy


BAD_ACTION_CELLS = [
    ("symbol", "b", "[A-Z]", "'b'"),
    ("session", None, "a date in every row", "an empty cell"),
    *(
        ("split", value, "from 1/1000 to 1000", text)
        for value, text in (
            (0.0, "0.0"),
            (-2.0, "-2.0"),
            (0.0009, "0.0009"),
            (1000.5, "1000.5"),
            (float("nan"), "NaN"),
            (float("inf"), "inf"),
            (None, "an empty cell"),
        )
    ),
    *(
        ("dividend", value, "dollars per share from 0", text)
        for value, text in (
            (-0.01, "-0.01"),
            (float("nan"), "NaN"),
            (float("inf"), "inf"),
            (None, "an empty cell"),
        )
    ),
]


@pytest.mark.parametrize(("column", "value", "bound", "text"), BAD_ACTION_CELLS)
def test_a_wrong_action_is_refused_by_file_row_column_value_and_bound(column, value, bound, text):
    refusal = refused(with_cell(actions(), 2, column, value), validated_actions)
    assert refusal.where == f"x.parquet, row 3, column {column}"
    assert bound in refusal.wanted
    assert text in refusal.received


def test_rows_count_from_the_number_given_and_wrong_ones_are_counted():
    table = with_cell(with_cell(bars(), 3, "high", 0.0), 1, "volume", -1.0)
    refusal = refused(table, first_row=2)
    assert refusal.where == "x.parquet, row 3, column volume"
    assert "the first of 2 wrong rows" in refusal.received


def test_a_row_that_is_wrong_twice_counts_once():
    table = with_cell(with_cell(bars(), 1, "high", -1.0), 1, "volume", -1.0)
    assert "the only wrong row" in refused(table).received


def test_a_duplicate_names_both_rows():
    refusal = refused(bars([GOOD_BARS[0], *GOOD_BARS]))
    assert refusal.where == "x.parquet, row 2, column session"
    assert "AAA 2024-01-02 again, a duplicate of row 1" in refusal.received


def test_a_duplicate_far_from_its_twin_is_called_one():
    refusal = refused(bars([*GOOD_BARS, GOOD_BARS[1]]), first_row=2)
    assert refusal.where == "x.parquet, row 7, column session"
    assert "AAA 2024-01-03 again, a duplicate of row 3" in refusal.received


def test_sessions_out_of_order_name_the_row_and_its_neighbour():
    refusal = refused(bars([GOOD_BARS[n] for n in (0, 2, 1, 3)]))
    assert refusal.where == "x.parquet, row 3, column session"
    assert "AAA 2024-01-03 after AAA 2024-01-04" in refusal.received
    assert "sorted by symbol then session, or by session then symbol" in refusal.wanted


def test_symbols_out_of_order_are_refused():
    refusal = refused(bars([*GOOD_BARS[3:], *GOOD_BARS[:3]]))
    assert refusal.where == "x.parquet, row 3, column session"
    assert "AAA 2024-01-02 after B.B 2024-01-03" in refusal.received


def test_the_order_that_holds_longer_is_the_one_that_is_reported():
    by_session = [GOOD_BARS[n] for n in (0, 3, 1, 4, 2)]
    refusal = refused(bars([*by_session, GOOD_BARS[0]]))
    assert refusal.where == "x.parquet, row 6, column session"


def test_two_actions_of_a_symbol_on_one_date_are_refused():
    refusal = refused(actions([GOOD_ACTIONS[0], GOOD_ACTIONS[0]]), validated_actions)
    assert "duplicate of row 1" in refusal.received


def test_missing_and_unknown_columns_are_all_named():
    table = bars().rename_columns({"volume": "Volume", "open": "Open"})
    refusal = refused(table)
    assert refusal.received == "open, volume missing; 'Open', 'Volume' unknown"
    assert "symbol, session, open, high, low, close, volume and, if known, adj_close" in (
        refusal.wanted
    )


def test_a_column_that_is_there_twice_is_refused():
    table = bars().append_column("close", bars()["close"])
    assert refused(table).received == "close there more than once"


def test_bars_without_rows_are_refused():
    assert refused(BARS_SCHEMA.empty_table()).received == "no rows"


def _texts(*values: str) -> pa.Array:
    return pa.array(values, pa.string())


def _instants(*values: datetime, tz: str | None = None) -> pa.Array:
    return pa.array(values, pa.timestamp("us", tz))


MIDNIGHT, NOON = datetime(2024, 1, 2), datetime(2024, 1, 3, 12)
BAD_COLUMNS = [
    ("close", _texts("10.5", "ten"), 2, "a number", "'ten'"),
    ("close", _texts("10.5", "10.0"), 1, "numbers", "'10.5', in a column of type string"),
    ("volume", pa.array([True, False]), 1, "numbers", "True, in a column of type bool"),
    ("volume", _instants(MIDNIGHT, NOON), 1, "numbers", "timestamp[us]"),
    ("symbol", pa.array([1, 2]), 1, "text", "1, in a column of type int64"),
    ("symbol", pa.array([None, None], pa.null()), 1, "text in every row", "an empty cell"),
    ("session", pa.array([20240102, 20240103]), 1, "dates", "20240102"),
    ("session", _texts("2024-01-02", "01/03/2024"), 2, "YYYY-MM-DD", "'01/03/2024'"),
    ("session", _texts("2024-01-02", "2024-01-03 00:00:00"), 2, "YYYY-MM-DD", "00:00:00"),
    ("session", _texts("2024-01-02", "2024-02-30"), 2, "YYYY-MM-DD", "'2024-02-30'"),
    ("session", _instants(MIDNIGHT, NOON), 2, "midnight", "2024-01-03 12:00:00"),
    ("session", _instants(MIDNIGHT, NOON, tz="UTC"), 1, "without time zone", "tz=UTC"),
    ("session", pa.array([0, 10**7], pa.int32()).cast(pa.date32()), 2, "a date from", "10,000,000"),
    ("session", pa.array([None, None], pa.null()), 1, "a date in every row", "an empty cell"),
]


@pytest.mark.parametrize(("column", "values", "row", "bound", "text"), BAD_COLUMNS)
def test_a_column_of_another_type_is_refused(column, values, row, bound, text):
    refusal = refused(with_column(bars(GOOD_BARS[:2]), column, values))
    assert refusal.where == f"x.parquet, row {row}, column {column}"
    assert bound in refusal.wanted
    assert text in refusal.received


def test_decimal_prices_keep_their_value():
    prices = pa.array([Decimal("10.0500")], pa.decimal128(18, 4))
    table = bars([("AAA", "2024-01-02", 10.0, 11.0, 9.0, 10.0, 1.0, 1.0)])
    made = validated_bars(with_column(table, "close", prices), where="x")
    assert made["close"].to_pylist() == [10.05]


@pytest.mark.parametrize(
    ("split", "fraction"),
    [
        (2.0, "2"),
        (1.0, "1"),
        (0.125, "1/8"),
        (1.5, "3/2"),
        (3.000003, "3"),
        (0.3333333, "1/3"),
        (1.001, "1001/1000"),
        (0.001, "1/1000"),
    ],
)
def test_a_split_is_the_nearest_fraction_with_denominator_up_to_1000(split, fraction):
    assert split_fraction(split) == Fraction(fraction)
