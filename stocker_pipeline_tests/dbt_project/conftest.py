"""dbt on books by hand: one warehouse for every test that only reads it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.engine.tables import money_array
from stocker_pipeline.lake import schemas
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.export import exported_tables
from stocker_pipeline.ledger.migrate import upgrade
from stocker_pipeline_tests.conftest import REPOSITORY
from stocker_pipeline_tests.ledger.builders import (
    MONDAY,
    MORNING,
    TUESDAY,
    open_book,
    trade_monday,
    trade_tuesday,
)

PROJECT = REPOSITORY / "dbt_project"
TWIN = "twin_backtest"
OF_THE_MARKET = (
    *("dim_symbols", "fct_bar_revisions", "fct_breadth", "fct_data_quality"),
    *("fct_data_quality_daily", "fct_source_answers", "fct_vendor_differences"),
    *("stg_lake__reference_bars", "stg_lake__refused_rows", "stg_lake__retrievals"),
    *("stg_lake__instruments", "stg_lake__judgements", "stg_lake__breadth"),
    *("assert_quality_counts_add_up", "test_name:is_key,path:models/staging"),
)
"""What books need not: models that have tests of their own, and keys that both stores keep."""

Dbt = Callable[..., Path]


@pytest.fixture(scope="package", autouse=True)
def no_ledger_of_ones_own(tmp_path_factory) -> Iterator[None]:
    """A test that names no ledger has none, whatever the machine it runs on has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STOCKER_HOME", str(tmp_path_factory.mktemp("nobody")))
        patch.delenv("STOCKER_LEDGER_URL", raising=False)
        yield


@pytest.fixture(scope="session")
def dbt(tmp_path_factory) -> Dbt:
    """Run dbt on a home as the asset does; what it writes beside the warehouse is in ``target``.

    Each home is shown to it under one name: where a path changes, dbt parses everything anew, which
    takes longer than a small warehouse.
    """
    shown = tmp_path_factory.mktemp("dbt") / "home"
    target = shown.with_name("target")

    def run(home: Path, *arguments: str) -> Path:
        shown.unlink(missing_ok=True)
        shown.symlink_to(home)
        environment = {
            "STOCKER_HOME": str(shown),
            "STOCKER_LAKE_ROOT": str(shown / "lake"),
            "STOCKER_LEDGER_URL": f"sqlite:///{shown / 'ledger.sqlite'}",
            "STOCKER_WAREHOUSE": str(shown / "warehouse.duckdb"),
        }
        command = [
            *(str(Path(sys.executable).with_name("dbt")), *arguments),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
            *("--target-path", str(target), "--log-path", str(target)),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **environment}, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return target

    return run


@pytest.fixture(scope="session")
def books(tmp_path_factory) -> Path:
    """A paper book of two days in the ledger, and the same book as a backtest in the lake."""
    made = tmp_path_factory.mktemp("books")
    url = f"sqlite:///{made / 'ledger.sqlite'}"
    upgrade(url)
    with Ledger.open(url, clock=FixedClock(MORNING)) as ledger:
        open_book(ledger)
        trade_monday(ledger)
        trade_tuesday(ledger)
    tables = exported_tables(url, clock=FixedClock(MORNING))
    lake = Lake(str(made / "lake"))
    lake.ensure_tables()
    for dataset, rows in twin(tables).items():
        named = getattr(schemas, dataset)
        lake.replace(named, rows.select(named.schema.names[1:]), portfolio=TWIN)
    lake.append(schemas.BARS, bars(), at=MORNING)
    lake.append(schemas.CORPORATE_ACTIONS, split(), at=MORNING)
    return made


@pytest.fixture(scope="session")
def rows(dbt, books) -> Callable[[str], list[tuple[Any, ...]]]:
    """Ask the marts of the two books; every data test on them passed."""
    dbt(books, "build", "--exclude-resource-type", "unit_test", "--exclude", *OF_THE_MARKET)

    def ask(query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(books / "warehouse.duckdb", read_only=True) as connection:
            return connection.sql(query).fetchall()

    return ask


def twin(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The ledger's book as the lake would have it, by dataset."""
    orders, fills, decided = (
        tables["order_intents"],
        tables["executions"],
        tables["decisions"],
    )
    nothing = pa.nulls(len(decided), pa.float64())
    return {
        "SNAPSHOTS": tables["snapshots"],
        "POSITIONS": tables["positions"],
        "CORPORATE_ACTION_ENTRIES": tables["corporate_action_entries"],
        "FILLS": fills.append_column("realised", money_array(np.zeros(2, np.int64))),
        "ORDERS": orders.append_column("filled", orders["quantity"])
        .append_column("desired", orders["quantity"])
        .append_column("delta", orders["quantity"])
        .append_column("held", pa.array([0, 0]))
        .append_column("status", orders["state"]),
        "DECISIONS": decided,
        "SIGNALS": decided.append_column("reason", decided["signal_reason"]).append_column(
            "parameters_hash", decided["signal_reason"]
        ),
        "TARGETS": decided.append_column("x_raw", nothing),
    }


def bars() -> pa.Table:
    """AAPL on both days, with a close before the first."""
    prices = {MONDAY: (101.0, 102.0), TUESDAY: (51.0, 51.5)}
    made = [
        {
            "symbol": "AAPL",
            "session": day,
            "open": opened,
            "high": 102.0,
            "low": 50.0,
            "close": closed,
            "volume": 1e6,
            "adj_close": closed,
            "source": "file",
            "known_at": MORNING,
        }
        for day, (opened, closed) in prices.items()
    ]
    return pa.Table.from_pylist(made, schema=schemas.BARS.schema)


def split() -> pa.Table:
    """What AAPL did on the second day."""
    row = {
        "symbol": "AAPL",
        "session": TUESDAY,
        "split": 2.0,
        "dividend": 0.5,
        "source": "file",
        "known_at": MORNING,
    }
    return pa.Table.from_pylist([row], schema=schemas.CORPORATE_ACTIONS.schema)
