"""Instruments from files."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.gateways.market_data.instruments import (
    INSTRUMENTS_SCHEMA,
    read_instruments,
    validated_instruments,
)

KNOWN_AT = datetime(2024, 1, 2, 3, 4, tzinfo=UTC)
CSV = """\
symbol,name,asset_class,exchange,currency,sector,first_session,last_session,tradable,shortable
TWTR,Twitter,us_equity,NYSE,USD,,2013-11-07,2022-10-27,false,false
AAPL,"Apple, Inc.",us_equity,NASDAQ,USD,Technology,1980-12-12,,true,True
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="instruments.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_a_csv_has_the_values_that_are_written_in_it(write):
    table = read_instruments(write(CSV), known_at=KNOWN_AT)
    assert table.schema.equals(INSTRUMENTS_SCHEMA)
    apple, twitter = table.to_pylist()
    assert apple == {
        "symbol": "AAPL",
        "name": "Apple, Inc.",
        "asset_class": "us_equity",
        "exchange": "NASDAQ",
        "currency": "USD",
        "sector": "Technology",
        "first_session": date(1980, 12, 12),
        "last_session": None,
        "tradable": True,
        "shortable": True,
        "source": "file:instruments.csv",
        "known_at": KNOWN_AT,
    }
    assert (twitter["symbol"], twitter["sector"]) == ("TWTR", None)
    assert twitter["last_session"] == date(2022, 10, 27)
    assert (twitter["tradable"], twitter["shortable"]) == (False, False)


def test_what_is_not_known_may_be_left_out(write):
    text = "symbol,asset_class,exchange,currency,tradable,shortable\nA,etf,ARCA,USD,true,false\n"
    (row,) = read_instruments(write(text), known_at=KNOWN_AT).to_pylist()
    assert [row[name] for name in ("name", "sector", "first_session", "last_session")] == [None] * 4


def test_source_and_time_of_a_file_that_has_them_are_kept(write):
    header, *lines = CSV.splitlines()
    text = "\n".join(
        [f"{header},source,known_at", *(f"{line},me,2020-01-01T00:00:00Z" for line in lines)]
    )
    table = read_instruments(write(text), known_at=KNOWN_AT)
    assert set(table["source"].to_pylist()) == {"me"}
    assert set(table["known_at"].to_pylist()) == {datetime(2020, 1, 1, tzinfo=UTC)}


def test_parquet_and_csv_of_the_same_instruments_are_the_same_table(write, tmp_path):
    table = read_instruments(write(CSV), known_at=KNOWN_AT)
    path = tmp_path / "instruments.parquet"
    pq.write_table(table, path)
    assert read_instruments(path, known_at=datetime(2030, 1, 1, tzinfo=UTC)).equals(table)
    assert validated_instruments(table, where="x").equals(table)


def test_no_instruments_are_an_empty_table(write):
    table = read_instruments(write(CSV.splitlines()[0] + "\n"), known_at=KNOWN_AT)
    assert table.equals(INSTRUMENTS_SCHEMA.empty_table())


@pytest.mark.parametrize(
    ("old", "new", "where", "received"),
    [
        ("AAPL,", "aapl,", "row 3, column symbol", "'aapl'"),
        ("AAPL,", "TWTR,", "row 3, column symbol", "TWTR again, as in row 2"),
        ("AAPL,", ",", "row 3, column symbol", "an empty cell"),
        ("NASDAQ,USD", "NASDAQ,$", "row 3, column currency", "'$'"),
        ("NYSE,USD", ",USD", "row 2, column exchange", "an empty cell"),
        ("true,True", "yes,True", "row 3, column tradable", "'yes'"),
        ("true,True", "true,", "row 3, column shortable", "an empty cell"),
        ("1980-12-12", "12/12/1980", "row 3, column first_session", "'12/12/1980'"),
        ("2013-11-07", "2023-11-07", "row 2, column last_session", "2023-11-07 to 2022-10-27"),
        ("exchange", "market", "column names", "exchange missing; 'market' unknown"),
    ],
)
def test_a_wrong_cell_is_refused_by_line_column_and_value(write, old, new, where, received):
    assert old in CSV
    path = write(CSV.replace(old, new))
    with pytest.raises(InputRefused) as refusal:
        read_instruments(path, known_at=KNOWN_AT)
    assert refusal.value.where == f"{path}, {where}"
    assert received in refusal.value.received


@pytest.mark.parametrize("at", ["2020-01-01", "2020-01-01T00:00:00", "yesterday"])
def test_a_time_without_its_zone_is_refused(write, at):
    header, line, _ = CSV.splitlines()
    path = write(f"{header},known_at\n{line},{at}\n")
    with pytest.raises(InputRefused, match="time zone") as refusal:
        read_instruments(path, known_at=KNOWN_AT)
    assert refusal.value.received.startswith(repr(at))


def test_no_such_file_is_refused(tmp_path):
    with pytest.raises(InputRefused, match="no such file"):
        read_instruments(tmp_path / "none.csv", known_at=KNOWN_AT)


def test_a_dictionary_column_of_a_parquet_file_is_text(tmp_path, write):
    table = read_instruments(write(CSV), known_at=KNOWN_AT)
    place = table.column_names.index("sector")
    coded = table.set_column(place, "sector", table["sector"].dictionary_encode())
    pq.write_table(coded, tmp_path / "coded.parquet")
    read = read_instruments(tmp_path / "coded.parquet", known_at=KNOWN_AT)
    assert read.equals(table)
    assert isinstance(read, pa.Table)
