"""Strategies with fixed intentions: hold everything, or hold fixed weights."""

from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from stocker_pipeline.domain.portfolio import Buffer, Multiple, PortfolioParameters, Symbol, bounded
from stocker_pipeline.engine.history import PriceWindow
from stocker_pipeline.strategies.base import Forecast, Strategy


class _UnscaledParameters(PortfolioParameters):
    """No volatility target and no breaker: what is meant to be held is held."""

    target_vol: Annotated[float, bounded(gt=0, le=10)] | None = Field(
        None,
        description="Volatility the book is scaled to, per year as a fraction; null = no scaling.",
    )
    single_cap: Multiple = Field(
        1.0, description="Largest weight of one symbol, as a multiple of NAV."
    )
    gross_cap: Multiple = Field(
        1.0, description="Largest sum of absolute weights, as a multiple of NAV."
    )
    drawdown_trip: Annotated[float, bounded(gt=0, le=1)] = Field(
        1.0, description="Drawdown from the peak above which the breaker trips, a fraction."
    )


class BuyAndHoldParameters(_UnscaledParameters):
    """A wide buffer: weights follow prices by themselves, so only new symbols are traded."""

    buffer: Buffer = Field(
        0.5, description="No order for a change of at most this fraction of the position; 0 = off."
    )


class BuyAndHold(Strategy[BuyAndHoldParameters]):
    """The same number of dollars into every symbol at the start, then hands off.

    A symbol that is not listed yet waits as cash for its first bar; its dollars are not lent to
    the others, so the book never borrows to buy it.
    """

    name: ClassVar[str] = "buy_and_hold"
    Parameters: ClassVar[type[PortfolioParameters]] = BuyAndHoldParameters

    @property
    def window_bars(self) -> int:
        return 1

    @property
    def required_bars(self) -> int:
        return 1

    def forecast(self, window: PriceWindow) -> Forecast:
        """Each symbol's share of what equal dollars at the start have become."""
        return Forecast(window.growth / window.growth.sum())


class SixtyFortyParameters(_UnscaledParameters):
    """Which symbols to hold, and how much of each."""

    weights: dict[Symbol, Annotated[float, bounded(ge=-1, le=1)]] = Field(
        {"SPY": 0.6, "IEF": 0.4},
        description="Fraction of NAV per symbol, negative = short; others are not held.",
        min_length=1,
    )

    @model_validator(mode="after")
    def _weights_fit_the_gross_cap(self) -> Self:
        gross = sum(abs(weight) for weight in self.weights.values())
        if gross > self.gross_cap + 1e-9:
            raise ValueError(
                f"weights add up to {gross:g} in size, above gross_cap {self.gross_cap:g}: "
                "they would be scaled down silently; lower them or raise gross_cap"
            )
        return self


class SixtyForty(Strategy[SixtyFortyParameters]):
    """Fixed weights, rebalanced when a position leaves the buffer: 60% stocks, 40% bonds."""

    name: ClassVar[str] = "sixty_forty"
    Parameters: ClassVar[type[PortfolioParameters]] = SixtyFortyParameters

    @property
    def window_bars(self) -> int:
        return 1

    @property
    def required_bars(self) -> int:
        return 1

    def forecast(self, window: PriceWindow) -> Forecast:
        """The declared weight of each symbol; 0 for a symbol without one."""
        weights = self.parameters.weights
        return Forecast(np.array([weights.get(symbol, 0.0) for symbol in window.symbols]))
