"""What ``stocker simulate`` loads: in two seconds there is no time for packages it never uses."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stocker_pipeline_tests.stages.market_day import two_symbol_tables

COMMAND = """
import atexit, sys
atexit.register(lambda: print("loaded", *sorted(sys.modules)))
from stocker_pipeline.cli import main
main()
"""
UNUSED = {
    "alpaca",
    "bokeh_sampledata",
    "dagster",
    "dagster_dbt",
    "dbt",
    "duckdb",
    "exchange_calendars",
    "httpx",
    "jinja2",
    "matplotlib",
    "pandas",
    "PIL",
    "plotly",
    "pydantic_settings",
    "requests",
    "scipy.linalg",
    "scipy.stats",
    "sqlalchemy",
    "urllib3",
    "yfinance",
}


def loaded(*arguments: object, command: str = COMMAND) -> set[str]:
    """The modules that the command has loaded when it ends, run as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", command, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.fixture(scope="module")
def bars(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("market") / "bars.parquet"
    pq.write_table(two_symbol_tables()[0], path)
    return path


@pytest.fixture
def simulate(bars, tmp_path) -> tuple[object, ...]:
    short = ("--set", "lookback=10", "--set", "window=30")
    return ("simulate", "--bars", bars, "--portfolio", "trend", "--out", tmp_path / "out", *short)


def test_simulate_loads_nothing_that_it_does_not_use(simulate):
    modules = loaded(*simulate)
    assert "numba" in modules
    assert sorted(UNUSED & modules) == []


def test_a_process_that_is_not_the_commands_own_is_left_as_it_is(simulate):
    called = COMMAND.replace("import main\n", "import main as stocker\n").replace(
        "main()", "stocker()"
    )
    assert "pandas" in loaded(*simulate, command=called)


def test_help_loads_neither_the_engine_nor_dagster():
    assert sorted({"dagster", "numba", "numpy", "pyarrow", "pandas"} & loaded("--help")) == []
