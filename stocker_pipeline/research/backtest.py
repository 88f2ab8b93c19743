"""A backtest that was run for looking at: its book as tables, its numbers, its YAML."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from stocker_pipeline.analytics.metrics import performance_metrics
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.analytics.wording import metrics_values
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.research.tables import frame_of
from stocker_pipeline.stages.report import Report, record_of, run_facts, write_report
from stocker_pipeline.stages.simulate import Simulation

_COMPONENT = "stocker_pipeline.orchestration.portfolio_component.PortfolioComponent"


@dataclass(frozen=True, eq=False)
class Backtest:
    """A finished backtest; nothing of it is stored anywhere.

    Attributes:
        name: What it is called in a tear sheet.
        simulation: The engine's own tables.
    """

    name: str
    simulation: Simulation

    @cached_property
    def record(self) -> TrackRecord:
        """What metrics and tear sheets are computed from."""
        done = self.simulation
        return record_of(done.portfolio, done.tables, done.bars, done.actions)

    @cached_property
    def metrics(self) -> pd.Series:
        """Every metric of a tear sheet by name; units are in their names and in the tear sheet."""
        return pd.Series(metrics_values(performance_metrics(self.record)), name=self.name)

    @cached_property
    def nav(self) -> pd.Series:
        """Dollars at each close."""
        return pd.Series(self.record.nav, self._sessions, name=self.name)

    @cached_property
    def returns(self) -> pd.Series:
        """Time-weighted return of each session as a fraction; the first is from the capital."""
        return pd.Series(self.record.returns, self._sessions, name=self.name)

    @property
    def _sessions(self) -> pd.DatetimeIndex:
        # Of the unit that the tables have, so that both can be joined.
        return pd.DatetimeIndex(self.record.sessions.astype("datetime64[ms]"), name="session")

    @property
    def tables(self) -> list[str]:
        """Names for ``table``."""
        return sorted(self.simulation.tables)

    def table(self, name: str) -> pd.DataFrame:
        """One of the tables ``signals``, ``targets``, ``decisions``, ``orders``, ``fills``, … .

        Raises:
            InputRefused: There is none of that name.
        """
        found = self.simulation.tables.get(name)
        if found is None:
            raise InputRefused(
                f"one of {', '.join(self.tables)}",
                repr(name),
                where="table of a backtest",
                remedy="Correct the name.",
            )
        return frame_of(found)

    def write_tear_sheet(self, path: Path | str) -> Path:
        """Write the tear sheet as one HTML page; returns where."""
        done = self.simulation
        facts = run_facts(self.name, done.portfolio, done.tables["snapshots"])
        report = Report(self.record, performance_metrics(self.record), facts)
        return write_report(report, Path(path))[0]

    def to_yaml(self) -> str:
        """The portfolio as a ``defs.yaml`` that Dagster loads, every value spelled out."""
        return portfolio_yaml(self.simulation.portfolio.model_dump(mode="json", by_alias=True))


def portfolio_yaml(attributes: Mapping[str, Any]) -> str:
    """A portfolio's YAML; what is at its default in ``limits`` and ``monitors`` is left out."""
    kept = {key: value for key, value in attributes.items() if key not in ("limits", "monitors")}
    return yaml.safe_dump({"type": _COMPONENT, "attributes": kept}, sort_keys=False)
