"""Rules about volume, which caps how much of an order is filled and moves no price."""

from typing import ClassVar

import numpy as np

from stocker_pipeline.quality.findings import Severity
from stocker_pipeline.quality.rule import Flag, Found, Rule, Scaled
from stocker_pipeline.quality.series import Series
from stocker_pipeline.quality.thresholds import Thresholds
from stocker_pipeline.quality.volatility import trailing

_KNOWN_MIN = 20
_CLIP = np.log(8.0)
"""One volume counts as at most eight times the usual, or a wrong one would excuse the next."""
_NORMAL = 1.25
"""Standard deviation of a normal variable whose mean deviation is 1."""
_UNIT_NEAR = np.log(2.0)


class ZeroVolume(Flag):
    """Nothing traded, or the source does not know. A participation cap fills nothing."""

    name: ClassVar[str] = "zero_volume"

    @property
    def threshold(self) -> str:
        return "a volume above 0"

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        flat = (series.high == series.low) & (series.close == series.before(series.close))

        def evidence(row: int) -> str:
            return "volume is 0" + (", and all prices are the close before" if flat[row] else "")

        return Found(np.flatnonzero(series.volume == 0), evidence)


class UnknownVolume(Flag):
    """The volume is null, which a participation cap reads as 0. One finding per run of bars."""

    name: ClassVar[str] = "unknown_volume"
    severity: ClassVar[Severity] = "info"

    @property
    def threshold(self) -> str:
        return "a volume in every bar"

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        unknown = np.isnan(series.volume)
        rows = _run_starts(series, unknown)
        ends = _run_starts(series, ~unknown)
        breaks = np.sort(np.concatenate((ends, np.flatnonzero(series.starts), [len(series)])))

        def evidence(row: int) -> str:
            last = breaks[np.searchsorted(breaks, row, side="right")] - 1
            return f"no volume in {last - row + 1} bars up to {series.days[last]}"

        return Found(rows, evidence)


class VolumeUnits(Flag):
    """The volume is many times, or a small part of, what the symbol trades.

    Where the unit changes for good, the first bar says it.
    """

    name: ClassVar[str] = "volume_units"

    @property
    def threshold(self) -> str:
        bounds = self.thresholds
        return (
            f"within a factor {bounds.volume_ratio:g} of usual, or {bounds.volume_sigmas:g}"
            " deviations of its logarithm"
        )

    def judge(self, scaled: Scaled) -> Found:
        series, bounds = scaled.series, self.thresholds
        away, deviation = _volume_away(series, bounds.volatility_sessions)
        wanted = np.fmax(np.log(bounds.volume_ratio), bounds.volume_sigmas * deviation)
        before = series.before(away)
        # On a level that stays, the bar before is as far away; only the step to it is told.
        step = np.isnan(before) | (np.abs(away - before) >= np.abs(away) / 2)
        return Found(
            np.flatnonzero(step & (np.abs(away) >= wanted)),
            lambda row: (
                f"volume {series.volume[row]:,.0f} is {_times(away[row])} the usual"
                f" {series.volume[row] / np.exp(away[row]):,.0f}{_unit(away[row])}"
            ),
        )


def volume_rules(thresholds: Thresholds) -> list[Rule]:
    """The rules of this module."""
    return [ZeroVolume(thresholds), UnknownVolume(thresholds), VolumeUnits(thresholds)]


def _run_starts(series: Series, rows: np.ndarray) -> np.ndarray:
    """First row of each run of True within one security."""
    before = np.zeros(len(rows), dtype=bool)
    before[1:] = rows[:-1]
    return np.flatnonzero(rows & (~before | series.starts))


def _volume_away(series: Series, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Log of each volume over the usual before it, and how far that strays; NaN = not known."""
    logs = np.full(len(series), np.nan)
    # A millionth of a share is as little as none.
    np.log(np.maximum(series.volume, 1e-6), out=logs, where=series.volume > 0)
    # Shares of other days on today's share basis: a 4:1 split makes four times the volume.
    shares = np.cumsum(np.log(series.split))
    logs = logs - shares
    rough = _mean(series, logs, window)
    settled = np.where(np.isnan(rough), logs, rough + np.clip(logs - rough, -_CLIP, _CLIP))
    away = logs - _mean(series, settled, window)
    deviation = _mean(series, np.minimum(np.abs(away), _CLIP), window) * _NORMAL
    return away, deviation


def _mean(series: Series, values: np.ndarray, window: int) -> np.ndarray:
    total, count = trailing(series, values, window)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(count >= min(_KNOWN_MIN, window), total / count, np.nan)


def _times(away: float) -> str:
    return f"{np.exp(away):,.0f} times" if away > 0 else f"1/{np.exp(-away):,.0f} of"


def _unit(away: float) -> str:
    for power in (2, 3, 4, 5, 6):
        if abs(abs(away) - np.log(10.0**power)) <= _UNIT_NEAR:
            counted = "multiplied" if away > 0 else "divided"
            return f", as if {counted} by {10**power:,}"
    return ""
