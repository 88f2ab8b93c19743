"""What a result hangs on: the same backtest at other costs, and begun on other days.

Values and words only; the runs are the engine's own (``stages.report_sensitivity``). Where the
backtest cannot be run again as it was, there is no table and the reason stands in its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from stocker_pipeline.analytics.metrics import ReturnMetrics, return_metrics
from stocker_pipeline.analytics.returns import time_weighted_returns


@dataclass(frozen=True, eq=False)
class Rerun:
    """One run of the engine.

    Attributes:
        label: What is different about it.
        sessions: datetime64[D], ascending.
        nav: Dollars at each close.
        commissions_usd: Paid over the whole run.
    """

    label: str
    sessions: np.ndarray
    nav: np.ndarray
    initial_capital: float
    commissions_usd: float

    @property
    def returns(self) -> np.ndarray:
        """Of each session; a backtest has no deposits."""
        return time_weighted_returns(self.nav, np.zeros(len(self.nav)), self.initial_capital)

    @property
    def metrics(self) -> ReturnMetrics:
        """Over its own sessions."""
        return return_metrics(self.sessions, self.returns)

    def metrics_since(self, first: np.datetime64) -> ReturnMetrics:
        """Over its sessions from a day on."""
        chosen = self.sessions >= first
        return return_metrics(self.sessions[chosen], self.returns[chosen])


@dataclass(frozen=True)
class Sensitivity:
    """The runs beside each other.

    Attributes:
        costs: At 1, 2 and 3 times the costs; the first is the backtest itself.
        starts: Begun later, a number of sessions each; the first is the backtest itself.
        missing: Why nothing was run again; then both are empty.
        starts_missing: Why there are no other starts, where that is so.
        reproduced: Whether the run with the same numbers gave the same NAV on every session.
    """

    costs: Sequence[Rerun] = ()
    starts: Sequence[Rerun] = ()
    missing: str = ""
    starts_missing: str = ""
    reproduced: str = ""
    start_step_sessions: int = 0

    @property
    def common_first(self) -> date | None:
        """The first session that every start has."""
        if not self.starts:
            return None
        day = max(run.sessions[0] for run in self.starts).item()
        assert isinstance(day, date)
        return day

    def common(self) -> list[tuple[str, ReturnMetrics]]:
        """Each start over the sessions that all of them have: the luck of the day, not its market.

        Positions are what the start led to; the capital is not made equal again.
        """
        first = self.common_first
        if first is None:
            return []
        return [(run.label, run.metrics_since(np.datetime64(first))) for run in self.starts]


def spread(values: Sequence[float | None]) -> tuple[float, float, float] | None:
    """Lowest, median and highest of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return min(known), float(np.median(known)), max(known)
