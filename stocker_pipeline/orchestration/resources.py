"""What assets are handed: configuration only, turned into plain objects of the rooms below."""

from typing import Any

import dagster as dg

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.gateways.market_data.provider import MarketDataProvider
from stocker_pipeline.gateways.market_data.sample import SampleMarket
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.strategies.portfolio import Portfolio

_PROVIDERS = {SampleMarket.name: SampleMarket}


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake that a run reads and writes."""

    root: str

    def create_resource(self, context: dg.InitResourceContext) -> Lake:
        """Hand the asset the plain domain object."""
        return Lake(self.root)


class MarketDataResource(dg.ConfigurableResource[MarketDataProvider]):
    """The provider of bars and corporate actions, by name."""

    provider: str

    def create_resource(self, context: dg.InitResourceContext) -> MarketDataProvider:
        """Hand the asset the plain provider."""
        if self.provider not in _PROVIDERS:
            raise ConfigurationRefused(
                f"one of the providers {', '.join(_PROVIDERS)}",
                repr(self.provider),
                where="resource provider",
                remedy="Correct STOCKER_PROVIDER or the run config.",
            )
        return _PROVIDERS[self.provider]()


class OverridesResource(dg.ConfigurableResource):
    """Numbers of this run that differ from the portfolio's YAML; give them in the run config.

    Attributes:
        initial_capital: Cash of a new book, in dollars.
        parameters: Parameter name → value, for every portfolio of the run.
        restart: Begin a new book at the first session of the range.
    """

    initial_capital: float | None = None
    parameters: dict = {}  # type: ignore[type-arg]  # Dagster: a bare dict may hold nulls
    restart: bool = False

    def applied_to(self, portfolio: Portfolio, name: str) -> Portfolio:
        """The portfolio with this run's numbers, checked."""
        return portfolio.with_overrides(
            self.parameters,
            initial_capital=self.initial_capital,
            where=f"run config resources.overrides, portfolio {name}",
        )

    def as_metadata(self) -> dict[str, Any]:
        """What was overridden, for the snapshot's metadata; empty where nothing was."""
        given: dict[str, Any] = dict(self.parameters)
        if self.initial_capital is not None:
            given["initial_capital"] = self.initial_capital
        return given
