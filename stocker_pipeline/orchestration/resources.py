"""What assets are handed: configuration only, turned into plain objects of the rooms below."""

from pathlib import Path
from typing import Any

import dagster as dg

from stocker_pipeline.domain.session import SystemClock
from stocker_pipeline.gateways.market_data.choice import Access, Sources, chosen_sources
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline.strategies.portfolio import Portfolio


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake that a run reads and writes."""

    root: str

    def create_resource(self, context: dg.InitResourceContext) -> Lake:
        """Hand the asset the plain domain object."""
        return Lake(self.root)


class MarketDataResource(dg.ConfigurableResource[Sources]):
    """The sources of bars and corporate actions, by name. Keys come from the environment.

    Attributes:
        providers: In the order of asking.
        reference: A second source to compare with; null = none.
        files_path: Folder or file of the provider ``files``.
        symbols: Only these; empty = all that the provider lists, or that the portfolios name.
        accept_withdrawals: Believe a source that takes back any number of bars and actions.
    """

    providers: list[str]
    reference: str | None = None
    files_path: str | None = None
    symbols: list[str] = []
    accept_withdrawals: bool = False

    def create_resource(self, context: dg.InitResourceContext) -> Sources:
        """Hand the asset plain providers."""
        path = Path(self.files_path) if self.files_path else None
        access = Access.of(Settings(), files_path=path)
        return chosen_sources(
            self.providers,
            self.reference,
            access,
            SystemClock(),
            self.symbols,
            accept_withdrawals=self.accept_withdrawals,
        )


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


class VenueResource(dg.ConfigurableResource[Venue]):
    """Where paper portfolios are traded: the ledger and the simulated broker of the environment.

    Nothing of it can be configured in a run: a run that could choose its ledger could double a day.
    """

    def create_resource(self, context: dg.InitResourceContext) -> Venue:
        """From the settings."""
        settings = Settings()
        return Venue(settings.env, settings.ledger, settings.accounts)
