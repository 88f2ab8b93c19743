"""From files to files: the same bytes for the same input, and refusals that change nothing."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stocker_pipeline.analytics.metrics import performance_metrics
from stocker_pipeline.analytics.wording import metrics_json
from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.stages.report import record_of
from stocker_pipeline.stages.simulate import Request, simulate_files, write_simulation
from stocker_pipeline_tests.stages.market_day import FIRST, LAST, two_symbol_tables

PARAMETERS = {"lookback": 10, "window": 30}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    bars, actions = two_symbol_tables()
    paths = {"bars": tmp_path / "bars.parquet", "actions": tmp_path / "actions.parquet"}
    pq.write_table(bars, paths["bars"])
    pq.write_table(actions, paths["actions"])
    return paths


def test_the_same_input_gives_the_same_bytes(files, tmp_path):
    request = Request(**files, portfolio="trend", parameters=PARAMETERS)
    for name in ("one", "two"):
        done = simulate_files(request)
        record = record_of(done.portfolio, done.tables, done.bars, done.actions)
        metrics = performance_metrics(record)
        write_simulation(done.tables, metrics, tmp_path / name)
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    written = (tmp_path / "one" / "metrics.json").read_text()
    assert written == metrics_json(metrics), "the text that stands beside a tear sheet"


def test_the_tables_have_the_promised_columns_and_money_is_decimal(files):
    tables = simulate_files(Request(**files, portfolio="trend", parameters=PARAMETERS)).tables
    promised = {
        "snapshots": "session nav cash positions_value peak_nav drawdown gross_exposure "
        "net_exposure realised unrealised dividends cash_in_lieu commissions",
        "orders": "session symbol quantity reference_price decision",
        "fills": "session symbol quantity price commission",
        "positions": "session symbol quantity",
    }
    for name, columns in promised.items():
        assert set(columns.split()) <= set(tables[name].column_names), name
    for column in ("nav", "cash", "positions_value", "peak_nav", "dividends"):
        assert tables["snapshots"].schema.field(column).type == pa.decimal128(18, 4)


def test_start_end_and_universe_choose_what_is_run(files):
    request = Request(
        **files,
        portfolio="buy_and_hold",
        universe=("AAA",),
        start=date(2020, 2, 3),
        end=date(2020, 2, 28),
        initial_capital=1_000.0,
    )
    tables = simulate_files(request).tables
    assert tables["snapshots"].num_rows == 19
    assert set(tables["positions"]["symbol"].to_pylist()) == {"AAA"}
    assert tables["snapshots"]["initial_capital"][0].as_py() == 1_000


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"start": date(2020, 2, 1)}, InputRefused, "--start.*nearest: 2020-01-31, 2020-02-03"),
        ({"start": date(2019, 12, 2)}, InputRefused, "2020-01-02 to 2020-06-30"),
        ({"start": LAST, "end": FIRST}, InputRefused, "Swap them"),
        ({"universe": ("AAA", "CCC")}, InputRefused, "none of CCC"),
        ({"universe": ("aaa",)}, ConfigurationRefused, "universe.0"),
        ({"portfolio": "nobody"}, ConfigurationRefused, "trend_backtest"),
        ({"initial_capital": float("nan")}, ConfigurationRefused, "initial_capital"),
        ({"initial_capital": 0.0}, ConfigurationRefused, "greater than 0"),
        ({"parameters": {"max_leverage": 1e6}}, ConfigurationRefused, "less than or equal to 10"),
        ({"parameters": {"lookback": 300}}, ConfigurationRefused, "at least lookback"),
        ({"parameters": {"single_cap": None}}, ConfigurationRefused, "single_cap"),
        ({"parameters": {"loopback": 5}}, ConfigurationRefused, "one of the parameters .*lookback"),
        (
            {"parameters": {"price_basis": "adjusted", "max_participation": 0.1}},
            ConfigurationRefused,
            "volume is raw",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_with_key_value_and_bound(files, changes, kind, message):
    request = {"portfolio": "trend", "parameters": {}, **files, **changes}
    request["parameters"] = {**PARAMETERS, **request["parameters"]}
    with pytest.raises(kind, match=message):
        simulate_files(Request(**request))
