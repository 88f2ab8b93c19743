"""Prices as traded out of split-adjusted ones, and the splits that are not believed."""

from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.gateways.market_data.basis import Split, later_splits
from stocker_pipeline.gateways.market_data.unadjust import (
    doubtful_split,
    explained_from,
    rounded_as_printed,
)

RESOLUTION = 1e-6
PRICES = ("open", "high", "low", "close")
SPLIT = date(2020, 8, 31)


def sent(price):
    """As Yahoo sends it: six decimals, float32."""
    return np.round(price, 6).astype(np.float32).astype(np.float64)


def rounded(values, multiplier=1.0):
    values = np.atleast_1d(np.asarray(values, dtype=float))
    return rounded_as_printed(
        values, np.full(len(values), multiplier), resolution=RESOLUTION
    ).tolist()


@pytest.mark.parametrize(
    ("value", "multiplier", "price"),
    [
        (88.98000335693359, 1, 88.98),
        (659.510009765625, 1, 659.51),
        (0.1283479928970337, 224, 28.75),  # Apple's first day
        (0.094643, 28, 2.65),  # its dividend of November 2012
        (43.96875, 1, 43.96875),  # a price in thirty-seconds stays one
        (0.0123, 1, 0.0123),
        (12.345678, 1, 12.345678),
        (30.0, 0.1, 3.0),
    ],
)
def test_the_noise_of_six_decimals_and_float32_is_taken_away(value, multiplier, price):
    assert rounded(value, multiplier) == [price]


def test_unknown_stays_unknown():
    assert np.isnan(rounded([np.nan, 1.0])).tolist() == [True, False]


@given(
    cents=st.integers(100, 200_000),
    ratio=st.sampled_from([(1, 1), (2, 1), (3, 2), (4, 1), (28, 1), (1, 8), (224, 1), (7, 3)]),
)
def test_every_price_in_cents_comes_back(cents, ratio):
    multiplier = ratio[0] / ratio[1]
    assert rounded(sent(np.array([cents / 100 / multiplier])), multiplier) == [cents / 100]


@given(value=st.floats(1e-6, 1e6), multiplier=st.sampled_from([0.01, 0.125, 1.0, 1.5, 28.0]))
def test_no_price_moves_by_more_than_it_is_unknown_by(value, multiplier):
    unknown_by = (RESOLUTION / 2 + value * 2.0**-24) * multiplier
    (result,) = rounded(value, multiplier)
    assert abs(result - value * multiplier) <= unknown_by * (1 + 1e-5)


def history(*, splits=(), first=date(2020, 1, 2), days=400, price=100.0, seed=3):
    """Business days, prices as traded in cents, falling by each split's ratio."""
    random = np.random.default_rng(seed)
    dates = np.busday_offset(np.datetime64(first), np.arange(days), roll="forward")
    close = price * np.exp(np.cumsum(random.normal(0, 0.01, days)))
    for split in splits:
        close[dates >= np.datetime64(split.ex_date)] /= float(split.ratio)
    spread = np.exp(np.abs(random.normal(0, 0.005, (2, days))))
    traded = {"open": close * 1.001, "high": close * spread[0], "low": close / spread[1]}
    return dates, {name: np.round(p, 2) for name, p in {**traded, "close": close}.items()}


def adjusted(dates, traded, splits):
    numerator, denominator = later_splits(dates, splits)
    return {name: sent(price * denominator / numerator) for name, price in traded.items()}


def doubt(dates, prices, splits, since=date(2020, 1, 2)):
    return doubtful_split(dates, prices, splits, since=since, resolution=RESOLUTION)


RATIOS = [(2, 1), (3, 1), (3, 2), (4, 1), (7, 1), (20, 1), (5, 4), (1, 2), (1, 8), (1, 10), (2, 3)]


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_split_that_was_applied_is_believed(ratio):
    splits = [Split(SPLIT, Fraction(*ratio))]
    dates, traded = history(splits=splits)
    assert doubt(dates, adjusted(dates, traded, splits), splits) is None


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_split_that_never_was_is_doubted(ratio):
    dates, traded = history()
    text = doubt(dates, adjusted(dates, traded, []), [Split(SPLIT, Fraction(*ratio))])
    assert text is not None
    assert text.startswith(f"the prices before the split {ratio[0]}:{ratio[1]} of 2020-08-31 look")
    assert "100% of 168 are whole cents without it" in text


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_split_that_was_not_applied_yet_is_doubted(ratio):
    splits = [Split(SPLIT, Fraction(*ratio))]
    dates, traded = history(splits=splits)
    assert doubt(dates, traded, splits) is not None


def test_the_doubt_falls_on_the_one_split_of_several_that_was_not_applied():
    real = [Split(date(2020, 5, 4), Fraction(3)), Split(date(2021, 1, 4), Fraction(1, 2))]
    dates, traded = history(splits=real)
    prices = adjusted(dates, traded, real)
    assert doubt(dates, prices, real) is None
    for false_day in (date(2020, 3, 16), date(2020, 9, 14), date(2021, 4, 5)):
        text = doubt(dates, prices, [*real, Split(false_day, Fraction(2))])
        assert text is not None
        assert f"2:1 of {false_day}" in text


def test_a_split_stated_twice_some_days_apart_is_doubted():
    real = Split(SPLIT, Fraction(4))
    dates, traded = history(splits=[real])
    again = Split(SPLIT - timedelta(days=3), Fraction(4))
    assert doubt(dates, adjusted(dates, traded, [real]), [real, again]) is not None


def test_splits_before_the_range_are_left_alone():
    dates, traded = history()
    never = [Split(SPLIT, Fraction(4))]
    assert doubt(dates, traded, never, since=SPLIT + timedelta(days=1)) is None
    assert doubt(dates, traded, never, since=SPLIT) is not None


@pytest.mark.parametrize("old", [date(1999, 1, 4), date(2020, 1, 2)])
def test_without_prices_in_cents_a_jump_is_still_seen(old):
    """Before 2001 prices were fractions; below a dollar they are in hundredths of a cent."""
    price = 100.0 if old.year == 1999 else 0.5
    splits = [Split(old + timedelta(days=210), Fraction(4))]
    dates, traded = history(splits=splits, first=old, price=price)
    traded = {name: np.round(values * 64) / 64 for name, values in traded.items()}
    if price < 1:
        traded = {name: values + 0.0003 for name, values in traded.items()}
    text = doubt(dates, traded, splits, since=old)
    assert text is not None
    assert f"the split 4:1 of {splits[0].ex_date} the adjusted close goes from" in text
    assert "where 4 is expected" in text
    # With nothing but a close that does not jump, a split is believed: a second source must see it.
    assert doubt(dates, adjusted(dates, traded, splits), splits, since=old) is None


def test_prices_in_eighths_of_a_dollar_are_no_evidence():
    """A 1:2 split makes quarters of them, all whole cents, and that says nothing before 2001."""
    splits = [Split(date(1995, 8, 21), Fraction(1, 2))]
    dates, traded = history(splits=splits, first=date(1995, 1, 3))
    traded = {name: np.round(price * 8) / 8 for name, price in traded.items()}
    assert doubt(dates, adjusted(dates, traded, splits), splits, since=date(1995, 1, 3)) is None


def test_a_series_adjusted_twice_is_doubted():
    splits = [Split(SPLIT, Fraction(1, 4))]
    dates, traded = history(splits=splits, price=0.2)
    once = adjusted(dates, traded, splits)
    assert doubt(dates, once, splits) is None
    text = doubt(dates, adjusted(dates, once, splits), splits)
    assert text is not None
    assert "where 0.25 is expected" in text


def test_a_split_without_a_bar_behind_it_is_judged_by_the_cents_before_it():
    splits = [Split(SPLIT, Fraction(4))]
    dates, traded = history(splits=splits)
    before = dates < np.datetime64(SPLIT)
    traded = {name: price[before] for name, price in traded.items()}
    assert doubt(dates[before], adjusted(dates[before], traded, splits), splits) is None
    assert doubt(dates[before], traded, splits) is not None


def test_a_split_with_neither_bars_behind_it_nor_cents_before_it_cannot_be_checked():
    splits = [Split(SPLIT, Fraction(1, 4))]
    dates, traded = history(splits=splits, price=0.3)
    before = dates < np.datetime64(SPLIT)
    prices = {name: price[before] for name, price in traded.items()}
    text = doubt(dates[before], prices, splits)
    assert text is not None
    assert "1:4 of 2020-08-31 cannot be checked" in text


def test_without_a_bar_before_it_a_split_changes_no_price():
    splits = [Split(SPLIT, Fraction(4))]
    dates, traded = history(first=SPLIT)
    assert doubt(dates, traded, splits) is None
    assert doubt(dates[:0], {name: price[:0] for name, price in traded.items()}, splits) is None


def test_unknown_and_impossible_prices_are_no_evidence():
    splits = [Split(SPLIT, Fraction(4))]
    dates, traded = history(splits=splits)
    prices = adjusted(dates, traded, splits)
    row = int(np.searchsorted(dates, np.datetime64(SPLIT)))
    prices["close"][row], prices["close"][row - 1] = 0.0, np.nan
    prices["open"][row - 20 : row] = np.nan
    assert doubt(dates, prices, splits) is None


def total_return(close, dividend):
    """The adjusted close of CRSP."""
    factor = np.ones(len(close))
    for row in np.flatnonzero(dividend):
        factor[:row] *= 1 - dividend[row] / close[row - 1]
    return close * factor


@pytest.fixture
def dividends():
    """A close of 300 days, dividends of a quarter of a dollar on three, and the adjusted close."""
    _, traded = history(days=300)
    dividend = np.zeros(300)
    dividend[[60, 150, 240]] = 0.25
    return traded["close"], dividend, total_return(traded["close"], dividend)


def explained(close, adj_close, dividend, unchecked=()):
    rows = np.isin(np.arange(len(close)), unchecked)
    return explained_from(close, adj_close, dividend, unchecked=rows, resolution=RESOLUTION)


def test_an_adjusted_close_that_follows_from_the_dividends_is_explained_throughout(dividends):
    close, dividend, adj_close = dividends
    assert explained(close, sent(adj_close), dividend) == 0


def test_the_close_before_the_ex_date_is_what_a_dividend_is_divided_by():
    close, dividend = np.array([100.0, 100.0, 95.0, 95.0]), np.array([0, 0, 10.0, 0])
    assert explained(close, np.array([90.0, 90.0, 95.0, 95.0]), dividend) == 0
    credited_at_the_close = 1 / (1 + 10 / 95)
    adj_close = np.array([100 * credited_at_the_close, 100 * credited_at_the_close, 95.0, 95.0])
    assert explained(close, adj_close, dividend) == 2


def test_real_dividends_of_another_source_explain_yahoos_adjusted_close(shared_dir):
    folder = shared_dir / "data" / "dev_etf_tiingo_astraded"
    actions = pq.read_table(folder / "corporate_actions.parquet", filters=[("symbol", "=", "SPY")])
    paid = {row["date"]: row["value"] for row in actions.to_pylist() if row["action"] == "dividend"}
    prices = pq.read_table(
        shared_dir / "data" / "dev_etf_yahoo" / "prices.parquet",
        filters=[("symbol", "=", "SPY"), ("date", ">=", min(paid)), ("date", "<=", max(paid))],
    )
    dividend = np.array([paid.get(day, 0.0) for day in prices["date"].to_pylist()])
    close, adj_close = prices["close"].to_numpy(), prices["adj_close"].to_numpy()
    assert np.count_nonzero(dividend) > 60
    assert explained(close, adj_close, dividend) == 0
    dividend[np.flatnonzero(dividend)[30]] = 0
    assert explained(close, adj_close, dividend) > 0


def test_a_dividend_that_is_not_stated_ends_the_explanation(dividends):
    close, dividend, adj_close = dividends
    dividend[150] = 0
    assert explained(close, adj_close, dividend) == 150
    assert explained(close, adj_close, dividend, unchecked=[150]) == 0


def test_a_dividend_stated_a_hundred_times_too_large_does_too(dividends):
    close, dividend, adj_close = dividends
    dividend[60] *= 100
    assert explained(close, adj_close, dividend) == 60


def test_rows_without_a_close_are_stepped_over(dividends):
    close, dividend, adj_close = dividends
    close[[59, 60, 61, 150]], adj_close[[10, 240]] = np.nan, np.nan
    assert explained(close, adj_close, dividend) == 0
    dividend[60] = 0
    assert explained(close, adj_close, dividend) == 62


def test_one_row_or_none_is_explained():
    nothing = np.array([np.nan])
    assert explained(nothing, nothing, np.zeros(1)) == 0
    assert explained(nothing[:0], nothing[:0], np.zeros(0)) == 0


# Real prices, where they are.

REAL_SPLITS = {
    "EEM": [Split(date(2005, 6, 9), Fraction(3)), Split(date(2008, 7, 24), Fraction(3))],
    "EFA": [Split(date(2005, 6, 9), Fraction(3))],
    "IWM": [Split(date(2005, 6, 9), Fraction(2))],
}


def yahoo_prices(shared_dir, symbol):
    table = pq.read_table(
        shared_dir / "data" / "dev_etf_yahoo" / "prices.parquet",
        filters=[("symbol", "=", symbol)],
    )
    days = table["date"].to_numpy().astype("datetime64[D]")
    return days, {name: table[name].to_numpy() for name in PRICES}


@pytest.mark.parametrize(
    ("symbol", "source"),
    [
        ("EEM", "dev_lean_astraded"),
        ("EFA", "dev_etf_tiingo_astraded"),
        ("IWM", "dev_lean_astraded"),
    ],
)
def test_real_adjusted_prices_become_those_another_source_says_were_traded(
    shared_dir, symbol, source
):
    days, prices = yahoo_prices(shared_dir, symbol)
    splits = REAL_SPLITS[symbol]
    assert doubt(days, prices, splits, since=days[0].item()) is None
    numerator, denominator = later_splits(days, splits)
    close = rounded_as_printed(prices["close"], numerator / denominator, resolution=RESOLUTION)
    other = pq.read_table(
        shared_dir / "data" / source / "prices.parquet", filters=[("symbol", "=", symbol)]
    )
    theirs = dict(zip(other["date"].to_pylist(), other["close"].to_pylist(), strict=True))
    pairs = [
        (ours, theirs[day.item()])
        for day, ours in zip(days, close, strict=True)
        if day.item() in theirs and day < np.datetime64(splits[-1].ex_date)
    ]
    assert len(pairs) > 400
    # The two sources do not always mean the same last trade; a split mistaken would be 100% off.
    assert np.mean([abs(ours / other - 1) < 0.02 for ours, other in pairs]) > 0.99
    since_cents = close[days >= np.datetime64("2001-04-09")]
    assert np.mean(np.round(since_cents, 2) == since_cents) > 0.99


@pytest.mark.parametrize("ratio", [(2, 1), (3, 2), (5, 1), (1, 5), (1, 10)])
def test_a_split_made_up_is_doubted_in_real_prices(shared_dir, ratio):
    path = shared_dir / "data" / "dev_etf_yahoo" / "prices.parquet"
    symbols = pc.unique(pq.read_table(path, columns=["symbol"])["symbol"]).to_pylist()
    judged = 0
    for symbol in set(symbols) - {"EWJ", "VTI"}:  # their splits are not known here
        days, prices = yahoo_prices(shared_dir, symbol)
        real = REAL_SPLITS.get(symbol, [])
        for day in (date(2012, 5, 15), date(2018, 3, 12), date(2024, 10, 2)):
            made_up = Split(day, Fraction(*ratio))
            text = doubt(days, prices, [*real, made_up], since=day)
            assert text is not None, (symbol, day)
            judged += 1
    assert judged == 57
