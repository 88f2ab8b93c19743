"""What each symbol stands for, every version of it."""

import dagster as dg

from stocker_pipeline.domain.session import SystemClock
from stocker_pipeline.gateways.market_data.choice import Access, Sources, known_instruments
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.orchestration.asset_specs import market_spec
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.instruments import store_instruments
from stocker_pipeline.stages.portfolios import symbols_to_ingest


@dg.asset(
    deps=["raw_bars"],
    **market_spec(
        "instruments",
        "Name, exchange, currency and flags of every symbol: from a file or from Alpaca, and what "
        "the bars say where neither names it.",
    ),
)
def instruments(
    lake: dg.ResourceParam[Lake], sources: dg.ResourceParam[Sources]
) -> dg.MaterializeResult:
    """Ask, compare with what is known, and append what is new."""
    settings, clock = Settings(), SystemClock()
    symbols = symbols_to_ingest(sources, settings.symbols)
    stored = store_instruments(lake, known_instruments(Access.of(settings), symbols, clock), clock)
    return dg.MaterializeResult(
        metadata={
            "received": stored.received,
            "new": stored.new,
            "changed": stored.changed,
            "derived_from_bars": stored.derived,
            "without_a_source": ", ".join(stored.unknown) or "none",
            "written_version": stored.version,
        }
    )
