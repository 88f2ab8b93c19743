"""The worked examples of the rule sheet, to the share and to 1/10,000 dollar."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stocker_pipeline.stages.simulate import Request, Simulation, simulate_files

CASES = {
    "raw_splits_dividends": "trend",
    "literal_adjusted": "trend_literal",
    "gaps_two_step": "trend",
}
MONEY = ("nav", "cash", "realised", "unrealised", "dividends", "cash_in_lieu", "commissions")


@pytest.fixture(params=CASES)
def example(request: pytest.FixtureRequest, shared_dir: Path) -> tuple[Path, Simulation]:
    folder = shared_dir / "golden" / request.param
    case = json.loads((folder / "case.json").read_text())
    simulation = simulate_files(
        Request(
            bars=folder / "bars.parquet",
            actions=folder / "actions.parquet",
            portfolio=CASES[request.param],
            start=date.fromisoformat(case["start"]),
            end=date.fromisoformat(case["end"]),
            initial_capital=case["initial_capital"],
            universe=tuple(case["universe"]),
            parameters=case["parameters"],
        )
    )
    return folder / "expected", simulation


def actual(simulation: Simulation, table: str) -> pd.DataFrame:
    frame = simulation.tables[table].to_pandas()
    frame["session"] = frame["session"].astype(str)
    return frame


def test_snapshots_agree_to_a_ten_thousandth_of_a_dollar(example):
    expected, simulation = example
    wanted = pd.read_csv(expected / "snapshots.csv", dtype=str)
    found = actual(simulation, "snapshots").rename(columns={"peak_nav": "peak"})
    assert found["session"].tolist() == wanted["session"].tolist()
    for column in (*MONEY, "peak"):
        assert [Decimal(text) for text in wanted[column]] == found[column].tolist(), column
    assert found["tripped"].astype(str).tolist() == wanted["tripped"].tolist()
    assert np.allclose(found["drawdown"], wanted["drawdown"].astype(float), atol=1e-9)


def test_orders_and_fills_agree_to_the_share(example):
    expected, simulation = example
    wanted = pd.read_csv(expected / "orders.csv")
    found = actual(simulation, "orders")
    keys = ["session", "symbol", "quantity", "desired", "held", "delta", "filled"]
    pd.testing.assert_frame_equal(found[keys], wanted[keys])
    assert np.allclose(found["reference_price"], wanted["ref"], rtol=1e-12)
    wanted = pd.read_csv(expected / "fills.csv", dtype={"price": str, "commission": str})
    found = actual(simulation, "fills")
    keys = ["session", "symbol", "quantity"]
    pd.testing.assert_frame_equal(found[keys], wanted[keys])
    for column in ("price", "commission"):
        assert [Decimal(text) for text in wanted[column]] == found[column].tolist()


def test_positions_agree_with_their_cost_and_age(example):
    expected, simulation = example
    wanted = pd.read_parquet(expected / "positions.parquet")
    found = actual(simulation, "positions")
    assert found["quantity"].tolist() == wanted["quantity"].tolist()
    assert found["mark_age_sessions"].tolist() == wanted["age"].tolist()
    assert np.allclose(found["cost"].astype(float), wanted["cost"], atol=1e-9)


def test_signals_and_targets_agree_with_every_factor(example):
    expected, simulation = example
    wanted = pd.read_parquet(expected / "signals.parquet")
    found = actual(simulation, "signals")
    for column in ("symbol", "bars", "direction"):
        assert found[column].tolist() == wanted[column].tolist(), column
    for column in ("momentum", "vol"):
        assert np.allclose(found[column], wanted[column], rtol=1e-9, atol=0), column
    wanted = pd.read_parquet(expected / "targets.parquet")
    found = actual(simulation, "targets")
    for column in ("single_capped", "tripped"):
        assert found[column].tolist() == wanted[column].tolist(), column
    for column in ("x_raw", "k", "x_single", "gross_factor", "breaker_factor", "target"):
        assert np.allclose(found[column], wanted[column], rtol=1e-9, atol=0), column
    sigma = pd.to_numeric(wanted["sigma_p"]).to_numpy(float)
    assert np.allclose(found["sigma_p"], sigma, rtol=1e-9, equal_nan=True)
