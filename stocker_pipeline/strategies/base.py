"""The interface of a strategy: parameters, a declared look-back, and one pure function."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np

from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.engine.history import PriceHistory, PriceWindow

P = TypeVar("P", bound=PortfolioParameters)


@dataclass(frozen=True)
class Forecast:
    """A strategy's view of one session, one number per symbol, or of a range, one row per session.

    Attributes:
        weights: Signed fractions of NAV before any scaling or cap; NaN = keep what is held.
        momentum: Optional, shown beside the weights (fraction).
        volatility: Optional, shown beside the weights (per year).
    """

    weights: np.ndarray
    momentum: np.ndarray | None = None
    volatility: np.ndarray | None = None


class Strategy(ABC, Generic[P]):
    """From a window of past prices to weights.

    Subclasses set ``name`` (how a portfolio's YAML calls it) and ``Parameters`` (a subclass of
    ``PortfolioParameters`` with its own fields and defaults) and implement ``window_bars``,
    ``required_bars`` and ``forecast``. A forecast must depend on its arguments alone.
    """

    name: ClassVar[str]
    Parameters: ClassVar[type[PortfolioParameters]]

    def __init__(self, parameters: P) -> None:
        self.parameters = parameters

    @property
    @abstractmethod
    def window_bars(self) -> int:
        """Own bars of each symbol that ``forecast`` is given, at most."""

    @property
    @abstractmethod
    def required_bars(self) -> int:
        """Own bars below which a symbol has no signal."""

    @abstractmethod
    def forecast(self, window: PriceWindow) -> Forecast:
        """Weights for one session. NaN where ``window.bars < required_bars``."""

    def forecast_range(self, history: PriceHistory) -> Forecast:
        """Weights for rows ``first`` … ``last`` of ``history``; all other rows are NaN.

        Overridden only for speed; the result must equal ``forecast`` window by window.
        """
        weights = np.full(history.index.shape, np.nan)
        for session in range(history.first, history.last + 1):
            window = history.window(session, self.window_bars)
            forecast = self.forecast(window)
            seen = window.bars >= max(self.required_bars, 1)
            weights[session] = np.where(seen, forecast.weights, np.nan)
        return Forecast(weights)

    def weights_range(self, history: PriceHistory) -> np.ndarray:
        """The weights of ``forecast_range`` alone, for whoever does not keep the signals."""
        weights = np.full(history.index.shape, np.nan)
        row = history.first
        for part in self.weights_in_parts(history):
            weights[row : row + len(part)] = part
            row += len(part)
        return weights

    def weights_in_parts(self, history: PriceHistory) -> Iterator[np.ndarray]:
        """Rows ``first`` … ``last`` of those weights, cut into parts that follow each other.

        For ``simulate``, which needs no more than one part at a time. Overridden only for speed;
        the rows must equal ``forecast_range`` to the last bit.
        """
        yield self.forecast_range(history).weights[history.first : history.last + 1]
