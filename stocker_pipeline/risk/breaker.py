"""The drawdown breaker (E13) as a person reads it: its state, what trips it, what releases it.

The engine decides; here its own rule is asked about the last close, and turned into dollars. Stays
out: the drawdown monitor, which tightens the control state (``monitors.losses``).
"""

from dataclasses import asdict, dataclass
from typing import Any

from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.engine.simulate import rules_of
from stocker_pipeline.engine.sizing import breaker_trips


@dataclass(frozen=True)
class Breaker:
    """The breaker as it will be in the next session.

    Attributes:
        tripped: Whether the next session's targets are multiplied by ``scale``.
        drawdown: ``(peak − nav)/peak`` at the last close.
        trips_above, releases_below: Drawdowns; without a memory the second is the first, and at
            exactly that drawdown it is released too.
        trips_below_nav, releases_above_nav: The same in dollars, from the peak of now: a new peak
            raises both, a deposit or withdrawal moves the peak with it.
    """

    tripped: bool
    drawdown: float
    scale: float
    peak_nav: float
    trips_above: float
    trips_below_nav: float
    releases_below: float
    releases_above_nav: float

    @property
    def sentence(self) -> str:
        """State, and what would change it."""
        if self.tripped:
            return (
                f"tripped: targets are multiplied by {self.scale:g}; released by a close above "
                f"{self.releases_above_nav:,.2f} dollars (drawdown below {self.releases_below:.2%})"
            )
        return (
            f"not tripped: a close below {self.trips_below_nav:,.2f} dollars trips it (drawdown "
            f"above {self.trips_above:.2%}); then a close above {self.releases_above_nav:,.2f} "
            f"dollars releases it (drawdown below {self.releases_below:.2%})"
        )

    def values(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return {**asdict(self), "sentence": self.sentence}


def breaker_of(
    nav_e4: int, peak_e4: int, tripped: bool, parameters: PortfolioParameters
) -> Breaker:
    """The breaker after a close.

    Args:
        nav_e4, peak_e4: 1/10,000 dollar, above 0.
        tripped: Whether it was tripped in the session of that close.
    """
    trip, recover = parameters.drawdown_trip, parameters.drawdown_recover
    release = trip if recover is None else recover
    peak = peak_e4 / 1e4
    return Breaker(
        tripped=bool(breaker_trips(nav_e4, peak_e4, tripped, rules_of(parameters, 1))),
        drawdown=(peak_e4 - nav_e4) / peak_e4,
        scale=parameters.drawdown_scale,
        peak_nav=peak,
        trips_above=trip,
        trips_below_nav=peak * (1 - trip),
        releases_below=release,
        releases_above_nav=peak * (1 - release),
    )
