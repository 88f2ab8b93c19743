"""What a split-adjusted series of a vendor was as traded, and which parts of it can be believed.

A vendor that adjusts at the source hands out price / later splits, rounded. Multiplying by the
splits it states gives the traded price back, *if* those splits are the ones it adjusted for. Two
checks tell: the adjusted series does not jump at a split, and traded prices are whole cents, which
a price multiplied by a split it never had is not. All functions are pure and know one symbol. Stays
out: the arithmetic of splits (``basis``), and where splits and dividends come from.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np

from stocker_pipeline.domain.bars import split_fraction
from stocker_pipeline.gateways.market_data.basis import Split, later_splits

EVIDENCE = timedelta(days=60)
"""Bars that far before a split say whether it was applied to them."""

_FLOAT32_HALF_STEP = 2.0**-24
"""Relative: what storing a price as float32 moves it by, at most."""
_DECIMALS = (2, 4, 6)
"""Shares trade in cents; below a dollar, and inside the spread, in hundredths of a cent."""
_CENTS_SINCE = np.datetime64("2001-04-09")
"""Before, the exchanges traded in fractions of a dollar."""
_CENTS_PRICE_MIN_USD = 1.0
_CENTS_ROOM_USD = 0.001
"""A price known less exactly than this does not say whether it is whole cents."""
_CENTS_PRICES_MIN = 40
"""With as many, a 2:1 split is taken for one that never was once in ten million times."""
_CENTS_SHARE = 0.9
_JUMP_RATIO_MIN = 1.25
"""Below this ratio a split cannot be told from what a price does overnight."""
_STEP_TOLERANCE = 1e-4
"""Relative. A dividend of less than 0.01% of the price may be missing from an adjusted close."""


def rounded_as_printed(
    values: np.ndarray, multiplier: np.ndarray, *, resolution: float
) -> np.ndarray:
    """``values`` × ``multiplier`` with the noise of the vendor's rounding taken away.

    A value rounded to ``resolution`` and stored as float32 is known to half a step of each, and its
    multiple to as much times the multiplier. The product becomes whole cents, else hundredths of a
    cent, else millionths of a dollar, but only where that moves it by no more than it is unknown
    by: the result is as good a reading of what was sent as the product itself, never a worse one.

    Args:
        values: As sent, dollars; NaN stays NaN.
        multiplier: New shares per old share of the splits after each value.
        resolution: The last digit that the vendor prints, dollars.
    """
    product = values * multiplier
    unknown_by = multiplier * _unknown_by(values, resolution)
    rounded: np.ndarray = product.copy()
    for decimals in reversed(_DECIMALS):
        candidate = np.round(product, decimals)
        # The relative hair is for float64 itself, which cannot hold 0.0000005 exactly.
        fits = np.abs(candidate - product) <= unknown_by * (1 + 1e-6)
        rounded = np.where(fits, candidate, rounded)
    return rounded


def doubtful_split(
    days: np.ndarray,
    prices: Mapping[str, np.ndarray],
    splits: Sequence[Split],
    *,
    since: date,
    resolution: float,
) -> str | None:
    """Why the series was not adjusted for one of the splits stated; None = nothing speaks against.

    The latest split is looked at first, since an earlier one is judged by prices multiplied by all
    that followed. Nothing can be said of a split below 5:4 in prices that are not in cents.

    Args:
        days: datetime64[D], ascending, unique.
        prices: open, high, low, close as sent, dollars; NaN = unknown.
        splits: All that the vendor states up to now, in any order.
        since: Earlier splits are left alone.
        resolution: The last digit that the vendor prints, dollars.
    """
    for split in sorted(splits, key=lambda split: split.ex_date, reverse=True):
        if split.ex_date < since or split.ratio == 1:
            continue
        ex_date = np.datetime64(split.ex_date)
        near = (days >= ex_date - np.timedelta64(EVIDENCE)) & (days < ex_date)
        later = [other for other in splits if other.ex_date > split.ex_date]
        before = {name: price[near] for name, price in prices.items()}
        cents = _cents_doubt(days[near], before, split, later, resolution)
        jump = _jump_doubt(days, prices["close"], split)
        if cents or jump:
            return cents or jump
        if near.any() and cents is None and jump is None:
            return (
                f"the split {_text(split)} cannot be checked: no bar at or after it yet, and too "
                f"few prices in cents before it"
            )
    return None


def explained_from(
    close: np.ndarray,
    adj_close: np.ndarray,
    dividend: np.ndarray,
    *,
    unchecked: np.ndarray,
    resolution: float,
) -> int:
    """First row from which the adjusted close follows from the close and the dividends stated.

    The factor adj_close/close must step by 1/(1 − D/close before) at an ex-date and nowhere else
    (the formula of CRSP, which Yahoo states; it agrees with 22 years of SPY to 6e-6).

    Args:
        close: Split-adjusted, dollars; NaN = unknown.
        adj_close: Adjusted for splits and dividends; NaN = unknown.
        dividend: Split-adjusted dollars per share that went ex after the row before; 0 = none.
        unchecked: Rows at which the step may be anything.
        resolution: The last digit that the vendor prints, dollars.
    """
    known = np.flatnonzero((close > 0) & (adj_close > 0))
    if len(known) < 2:
        return 0
    close, factor = close[known], adj_close[known] / close[known]
    # What went ex between two known rows belongs to the later one.
    dividend = np.diff(np.concatenate(([0.0], np.cumsum(dividend)[known])))
    unchecked = np.diff(np.concatenate(([0], np.cumsum(unchecked)[known]))) > 0
    step = factor[1:] / factor[:-1]
    expected = 1 - dividend[1:] / close[:-1]
    room = _STEP_TOLERANCE + 4 * resolution / np.minimum(
        adj_close[known][1:], adj_close[known][:-1]
    )
    broken = (np.abs(step * expected - 1) > room) & ~unchecked[1:]
    rows = np.flatnonzero(broken)
    return int(known[rows[-1] + 1]) if len(rows) else 0


def _cents_doubt(
    days: np.ndarray,
    prices: Mapping[str, np.ndarray],
    split: Split,
    later: Sequence[Split],
    resolution: float,
) -> str | None:
    """Whether prices before a split are whole cents without it; "" = they are not; None = unknown.

    Let the split be p:q. Prices that were adjusted for it are whole cents again when multiplied by
    p/q, and 1 in p of them is so without. Prices that were not adjusted are whole cents as they
    are, and 1 in q of them is so when multiplied.
    """
    numerator, denominator = later_splits(days, later)
    multiplier = numerator / denominator
    ratio = float(split.ratio)
    sent = np.concatenate(list(prices.values()))
    times = np.tile(multiplier, len(prices))
    room = _unknown_by(sent, resolution) * times * max(ratio, 1.0)
    usable = np.tile(days >= _CENTS_SINCE, len(prices)) & (room <= _CENTS_ROOM_USD)
    usable &= sent * times * min(ratio, 1.0) >= _CENTS_PRICE_MIN_USD
    if usable.sum() < _CENTS_PRICES_MIN:
        return None
    plain, room = (sent * times)[usable], room[usable]
    without, with_it = _share_in_cents(plain, room), _share_in_cents(plain * ratio, room)
    if without < _CENTS_SHARE or (split.ratio.numerator == 1 and with_it >= _CENTS_SHARE):
        return ""
    return (
        f"the prices before the split {_text(split)} look as if it had never been applied to them: "
        f"{without:.0%} of {usable.sum()} are whole cents without it and {with_it:.0%} with it"
    )


def _jump_doubt(days: np.ndarray, close: np.ndarray, split: Split) -> str | None:
    """Whether the adjusted close jumps at a split; "" = it does not; None = unknown."""
    ratio = float(split.ratio)
    usable = np.isfinite(close) & (close > 0)
    days, close = days[usable], close[usable]
    row = int(np.searchsorted(days, np.datetime64(split.ex_date)))
    if not 0 < row < len(close):
        return None
    if max(ratio, 1 / ratio) < _JUMP_RATIO_MIN:
        return ""
    fall = close[row - 1] / close[row]
    if abs(np.log(fall)) < abs(np.log(ratio)) / 2:
        return ""
    return (
        f"at the split {_text(split)} the adjusted close goes from {close[row - 1]:.6g} on "
        f"{days[row - 1]} to {close[row]:.6g} on {days[row]}: as traded that would be a fall by "
        f"{fall * ratio:.4g}, where {ratio:.4g} is expected"
    )


def _share_in_cents(price: np.ndarray, room: np.ndarray) -> float:
    return float((np.abs(price - np.round(price, 2)) <= room + 1e-9).mean())


def _unknown_by(values: np.ndarray, resolution: float) -> np.ndarray:
    half_steps: np.ndarray = resolution / 2 + np.abs(values) * _FLOAT32_HALF_STEP
    return half_steps


def _text(split: Split) -> str:
    ratio = split_fraction(float(split.ratio))
    return f"{ratio.numerator}:{ratio.denominator} of {split.ex_date}"
