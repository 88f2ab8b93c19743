"""Files of bars and actions: what is read, and how a file that cannot be is refused."""

import os
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.gateways.market_data.files import read_actions, read_bars

BARS_CSV = """\
symbol,session,open,high,low,close,volume,adj_close
AAA,2024-01-02,10,11,9,10.5,100,10.4
AAA,2024-01-03,10.5,10.5,10,10,,
AAA,2024-01-05,10,12,10,12,7e3,12
NA,2024-01-02,1.25,1.5,1.25,1.5,3,1.5
"""
ACTIONS_CSV = """\
symbol,session,split,dividend
AAA,2024-01-03,2,0
NA,2024-01-07,1.0,0.25
"""


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def bars(write):
    return read_bars(write("bars.csv", BARS_CSV))


def refused(path, read=read_bars):
    before = sorted(path.parent.iterdir())
    with pytest.raises(InputRefused) as refusal:
        read(path)
    assert str(path) in refusal.value.where
    assert sorted(path.parent.iterdir()) == before
    return refusal.value


def test_a_csv_has_the_values_that_are_written_in_it(bars):
    assert bars.schema.equals(BARS_SCHEMA)
    assert [tuple(row.values()) for row in bars.to_pylist()] == [
        ("AAA", date(2024, 1, 2), 10.0, 11.0, 9.0, 10.5, 100.0, 10.4),
        ("AAA", date(2024, 1, 3), 10.5, 10.5, 10.0, 10.0, None, None),
        ("AAA", date(2024, 1, 5), 10.0, 12.0, 10.0, 12.0, 7000.0, 12.0),
        ("NA", date(2024, 1, 2), 1.25, 1.5, 1.25, 1.5, 3.0, 1.5),
    ]


@pytest.mark.parametrize("name", ["bars.parquet", "BARS.PARQUET", "bars.pq"])
def test_parquet_and_csv_of_the_same_bars_are_the_same_table(bars, tmp_path, name):
    pq.write_table(bars, tmp_path / name)
    assert read_bars(tmp_path / name).equals(bars)
    assert read_bars(str(tmp_path / name)).equals(bars)


@pytest.mark.parametrize(
    "content",
    [
        BARS_CSV.replace("\n", "\r\n"),
        BARS_CSV.rstrip("\n"),
        BARS_CSV + "\n\n",
        "\ufeff" + BARS_CSV,
        BARS_CSV.replace("NA,", '"NA",'),
    ],
    ids=["crlf", "no last newline", "blank last lines", "byte order mark", "quotes"],
)
def test_the_usual_ways_to_write_a_csv_are_read(bars, write, content):
    assert read_bars(write("other.csv", content)).equals(bars)


def test_actions_without_rows_are_fine(write, tmp_path):
    header = write("actions.csv", ACTIONS_CSV.splitlines()[0] + "\n")
    assert read_actions(header).equals(ACTIONS_SCHEMA.empty_table())
    pq.write_table(ACTIONS_SCHEMA.empty_table(), tmp_path / "actions.parquet")
    assert read_actions(tmp_path / "actions.parquet").num_rows == 0


def test_pandas_row_labels_are_left_out(bars, tmp_path):
    path = tmp_path / "bars.parquet"
    frame = bars.to_pandas()
    frame.index = [7, 3, 5, 1]
    frame.to_parquet(path)
    assert "__index_level_0__" in pq.read_schema(path).names
    assert read_bars(path).equals(bars)


def test_a_pandas_index_with_names_is_columns(bars, tmp_path):
    path = tmp_path / "bars.parquet"
    bars.to_pandas().set_index(["symbol", "session"]).to_parquet(path)
    assert read_bars(path).equals(bars)


def test_a_pandas_index_of_dates_without_a_name_is_refused_with_the_remedy(bars, tmp_path):
    path = tmp_path / "bars.parquet"
    bars.to_pandas().set_index("session").rename_axis(None).to_parquet(path)
    refusal = refused(path)
    assert "column __index_level_0__" in refusal.where
    assert 'df.index.name = "session"' in refusal.remedy


def test_folder_names_are_no_columns(bars, tmp_path):
    folder = tmp_path / "symbol=AAA"
    folder.mkdir()
    pq.write_table(bars.drop_columns(["symbol"]), folder / "bars.parquet")
    assert "symbol missing" in refused(folder / "bars.parquet").received


BAD_CSV = [
    ("text in numbers", "10.5,10.5,10,10,,", "10.5,ten,10,10,,", "row 3, column high", "'ten'"),
    ("a thousands separator", ",7e3,", ',"7,000",', "row 4, column volume", "'7,000'"),
    ("a unit", "1.5,3,", "1.5,3 USD,", "row 5, column volume", "'3 USD'"),
    ("an empty price", "10,11,9", "10,,9", "row 2, column high", "an empty cell"),
    ("a price of nan", "10,11,9", "10,nan,9", "row 2, column high", "NaN"),
    ("a negative price", "10,11,9", "10,11,-9", "row 2, column low", "-9.0"),
    ("high below low", "10,11,9", "10,8,9", "row 2, column high", "high 8.0 with low 9.0"),
    ("a symbol in small letters", "NA,", "na,", "row 5, column symbol", "'na'"),
    ("an empty symbol", "NA,", ",", "row 5, column symbol", "an empty cell"),
    ("no session", "2024-01-05", "2024-01-06", "row 4, column session", "Saturday"),
    ("another date form", "2024-01-05", "01/05/2024", "row 4, column session", "'01/05/2024'"),
    ("an impossible date", "2024-01-05", "2024-02-30", "row 4, column session", "'2024-02-30'"),
    ("unsorted", "2024-01-05", "2023-12-29", "row 4, column session", "after AAA 2024-01-03"),
    ("a duplicate", "2024-01-05", "2024-01-03", "row 4, column session", "duplicate of row 3"),
    ("a missing column", "volume,", "volumes,", "column names", "volume missing"),
    ("an unknown column", "volume,", "volumes,", "column names", "'volumes' unknown"),
    ("a column twice", "adj_close\n", "close\n", "column names", "close there more than once"),
    ("a short line", "10.5,10.5,10,10,,", "10.5,10.5,10,10", "row 3", "6 cells"),
    ("a long line", "10.5,10.5,10,10,,", "10.5,10.5,10,10,,,", "row 3", "9 cells"),
    ("a blank line", "AAA,2024-01-05", "\nAAA,2024-01-05", "row 4, column symbol", "an empty"),
    ("semicolons", ",", ";", "column names", "symbol, session, open"),
]


@pytest.mark.parametrize(
    ("old", "new", "where", "received"),
    [case[1:] for case in BAD_CSV],
    ids=[case[0] for case in BAD_CSV],
)
def test_a_bad_csv_is_refused_by_line_column_and_value(write, old, new, where, received):
    assert old in BARS_CSV
    refusal = refused(write("bars.csv", BARS_CSV.replace(old, new)))
    assert where in refusal.where
    assert received in refusal.received
    assert refusal.wanted
    assert refusal.remedy


def test_text_in_a_number_column_of_parquet_is_refused(bars, tmp_path):
    texts = pa.array(["10", "10.5", "ten", "1.25"])
    pq.write_table(bars.set_column(2, "open", texts), tmp_path / "bars.parquet")
    refusal = refused(tmp_path / "bars.parquet")
    assert refusal.where.endswith("bars.parquet, row 3, column open")
    assert "'ten'" in refusal.received


def test_bars_of_zero_rows_are_refused(write, tmp_path):
    assert refused(write("bars.csv", BARS_CSV.splitlines()[0])).received == "no rows"
    pq.write_table(BARS_SCHEMA.empty_table(), tmp_path / "bars.parquet")
    assert refused(tmp_path / "bars.parquet").received == "no rows"


@pytest.mark.parametrize("read", [read_bars, read_actions])
@pytest.mark.parametrize(
    ("name", "content", "received"),
    [
        ("x.parquet", b"", "zero bytes"),
        ("x.csv", b"", "zero bytes"),
        ("x.csv", b"\n\n", "blank lines"),
        ("x.parquet", b"PAR1 but not really PAR1", "cannot be read as parquet"),
        ("x.parquet", BARS_CSV.encode(), "cannot be read as parquet"),
        ("x.xlsx", b"PK", "a file named x.xlsx"),
        ("bars", b"PAR1", "a file named bars"),
    ],
)
def test_a_file_that_is_no_table_is_refused(write, read, name, content, received):
    assert received in refused(write(name, content), read).received


def test_a_csv_in_another_encoding_is_refused(write):
    content = BARS_CSV.encode().replace(b"NA,", b"N\xc4,")
    assert refused(write("bars.csv", content)).received


def test_an_absent_file_and_a_directory_are_refused(tmp_path):
    assert refused(tmp_path / "no.parquet").received == "no such file"
    (tmp_path / "dir.parquet").mkdir()
    assert refused(tmp_path / "dir.parquet").received == "a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused(write):
    path = write("bars.csv", BARS_CSV)
    path.chmod(0)
    assert "cannot be read" in refused(path).received


def test_a_damaged_parquet_file_is_refused(bars, tmp_path):
    path = tmp_path / "bars.parquet"
    pq.write_table(bars, path, compression="snappy")
    path.write_bytes(path.read_bytes()[:-20])
    assert "cannot be read as parquet" in refused(path).received
