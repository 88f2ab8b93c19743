"""Rules about the step from one close to the next open: splits, and moves too large to pass.

They read a series from which wrong prints are gone, so that a spike is not found again as the gap
that it leaves behind. A gap that stays is either news, a corporate action that nobody told us, or
another basis of prices; shares and dollars traded tell news from the other two.
"""

from typing import ClassVar

import numpy as np

from stocker_pipeline.domain.bars import split_fraction
from stocker_pipeline.quality.findings import Severity, dollars, percent
from stocker_pipeline.quality.rule import Flag, Found, Quarantine, Rule, Scaled
from stocker_pipeline.quality.thresholds import Thresholds
from stocker_pipeline.quality.volatility import usual

_SPLIT_TERM_MAX = 10
_SPLIT_LIKE = 0.03
"""How near, relatively, a gap must be to a small ratio for the evidence to name it."""


class SplitNotShown(Quarantine):
    """A split is on file, and the prices step as if there were none."""

    name: ClassVar[str] = "split_not_shown"

    @property
    def threshold(self) -> str:
        return "a step of the price by at least half of the split's, in logarithms"

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        gap, missed = _gap(scaled), _split_missed(scaled)
        return Found(
            np.flatnonzero(missed),
            lambda row: (
                f"a split of {split_fraction(series.split[row])} new shares per old, and the open"
                f" {dollars(series.open[row])} is {percent(gap[row] - np.log(series.split[row]))}"
                " from the close before as traded"
            ),
        )


class UnexplainedGap(Quarantine):
    """A gap without a corporate action, beyond the symbol's volatility and on usual business."""

    name: ClassVar[str] = "unexplained_gap"

    @property
    def threshold(self) -> str:
        bounds = self.thresholds
        return (
            f"a gap up to {bounds.gap_max:.0%}; beyond, below {bounds.gap_sigmas:g} sigmas or with"
            f" {bounds.gap_business:g} times the usual shares and dollars traded"
        )

    def judge(self, scaled: Scaled) -> Found:
        return _large_gaps(scaled, believable=False)


class LargeGap(Flag):
    """The same gap, which the symbol's volatility or the business done make believable."""

    name: ClassVar[str] = "large_gap"

    @property
    def threshold(self) -> str:
        return f"a gap up to {self.thresholds.gap_max:.0%} without a corporate action"

    def judge(self, scaled: Scaled) -> Found:
        return _large_gaps(scaled, believable=True)


class DividendAbovePrice(Flag):
    """A dividend is above the price before it.

    The dividend is wrong, not the bar; a book that holds the share would still be paid it.
    """

    name: ClassVar[str] = "dividend_above_price"
    severity: ClassVar[Severity] = "error"

    @property
    def threshold(self) -> str:
        return "a dividend below the close before"

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        return Found(
            np.flatnonzero(series.dividend >= series.before(series.close) / series.split),
            lambda row: (
                f"a dividend of {dollars(series.dividend[row])} dollars with a close before of"
                f" {dollars(series.close[row - 1] / series.split[row])}"
            ),
        )


def gap_rules(thresholds: Thresholds) -> list[Rule]:
    """The rules of this module."""
    kinds = (SplitNotShown, UnexplainedGap, LargeGap, DividendAbovePrice)
    return [kind(thresholds) for kind in kinds]


def _gap(scaled: Scaled) -> np.ndarray:
    """Log step from the close before, on today's basis and without the dividend, to the open."""
    return scaled.series.log_open - scaled.series.log_close_before


def _split_missed(scaled: Scaled) -> np.ndarray:
    series = scaled.series
    missed = np.zeros(len(series), dtype=bool)
    rows = np.flatnonzero(series.split != 1)
    step = np.log(series.split[rows])
    asked = np.abs(step) >= np.fmax(
        np.log1p(scaled.thresholds.split_min), scaled.thresholds.close_sigmas * scaled.sigma[rows]
    )
    # Where the split does not show, the gap on today's basis is the split's own step.
    missed[rows] = asked & (np.abs(_gap(scaled)[rows] - step) <= np.abs(step) / 2)
    return missed


def _large_gaps(scaled: Scaled, *, believable: bool) -> Found:
    series, bounds = scaled.series, scaled.thresholds
    gap = _gap(scaled)
    large = (np.abs(np.expm1(gap)) > bounds.gap_max) & ~_split_missed(scaled)
    busy = _business(scaled)
    within = np.abs(gap) < bounds.gap_sigmas * scaled.sigma
    believed = within | (busy >= bounds.gap_business)
    chosen = large & (believed if believable else ~believed)

    def evidence(row: int) -> str:
        text = (
            f"open {dollars(series.open[row])} is {percent(gap[row])}"
            f" ({abs(gap[row]) / scaled.sigma[row]:.1f} sigmas) from the close before"
            f" ({dollars(float(np.exp(series.log_close_before[row])))})"
        )
        if np.isfinite(busy[row]):
            text += f" on {busy[row]:.1f} times the usual business"
        if series.hole[row]:
            text += f", after {series.hole[row]} sessions without a bar"
        return text + _split_like(float(np.exp(-gap[row])))

    return Found(np.flatnonzero(chosen), evidence)


def _business(scaled: Scaled) -> np.ndarray:
    """Shares or dollars traded over the usual, whichever is less; NaN = not known.

    A split changes the one and a wrong price the other; news raises both.
    """
    series, window = scaled.series, scaled.thresholds.volatility_sessions
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        traded = series.close * series.volume
        shares = series.volume / usual(series, series.volume, window)
        return np.minimum(shares, traded / usual(series, traded, window))


def _split_like(ratio: float) -> str:
    near = min(
        (
            (abs(ratio * old / new - 1), new, old)
            for new in range(1, _SPLIT_TERM_MAX + 1)
            for old in range(1, _SPLIT_TERM_MAX + 1)
            if new != old and (min(new, old) == 1 or max(new, old) <= 5)
        ),
        default=(1.0, 1, 1),
    )
    return f"; a {near[1]}:{near[2]} split would do it" if near[0] <= _SPLIT_LIKE else ""
