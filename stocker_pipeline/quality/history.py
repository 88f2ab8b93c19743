"""Rules about which sessions a symbol has bars on."""

from datetime import date
from typing import ClassVar

import numpy as np

from stocker_pipeline.domain.bars import PRICE_USD_MAX, PRICE_USD_MIN
from stocker_pipeline.quality.findings import OTHER_SECURITY, Severity, dollars, percent
from stocker_pipeline.quality.rule import Flag, Found, Rule, Scaled
from stocker_pipeline.quality.series import Series
from stocker_pipeline.quality.thresholds import Thresholds


class MissingSession(Flag):
    """Sessions without a bar between two bars, too few to doubt the ones before. Once per hole."""

    name: ClassVar[str] = "missing_session"

    @property
    def threshold(self) -> str:
        return "a bar on every session between the first bar and the last"

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        rows = np.flatnonzero((series.hole > 0) & ~series.starts)
        return Found(
            rows,
            lambda row: (
                f"{_sessions(series.hole[row])} without a bar, {_first_missing(series, row)} to"
                f" {series.calendar[series.session[row] - 1]}"
            ),
            lambda row: _first_missing(series, row),
        )


class OtherSecurityBefore(Flag):
    """A hole so long that the bars before it are of another security, or of another feed.

    One finding, on the first bar after the hole; ``findings.history_starts`` reads it. The bars
    before are not this symbol's history and no return may be taken across the hole. No bar is
    refused: each of them may be right, for the security that it was.
    """

    name: ClassVar[str] = OTHER_SECURITY
    severity: ClassVar[Severity] = "error"

    @property
    def threshold(self) -> str:
        return f"fewer than {self.thresholds.hole_sessions_long} sessions in a row without a bar"

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        rows = np.flatnonzero(series.starts & ~series.first_of_symbol)

        def evidence(row: int) -> str:
            last = series.days[row - 1]
            text = f"{_sessions(series.hole[row])} without a bar after {last}"
            before, after = series.close[row - 1], series.open[row]
            if min(before, after) >= PRICE_USD_MIN and max(before, after) <= PRICE_USD_MAX:
                level = percent(float(np.log(after / before)))
                text += f"; close {dollars(before)} before, open {dollars(after)} after ({level})"
            return text + ": the ticker was another security's, or years are missing"

        return Found(rows, evidence)


class ShortHistory(Flag):
    """Too few bars in a row up to the last one for a year's window. On the last bar."""

    name: ClassVar[str] = "short_history"
    severity: ClassVar[Severity] = "info"

    @property
    def threshold(self) -> str:
        return f"{self.thresholds.history_sessions_min} sessions in a row up to the last bar"

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        broken = series.first_of_symbol | (series.hole > 0)
        row = np.arange(len(series))
        run = row - np.maximum.accumulate(np.where(broken, row, 0)) + 1
        short = series.last_of_symbol & (run < self.thresholds.history_sessions_min)
        return Found(
            np.flatnonzero(short),
            lambda row: f"{_sessions(run[row])} in a row with a bar, up to {series.days[row]}",
        )


class NoRecentBar(Flag):
    """A symbol's last bar is older than the last session. On the first session without one."""

    name: ClassVar[str] = "no_recent_bar"
    severity: ClassVar[Severity] = "info"

    @property
    def threshold(self) -> str:
        return "a bar on the last session"

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        behind = len(series.calendar) - 1 - series.session
        return Found(
            np.flatnonzero(series.last_of_symbol & (behind > 0)),
            lambda row: (
                f"the last bar is of {series.days[row]}; {_sessions(behind[row])} without one up to"
                f" {series.calendar[-1]}"
            ),
            lambda row: series.calendar[series.session[row] + 1].item(),
        )


def history_rules(thresholds: Thresholds) -> list[Rule]:
    """The rules of this module."""
    kinds = (MissingSession, OtherSecurityBefore, ShortHistory, NoRecentBar)
    return [kind(thresholds) for kind in kinds]


def _first_missing(series: Series, row: int) -> date:
    day: date = series.calendar[series.session[row - 1] + 1].item()
    return day


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count:,} sessions"
