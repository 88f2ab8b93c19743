"""``stocker ingest``: from a folder to the lake, with what came and what was refused."""

import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS
from stocker_pipeline_tests.stages.market_day import FIRST, LAST, two_symbol_tables


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "market"
    path.mkdir()
    for table, name in zip(two_symbol_tables(), ("bars", "actions"), strict=True):
        pq.write_table(table, path / f"{name}.parquet")
    return path


@pytest.fixture
def ingest(stocker):
    """Run the command in this process; returns exit code, standard output and error."""
    return lambda *arguments: stocker("ingest", *arguments)


def test_a_folder_is_ingested_over_its_own_range_and_twice_writes_nothing(ingest, folder, tmp_path):
    code, text, _ = ingest("--provider", "files", "--path", folder, "--json")
    answer = json.loads(text)
    assert code == 0
    assert answer["sessions"] == {"start": str(FIRST), "end": str(LAST)}
    brought = answer["raw_bars"]
    assert brought["rows_new"] == brought["rows_of_run"] == two_symbol_tables()[0].num_rows
    assert brought["source"] == "files"
    code, text, _ = ingest("--provider", "files", "--path", folder)
    assert code == 0
    assert "0 new, 0 changed, 0 withdrawn" in text
    assert Lake(str(tmp_path / "home" / "lake")).version(BARS) == 1


def test_an_answer_that_lacks_most_bars_is_told_and_taken_only_where_that_is_said(
    ingest, folder, tmp_path
):
    arguments = ("--provider", "files", "--path", folder)
    ingest(*arguments, "--json")
    bars = pq.read_table(folder / "bars.parquet")
    whole = bars.num_rows
    pq.write_table(bars.slice(whole // 4), folder / "bars.parquet")
    code, text, _ = ingest(*arguments, "--from", FIRST, "--to", LAST)
    assert code == 0
    assert "failed symbols" in text
    assert "--accept-withdrawals" in text
    lake = Lake(str(tmp_path / "home" / "lake"))
    assert lake.version(BARS) == 1
    code, text, _ = ingest(*arguments, "--from", FIRST, "--to", LAST, "--accept-withdrawals")
    assert f"0 changed, {whole // 4} withdrawn" in text
    assert lake.version(BARS) == 2


def test_refused_rows_are_listed_with_what_was_sent(ingest, folder):
    bars = pq.read_table(folder / "bars.parquet")
    pq.write_table(pa.concat_tables([bars, bars.slice(3, 1)]), folder / "bars.parquet")
    _, text, _ = ingest("--provider", "files", "--path", folder)
    assert "1 row refused: duplicate" in text
    assert "the same, and kept: bars.parquet, row 4" in " ".join(text.split())
    _, text, _ = ingest("--provider", "files", "--path", folder, "--json")
    (row,) = json.loads(text)["raw_bars"]["refused"]
    assert (row["symbol"], row["reason"]) == ("AAA", "duplicate")


def test_dates_between_sessions_are_moved_inwards_and_symbols_can_be_named(ingest, folder):
    code, text, _ = ingest(
        *("--provider", "files", "--path", folder, "--symbols", "BBB,ZZZ"),
        *("--from", "2020-02-01", "--to", "2020-02-16", "--json"),
    )
    answer = json.loads(text)
    assert code == 0
    assert answer["sessions"] == {"start": "2020-02-03", "end": "2020-02-14"}
    assert answer["raw_bars"]["rows_new"] == 10
    assert [row["symbol"] for row in answer["raw_bars"]["missing"]] == ["ZZZ"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--provider", "nobody", "--from", "2020-01-02", "--to", "2020-01-03"), 4, "yfinance"),
        (("--provider", "files", "--from", "2020-01-02", "--to", "2020-01-03"), 4, "--path"),
        (("--from", "2020-01-04", "--to", "2020-01-05"), 3, "holds a session"),
        (("--from", "2020-02-01", "--to", "2020-01-05"), 3, "not after the last"),
    ],
)
def test_a_request_that_cannot_be_is_refused_with_what_to_do(ingest, arguments, code, says):
    found, _, error = ingest(*arguments)
    assert found == code
    assert says in " ".join(error.split())


def test_the_folder_is_read_from_where_the_command_was_called(ingest, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    code, _, _ = ingest(
        "--provider", "files", "--path", "market", "--to", date(2020, 1, 10), "--json"
    )
    assert code == 0
