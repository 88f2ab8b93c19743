"""A notebook reads what the product has, changes nothing, and is told what it asked wrongly."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import SNAPSHOTS
from stocker_pipeline.research import Backtest, Research
from stocker_pipeline.stages.warehouse_file import WarehouseBusy
from stocker_pipeline.strategies.portfolio import portfolio_from


@pytest.fixture
def research(sample_home, monkeypatch) -> Research:
    monkeypatch.delenv("STOCKER_LAKE_URI", raising=False)
    return Research(sample_home)


@pytest.fixture(scope="module")
def tested(sample_home) -> Backtest:
    return Research(sample_home).backtest("trend_backtest", first="2004-01-02", last="2005-12-30")


def test_bars_are_raw_as_traded_and_prices_put_symbols_side_by_side(research):
    bars = research.bars("AAPL", first="2005-02-25", last=date(2005, 2, 28))
    assert list(bars["close"]) == [88.99, 44.86]
    assert bars["session"].dtype.kind == "M"
    prices = research.prices(["AAPL", "IBM"], "open", first="2005-02-25", last="2005-02-28")
    assert prices.shape == (2, 2)
    assert prices["AAPL"].iloc[1] == bars["open"][1]
    splits = research.corporate_actions("AAPL", first="2005-02-25", last="2005-02-28")["split"]
    assert list(splits) == [2.0]


def test_a_past_instant_knows_nothing_of_what_was_ingested_later(research):
    assert research.bars("AAPL", as_of=datetime(2013, 3, 31, tzinfo=UTC)).empty


def test_a_backtest_is_the_engines_and_its_tables_sum_to_its_nav(tested):
    snapshots = tested.table("snapshots").set_index("session")
    pd.testing.assert_series_equal(tested.nav, snapshots["nav"], check_names=False)
    grown = 100_000 * np.cumprod(1 + tested.returns)
    np.testing.assert_allclose(grown, tested.nav, rtol=1e-12)
    assert tested.metrics["final_nav"] == pytest.approx(tested.nav.iloc[-1])
    assert tested.metrics["sessions"] == len(tested.nav) == 504


def test_parameters_capital_and_universe_take_the_place_of_the_portfolios(research):
    span = {"first": "2004-01-02", "last": "2004-03-31"}
    done = research.backtest(
        "trend_backtest",
        universe=["IBM", "MSFT"],
        parameters={"lookback": 20, "window": 40},
        initial_capital=5_000,
        **span,
    )
    portfolio = done.simulation.portfolio
    assert portfolio.universe == ["IBM", "MSFT"]
    assert portfolio.parameters.lookback == 20
    assert portfolio.initial_capital == 5_000.0
    assert set(done.table("fills")["symbol"]) <= {"IBM", "MSFT"}
    with pytest.raises(ConfigurationRefused, match="lookback"):
        research.backtest("trend_backtest", parameters={"lookback": -1})


def test_its_yaml_is_read_as_the_very_portfolio(tested):
    written = yaml.safe_load(tested.to_yaml())
    assert portfolio_from(written["attributes"], where="yaml") == tested.simulation.portfolio


def test_its_tear_sheet_is_a_page(tested, tmp_path):
    page = tested.write_tear_sheet(tmp_path / "sheet.html")
    assert "trend_backtest" in page.read_text(encoding="utf-8")


def test_the_book_of_a_backtest_is_read_from_the_lake(tmp_path, tested):
    rows = tested.simulation.tables["snapshots"]
    names = pa.array(["mine"] * rows.num_rows)
    Lake(str(tmp_path / "lake")).replace(
        SNAPSHOTS,
        rows.append_column("portfolio", names).drop_columns("portfolio"),
        portfolio="mine",
    )
    found = Research(tmp_path).snapshots("mine", first="2004-02-02")
    assert found.index[0] == pd.Timestamp("2004-02-02")
    assert found["nav"].iloc[-1] == tested.nav.iloc[-1]
    assert found["nav"].dtype == np.float64


@pytest.mark.parametrize(
    ("ask", "wanted"),
    [
        (lambda r: r.prices(column="price"), "one of open, high, low, close"),
        (lambda r: r.bars(first="yesterday"), "YYYY-MM-DD"),
        (lambda r: r.book("trend_backtest", "lots"), "one of signals"),
        (lambda r: r.snapshots("trend_backtest"), "stocker backtest trend_backtest"),
        (lambda r: r.marts(), "marts that were built"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(research, ask, wanted):
    with pytest.raises(InputRefused, match=wanted):
        ask(research)


def test_marts_are_facts_and_dimensions_by_name(tmp_path):
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("create table fct_nav as select 1.5 as nav")
        connection.execute("create table stg_nav as select 1 as nav")
    found = Research(tmp_path)
    assert found.marts() == ["fct_nav"]
    assert list(found.mart("fct_nav")["nav"]) == [1.5]
    with pytest.raises(InputRefused, match="fct_nav"):
        found.mart('fct_nav"; drop table fct_nav; --')


def test_a_warehouse_that_another_process_writes_is_named(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    holder = "import duckdb,sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(WarehouseBusy, match=str(writer.pid)):
            Research(tmp_path).marts()
        writer.communicate(b"\n")


def test_nothing_is_written(sample_home, research):
    def files() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in sample_home.rglob("*")}

    before = files()
    research.bars()
    research.backtest("buy_and_hold", universe=["IBM"], last="2001-01-31").metrics  # noqa: B018
    assert files() == before
