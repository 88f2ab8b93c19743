"""Trend following on inverse-volatility weights (ENGINE E6–E9).

``trend`` adds a volatility target, a no-trade buffer and a breaker with memory. ``trend_literal``
is the arithmetic of the first design, kept for comparison.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numba import njit
from pydantic import Field, model_validator

from stocker_pipeline.domain.portfolio import Buffer, Decay, PortfolioParameters, bounded
from stocker_pipeline.engine.compiling import NO_COUNTING
from stocker_pipeline.engine.fetching import fetch
from stocker_pipeline.engine.history import PriceHistory, PriceWindow
from stocker_pipeline.engine.signals import (
    MOMENTUM_EPSILON,
    VolatilityState,
    bars_at_once,
    close_bars,
    empty_volatility,
    expand,
    fetch_tails,
    momentum_and_volatility,
    momentum_of,
    next_variance,
    symbols_at_once,
)
from stocker_pipeline.engine.sizing import (
    inverse_volatility_weights,
    scale_to_one,
    signed_inverse_of,
)
from stocker_pipeline.engine.targets import rows_of_a_part
from stocker_pipeline.strategies.base import Forecast, Strategy


class TrendParameters(PortfolioParameters):
    """Look-back and volatility estimate, beside what every portfolio has."""

    lookback: Annotated[int, bounded(ge=1, le=5040)] = Field(
        126, description="Bars between the two prices of momentum."
    )
    window: Annotated[int, bounded(ge=2, le=10080)] = Field(
        252, description="Bars in the window; at least lookback + 1."
    )
    ewma_lambda: Decay = Field(
        0.94, description="Decay per bar of the weights in a symbol's volatility."
    )

    @model_validator(mode="after")
    def _window_holds_lookback(self) -> Self:
        if self.window < self.lookback + 1:
            raise ValueError(
                f"window was {self.window}: it must be at least lookback + 1 = {self.lookback + 1}"
            )
        return self


class TrendLiteralParameters(TrendParameters):
    """The first design's numbers: no volatility target, no buffer, no memory, adjusted prices."""

    target_vol: Annotated[float, bounded(gt=0, le=10)] | None = Field(
        None,
        description="Volatility the book is scaled to, per year as a fraction; null = no scaling.",
    )
    drawdown_recover: Annotated[float, bounded(ge=0, le=1)] | None = Field(
        None,
        description="Drawdown below which a tripped breaker recovers; null = no memory.",
    )
    buffer: Buffer = Field(
        0.0, description="No order for a change of at most this fraction of the position; 0 = off."
    )
    price_basis: Literal["raw", "adjusted"] = Field(
        "adjusted", description="Prices for money: raw as traded, or adjusted for comparison only."
    )
    flips: Literal["two_step", "single"] = Field(
        "single", description="Whether an order may cross zero (single) or closes first (two_step)."
    )


@njit(cache=True, error_model="numpy")
def _weights_by_session(
    momentum: np.ndarray, volatility: np.ndarray, member: np.ndarray, first: int, last: int
) -> np.ndarray:
    """Weights of each session from the signals as of the session before."""
    sessions, symbols = momentum.shape
    weights = np.empty((sessions, symbols))
    weights[:first] = np.nan
    weights[last + 1 :] = np.nan
    allowed = np.empty(symbols)
    for t in range(first, last + 1):
        if t == 0:
            weights[0] = np.nan
            continue
        row = member[t if member.shape[0] > 1 else 0]
        for j in range(symbols):
            allowed[j] = volatility[t - 1, j] if row[j] else np.nan
        inverse_volatility_weights(momentum[t - 1], allowed, MOMENTUM_EPSILON, weights[t])
    return weights


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def _signed_inverses(
    new: np.ndarray, old: np.ndarray, variance: np.ndarray, weights: np.ndarray
) -> None:
    """E9 before its sum, for some symbols.

    Of two prices that differ by more than rounding the larger one tells the sign of momentum; to
    leave out that division is a quarter of the time of this.
    """
    doubtful = 0
    for j in range(weights.shape[0]):
        rise = new[j] - old[j]
        weights[j] = signed_inverse_of(rise, 0.0, np.sqrt(variance[j]))
        doubtful += 1 if (rise > 0.0) & (rise < 2.0 * MOMENTUM_EPSILON * old[j]) else 0
    if doubtful > 0:
        for j in range(weights.shape[0]):
            momentum = momentum_of(new[j], old[j])
            weights[j] = signed_inverse_of(momentum, MOMENTUM_EPSILON, np.sqrt(variance[j]))


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def _fetch_next(
    own: np.ndarray,
    lookback: int,
    i: int,
    bars: int,
    state: VolatilityState,
    begin: int,
    end: int,
) -> None:
    """Ask for what the bars after these will read of the same symbols."""
    symbols = state.head.shape[0]
    for bar in (i + bars, i + bars - lookback):
        fetch(own, bar * symbols + begin, (bar + bars - 1) * symbols + end)
    fetch_tails(state, i + bars, bars, begin, end)


@njit(cache=True, error_model="numpy", nogil=True, **NO_COUNTING)
def _weights_of_dense(
    own: np.ndarray,
    lookback: int,
    decay: float,
    bar: int,
    start: int,
    state: VolatilityState,
    variance: np.ndarray,
    weights: np.ndarray,
) -> int:
    """E7–E9 some rows at a time where every symbol has every bar; no matrix of signals is written.

    Matrices are given one row after the other.

    Returns 0 where no bar was missing; else ``weights`` and ``state`` mean nothing.

    Args:
        bar: The first bar that ``state`` has not seen.
        start: The session of the first row of ``weights``; each row is made from the bars before.
        variance: Room for the rows that are made at once.
    """
    symbols = state.head.shape[0]
    stop = start + weights.shape[0] // symbols - 1
    missing, i = 0, max(bar, 1)
    weights[: max(lookback + 1 - start, 0) * symbols] = np.nan
    while i < stop:
        bars = bars_at_once(state, i, stop)
        # Sessions first + 1 … of the part are decided on bars first … i + bars − 1.
        first = min(max(i, start - 1, lookback), i + bars)
        rows, step = bars - (first - i), symbols_at_once(symbols, bars)
        for begin in range(0, symbols, step):
            end = min(begin + step, symbols)
            _fetch_next(own, lookback, i, bars, state, begin, end)
            missing += next_variance(state, own, i, bars, begin, end, decay, variance)
            if rows == 0:
                continue
            cell, cells = first * symbols + begin, (rows - 1) * symbols + end - begin
            past, to = cell - lookback * symbols, cell - (start - 1) * symbols
            _signed_inverses(
                own[cell : cell + cells],
                own[past : past + cells],
                variance[(first - i) * symbols :],
                weights[to : to + cells],
            )
        close_bars(state, i, bars)
        for row in range(first, i + bars):
            at = (row - start + 1) * symbols
            scale_to_one(weights[at : at + symbols])
        i += bars
    return missing


class Trend(Strategy[TrendParameters]):
    """Long what rose over the look-back, short what fell, in equal shares of risk."""

    name: ClassVar[str] = "trend"
    Parameters: ClassVar[type[PortfolioParameters]] = TrendParameters

    @property
    def window_bars(self) -> int:
        return self.parameters.window

    @property
    def required_bars(self) -> int:
        return self.parameters.lookback + 1

    def forecast(self, window: PriceWindow) -> Forecast:
        """E7–E9 for one session, from the window alone."""
        bars = np.where(window.bars >= self.required_bars, window.bars, 0)
        momentum, volatility = self._signals(window.values, bars)
        weights = np.empty(len(bars))
        inverse_volatility_weights(momentum, volatility, MOMENTUM_EPSILON, weights)
        return Forecast(weights, momentum, volatility)

    def forecast_range(self, history: PriceHistory) -> Forecast:
        """The same for a whole range at once; see ``engine.signals`` for how."""
        parameters = self.parameters
        momentum, volatility = momentum_and_volatility(
            history.own, parameters.lookback, parameters.window, parameters.ewma_lambda
        )
        if not history.dense:
            momentum = expand(momentum, history.counts)
            volatility = expand(volatility, history.counts)
        weights = _weights_by_session(
            momentum, volatility, history.member, history.first, history.last
        )
        return Forecast(weights, momentum, volatility)

    def weights_in_parts(self, history: PriceHistory) -> Iterator[np.ndarray]:
        """One pass over the prices up to the first missing bar; as everywhere from there on."""
        if not history.member.all():
            return super().weights_in_parts(history)
        return self._parts_while_dense(history)

    def _parts_while_dense(self, history: PriceHistory) -> Iterator[np.ndarray]:
        parameters, symbols = self.parameters, len(history.symbols)
        state = empty_volatility(symbols, parameters.window, parameters.ewma_lambda)
        variance = np.empty_like(state.squares)
        prices = history.index.reshape(-1)
        bar, rows = 0, rows_of_a_part(symbols)
        for start in range(history.first, history.last + 1, rows):
            stop = min(start + rows, history.last + 1)
            weights = np.empty((stop - start, symbols))
            missing = _weights_of_dense(
                prices,
                parameters.lookback,
                parameters.ewma_lambda,
                bar,
                start,
                state,
                variance,
                weights.reshape(-1),
            )
            if missing > 0:
                yield self.forecast_range(history).weights[start : history.last + 1]
                return
            bar = stop - 1
            yield weights

    def _signals(self, values: np.ndarray, bars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parameters = self.parameters
        momentum, volatility = np.full(len(bars), np.nan), np.full(len(bars), np.nan)
        for j in np.flatnonzero(bars):
            series = values[len(values) - bars[j] :, j]
            squares = np.log(series[1:] / series[:-1])[::-1] ** 2
            decay = parameters.ewma_lambda ** np.arange(len(squares))
            momentum[j] = series[-1] / series[-1 - parameters.lookback] - 1.0
            volatility[j] = np.sqrt(252.0 * (decay @ squares) / decay.sum())
        return momentum, volatility


class TrendLiteral(Trend):
    """``trend`` with the parameters of the first design."""

    name: ClassVar[str] = "trend_literal"
    Parameters: ClassVar[type[PortfolioParameters]] = TrendLiteralParameters
