"""Rows of a file that cannot be bars: left out, each with its reason and evidence."""

from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.gateways.market_data.file_market import FileMarket

SPAN = date(2000, 1, 1), date(2030, 1, 1)
BARS_CSV = """\
symbol,session,open,high,low,close,volume,adj_close
AAA,2024-01-02,10,11,9,10.5,100,10.4
AAA,2024-01-03,10.5,10.5,10,10,,
AAA,2024-01-05,10,12,10,12,7e3,12
NA,2024-01-02,1.25,1.5,1.25,1.5,3,1.5
"""


@pytest.fixture
def answer(tmp_path):
    def read(content, symbols=("AAA", "NA"), span=SPAN):
        (tmp_path / "bars.csv").write_text(content)
        return FileMarket(tmp_path).fetch(symbols, *span)

    return read


def refused(answer):
    return [tuple(row.values()) for row in answer.refused_rows.to_pylist()]


def _of(answer, symbol):
    return [row["session"] for row in answer.bars.to_pylist() if row["symbol"] == symbol]


REFUSED = [
    ("text in numbers", "10,11,9", "10,eleven,9", "2024-01-02", "unreadable", "'eleven'"),
    ("a thousands separator", ",7e3,", ',"7,000",', "2024-01-05", "unreadable", "'7,000'"),
    ("a unit", "12,7e3", "12 USD,7e3", "2024-01-05", "unreadable", "column close"),
    ("infinity", "10,11,9", "10,inf,9", "2024-01-02", "unreadable", "'inf'"),
    ("too large a number", "10,11,9", "10,1e999,9", "2024-01-02", "unreadable", "'1e999'"),
    ("two wrong cells", "10,11,9", "x,11,y", "2024-01-02", "unreadable", "column low"),
    ("a holiday", "2024-01-02,10", "2024-01-01,10", "2024-01-01", "not_a_session", "open 10.0"),
    ("a Saturday", "2024-01-05", "2024-01-06", "2024-01-06", "not_a_session", "Saturday"),
    ("years ago", "2024-01-05", "1924-01-05", "1924-01-05", "not_a_session", "1924"),
    ("no numbers", "10.5,10.5,10,10,,", ",,,,,", "2024-01-03", "no_numbers", "row 3"),
    ("only adj_close", "10.5,10.5,10,10,,", "nan,,,,,7", "2024-01-03", "no_numbers", "row 3"),
    ("another date form", "2024-01-05", "01/05/2024", None, "unreadable", "'01/05/2024'"),
    ("an impossible date", "2024-01-05", "2024-02-30", None, "unreadable", "'2024-02-30'"),
    ("no date", "2024-01-05", "", None, "unreadable", "an empty cell"),
]


@pytest.mark.parametrize(
    ("old", "new", "session", "reason", "evidence"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_a_row_that_cannot_be_a_bar_is_left_out_and_listed(
    answer, old, new, session, reason, evidence
):
    assert BARS_CSV.count(old) == 1
    found = answer(BARS_CSV.replace(old, new), span=(date(1920, 1, 1), SPAN[1]))
    assert found.bars.num_rows == 3
    [(symbol, day, why, text)] = refused(found)
    assert (symbol, why) == ("AAA", reason)
    assert day == (date.fromisoformat(session) if session else None)
    assert text.startswith("bars.csv, row ")
    assert evidence in text


FIRST_ROW = (
    "bars.csv, row 2: open 10.0, high 11.0, low 9.0, close 10.5, volume 100.0, adj_close 10.4"
)


def test_the_same_bar_again_is_noted_with_both_rows(answer):
    found = answer(BARS_CSV + "AAA,2024-01-02,10,11,9,10.5,100,10.4\n")
    assert found.bars["close"][0].as_py() == 10.5
    row = FIRST_ROW.replace("row 2", "row 6")
    text = f"{row}; the same, and kept: {FIRST_ROW}"
    assert refused(found) == [("AAA", date(2024, 1, 2), "duplicate", text)]


def test_of_two_bars_that_differ_neither_stands_and_the_evidence_shows_both(answer):
    found = answer(BARS_CSV + "AAA,2024-01-02,10,11,9,10.75,100,10.4\n")
    assert date(2024, 1, 2) not in _of(found, "AAA")
    other = FIRST_ROW.replace("row 2", "row 6").replace("10.5", "10.75")
    assert [row[3] for row in refused(found)] == [
        f"{FIRST_ROW}; neither kept: {other}",
        f"{other}; neither kept: {FIRST_ROW}",
    ]


def test_a_row_that_is_no_bar_is_no_duplicate_either(answer):
    found = answer(BARS_CSV.replace("10,11,9", "x,11,9") + "AAA,2024-01-02,1,1,1,1,1,1\n")
    assert found.bars["close"][0].as_py() == 1
    assert [row[2] for row in refused(found)] == ["unreadable"]


def test_of_three_bars_one_that_differs_is_enough(answer):
    again = "AAA,2024-01-02,10,11,9,10.5,100,10.4\n"
    found = answer(BARS_CSV + again + "AAA,2024-01-02,2,2,2,2,2,2\n")
    assert [row[2] for row in refused(found)] == ["duplicate"] * 3
    assert _of(found, "AAA") == [date(2024, 1, 3), date(2024, 1, 5)]


def test_refused_rows_are_those_asked_for_and_those_without_a_date(answer):
    wrong = BARS_CSV.replace("10,11,9", "x,11,9").replace("2024-01-05", "soon").replace("1.25", "y")
    days = date(2024, 1, 3), date(2024, 1, 4)
    assert [row[:2] for row in refused(answer(wrong, ["AAA"], days))] == [("AAA", None)]
    assert [row[:2] for row in refused(answer(wrong, ["NA"], days))] == []
    assert [row[:2] for row in refused(answer(wrong))] == [
        ("AAA", None),
        ("AAA", date(2024, 1, 2)),
        ("NA", date(2024, 1, 2)),
    ]


def test_a_symbol_left_without_a_bar_by_an_unreadable_row_fails(answer):
    found = answer(BARS_CSV.replace("1.25,1.5,", "1.25,?,"))
    assert list(found.failed) == ["NA"]
    assert "bars.csv, row 5: column high" in found.failed["NA"]
    assert dict(found.missing) == {}


def test_a_symbol_whose_rows_are_on_no_session_is_missing(answer):
    found = answer(BARS_CSV.replace("NA,2024-01-02", "NA,2024-01-06"))
    assert dict(found.missing) == {"NA": "the source does not have this symbol"}
    assert dict(found.failed) == {}


def test_a_symbol_without_a_bar_in_the_range_is_missing_with_its_span(answer):
    found = answer(BARS_CSV, ["AAA"], (date(2024, 1, 8), date(2024, 1, 9)))
    assert dict(found.missing) == {
        "AAA": "no bar in the range asked for; its bars run from 2024-01-02 to 2024-01-05"
    }


def test_a_parquet_file_is_judged_by_the_same_rules(tmp_path):
    pq.write_table(
        pa.table(
            {
                "symbol": pa.array(["AAA"] * 5).dictionary_encode(),
                "session": pa.array(
                    [datetime(2024, 1, day) if day else None for day in (2, 3, 4, 0, 6)],
                    pa.timestamp("ns"),
                ),
                "open": [1.0, float("inf"), None, 4.0, 5.0],
                "high": pa.array(["1", "2", None, "4", "5"], pa.large_string()),
                "low": [1, 2, None, 4, 5],
                "close": [1.0, 2.0, float("nan"), 4.0, 5.0],
                "volume": pa.array([None] * 5, pa.null()),
            }
        ),
        tmp_path / "bars.parquet",
    )
    found = FileMarket(tmp_path).fetch(["AAA"], *SPAN)
    assert [tuple(row.values())[:7] for row in found.bars.to_pylist()] == [
        ("AAA", date(2024, 1, 2), 1.0, 1.0, 1.0, 1.0, None)
    ]
    assert [row[1:3] for row in refused(found)] == [
        (None, "unreadable"),
        (date(2024, 1, 3), "unreadable"),
        (date(2024, 1, 4), "no_numbers"),
        (date(2024, 1, 6), "not_a_session"),
    ]
    assert refused(found)[1][3].startswith("bars.parquet, row 2: column open")


def test_files_without_a_row_are_refused(tmp_path):
    (tmp_path / "bars.csv").write_text(BARS_CSV.splitlines()[0] + "\n")
    with pytest.raises(InputRefused, match="at least one bar"):
        FileMarket(tmp_path).symbols()


def test_a_column_that_the_mapping_says_is_not_there_is_unknown(tmp_path):
    (tmp_path / "daily.csv").write_text("day,nav\n2024-01-02,10.5\n")
    (tmp_path / "mapping.yaml").write_text(
        "bars: {file: daily, columns: {symbol: null, session: day, open: nav, high: nav, low: nav, "
        "close: nav, volume: null}}"
    )
    with pytest.raises(InputRefused, match="'daily'"):
        FileMarket(tmp_path).symbols()
    (tmp_path / "daily.csv").rename(tmp_path / "FUND.csv")
    mapping = (tmp_path / "mapping.yaml").read_text()
    (tmp_path / "mapping.yaml").write_text(mapping.replace("daily", "FUND"))
    found = FileMarket(tmp_path).fetch(["FUND"], *SPAN)
    assert [tuple(row.values())[2:8] for row in found.bars.to_pylist()] == [
        (10.5, 10.5, 10.5, 10.5, None, None)
    ]
