"""Faults of a file as a whole: refused by file, row, column, value and bound."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.gateways.market_data.file_market import FileMarket
from stocker_pipeline.gateways.market_data.file_rows import file_rows

HEADER = "symbol,session,open,high,low,close,volume"
ROWS = ["AAA,2024-01-02,10,11,9,10.5,100", "AAA,2024-01-03,10,11,9,10.5,100"]
GOOD = "\n".join([HEADER, *ROWS]) + "\n"


@pytest.fixture
def refusal(tmp_path):
    def read(content):
        path = tmp_path / "bars.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(InputRefused) as refused:
            FileMarket(tmp_path).symbols()
        assert str(path) in refused.value.where
        assert list(tmp_path.iterdir()) == [path]
        return refused.value

    return read


STRUCTURAL = [
    ("volume", "volumes", "column names", "volume missing; 'volumes' unknown"),
    ("low,", "close,", "column names", "low missing; close there more than once"),
    ("100\n", "100,1\n", "row 2", "8 cells"),
    ("\n", ",note\n", "column names", "'note' unknown"),
    ("AAA,2024-01-03", "aaa,2024-01-03", "row 3, column symbol", "'aaa'"),
    ("AAA,2024-01-03", ",2024-01-03", "row 3, column symbol", "an empty cell"),
    ("AAA,2024-01-03", "\nAAA,2024-01-03", "row 3, column symbol", "an empty cell"),
    ("2024-01-03,10,", "2024-01-03,", "row 3", "6 cells"),
    (",", ";", "column names", "symbol, session, open"),
]


@pytest.mark.parametrize(("old", "new", "where", "received"), STRUCTURAL)
def test_a_structural_fault_is_refused_by_its_place(refusal, old, new, where, received):
    assert old in GOOD
    found = refusal(GOOD.replace(old, new))
    assert where in found.where
    assert received in found.received
    assert found.wanted
    assert found.remedy


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"", "zero bytes"),
        (b"\n\n", "blank lines"),
        (GOOD.encode().replace(b"AAA", b"N\xc4"), "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_refused(refusal, content, received):
    assert received in refusal(content).received


@pytest.mark.parametrize(
    ("column", "values", "received"),
    [
        ("open", pa.array([True, False]), "type bool"),
        ("symbol", pa.array([1, 2]), "type int64"),
        ("session", pa.array([1.0, 2.0]), "type double"),
        ("session", pa.array([datetime(2024, 1, 2, 5, tzinfo=UTC)] * 2), "tz=UTC"),
        ("session", pa.array([datetime(2024, 1, 2, 5)] * 2), "05:00:00"),
    ],
)
def test_a_column_of_another_kind_is_refused(tmp_path, column, values, received):
    table = pa.table(
        {"symbol": ["AAA", "AAA"], "session": ["2024-01-02", "2024-01-03"]}
        | {name: [1.0, 1.0] for name in ("open", "high", "low", "close", "volume")}
        | {column: values}
    )
    pq.write_table(table, tmp_path / "bars.parquet")
    with pytest.raises(InputRefused) as refused:
        FileMarket(tmp_path).symbols()
    assert f"column {column}" in refused.value.where
    assert received in refused.value.received


@pytest.mark.parametrize(
    ("date_format", "text", "day"),
    [
        ("%Y-%m-%d", "2024-01-02", "2024-01-02"),
        ("%Y%m%d", "20240102", "2024-01-02"),
        ("%d.%m.%Y", "02.01.2024", "2024-01-02"),
        ("%Y-%m-%dT%H:%M:%S.%fZ", "2024-01-02T21:00:00.000Z", "2024-01-02"),
        ("%Y%m%d", "2024-01-02", "NaT"),
    ],
)
def test_dates_are_read_in_the_format_given(tmp_path, date_format, text, day):
    path = tmp_path / "AAA.csv"
    path.write_text(f"d\n{text}\n")
    columns = {"symbol": None, "session": "d"}
    read = file_rows([path], columns, date_format=date_format, other_columns="refused")
    np.testing.assert_array_equal(read.days, np.array([day], "datetime64[D]"))
    assert bool(read.faults) == (day == "NaT")


def test_whole_numbers_are_dates_where_the_format_says_so(tmp_path):
    pq.write_table(pa.table({"d": [20240102]}), tmp_path / "AAA.parquet")
    read = file_rows(
        [tmp_path / "AAA.parquet"],
        {"symbol": None, "session": "d"},
        date_format="%Y%m%d",
        other_columns="refused",
    )
    assert str(read.days[0]) == "2024-01-02"


def test_rows_of_several_files_are_named_by_file_and_row(tmp_path):
    for name, rows in (("BBB", 2), ("AAA", 3), ("CCC", 0)):
        (tmp_path / f"{name}.csv").write_text("d,v\n" + "2024-01-02,x\n" * rows)
    read = file_rows(
        [tmp_path / f"{name}.csv" for name in ("BBB", "CCC", "AAA")],
        {"symbol": None, "session": "d", "close": "v"},
        date_format="%Y-%m-%d",
        other_columns="refused",
    )
    assert [read.names[code] for code in read.symbols] == ["BBB"] * 2 + ["AAA"] * 3
    assert [read.place(row) for row in (0, 1, 2, 4)] == [
        "BBB.csv, row 2",
        "BBB.csv, row 3",
        "AAA.csv, row 2",
        "AAA.csv, row 4",
    ]
    assert sorted(read.faults) == [0, 1, 2, 3, 4]


def test_a_file_whose_name_is_no_symbol_is_refused_where_names_are_symbols(tmp_path):
    (tmp_path / "spy.csv").write_text("d\n2024-01-02\n")
    with pytest.raises(InputRefused, match="'spy'"):
        file_rows(
            [tmp_path / "spy.csv"],
            {"symbol": None, "session": "d"},
            date_format="%Y-%m-%d",
            other_columns="refused",
        )
