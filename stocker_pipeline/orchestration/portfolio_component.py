"""A portfolio's YAML as a group of assets: signals, then targets → orders → fills → snapshot.

The four of the book are one step, because each session needs the book of the one before; Dagster
sees four assets, one run and one loop. Everything that decides is in ``stages``.
"""

from dataclasses import dataclass
from typing import Any

import dagster as dg
from pydantic import BaseModel

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.session import SystemClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lean_imports import spare_pandas_and_scipy
from stocker_pipeline.orchestration.asset_specs import portfolio_spec
from stocker_pipeline.orchestration.paper_component import paper_definitions
from stocker_pipeline.orchestration.partitions import (
    contiguous_range,
    session_calendar,
    session_partitions,
)
from stocker_pipeline.orchestration.portfolio_metadata import (
    book_metadata,
    overridden,
    signals_metadata,
    signals_pictured,
)
from stocker_pipeline.orchestration.resources import OverridesResource
from stocker_pipeline.orchestration.session_numbers import add_by_session, numbers_by_session
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.books import Opening, opening_of, refuse_capital_on_continuation
from stocker_pipeline.stages.forecast import forecast
from stocker_pipeline.stages.trade import trade
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from

BOOK_ASSETS = {
    "targets": "Weights after volatility target, caps and breaker, each factor beside it.",
    "orders": "Whole-share orders decided before the open, with the reason of each.",
    "fills": "Simulated fills at the open, with slippage and commission.",
    "portfolio_snapshot": "The book at the close: NAV, cash, positions, drawdown.",
}
"""Assets of one book in the order of the day."""


@dataclass
class PortfolioComponent(dg.Component):
    """Assets of one portfolio, named after the folder of its ``defs.yaml``."""

    portfolio: Portfolio
    name: str

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The portfolio itself is the schema of the YAML."""
        return Portfolio

    @classmethod
    def load(
        cls, attributes: BaseModel | None, context: dg.ComponentLoadContext
    ) -> "PortfolioComponent":
        """Resolve templates, then check everything again."""
        where = str(context.path / "defs.yaml")
        if attributes is None:
            raise ConfigurationRefused(
                "attributes with strategy and universe", "none", where=where, remedy="Add them."
            )
        resolved = context.resolution_context.resolve_value(attributes.model_dump())
        return cls(portfolio_from(resolved, where=where), context.path.name)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Two steps: signals, and the book."""
        if self.portfolio.mode == "paper":
            return paper_definitions(self.name, self.portfolio)
        return portfolio_definitions(self.name, self.portfolio)


def portfolio_definitions(name: str, portfolio: Portfolio) -> dg.Definitions:
    """The assets of one portfolio over the sessions of the exchange."""
    first, today = Settings().first_session, SystemClock().now().date()
    calendar, partitions = session_calendar(first, today), session_partitions(first, today)

    def started(lake: Lake, overrides: OverridesResource, keys: list[str]) -> tuple[Any, ...]:
        """The checked portfolio, the range of the run and the book it starts from."""
        spare_pandas_and_scipy()  # only now: strategies and other assets are loaded
        effective = overrides.applied_to(portfolio, name)
        start, end = contiguous_range(keys, calendar, where=f"portfolio {name}")
        opening: Opening = opening_of(lake, name, calendar, start, restart=overrides.restart)
        if overrides.initial_capital is not None:
            refuse_capital_on_continuation(name, opening)
        return effective, opening, start, end

    @dg.multi_asset(
        name=f"{name}__signals",
        specs=[
            portfolio_spec(
                name,
                "signals",
                portfolio,
                ["raw_bars", "corporate_actions"],
                f"What {portfolio.strategy} thinks before the open, from bars up to the previous "
                "session.",
            )
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def signals(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        overrides: OverridesResource,
    ) -> dg.MaterializeResult[Any]:
        effective, opening, start, end = started(lake, overrides, list(context.partition_keys))
        result = forecast(lake, name, effective, opening, start, end)
        found = {**signals_metadata(result), **signals_pictured(result)}
        context.add_asset_metadata(found, partition_key=end.isoformat())
        return dg.MaterializeResult(metadata=overridden(overrides))

    chain = [None, *BOOK_ASSETS][:-1]

    @dg.multi_asset(
        name=f"{name}__book",
        specs=[
            portfolio_spec(name, asset, portfolio, [[name, before or "signals"]], text)
            for before, (asset, text) in zip(chain, BOOK_ASSETS.items(), strict=True)
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description=portfolio.description or f"The book of {name}.",
        # Two runs that replace ranges of one book at the same time would leave neither's.
        pool=f"book_{name}",
    )
    def book(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        overrides: OverridesResource,
    ) -> Any:
        effective, opening, start, end = started(lake, overrides, list(context.partition_keys))
        result = trade(lake, name, effective, opening, start, end)
        snapshot = dg.AssetKey([name, "portfolio_snapshot"])
        add_by_session(context, snapshot, numbers_by_session(result.tables))
        for asset, metadata in book_metadata(result, lake, name, effective).items():
            context.add_asset_metadata(metadata, [name, asset], end.isoformat())
            yield dg.MaterializeResult(asset_key=[name, asset], metadata=overridden(overrides))

    return dg.Definitions(assets=[signals, book])
