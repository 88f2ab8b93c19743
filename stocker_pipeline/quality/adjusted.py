"""Rules about dividends and the adjusted close, which must tell the same story.

The factor adjusted/raw close is constant between actions and steps on each ex-date by
``S/(1 − D/close before)``, S new shares per old, D dollars per new share. Some vendors reinvest at
the close of the ex-date instead, ``S·(1 + D/close)``; the two differ by the day's return times the
dividend, for which ``dividend_share`` leaves room. Money reads the adjusted close only with
``price_basis: adjusted``, so nothing here refuses a bar. A dividend that actions and adjusted
series both miss shows only in the calendar of dividends, or beside a second vendor (``vendors``).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from statistics import median
from typing import ClassVar

import numpy as np

from stocker_pipeline.quality.findings import dollars
from stocker_pipeline.quality.rule import Flag, Found, Rule, Scaled
from stocker_pipeline.quality.series import Series
from stocker_pipeline.quality.thresholds import Thresholds

_CENT = 0.01
_DAYS_PER_MONTH = 365.25 / 12
_UNEVEN = 1.6
"""Longest over shortest of the last intervals up to which a symbol pays at a steady pace. Monthly
payers bring December's dividend forward, which makes 25 and 38 days of 30."""


class AdjustedStep(Flag):
    """The adjusted series steps by something else than the actions of the session."""

    name: ClassVar[str] = "adjusted_step"

    @property
    def threshold(self) -> str:
        return _tolerance_text(self.thresholds)

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        step, wrong, absent = _steps(series, self.thresholds)
        return Found(
            np.flatnonzero(wrong & ~absent),
            lambda row: (
                f"adjusted/raw close steps by {step[row] - 1:+.4%} to"
                f" {dollars(series.adj_close[row])}/{dollars(series.close[row])}; "
                f"{_actions_text(series, row)}"
            ),
        )


class ActionNotAdjusted(Flag):
    """A dividend or split is on file, and the adjusted series does not step for it."""

    name: ClassVar[str] = "action_not_adjusted"

    @property
    def threshold(self) -> str:
        return _tolerance_text(self.thresholds)

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        step, _, absent = _steps(series, self.thresholds)
        return Found(
            np.flatnonzero(absent),
            lambda row: (
                f"{_actions_text(series, row)}, and adjusted/raw close steps by"
                f" {step[row] - 1:+.4%}"
            ),
        )


class DividendOverdue(Flag):
    """A symbol that paid at a steady pace has not paid when it should have.

    On the session on which the dividend was expected, one or more whole months after the last.
    Cut dividends are found too: a person tells a cut from a row that is missing.
    """

    name: ClassVar[str] = "dividend_overdue"

    @property
    def threshold(self) -> str:
        bounds = self.thresholds
        return (
            f"the next dividend within {bounds.dividend_late:g} times the pace of the last"
            f" {bounds.dividend_intervals}"
        )

    def judge(self, scaled: Scaled) -> Found:
        series = scaled.series
        overdue = dict(_overdue(series, self.thresholds))
        return Found(np.array(sorted(overdue), dtype=np.int64), overdue.__getitem__)


def adjusted_rules(thresholds: Thresholds) -> list[Rule]:
    """The rules of this module."""
    return [AdjustedStep(thresholds), ActionNotAdjusted(thresholds), DividendOverdue(thresholds)]


def factor_step(series: Series) -> np.ndarray:
    """adjusted/raw close over that of the bar before; 1 = no action, NaN = not known."""
    factor = np.where(series.adj_close > 0, series.adj_close, np.nan) / series.close
    return factor / series.before(factor)


def factor_tolerance(series: Series, smallest: float) -> np.ndarray:
    """What rounding alone may do to ``factor_step``, a fraction.

    Half a cent in each of the two adjusted closes where a vendor prints the symbol's in cents.
    """
    cents = np.abs(series.adj_close / _CENT - np.rint(series.adj_close / _CENT)) < 1e-6
    first = np.flatnonzero(series.first_of_symbol)
    share = np.zeros(0)
    if len(first):
        counts = np.diff(np.append(first, len(series)))
        share = np.repeat(np.add.reduceat(cents.astype(np.float64), first) / counts, counts)
    # A few closes are whole cents by chance or stand for themselves after the last action.
    rounded = np.where(share > 0.9, _CENT / 2, 0.0)
    return smallest + rounded / series.adj_close + rounded / series.before(series.adj_close)


def _steps(series: Series, bounds: Thresholds) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each step of the factor, whether it is wrong, and whether an action is missing from it."""
    step = factor_step(series)
    old_close = series.before(series.close) / series.split
    with np.errstate(divide="ignore", invalid="ignore"):
        paid = series.dividend / old_close
        due = series.split / (1 - paid)
        off = np.abs(step / due - 1)
        tolerance = factor_tolerance(series, bounds.adjusted_min)
        wrong = off > tolerance + bounds.dividend_share * paid
        acted = (series.split != 1) | (series.dividend > 0)
        # Only the split, or nothing, is in the step.
        unadjusted = np.abs(step - 1) <= off / 4
        unpaid = (paid > tolerance) & (np.abs(step / series.split - 1) <= tolerance)
    return step, wrong, wrong & acted & (unadjusted | unpaid)


def _tolerance_text(bounds: Thresholds) -> str:
    return (
        f"a step that actions explain to {bounds.adjusted_min:g} and the series' rounding, plus"
        f" {bounds.dividend_share:.0%} of a dividend"
    )


def _actions_text(series: Series, row: int) -> str:
    split, dividend = series.split[row], series.dividend[row]
    named = []
    if split != 1:
        named.append(f"a split of {split:g}")
    if dividend > 0:
        paid = dividend / series.close[row - 1] * split
        named.append(f"a dividend of {dividend:.6g} dollars ({paid:.4%})")
    return " and ".join(named) + " on file" if named else "no action is on file"


def _overdue(series: Series, bounds: Thresholds) -> Iterator[tuple[int, str]]:
    """Row on which a dividend was expected, and the sentence about it."""
    events = series.events
    paid = np.flatnonzero(events.dividend > 0)
    for code in np.unique(series.code).tolist():
        first, end = np.searchsorted(series.code, (code, code + 1)).tolist()
        # Two dividends of one session are one payment day.
        ex_days = series.calendar[np.unique(events.session[paid[events.code[paid] == code]])]
        last_day = series.days[end - 1]
        for paid_on, following, pace in _waits(ex_days, last_day, bounds):
            expected = np.datetime64(_months_later(paid_on, pace))
            row = first + int(np.searchsorted(series.days[first:end], expected))
            if row < end and series.days[row] < following:
                until = "none since" if following == last_day else f"the next is of {following}"
                yield row, f"a dividend every {pace:.0f} days, the last on {paid_on}; {until}"


def _waits(
    ex_days: np.ndarray, last_day: np.datetime64, bounds: Thresholds
) -> Iterator[tuple[np.datetime64, np.datetime64, float]]:
    """Each ex-date after a steady run that was followed too late, by what, and the pace in days."""
    until = np.append(ex_days, last_day)
    waits = np.diff(until).astype(np.int64).tolist()
    for i in range(bounds.dividend_intervals, len(ex_days)):
        recent = waits[i - bounds.dividend_intervals : i]
        pace = median(recent)
        if max(recent) <= _UNEVEN * min(recent) and waits[i] > bounds.dividend_late * pace:
            yield ex_days[i], until[i + 1], pace


def _months_later(session: np.datetime64, pace_days: float) -> date:
    """The same day of the month after a pace in whole months; a shorter pace counts in days."""
    day = date.fromisoformat(str(session))
    months = round(pace_days / _DAYS_PER_MONTH)
    if months == 0:
        return day + timedelta(days=round(pace_days))
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, 28))
