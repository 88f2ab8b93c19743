"""Raw bars and corporate actions of every symbol that a portfolio names, by session."""

from typing import Any

import dagster as dg

from stocker_pipeline.domain.session import SystemClock
from stocker_pipeline.gateways.market_data.choice import Sources
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.orchestration.asset_specs import market_spec
from stocker_pipeline.orchestration.data_versions import data_versions, log_other_versions
from stocker_pipeline.orchestration.market_checks import evaluations, market_check_specs
from stocker_pipeline.orchestration.market_metadata import actions_metadata, bars_metadata
from stocker_pipeline.orchestration.partitions import (
    contiguous_range,
    session_calendar,
    session_partitions,
)
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.portfolios import symbols_to_ingest
from stocker_pipeline.stages.retrievals import known_since
from stocker_pipeline.stages.session_quality import quality_by_session

_SPECS = {
    "raw_bars": "Open, high, low, close and volume as traded; every version that a source gave.",
    "corporate_actions": "Splits and dividends by ex-date; late and corrected ones are versions.",
}


@dg.definitions
def bars() -> dg.Definitions:
    """One step for both: a provider answers for both in one call."""
    first, today = Settings().first_session, SystemClock().now().date()
    partitions = session_partitions(first, today)

    @dg.multi_asset(
        name="market_data",
        specs=[dg.AssetSpec(name, **market_spec(name, text)) for name, text in _SPECS.items()],
        check_specs=market_check_specs(partitions),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def market_data(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        sources: dg.ResourceParam[Sources],
    ) -> Any:
        calendar = session_calendar(first, today)
        start, end = contiguous_range(list(context.partition_keys), calendar, where="raw_bars")
        symbols = symbols_to_ingest(sources, Settings().symbols)
        result = ingest(
            sources.provider,
            lake,
            symbols,
            start,
            end,
            reference=sources.reference,
            accept_withdrawals=sources.accept_withdrawals,
        )
        metadata = {
            "raw_bars": bars_metadata(result),
            "corporate_actions": actions_metadata(result),
        }
        versions = data_versions(list(context.partition_keys), known_since(lake, start, end))
        for asset, told in metadata.items():
            context.add_asset_metadata(told, asset, end.isoformat())
            yield dg.MaterializeResult(asset_key=asset, data_version=versions.of_run)
        yield from evaluations(context, quality_by_session(lake, symbols, start, end))
        for asset, told in metadata.items():
            log_other_versions(context, dg.AssetKey(asset), versions, {end.isoformat(): told})

    return dg.Definitions(assets=[market_data])
