"""The yfinance provider against a local Yahoo, with the real yfinance in between."""

import sys
import tempfile
from datetime import date, time, timedelta
from pathlib import Path

import numpy as np
import pytest
import yfinance
from yfinance.cache import _CookieDBManager
from yfinance.data import YfData

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data import yahoo_transport
from stocker_pipeline.gateways.market_data.yahoo import YahooMarket
from stocker_pipeline_tests.gateways.market_data.contract import ProviderContract
from stocker_pipeline_tests.gateways.market_data.yahoo_server import (
    FIRST,
    LAST,
    PRICES,
    REVERSE,
    SPLIT,
    SPLITS,
    clock_at,
    stamp,
    two_listings,
)

NOW = clock_at(LAST)


@pytest.fixture
def yahoo():
    with two_listings() as server:
        yield server


@pytest.fixture
def market(yahoo):
    # Two attempts that fail with an error follow each other at once, not after ten seconds.
    return YahooMarket(FixedClock(NOW), yahoo.session(), pause=lambda _: None)


class TestYahooMarketAsProvider(ProviderContract):
    @pytest.fixture
    def provider(self, market):
        return market

    @pytest.fixture
    def span(self):
        return date(2019, 6, 1), date(2021, 3, 31)

    @pytest.fixture
    def symbols(self):
        return ["ACME", "BRK.B"]


def test_prices_are_those_traded_to_the_cent_across_three_splits(market, yahoo):
    bars = market.fetch(["ACME"], FIRST, LAST).bars
    traded = yahoo.listings["ACME"]
    assert bars["session"].to_pylist() == traded.days
    for name in PRICES:
        assert bars[name].to_pylist() == traded.prices[name].tolist()


def test_volumes_are_those_traded_within_what_the_rounding_of_a_reverse_split_leaves(market, yahoo):
    bars = market.fetch(["ACME"], FIRST, LAST).bars
    # Before the reverse split a volume in eighths, or three quarters, was rounded to whole shares.
    off = np.abs(bars["volume"].to_numpy() - yahoo.listings["ACME"].volume)
    assert off.max() <= 4
    assert (off[np.array(yahoo.listings["ACME"].days) >= REVERSE] == 0).all()


def test_splits_are_stated_and_dividends_are_those_paid_per_new_share(market):
    rows = market.fetch(["ACME"], FIRST, LAST).actions.to_pylist()
    assert [(row["session"], row["split"], row["dividend"]) for row in rows] == [
        (date(2019, 3, 11), 1.0, 0.47),
        (SPLIT, 4.0, 0.13),
        (date(2020, 3, 2), 1.5, 0.0),
        (REVERSE, 0.125, 0.0),
        (date(2021, 2, 8), 1.0, 1.205),
    ]


def test_a_range_before_a_split_is_as_traded_too(market, yahoo):
    answer = market.fetch(["ACME"], FIRST, date(2019, 1, 31))
    traded = yahoo.listings["ACME"]
    assert answer.bars["close"].to_pylist() == traded.prices["close"][:21].tolist()
    assert answer.actions.num_rows == 0


def test_one_session_is_one_bar(market):
    answer = market.fetch(["BRK.B"], LAST, LAST)
    assert answer.bars["session"].to_pylist() == [LAST]
    assert answer.bars["symbol"].to_pylist() == ["BRK.B"]


def test_the_adjusted_close_is_kept_as_sent(market, yahoo):
    sent = yahoo.listings["ACME"].chart("ACME", 0, 2**40)["indicators"]["adjclose"][0]["adjclose"]
    assert market.fetch(["ACME"], FIRST, LAST).bars["adj_close"].to_pylist() == sent


@pytest.mark.filterwarnings("ignore:.*inplace keyword")
def test_what_is_read_agrees_with_what_yfinance_reads(market, yahoo):
    """Times the splits that came later: yfinance leaves prices split-adjusted."""
    ours = market.fetch(["ACME"], FIRST, LAST).bars
    theirs = yfinance.Ticker("ACME", session=yahoo.session()).history(
        start=FIRST, end=LAST + timedelta(days=1), auto_adjust=False, actions=True
    )
    assert ours["session"].to_pylist() == [time.date() for time in theirs.index]
    later = np.ones(len(theirs))
    for row, split in enumerate(theirs["Stock Splits"]):
        later[:row] *= split or 1.0
    for name in PRICES:
        np.testing.assert_allclose(ours[name].to_numpy(), theirs[name.title()] * later, rtol=1e-6)
    np.testing.assert_allclose(ours["volume"].to_numpy(), theirs["Volume"] / later, atol=4)
    np.testing.assert_array_equal(ours["adj_close"].to_numpy(), theirs["Adj Close"])
    assert theirs["Stock Splits"].to_numpy().nonzero()[0].size == len(SPLITS)


def test_one_question_reaches_from_weeks_before_the_range_to_today(market, yahoo):
    market.fetch(["ACME"], date(2020, 1, 2), date(2020, 1, 31))
    (request,) = yahoo.asked("/chart/ACME?")
    query = request.query
    assert int(query["period1"]) == stamp(date(2019, 11, 3), time())
    assert int(query["period2"]) == stamp(date(2021, 7, 1), time())
    assert (query["interval"], query["events"]) == ("1d", "div,splits,capitalGains")


def test_rows_are_known_since_the_clocks_instant_after_the_last_answer(yahoo):
    class Clock:
        def __init__(self):
            self.at = NOW

        def now(self):
            self.at += timedelta(minutes=1)
            return self.at

    answer = YahooMarket(Clock(), yahoo.session()).fetch(["ACME", "BRK.B"], FIRST, LAST)
    assert set(answer.bars["known_at"].to_pylist()) == {NOW + timedelta(minutes=2)}
    assert set(answer.actions["known_at"].to_pylist()) == {NOW + timedelta(minutes=2)}


def test_a_session_of_requests_serves_as_well(yahoo):
    answer = YahooMarket(FixedClock(NOW), yahoo.requests_session()).fetch(["ACME"], FIRST, LAST)
    assert answer.bars.num_rows == len(yahoo.listings["ACME"].days)


def test_without_a_session_one_is_made_and_kept(yahoo, monkeypatch):
    made = []

    def session(timeout_seconds):
        made.append(timeout_seconds)
        return yahoo.session(timeout_seconds)

    monkeypatch.setattr(yahoo_transport, "BoundedSession", session)
    market = YahooMarket(FixedClock(NOW), timeout_seconds=7.0)
    assert market.fetch(["ACME", "BRK.B"], FIRST, LAST).bars.num_rows == 2 * 629
    market.fetch(["ACME"], FIRST, LAST)
    assert made == [7.0]


def test_what_yfinance_stores_is_stored_for_this_process_alone(market):
    market.fetch(["ACME"], FIRST, LAST)
    directory = Path(_CookieDBManager.get_location())
    assert directory.name.startswith("stocker-yfinance-")
    assert directory.parent == Path(tempfile.gettempdir())
    assert (directory / "cookies.db").exists()


def test_a_directory_that_disappeared_is_a_failure_and_no_empty_answer(market, monkeypatch):
    def gone(*_):
        raise OSError("unable to open database file")

    monkeypatch.setattr(YfData, "_get_cookie_and_crumb", gone)
    monkeypatch.setattr("yfinance.data._is_transient_error", lambda _: False)
    answer = market.fetch(["ACME"], FIRST, LAST)
    assert "unable to open database file" in answer.failed["ACME"]


# Requests and settings that are refused.


def test_a_range_before_1970_is_refused(market, yahoo):
    with pytest.raises(InputRefused, match="1970"):
        market.fetch(["ACME"], date(1969, 1, 2), LAST)
    assert yahoo.requests == []


@pytest.mark.parametrize("setting", [{"timeout_seconds": 0}, {"attempts": 0}])
def test_settings_out_of_bounds_are_refused(setting):
    with pytest.raises(ConfigurationRefused, match="at least one attempt"):
        YahooMarket(FixedClock(NOW), **setting)


def test_a_missing_yfinance_is_said_with_the_remedy(yahoo, monkeypatch):
    monkeypatch.delattr("stocker_pipeline.gateways.market_data.yahoo_transport")
    monkeypatch.setitem(sys.modules, "stocker_pipeline.gateways.market_data.yahoo_transport", None)
    with pytest.raises(ConfigurationRefused, match=r"stocker-pipeline\[vendors\]"):
        YahooMarket(FixedClock(NOW)).fetch(["ACME"], FIRST, LAST)
