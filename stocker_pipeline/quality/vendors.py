"""Rules that compare with a second vendor's bars of the same sessions.

Two vendors that agree may copy one tape; two that differ cannot both be right. Which of them is
wrong the prices beside decide: the value farther beyond the close before and the next open is the
less plausible one. A factor that holds for weeks is a basis (a split that one of them has already
adjusted for), not an error: it is reported once and divided out.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from stocker_pipeline.quality.adjusted import factor_step, factor_tolerance
from stocker_pipeline.quality.findings import Severity, Treatment, dollars, percent
from stocker_pipeline.quality.rule import Found, Rule, Scaled, beyond
from stocker_pipeline.quality.series import Series
from stocker_pipeline.quality.thresholds import Thresholds

_FIELDS = ("open", "high", "low", "close")
_LEAD_MIN = 1e-3
"""By less than this neither value is the more plausible one."""
_BASIS_DENOMINATOR_MAX = 20
_BASIS_NEAR = 0.003
"""A split's basis is a ratio of small integers; closes of two vendors scatter around it."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """A reference aligned with a series; NaN where it has no bar.

    Attributes:
        prices: Field → the reference's price on the basis of the series, dollars.
        off: Field → log of own price over the reference's.
        basis: Log of the factor between the two, by bar; 0 where there is none.
        volume: The reference's shares, as its vendor counts them.
        step: The reference's own step of adjusted/raw close.
        step_tolerance: What rounding may do to it.
        agrees: Whether open and close are the reference's.
    """

    prices: dict[str, np.ndarray]
    off: dict[str, np.ndarray]
    basis: np.ndarray
    volume: np.ndarray
    step: np.ndarray
    step_tolerance: np.ndarray
    agrees: np.ndarray


def compared(series: Series, reference: Series, thresholds: Thresholds) -> Comparison:
    """Align the reference's bars with those of the series by symbol and session."""
    rows = _matching_rows(series, reference)
    there = rows >= 0
    step_there = there.copy()
    # A step spans two bars; both vendors must mean the same two.
    step_there[1:] &= rows[1:] == rows[:-1] + 1

    def taken(values: np.ndarray, known: np.ndarray = there) -> np.ndarray:
        return (
            np.where(known, values[np.maximum(rows, 0)], np.nan)
            if len(values)
            else (np.full(len(series), np.nan))
        )

    close_off = series.log_close - taken(reference.log_close)
    basis = _basis(series, close_off, thresholds)
    prices = {name: taken(getattr(reference, name)) * np.exp(basis) for name in _FIELDS}
    off = {name: np.log(getattr(series, name) / prices[name]) for name in _FIELDS}
    return Comparison(
        prices,
        off,
        basis,
        taken(reference.volume),
        taken(factor_step(reference), step_there),
        taken(factor_tolerance(reference, thresholds.adjusted_min), step_there),
        (np.abs(off["open"]) <= thresholds.vendor_min)
        & (np.abs(off["close"]) <= thresholds.vendor_min),
    )


class _VendorRule(Rule):
    """A rule that has the reference at hand."""

    severity: ClassVar[Severity] = "warning"
    treatment: ClassVar[Treatment] = "flagged"

    def __init__(self, thresholds: Thresholds, comparison: Comparison) -> None:
        super().__init__(thresholds)
        self.comparison = comparison

    def _verdict(self, scaled: Scaled) -> np.ndarray:
        """Where open or close differ by far: 1 = own is the less plausible, 0 = nobody can say.

        -1 = the reference is the less plausible one, -2 = they do not differ by far.
        """
        series = scaled.series
        before = series.log_close_before
        after = np.where(np.isnan(series.log_open_after), before, series.log_open_after)
        verdict = np.full(len(series), -2)
        for name in ("open", "close"):
            far = np.abs(self.comparison.off[name]) > self.thresholds.vendor_max
            own, other = np.log(getattr(series, name)), np.log(self.comparison.prices[name])
            lead = np.abs(beyond(own, before, after)) - np.abs(beyond(other, before, after))
            side = np.where(np.abs(lead) > _LEAD_MIN, np.sign(lead), 0)
            verdict = np.where(far, np.maximum(verdict, side), verdict)
        return verdict

    def _far(self, row: int, limits: dict[str, float]) -> tuple[str, ...]:
        """Fields of a bar that are further off than their limit."""
        return tuple(name for name in _FIELDS if abs(self.comparison.off[name][row]) > limits[name])


class VendorsDisagree(_VendorRule):
    """Open or close differ so far that one vendor is wrong: this one, or nobody can say."""

    name: ClassVar[str] = "vendors_disagree"
    severity: ClassVar[Severity] = "error"
    treatment: ClassVar[Treatment] = "quarantined"

    @property
    def threshold(self) -> str:
        return f"open and close within {self.thresholds.vendor_max:.1%} of the reference"

    def judge(self, scaled: Scaled) -> Found:
        verdict = self._verdict(scaled)

        def evidence(row: int) -> str:
            nearer = "the reference lies nearer" if verdict[row] > 0 else "neither lies nearer"
            names = self._far(row, dict.fromkeys(_FIELDS, self.thresholds.vendor_min))
            text = _differences(scaled.series, self.comparison, row, names)
            return f"{text}; {nearer} to the prices before and after"

        return Found(np.flatnonzero(verdict >= 0), evidence)


class VendorsDiffer(_VendorRule):
    """A price differs by less, or by as much and the reference is the less plausible one."""

    name: ClassVar[str] = "vendors_differ"

    @property
    def threshold(self) -> str:
        bounds = self.thresholds
        return (
            f"open and close within {bounds.vendor_min:.1%}, high and low within"
            f" {bounds.vendor_range_min:.1%} of the reference"
        )

    def judge(self, scaled: Scaled) -> Found:
        bounds, off = self.thresholds, self.comparison.off
        limits = dict.fromkeys(_FIELDS, bounds.vendor_min) | dict.fromkeys(
            ("high", "low"), bounds.vendor_range_min
        )
        differ = np.logical_or.reduce([np.abs(off[name]) > limits[name] for name in _FIELDS])
        return Found(
            np.flatnonzero(differ & (self._verdict(scaled) < 0)),
            lambda row: _differences(scaled.series, self.comparison, row, self._far(row, limits)),
        )


class VendorVolume(_VendorRule):
    """The volume is many times, or a small part of, the reference's."""

    name: ClassVar[str] = "vendors_differ_volume"

    @property
    def threshold(self) -> str:
        return f"within a factor {self.thresholds.vendor_volume_ratio:g} of the reference"

    def judge(self, scaled: Scaled) -> Found:
        own, other = scaled.series.volume, self.comparison.volume
        # A basis in prices is one in shares, the other way round.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = own / other * np.exp(self.comparison.basis)
            off = (ratio > self.thresholds.vendor_volume_ratio) | (
                ratio < 1 / self.thresholds.vendor_volume_ratio
            )
        return Found(
            np.flatnonzero(off & ((own > 0) | (other > 0))),
            lambda row: f"volume {own[row]:,.0f}, the reference {other[row]:,.0f}",
        )


class VendorBasis(_VendorRule):
    """The prices are a constant multiple of the reference's. Once per run, on its first bar."""

    name: ClassVar[str] = "vendors_differ_basis"

    @property
    def threshold(self) -> str:
        return f"prices within {self.thresholds.vendor_max:.1%} of the reference over weeks"

    def judge(self, scaled: Scaled) -> Found:
        series, basis = scaled.series, self.comparison.basis
        changed = np.ones(len(series), dtype=bool)
        changed[1:] = np.abs(basis[1:] - basis[:-1]) > self.thresholds.vendor_max
        rows = (np.abs(basis) > self.thresholds.vendor_max) & (changed | series.first_of_symbol)
        return Found(
            np.flatnonzero(rows),
            lambda row: (
                f"from here on prices are {np.exp(basis[row]):.6g} times the reference's: another"
                " basis, such as a split that one of the two has adjusted for"
            ),
        )


class VendorDividend(_VendorRule):
    """The adjusted series steps where the reference's does not, or the other way round."""

    name: ClassVar[str] = "vendors_differ_dividend"

    @property
    def threshold(self) -> str:
        bounds = self.thresholds
        return (
            f"the reference's step of adjusted/raw close to {bounds.adjusted_min:g} and rounding,"
            f" plus {bounds.dividend_share:.0%} of it"
        )

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        own, other = factor_step(series), self.comparison.step
        rebased = np.zeros(len(series))
        rebased[1:] = self.comparison.basis[:-1] - self.comparison.basis[1:]
        off = np.log(own) - np.log(other) - rebased
        tolerance = factor_tolerance(series, 0.0) + self.comparison.step_tolerance
        payment = np.fmin(np.abs(np.log(own)), np.abs(np.log(other)))
        wanted = tolerance + self.thresholds.dividend_share * payment
        return Found(
            np.flatnonzero(np.abs(off) > wanted),
            lambda row: (
                f"adjusted/raw close steps by {own[row] - 1:+.4%}, the reference's by"
                f" {other[row] - 1:+.4%}: about"
                f" {dollars(abs(float(np.expm1(off[row]))) * series.close[row])} dollars a share"
            ),
        )


def vendor_rules(thresholds: Thresholds, comparison: Comparison) -> list[Rule]:
    """The rules of this module."""
    kinds = (VendorsDisagree, VendorsDiffer, VendorVolume, VendorBasis, VendorDividend)
    return [kind(thresholds, comparison) for kind in kinds]


def _matching_rows(series: Series, reference: Series) -> np.ndarray:
    """Row of the reference with the same symbol and session; -1 = none."""
    place = {name: code for code, name in enumerate(reference.names)}
    codes = np.array([place.get(name, -1) for name in series.names], dtype=np.int64)
    width = np.int64(200_000)
    keys = reference.code * width + reference.days.astype(np.int64)
    wanted = (
        codes[series.code] * width + series.days.astype(np.int64)
        if len(series)
        else (np.empty(0, dtype=np.int64))
    )
    if not len(keys):
        return np.full(len(series), -1)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((keys[at] == wanted) & (wanted >= 0), at, -1)


def _basis(series: Series, close_off: np.ndarray, bounds: Thresholds) -> np.ndarray:
    """Log of the constant factor between the closes, run by run; 0 where it is none."""
    basis = np.zeros(len(series))
    known = np.flatnonzero(np.isfinite(close_off))
    if not (np.abs(close_off[known]) > bounds.vendor_max).any():
        return basis
    half = bounds.vendor_sessions // 2
    for code in np.unique(series.code[known]).tolist():
        rows = known[series.code[known] == code]
        padded = np.pad(close_off[rows], half, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
        level = np.median(windows, axis=1)
        # A window's median jumps on the very bar on which the factor does.
        jumps = np.flatnonzero(np.abs(np.diff(level)) > bounds.vendor_max) + 1
        factors = [_factor(close_off[run], bounds.vendor_max) for run in np.split(rows, jumps)]
        first, end = np.searchsorted(series.code, (code, code + 1))
        # A bar without a partner belongs to the run before it.
        starts = np.concatenate(([first], rows[jumps], [end]))
        basis[first:end] = np.repeat(factors, np.diff(starts))
    return basis


def _factor(close_off: np.ndarray, smallest: float) -> float:
    """Log of the factor of a run of bars, as a ratio of small integers where it is near one."""
    factor = float(np.median(close_off))
    if abs(factor) <= smallest:
        return 0.0
    ratio = Fraction(float(np.exp(factor))).limit_denominator(_BASIS_DENOMINATOR_MAX)
    near = ratio > 0 and abs(np.log(float(ratio)) - factor) <= _BASIS_NEAR
    return float(np.log(float(ratio))) if near else factor


def _differences(series: Series, comparison: Comparison, row: int, names: tuple[str, ...]) -> str:
    parts = [
        f"{name} {dollars(getattr(series, name)[row])}, the reference"
        f" {dollars(comparison.prices[name][row])} ({percent(comparison.off[name][row])})"
        for name in names
    ]
    return "; ".join(parts)
