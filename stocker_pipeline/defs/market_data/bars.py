"""Raw bars and corporate actions of every symbol that a portfolio names, by session."""

from typing import Any

import dagster as dg

from stocker_pipeline.domain.session import SystemClock
from stocker_pipeline.gateways.market_data.provider import MarketDataProvider
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.orchestration.partitions import (
    contiguous_range,
    session_calendar,
    session_partitions,
)
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.ingest import ingest


@dg.definitions
def bars() -> dg.Definitions:
    """One step for both: a provider answers for both in one call."""
    first, today = Settings().first_session, SystemClock().now().date()

    @dg.multi_asset(
        name="market_data",
        specs=[
            dg.AssetSpec("raw_bars", description="Open, high, low, close and volume as traded."),
            dg.AssetSpec("corporate_actions", description="Splits and dividends by ex-date."),
        ],
        group_name="market",
        partitions_def=session_partitions(first, today),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def market_data(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        provider: dg.ResourceParam[MarketDataProvider],
    ) -> Any:
        keys, calendar = list(context.partition_keys), session_calendar(first, today)
        start, end = contiguous_range(keys, calendar, where="raw_bars")
        result = ingest(provider, lake, provider.symbols(), start, end)
        counts = {"raw_bars": result.bars, "corporate_actions": result.actions}
        for asset, rows in counts.items():
            metadata = {
                "rows_of_run": rows,
                "source": result.source,
                "missing": dict(result.missing),
                "written_versions": dict(result.versions),
            }
            context.add_asset_metadata(metadata, asset, end.isoformat())
            yield dg.MaterializeResult(asset_key=asset)

    return dg.Definitions(assets=[market_data])
