"""How many symbols take part in a move of the market, by session."""

import dagster as dg

from stocker_pipeline.domain.session import SystemClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.orchestration.asset_specs import market_spec
from stocker_pipeline.orchestration.partitions import (
    contiguous_range,
    session_calendar,
    session_partitions,
)
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.breadth import store_breadth


@dg.definitions
def market_breadth() -> dg.Definitions:
    """Advances and declines, new highs and lows, and the share above the 200-session average."""
    first, today = Settings().first_session, SystemClock().now().date()

    @dg.asset(
        deps=["raw_bars", "corporate_actions"],
        **market_spec(
            "breadth",
            "Advancing and declining symbols, new highs and lows of 252 sessions, and the share "
            "above their average of 200 sessions.",
        ),
        partitions_def=session_partitions(first, today),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def breadth(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult:
        calendar = session_calendar(first, today)
        start, end = contiguous_range(list(context.partition_keys), calendar, where="breadth")
        stored = store_breadth(lake, start, end)
        metadata = {
            "rows_of_run": stored.rows.num_rows,
            "symbols": stored.symbols,
            "sessions_without_bars": stored.without_bars,
            "read_versions": dict(stored.read),
            "written_version": stored.version,
        }
        context.add_asset_metadata(metadata, "breadth", end.isoformat())
        return dg.MaterializeResult()

    return dg.Definitions(assets=[breadth])
