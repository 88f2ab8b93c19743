"""Rules that find a wrong price between its neighbours: spikes, bad opens, wicks, shifted bars.

A real move stays or is traded through; a wrong print is gone at the next price. So each rule asks
whether one price lies outside what the prices right before and right after it span, and measures
how far in sigmas of the bar (``volatility``). In time order the prices are the close before, the
open, the close, the next open. Crashes that recover within the day, a flash crash, an opening gap
that is held, a close that the next open confirms: none of them leaves the span of its neighbours
by several sigmas of a session as wild as theirs.

The close rules look one bar ahead (a run of shifted bars up to ``shift_sessions_max``), so the
verdict on the last bar may change when the next bar comes; until then only ``LastBar``, with its
much wider bound, can refuse it. That look ahead lends a backtest no price of the future: it only
takes a bar away, the symbol is not traded on that bar and is marked at its last good close. What
could leak is that a move will come back, and only through a bar that is real and refused all the
same; ``docs/data-quality.md`` says how rare that is.
"""

from typing import ClassVar

import numpy as np

from stocker_pipeline.quality.findings import dollars, percent
from stocker_pipeline.quality.rule import Flag, Found, Quarantine, Rule, Scaled, beyond
from stocker_pipeline.quality.series import Series
from stocker_pipeline.quality.thresholds import Thresholds

_TOUCH_SIGMAS = 0.1
"""An open this near to the high or low of its bar is that high or low: nothing else traded there.
A wrong open is nearly always the extreme of its bar, a real one that reverses rarely."""


class CloseSpike(Quarantine):
    """The close is far beyond the close before, the next open and the next close."""

    name: ClassVar[str] = "close_spike"

    @property
    def threshold(self) -> str:
        return (
            f"at most {self.thresholds.close_sigmas:g} sigmas beyond the close before and the next"
            " open"
        )

    def judge(self, scaled: Scaled) -> Found:
        away, part = _close_away(scaled)
        rows = np.flatnonzero((part >= 1) & ~_whole_bar(scaled, away))
        return Found(rows, lambda row: _close_text(scaled, away, row))


class DoubtfulClose(Flag):
    """A close too near to its neighbours for close_spike, and too far to pass without a word."""

    name: ClassVar[str] = "doubtful_close"

    @property
    def threshold(self) -> str:
        return f"at most {self.thresholds.doubt_part:g} of the bound of close_spike"

    def judge(self, scaled: Scaled) -> Found:
        away, part = _close_away(scaled)
        rows = np.flatnonzero((part >= self.thresholds.doubt_part) & (part < 1))
        return Found(rows, lambda row: _close_text(scaled, away, row))


class BarShifted(Quarantine):
    """Close, high and low are all beyond the neighbours: the whole bar is on another level."""

    name: ClassVar[str] = "bar_shifted"

    @property
    def threshold(self) -> str:
        return (
            f"at most {self.thresholds.close_sigmas:g} sigmas beyond the close before and the next"
            " open"
        )

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        away, part = _close_away(scaled)
        return Found(
            np.flatnonzero((part >= 1) & _whole_bar(scaled, away)),
            lambda row: (
                f"the whole bar, {dollars(series.low[row])} to {dollars(series.high[row])}: its"
                f" {_close_text(scaled, away, row)}"
            ),
        )


class LevelShifted(Quarantine):
    """Two or more bars in a row are on another level, between a gap and the opposite gap.

    Gaps count after splits and dividends, so a split booked some sessions early or late is such a
    run. Reads a series without wrong prints: one of them beside real news is two gaps as well.
    """

    name: ClassVar[str] = "level_shifted"

    @property
    def threshold(self) -> str:
        bounds = self.thresholds
        return (
            f"no gap of {bounds.shift_sigmas:g} sigmas and {bounds.shift_min:.0%} that comes back"
            f" within {bounds.shift_sessions_max} sessions"
        )

    def judge(self, scaled: Scaled) -> Found:
        length, gap_in, gap_out = _runs(scaled)
        return Found(
            np.flatnonzero(length),
            lambda row: (
                f"one of {length[row]} bars between a gap of {percent(gap_in[row])} and one of"
                f" {percent(gap_out[row])} back"
            ),
        )


class OpenPrint(Quarantine):
    """The open is far beyond the close before and the close of its own bar."""

    name: ClassVar[str] = "open_print"

    @property
    def threshold(self) -> str:
        return (
            f"at most {self.thresholds.open_sigmas:g} sigmas beyond the close before and its own"
            f" close, {self.thresholds.open_sigmas_extreme:g} where it is the bar's high or low"
        )

    def judge(self, scaled: Scaled) -> Found:
        away, part = _open_away(scaled)
        return Found(np.flatnonzero(part >= 1), lambda row: _open_text(scaled, away, row))


class DoubtfulOpen(Flag):
    """An open too near to its neighbours for open_print, and too far to pass without a word."""

    name: ClassVar[str] = "doubtful_open"

    @property
    def threshold(self) -> str:
        return f"at most {self.thresholds.doubt_part:g} of the bound of open_print"

    def judge(self, scaled: Scaled) -> Found:
        away, part = _open_away(scaled)
        rows = np.flatnonzero((part >= self.thresholds.doubt_part) & (part < 1))
        return Found(rows, lambda row: _open_text(scaled, away, row))


class _Wick(Flag):
    """A high or low far beyond open and close of its bar. No order and no mark reads it."""

    field: ClassVar[str]
    sign: ClassVar[int]

    @property
    def threshold(self) -> str:
        return f"at most {self.thresholds.wick_sigmas:g} sigmas beyond open and close"

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        prices = getattr(series, self.field)
        away = beyond(np.log(prices), series.log_open, series.log_close)
        floor = scaled.floor(self.thresholds.wick_min)
        bound = np.fmax(self.thresholds.wick_sigmas * scaled.sigma, floor)
        return Found(
            np.flatnonzero(self.sign * away >= bound),
            lambda row: (
                f"{self.field} {dollars(prices[row])} is {_sigmas(scaled, away, row)} beyond open"
                f" {dollars(series.open[row])} and close {dollars(series.close[row])}"
            ),
        )


class HighPrint(_Wick):
    """The high is far above open and close."""

    name: ClassVar[str] = "high_print"
    field: ClassVar[str] = "high"
    sign: ClassVar[int] = 1


class LowPrint(_Wick):
    """The low is far below open and close."""

    name: ClassVar[str] = "low_print"
    field: ClassVar[str] = "low"
    sign: ClassVar[int] = -1


class LastBar(Quarantine):
    """A symbol's last bar moved so far that only a later bar can make it believable.

    With the next bar the verdict may change either way. The bound is far above real news: a
    share that loses 12% on its earnings passes.
    """

    name: ClassVar[str] = "last_bar_extreme"

    @property
    def threshold(self) -> str:
        bounds = self.thresholds
        return f"a move below {bounds.last_sigmas:g} sigmas or below {bounds.last_min:.0%}"

    def judge(self, scaled: Scaled) -> Found:
        series, bounds = scaled.series, self.thresholds
        move = series.log_close - series.log_close_before
        wanted = np.fmax(bounds.last_sigmas * scaled.sigma, np.log1p(bounds.last_min))
        return Found(
            np.flatnonzero(series.last_of_symbol & (np.abs(move) >= wanted)),
            lambda row: (
                f"close {dollars(series.close[row])} is {_sigmas(scaled, move, row)} from the close"
                f" before ({_other(series.log_close_before, row)}), and no bar follows yet"
            ),
        )


def print_rules(thresholds: Thresholds) -> list[Rule]:
    """Rules about single opens and closes. What they refuse is no neighbour for ``level_rules``."""
    return [kind(thresholds) for kind in (CloseSpike, BarShifted, OpenPrint, LastBar)]


def level_rules(thresholds: Thresholds) -> list[Rule]:
    """Rules about runs. What they refuse is no neighbour for the rules about gaps."""
    return [LevelShifted(thresholds)]


def odd_print_rules(thresholds: Thresholds) -> list[Rule]:
    """Rules about prints that are flagged only."""
    kinds = (DoubtfulClose, DoubtfulOpen, HighPrint, LowPrint)
    return [kind(thresholds) for kind in kinds]


def _close_away(scaled: Scaled) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each close beyond the close before and the next open, and its part of the bound.

    The part is 0 where the prices around do not make a spike of it.
    """
    series, bounds = scaled.series, scaled.thresholds
    away = beyond(series.log_close, series.log_close_before, series.log_open_after)
    confirmed = beyond(series.log_close, series.log_close_before, series.log_close_after)
    # The next close must agree at least half: a close that the day after confirms is no spike.
    spike = (away * confirmed > 0) & (np.abs(confirmed) >= np.abs(away) / 2)
    # The neighbours must agree with each other: news and then other news is no spike.
    spike &= np.abs(series.log_open_after - series.log_close_before) <= np.abs(away)
    return away, _part(scaled, away, spike, bounds.close_sigmas)


def _open_away(scaled: Scaled) -> tuple[np.ndarray, np.ndarray]:
    """The same of each open, beyond the close before and its own close."""
    series, bounds = scaled.series, scaled.thresholds
    away = beyond(series.log_open, series.log_close_before, series.log_close)
    extreme = np.where(away > 0, np.log(series.high), np.log(series.low))
    touches = np.abs(series.log_open - extreme) <= _TOUCH_SIGMAS * scaled.sigma
    sigmas = np.where(touches, bounds.open_sigmas_extreme, bounds.open_sigmas)
    # News that half recovers by the close leaves the open less far out than the day went.
    spike = np.abs(series.log_close - series.log_close_before) <= np.abs(away)
    return away, _part(scaled, away, spike, sigmas)


def _part(
    scaled: Scaled, away: np.ndarray, spike: np.ndarray, sigmas: float | np.ndarray
) -> np.ndarray:
    large = np.abs(away) >= scaled.floor(scaled.thresholds.move_min)
    size = np.where(spike & large, np.abs(away), 0.0)
    part: np.ndarray = size / (sigmas * scaled.sigma)
    return part


def _whole_bar(scaled: Scaled, away: np.ndarray) -> np.ndarray:
    """Whether high and low are both on the far side of the neighbours."""
    series = scaled.series
    top = np.maximum(series.log_close_before, series.log_open_after)
    bottom = np.minimum(series.log_close_before, series.log_open_after)
    return ((away > 0) & (np.log(series.low) > top)) | ((away < 0) & (np.log(series.high) < bottom))


def _runs(scaled: Scaled) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Length of the shifted run each bar is in (0 = none), and the gaps into and out of it."""
    series, bounds = scaled.series, scaled.thresholds
    gap = series.log_open - series.log_close_before
    wanted = np.fmax(bounds.shift_sigmas * scaled.sigma, np.log1p(bounds.shift_min))
    length = np.zeros(len(series), dtype=np.int64)
    gap_in, gap_out = np.full(len(series), np.nan), np.full(len(series), np.nan)
    large = np.abs(gap) >= wanted
    for run in range(2, bounds.shift_sessions_max + 1):
        into, out = gap[:-run], gap[run:]
        smaller = np.minimum(np.abs(into), np.abs(out))
        together = series.start_row[:-run] == series.start_row[run:]
        returns = (into * out < 0) & (np.abs(into + out) <= 0.3 * smaller)
        for first in np.flatnonzero(together & large[:-run] & large[run:] & returns).tolist():
            rows = slice(first, first + run)
            if not length[rows].any() and _stays(series, first, run, float(into[first])):
                length[rows], gap_in[rows], gap_out[rows] = run, into[first], out[first]
    return length, gap_in, gap_out


def _stays(series: Series, first: int, run: int, gap: float) -> bool:
    """Whether every close of a run keeps at least half of the gap into it.

    A wrong open followed by real news within days is two gaps without a level between them.
    """
    levels = np.cumsum(
        series.log_close[first : first + run] - series.log_close_before[first : first + run]
    )
    return bool((levels * np.sign(gap) >= abs(gap) / 2).all())


def _close_text(scaled: Scaled, away: np.ndarray, row: int) -> str:
    series = scaled.series
    return (
        f"close {dollars(series.close[row])} is {_sigmas(scaled, away, row)} beyond the close"
        f" before ({_other(series.log_close_before, row)}) and the next open"
        f" ({_other(series.log_open_after, row)})"
    )


def _open_text(scaled: Scaled, away: np.ndarray, row: int) -> str:
    series = scaled.series
    return (
        f"open {dollars(series.open[row])} is {_sigmas(scaled, away, row)} beyond the close before"
        f" ({_other(series.log_close_before, row)}) and its close {dollars(series.close[row])}"
    )


def _sigmas(scaled: Scaled, away: np.ndarray, row: int) -> str:
    return f"{percent(away[row])} ({abs(away[row]) / scaled.sigma[row]:.1f} sigmas)"


def _other(logs: np.ndarray, row: int) -> str:
    return dollars(float(np.exp(logs[row])))
