"""Rules about bars that say the same as the bar before.

A quiet instrument repeats itself honestly: a fund of three-month bills closes unchanged on a third
of all sessions. So the measure is the symbol's own habit, the share of its last closes that did not
change.
"""

from typing import ClassVar

import numpy as np

from stocker_pipeline.domain.bars import PRICES
from stocker_pipeline.quality.findings import dollars
from stocker_pipeline.quality.rule import Flag, Found, Quarantine, Rule, Scaled
from stocker_pipeline.quality.series import Series
from stocker_pipeline.quality.thresholds import Thresholds
from stocker_pipeline.quality.volatility import trailing

_KNOWN_MIN = 20
"""Closes before a bar from which on its habit is known."""


class RepeatedBar(Flag):
    """Open, high, low and close are those of the bar before, which this symbol does not do."""

    name: ClassVar[str] = "repeated_bar"

    @property
    def threshold(self) -> str:
        return (
            "four prices that differ from the bar before, where at most"
            f" {self.thresholds.repeats_max:.0%} of closes are unchanged"
        )

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        unusual = _unusual(scaled)
        # A habitual repeater with the same volume too may still be honest: a person looks.
        rows = same_prices(series) & (unusual ^ _copied(series))
        return Found(np.flatnonzero(rows), lambda row: _four(series, row))


class CopiedBar(Quarantine):
    """Prices and volume, to the share, are those of the bar before: it is yesterday's bar."""

    name: ClassVar[str] = "copied_bar"

    @property
    def threshold(self) -> str:
        return "four prices and a volume that are not all those of the bar before"

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        return Found(
            np.flatnonzero(_copied(series) & _unusual(scaled)),
            lambda row: f"{_four(series, row)}, and so is its volume of {series.volume[row]:,.0f}",
        )


class MarketRepeated(Quarantine):
    """On one session most symbols repeat their bar before: the source sent yesterday again."""

    name: ClassVar[str] = "market_repeated"

    @property
    def threshold(self) -> str:
        bounds = self.thresholds
        return (
            f"less than {bounds.repeats_market:.0%} of symbols, or fewer than"
            f" {bounds.stress_symbols_min}, that repeat the bar before on one session"
        )

    def judge(self, scaled: Scaled) -> Found:
        series, bounds = scaled.series, self.thresholds
        # Symbols that repeat by habit say nothing about the source, either way.
        asked = _unusual(scaled)
        same = same_prices(series) & asked
        sessions = len(series.calendar)
        all_of = np.bincount(series.session[asked], minlength=sessions)
        same_of = np.bincount(series.session[same], minlength=sessions)
        wrong = (same_of >= bounds.stress_symbols_min) & (same_of >= bounds.repeats_market * all_of)
        return Found(
            np.flatnonzero(same & wrong[series.session]),
            lambda row: (
                f"{same_of[series.session[row]]} of {all_of[series.session[row]]} symbols repeat"
                f" their bar before on this session; here {_four(series, row)}"
            ),
        )


def repeat_rules(thresholds: Thresholds) -> list[Rule]:
    """The rules of this module."""
    return [RepeatedBar(thresholds), CopiedBar(thresholds), MarketRepeated(thresholds)]


def same_prices(series: Series) -> np.ndarray:
    """Whether all four prices of a bar are those of the bar before."""
    return np.logical_and.reduce(
        [getattr(series, name) == series.before(getattr(series, name)) for name in PRICES]
    )


def _copied(series: Series) -> np.ndarray:
    traded = (series.volume > 0) & (series.high > series.low)
    return same_prices(series) & traded & (series.volume == series.before(series.volume))


def _unusual(scaled: Scaled) -> np.ndarray:
    """Whether unchanged closes are rare for the symbol at this bar, and that is known."""
    series, bounds = scaled.series, scaled.thresholds
    unchanged = np.where(
        series.starts, np.nan, (series.close == series.before(series.close)).astype(np.float64)
    )
    total, count = trailing(series, unchanged, bounds.volatility_sessions)
    return (count >= min(_KNOWN_MIN, bounds.volatility_sessions)) & (
        total <= bounds.repeats_max * count
    )


def _four(series: Series, row: int) -> str:
    prices = ", ".join(f"{name} {dollars(getattr(series, name)[row])}" for name in PRICES)
    return f"{prices} are those of the bar before"
