"""Rules that one bar breaks by itself: numbers that no exchange can have reported."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from stocker_pipeline.domain.bars import PRICE_USD_MAX, PRICE_USD_MIN, PRICES, RANGE_TOLERANCE
from stocker_pipeline.quality.findings import Severity, dollars
from stocker_pipeline.quality.rule import Found, Quarantine, Rule, Scaled
from stocker_pipeline.quality.series import Series
from stocker_pipeline.quality.thresholds import Thresholds

_SHARES_MAX = 1e15
"""A thousand times every share there is; what lies above would overflow a sum."""
_ADJUSTED_MIN, _ADJUSTED_MAX = 1e-12, 1e15
"""Decades of splits and dividends move an adjusted close by powers of ten, but not by fifteen."""


class WithdrawnBar(Quarantine):
    """All prices and the volume are null: the source took the bar back."""

    name: ClassVar[str] = "withdrawn_bar"
    severity: ClassVar[Severity] = "warning"

    @property
    def threshold(self) -> str:
        return "a bar with prices"

    def judge(self, scaled: Scaled) -> Found:
        return Found(
            np.flatnonzero(_withdrawn(scaled.series)),
            lambda _: "open, high, low, close and volume are all empty",
        )


class NoPrice(Quarantine):
    """A price is null, and the bar is not withdrawn."""

    name: ClassVar[str] = "no_price"

    @property
    def threshold(self) -> str:
        return "open, high, low and close in every bar"

    def judge(self, scaled: Scaled) -> Found:
        withdrawn = _withdrawn(scaled.series)
        return _fields(
            scaled.series,
            lambda price: np.isnan(price) & ~withdrawn,
            lambda name, _: f"{name} is empty",
        )


class ImpossiblePrice(Quarantine):
    """A price is zero, negative, infinite or absurd."""

    name: ClassVar[str] = "impossible_price"

    @property
    def threshold(self) -> str:
        return f"a price from {PRICE_USD_MIN} to {PRICE_USD_MAX:,.0f} dollars"

    def judge(self, scaled: Scaled) -> Found:
        return _fields(
            scaled.series,
            _impossible,
            lambda name, price: f"{name} is {price:g}",
        )


class HighBelowLow(Quarantine):
    """The high is below the low."""

    name: ClassVar[str] = "high_below_low"

    @property
    def threshold(self) -> str:
        return f"a high at or above the low (relative tolerance {RANGE_TOLERANCE:g})"

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        ceiling, _ = _range(series)
        believable = ~_impossible(series.high) & ~_impossible(series.low)
        return Found(
            np.flatnonzero(believable & (ceiling < series.low)),
            lambda row: f"high {dollars(series.high[row])} with low {dollars(series.low[row])}",
        )


class OpenOutsideRange(Quarantine):
    """The open is above the high or below the low; either of them is wrong."""

    name: ClassVar[str] = "open_outside_range"

    @property
    def threshold(self) -> str:
        return f"an open from low to high (relative tolerance {RANGE_TOLERANCE:g})"

    def judge(self, scaled: Scaled) -> Found:
        return _outside(scaled.series, "open")


class CloseOutsideRange(Quarantine):
    """The close is above the high or below the low; either of them is wrong."""

    name: ClassVar[str] = "close_outside_range"

    @property
    def threshold(self) -> str:
        return f"a close from low to high (relative tolerance {RANGE_TOLERANCE:g})"

    def judge(self, scaled: Scaled) -> Found:
        return _outside(scaled.series, "close")


class ImpossibleVolume(Quarantine):
    """The volume is negative, infinite or absurd. Unknown (null) is not."""

    name: ClassVar[str] = "impossible_volume"

    @property
    def threshold(self) -> str:
        return f"from 0 to {_SHARES_MAX:g} shares"

    def judge(self, scaled: Scaled) -> Found:
        volume = scaled.series.volume
        return Found(
            np.flatnonzero((volume < 0) | (volume > _SHARES_MAX)),
            lambda row: f"volume is {volume[row]:g}",
        )


class ImpossibleAdjusted(Quarantine):
    """The adjusted close is zero, negative, infinite or absurd. Unknown (null) is not."""

    name: ClassVar[str] = "impossible_adj_close"

    @property
    def threshold(self) -> str:
        return f"an adjusted close from {_ADJUSTED_MIN:g} to {_ADJUSTED_MAX:g} dollars"

    def judge(self, scaled: Scaled) -> Found:
        adjusted = scaled.series.adj_close
        return Found(
            np.flatnonzero((adjusted < _ADJUSTED_MIN) | (adjusted > _ADJUSTED_MAX)),
            lambda row: f"adjusted close is {adjusted[row]:g}",
        )


def number_rules(thresholds: Thresholds) -> list[Rule]:
    """The rules of this module. A bar that breaks one is no neighbour for any other rule."""
    prices = (WithdrawnBar, NoPrice, ImpossiblePrice)
    ranges = (HighBelowLow, OpenOutsideRange, CloseOutsideRange)
    others = (ImpossibleVolume, ImpossibleAdjusted)
    return [kind(thresholds) for kind in (*prices, *ranges, *others)]


def _withdrawn(series: Series) -> np.ndarray:
    return np.logical_and.reduce([np.isnan(getattr(series, name)) for name in (*PRICES, "volume")])


def _impossible(price: np.ndarray) -> np.ndarray:
    outside: np.ndarray = (price < PRICE_USD_MIN) | (price > PRICE_USD_MAX)
    return outside


def _fields(
    series: Series,
    wrong: Callable[[np.ndarray], np.ndarray],
    say: Callable[[str, float], str],
) -> Found:
    """Rows on which any of the four prices is wrong, and which."""
    broken = {name: wrong(getattr(series, name)) for name in PRICES}

    def evidence(row: int) -> str:
        named = [name for name in PRICES if broken[name][row]]
        return ", ".join(say(name, getattr(series, name)[row]) for name in named)

    return Found(np.flatnonzero(np.logical_or.reduce(list(broken.values()))), evidence)


def _range(series: Series) -> tuple[np.ndarray, np.ndarray]:
    # An absurd price may overflow; its own rule finds it.
    with np.errstate(over="ignore"):
        return series.high * (1 + RANGE_TOLERANCE), series.low * (1 - RANGE_TOLERANCE)


def _outside(series: Series, name: str) -> Found:
    price = getattr(series, name)
    ceiling, floor = _range(series)
    # An impossible price, and high below low, are found already.
    rest = ~_impossible(price) & (ceiling >= series.low)
    return Found(
        np.flatnonzero(rest & ((price > ceiling) | (price < floor))),
        lambda row: (
            f"{name} {dollars(price[row])} with low {dollars(series.low[row])}"
            f" and high {dollars(series.high[row])}"
        ),
    )
