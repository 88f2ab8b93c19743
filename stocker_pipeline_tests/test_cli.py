"""The command line: what it prints for programs, and exit codes that mean something."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stocker_pipeline_tests.stages.market_day import two_symbol_tables


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    path = tmp_path / "bars.parquet"
    pq.write_table(two_symbol_tables()[0], path)
    return path


SHORT = ("--set", "lookback=10", "--set", "window=30")


def test_simulate_answers_in_json_and_writes_every_table(stocker, bars, tmp_path):
    out = tmp_path / "out"
    code, text, _ = stocker(
        "simulate", "--bars", bars, "--portfolio", "trend", "--out", out, *SHORT, "--json"
    )
    assert code == 0
    answer = json.loads(text)
    assert json.loads((out / "metrics.json").read_text()) == answer["metrics"]
    assert {path.name for path in out.iterdir()} == {
        "snapshots.parquet",
        "signals.parquet",
        "targets.parquet",
        "decisions.parquet",
        "orders.parquet",
        "fills.parquet",
        "positions.parquet",
        "corporate_action_entries.parquet",
        "metrics.json",
    }
    assert answer["metrics"]["sessions"] == pq.read_metadata(out / "snapshots.parquet").num_rows


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--portfolio", "nobody"), 4, "a strategy (trend, trend_literal"),
        (("--portfolio", "trend", "--set", "single_cap=-1"), 4, "parameters.single_cap"),
        (("--portfolio", "trend", "--set", "single_cap"), 4, "name=value"),
        (("--portfolio", "trend", "--set", "buffer=.nan"), 4, "finite"),
        (("--portfolio", "trend", "--start", "2020-02-30"), 3, "2020-02-30"),
        (("--portfolio", "trend", "--start", "2020-02-01"), 3, "nearest: 2020-01-31"),
    ],
)
def test_refusals_have_a_code_and_change_nothing(stocker, bars, tmp_path, arguments, code, told):
    out = tmp_path / "out"
    found, _, error = stocker("simulate", "--bars", bars, "--out", out, *arguments)
    assert found == code
    assert told in " ".join(error.split()) or told in error
    assert not out.exists()


def test_an_absent_file_is_refused_as_input(stocker, tmp_path):
    code, _, error = stocker(
        "simulate", "--bars", tmp_path / "no.parquet", "--portfolio", "trend", "--out", tmp_path
    )
    assert code == 3
    assert "no.parquet" in error.replace("\n", "")


def test_a_portfolio_can_be_a_yaml_file_of_its_own(stocker, bars, tmp_path):
    yaml = tmp_path / "mine.yaml"
    yaml.write_text(
        "attributes:\n  strategy: trend\n  parameters: {lookback: 10, window: 30, buffer: 0}\n"
    )
    code, text, _ = stocker(
        "simulate", "--bars", bars, "--portfolio", yaml, "--out", tmp_path / "o", "--json"
    )
    assert code == 0
    assert json.loads(text)["metrics"]["trades"] > 0


def test_a_key_that_stands_twice_in_a_yaml_is_refused(stocker, bars, tmp_path):
    yaml = tmp_path / "mine.yaml"
    yaml.write_text("strategy: trend\nstrategy: buy_and_hold\n")
    code, _, error = stocker(
        "simulate", "--bars", bars, "--portfolio", yaml, "--out", tmp_path / "o"
    )
    assert code == 3
    assert "twice" in error


def test_sessions_know_half_days(stocker):
    code, text, _ = stocker("sessions", "2012-11-19", "2012-11-26", "--json")
    rows = {row["session"]: row for row in json.loads(text)}
    assert code == 0
    assert "2012-11-22" not in rows
    assert rows["2012-11-23"]["half_day"]
    assert rows["2012-11-23"]["closes_at"] == "2012-11-23T18:00:00+00:00"


def test_a_report_of_nothing_says_what_to_do(stocker):
    code, _, error = stocker("report", "trend_backtest")
    assert code == 5
    assert "stocker backtest trend_backtest" in " ".join(error.split())
