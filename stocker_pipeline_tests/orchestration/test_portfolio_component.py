"""Portfolios as Dagster assets: one run over exactly the range, with overrides in its metadata."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import FILLS, MARKET_DATASETS, ORDERS, SIGNALS, SNAPSHOTS
from stocker_pipeline.orchestration.portfolio_component import portfolio_definitions
from stocker_pipeline.orchestration.resources import (
    LakeResource,
    MarketDataResource,
    OverridesResource,
)
from stocker_pipeline.orchestration.runs import portfolio_assets, run_assets
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline_tests.stages.market_day import (
    CALENDAR,
    FIRST,
    LAST,
    SYMBOLS,
    TwoSymbolMarket,
    small_portfolio,
)

SNAPSHOT = dg.AssetKey(["p", "portfolio_snapshot"])
MIDDLE, NEXT = date(2020, 3, 31), date(2020, 4, 1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(str(tmp_path / "lake"))
    ingest(TwoSymbolMarket(), made, SYMBOLS, FIRST, LAST)
    return made


@pytest.fixture
def run(lake: Lake):
    """Run the chain of portfolio ``p`` over a range; returns instance and outcome."""
    definitions = dg.Definitions.merge(
        portfolio_definitions("p", small_portfolio()),
        dg.Definitions(
            resources={"lake": LakeResource(root=lake.root), "overrides": OverridesResource()},
            executor=dg.in_process_executor,
        ),
    )
    with dg.DagsterInstance.ephemeral() as instance:

        def over(first: date, last: date, **overrides: object):
            outcome = run_assets(
                definitions,
                instance,
                portfolio_assets("p"),
                sessions=(first, last),
                overrides=overrides,
            )
            return instance, outcome

        yield over


def metadata_of(
    instance: dg.DagsterInstance, session: date, asset: dg.AssetKey = SNAPSHOT
) -> dict[str, object]:
    events = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[session.isoformat()]), limit=1
    )
    found = events.records[0].asset_materialization
    assert found is not None
    return {name: value.value for name, value in found.metadata.items()}


def test_a_range_is_one_run_over_exactly_its_sessions(run):
    instance, outcome = run(FIRST, MIDDLE)
    assert outcome.success, outcome.error
    expected = {str(day) for day in CALENDAR.sessions(FIRST, MIDDLE)}
    for asset in portfolio_assets("p"):
        assert instance.get_materialized_partitions(asset) == expected
    assert len(instance.get_runs()) == 1


def test_the_last_session_of_a_run_has_the_picture_and_the_versions(run, lake):
    instance, outcome = run(FIRST, MIDDLE)
    assert outcome.success, outcome.error
    assert "read_versions" not in metadata_of(instance, FIRST)
    last = metadata_of(instance, MIDDLE)
    assert last["nav"] == float(lake.read(SNAPSHOTS, portfolio="p")["nav"][-1].as_py())
    assert str(last["equity_and_drawdown"]).startswith("![NAV and drawdown](data:image/png;base64,")
    assert last["read_versions"] == lake.versions((*MARKET_DATASETS, SIGNALS))
    assert last["read_versions"]["bars"] == 1
    assert "overrides" not in last


def test_the_last_session_of_a_run_has_its_signals_as_a_picture_and_a_table(run, lake):
    instance, outcome = run(FIRST, MIDDLE)
    assert outcome.success, outcome.error
    last = metadata_of(instance, MIDDLE, dg.AssetKey(["p", "signals"]))
    assert str(last["momentum_and_volatility"]).startswith("![Momentum against volatility](data:")
    rows = lake.read(SIGNALS, portfolio="p", first=MIDDLE, last=MIDDLE).to_pylist()
    lines = str(last["signals_of_session"]).splitlines()[2:]
    assert len(lines) == len(rows)
    for row in rows:
        (line,) = [line for line in lines if line.startswith(f"| {row['symbol']} |")]
        assert f"{row['weight']:+.4f}" in line if row["reason"] is None else row["reason"] in line


def test_every_session_has_the_numbers_that_are_plotted(run, lake):
    instance, outcome = run(FIRST, MIDDLE)
    assert outcome.success, outcome.error
    snapshots = lake.read(SNAPSHOTS, portfolio="p").to_pylist()
    for row in snapshots:
        shown = metadata_of(instance, row["session"])
        assert shown["nav"] == pytest.approx(float(row["nav"]), abs=1e-6)
        assert (shown["drawdown"], shown["gross_exposure"]) == (
            row["drawdown"],
            row["gross_exposure"],
        )
    for name, dataset in (("orders", ORDERS), ("fills", FILLS)):
        counted = [metadata_of(instance, row["session"])[name] for row in snapshots]
        assert sum(counted) == lake.read(dataset, portfolio="p").num_rows > 0


def test_overrides_are_used_and_told(run, lake):
    instance, outcome = run(
        FIRST, MIDDLE, initial_capital=5_000.0, parameters={"lookback": 12, "target_vol": None}
    )
    assert outcome.success, outcome.error
    assert lake.read(SNAPSHOTS, portfolio="p")["initial_capital"][0].as_py() == 5_000
    assert metadata_of(instance, FIRST)["overrides"] == {
        "initial_capital": 5_000.0,
        "lookback": 12,
        "target_vol": None,
    }


def test_a_later_range_continues_and_a_hole_fails_the_run_with_the_remedy(run):
    assert run(FIRST, date(2020, 2, 28))[1].success
    outcome = run(NEXT, LAST)[1]
    assert not outcome.success
    assert "Backfill 2020-03-02 to 2020-03-31 first" in str(outcome.error)
    assert run(date(2020, 3, 2), LAST)[1].success


def test_a_wrong_override_fails_the_run_and_names_key_value_and_bound(run, lake):
    outcome = run(FIRST, MIDDLE, parameters={"single_cap": -1.0})[1]
    assert not outcome.success
    for part in ("parameters.single_cap", "-1.0", "greater than 0"):
        assert part in str(outcome.error)
    assert lake.version(SNAPSHOTS) is None


def test_one_run_at_a_time_writes_a_book():
    (book,) = [
        asset
        for asset in portfolio_definitions("p", small_portfolio()).assets or []
        if SNAPSHOT in asset.keys
    ]
    assert book.op.pool == "book_p"


def test_an_unknown_provider_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigurationRefused, match="one of the providers sample"):
        MarketDataResource(providers=["nobody"]).create_resource(dg.build_init_resource_context())
