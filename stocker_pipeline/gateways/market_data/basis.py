"""Whether a vendor's prices are as traded or split-adjusted, and the way back to as traded.

A split-adjusted price of a day is the price as traded divided by the product of the splits that
came after that day; volumes are multiplied by it, dividends divided. All functions are pure and
know one symbol. Stays out: adjustments for dividends (``adjustments``), and where splits come from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

import numpy as np

Basis = Literal["as_traded", "split_adjusted"]

_WINDOW_BARS = 21
"""Daily moves of about a month on either side say how much a close moves without a split."""
_MOVES_MIN = 5
_MOVE_FLOOR = 0.01
"""Relative. A quiet month must not make the next move look impossible."""
_MOVE_UNKNOWN = 0.05
"""Taken as the usual daily move where fewer than ``_MOVES_MIN`` are known."""
_MOVES_TO_BE_SEEN = 6
"""A split can be told from a day's move where its ratio is at least this many usual moves."""
_NEARNESS = 0.25
"""The step must lie this near to one explanation, as a part of the distance between the two."""
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Split:
    """New shares per old share, in effect before the open of ``ex_date``."""

    ex_date: date
    ratio: Fraction


@dataclass(frozen=True)
class Evidence:
    """What the closes around one ex-date say.

    Attributes:
        says: ``as_traded`` | ``split_adjusted``; ``unseen`` = nothing can be seen there;
            ``neither`` = the closes contradict the split as it is stated.
        text: The numbers behind it.
    """

    says: Literal["as_traded", "split_adjusted", "unseen", "neither"]
    text: str


@dataclass(frozen=True)
class Verdict:
    """The basis of one symbol; None where the evidence does not decide, and ``reason`` why."""

    basis: Basis | None
    reason: str


def detected_basis(days: np.ndarray, close: np.ndarray, splits: Sequence[Split]) -> Verdict:
    """The basis that the closes of one symbol show at its splits.

    As traded, the close falls at the ex-date by the split's ratio; split-adjusted, it does not. One
    clear split decides for those too small to be seen, since a vendor's series has one basis.
    Splits that contradict each other, or their closes, leave it undecided.

    Args:
        days: datetime64[D], ascending, unique.
        close: Dollars, one per day; NaN and values that are not above 0 count as no bar.
        splits: Those that the vendor states, in any order.
    """
    usable = np.isfinite(close) & (close > 0)
    days, close = days[usable], close[usable]
    found = [_evidence(days, close, row, ratio) for row, ratio in _steps(days, splits)]
    against = [one.text for one in found if one.says == "neither"]
    seen = {one.says: one.text for one in found if one.says in ("as_traded", "split_adjusted")}
    if against:
        return Verdict(None, "; ".join(against))
    if len(seen) > 1:
        return Verdict(None, "; ".join(f"{text}: {says}" for says, text in seen.items()))
    if "as_traded" in seen:
        return Verdict("as_traded", seen["as_traded"])
    if "split_adjusted" in seen:
        return Verdict("split_adjusted", seen["split_adjusted"])
    if found or unapplied_splits(days, splits):
        return Verdict(None, "; ".join(one.text for one in found) or "no bar at or after its split")
    return Verdict("as_traded", "no split after its first bar")


def unapplied_splits(days: np.ndarray, splits: Sequence[Split]) -> list[Split]:
    """Splits after the last bar: whether an adjusted price contains them cannot be known."""
    if not len(days):
        return list(splits)
    return [split for split in splits if np.datetime64(split.ex_date) > days[-1]]


def later_splits(days: np.ndarray, splits: Iterable[Split]) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator, float64, of the product of the splits after each day.

    The product is exact. One at the day itself is not in it: prices, volumes and dividends of an
    ex-date count in new shares already. Both are whole numbers, exact up to 2^53.

    Args:
        days: datetime64[D], ascending; not necessarily unique.
        splits: In any order.
    """
    numerator, denominator = np.ones(len(days)), np.ones(len(days))
    product = Fraction(1)
    for split in sorted(splits, key=lambda split: split.ex_date, reverse=True):
        product *= split.ratio
        before = int(np.searchsorted(days, np.datetime64(split.ex_date)))
        numerator[:before], denominator[:before] = product.numerator, product.denominator
    return numerator, denominator


def unsplit_prices(days: np.ndarray, price: np.ndarray, splits: Iterable[Split]) -> np.ndarray:
    """Split-adjusted prices as they were traded, dollars.

    They stay as far from the tick as the vendor's rounding left them: nothing is rounded.
    """
    numerator, denominator = later_splits(days, splits)
    traded: np.ndarray = price * numerator / denominator
    return traded


def unsplit_volumes(days: np.ndarray, volume: np.ndarray, splits: Iterable[Split]) -> np.ndarray:
    """Split-adjusted volumes in shares as they were traded.

    A volume that changes is rounded to whole shares, which vendors do after they adjust it.
    """
    numerator, denominator = later_splits(days, splits)
    traded: np.ndarray = np.where(
        numerator == denominator, volume, np.rint(volume * denominator / numerator)
    )
    return traded


def unsplit_dividends(
    days: np.ndarray, dividend: np.ndarray, splits: Iterable[Split]
) -> np.ndarray:
    """Split-adjusted dividends in dollars per share of their ex-date, as they were paid."""
    return unsplit_prices(days, dividend, splits)


def _steps(days: np.ndarray, splits: Sequence[Split]) -> list[tuple[int, Fraction]]:
    """Rows of the first bar at or after each split, with the ratio of all splits that meet there.

    Splits before the first bar changed no price, and those after the last are not there yet.
    """
    ratios: dict[int, Fraction] = {}
    for split in sorted(splits, key=lambda split: split.ex_date):
        row = int(np.searchsorted(days, np.datetime64(split.ex_date)))
        if 0 < row < len(days):
            ratios[row] = ratios.get(row, Fraction(1)) * split.ratio
    return [(row, ratio) for row, ratio in ratios.items() if ratio != 1]


def _evidence(days: np.ndarray, close: np.ndarray, row: int, ratio: Fraction) -> Evidence:
    low, high = max(row - _WINDOW_BARS, 1), min(row + _WINDOW_BARS + 1, len(close))
    falls = np.log(close[low - 1 : high - 1] / close[low:high])
    fall = float(falls[row - low])
    others = np.delete(falls, row - low)
    expected = float(np.log(float(ratio)))
    gap_sessions = max(int(np.busday_count(days[row - 1], days[row])), 1)
    usual = _usual_move(others) * gap_sessions**0.5
    text = (
        f"split {ratio} on {days[row]}, close {close[row - 1]:.6g} before and {close[row]:.6g} at "
        f"it, a step of {np.exp(fall):.4g}"
    )
    if abs(expected) < _MOVES_TO_BE_SEEN * usual:
        return Evidence("unseen", f"{text}, with usual moves of {usual:.2%}: too small to be told")
    near = abs(expected) * _NEARNESS
    if abs(fall - expected) <= near:
        return Evidence("as_traded", text)
    if abs(fall) > near:
        return Evidence("neither", f"{text}, neither the ratio nor 1")
    shifted = np.flatnonzero(np.abs(others - expected) <= near)
    if len(shifted):
        place = int(shifted[0]) + low
        day = days[place + (place >= row)]
        return Evidence("neither", f"{text}, and one by the ratio on {day} instead")
    return Evidence("split_adjusted", text)


def _usual_move(moves: np.ndarray) -> float:
    if len(moves) < _MOVES_MIN:
        return _MOVE_UNKNOWN
    return max(float(np.median(np.abs(moves))) * _MAD_TO_SIGMA, _MOVE_FLOOR)
