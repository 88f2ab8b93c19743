"""No answer, half an answer and wrong answers of Yahoo: each is missing or failed, in words."""

from datetime import date
from urllib.parse import urlsplit

import curl_cffi.requests
import numpy as np
import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data.yahoo import YahooMarket
from stocker_pipeline_tests.gateways.market_data.contract import UNKNOWN
from stocker_pipeline_tests.gateways.market_data.http_faults import Cut, Drip, Drop, Hang, Reply
from stocker_pipeline_tests.gateways.market_data.yahoo_server import (
    FIRST,
    LAST,
    NO_ROWS,
    NOT_FOUND,
    PRICES,
    chart_text,
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
def pauses():
    return []


@pytest.fixture
def market(yahoo, pauses):
    return YahooMarket(FixedClock(NOW), yahoo.session(), pause=pauses.append)


# Missing: Yahoo answered, and has nothing.


def test_an_unknown_symbol_is_missing_and_not_asked_for_again(market, yahoo, pauses):
    answer = market.fetch([UNKNOWN], FIRST, LAST)
    assert "does not have this symbol" in answer.missing[UNKNOWN]
    assert NOT_FOUND["description"] in answer.missing[UNKNOWN]
    assert pauses == []
    assert yahoo.asked_symbols() == [UNKNOWN] * 2  # yfinance asks twice itself, with new cookies


def test_a_range_before_the_first_row_is_missing_with_what_there_is(market):
    answer = market.fetch(["ACME"], date(2018, 1, 2), date(2018, 12, 31))
    assert answer.missing["ACME"] == (
        "no bar in the range asked for; since 2017-11-03 it has bars from 2019-01-02 to 2021-06-30"
    )


def test_yahoos_own_words_for_no_rows_are_missing(market, yahoo):
    yahoo.fail("ACME", Reply(chart_text(None, NO_ROWS), 400))
    answer = market.fetch(["ACME"], FIRST, LAST)
    assert "Data doesn't exist" in answer.missing["ACME"]
    assert dict(answer.failed) == {}


def test_a_chart_without_rows_is_missing(market, yahoo):
    def no_rows(result):
        del result["timestamp"], result["events"]
        result["indicators"] = {"quote": [{}], "adjclose": [{}]}

    yahoo.edits["ACME"] = no_rows
    assert market.fetch(["ACME"], FIRST, LAST).missing["ACME"] == (
        "no bar from 2018-11-03 to 2021-06-30"
    )


def test_a_column_of_nothing_is_missing_with_every_row_refused(market, yahoo):
    def all_nan(result):
        for column in result["indicators"]["quote"][0].values():
            column[:] = [None] * len(column)

    yahoo.edits["ACME"] = all_nan
    answer = market.fetch(["ACME"], date(2021, 1, 4), date(2021, 1, 8))
    assert answer.missing["ACME"] == "no bar in the range asked for; rows refused: 5 no_numbers"
    assert answer.refused_rows["reason"].to_pylist() == ["no_numbers"] * 5


def test_a_range_in_the_future_is_missing_without_a_request(market, yahoo):
    answer = market.fetch(["ACME"], date(2021, 7, 1), date(2021, 7, 2))
    assert dict(answer.missing) == {"ACME": "the range is in the future"}
    assert yahoo.requests == []


# Failed: no answer that can be believed. None of these may ever read as "missing".


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Reply("", 500), "HTTP 500"),
        (Reply("<html>Will be right back</html>", 503), "Will be right back"),
        (Reply("<html>Will be right back</html>"), "Will be right back"),
        (Reply(chart_text(None, {"description": "Invalid Crumb"}), 401), "Invalid Crumb"),
        (Reply(chart_text(None, NOT_FOUND), 500), "HTTP 500"),
        (Reply("<html>proxy</html>", 404), "HTTP 404"),
        (Reply("", 404), "HTTP 404"),
        (Reply("Too Many Requests", 429), "HTTP 429"),
        (Reply('{"chart": {"result": [{"meta"'), "a body that is no chart"),
        (Reply("null"), "a body that is no chart"),
        (Reply(chart_text(None)), "a chart of no result"),
        (Reply(chart_text([])), "a chart of no result"),
        (Drop(), "Error"),
        (Cut(), "IncompleteRead"),
    ],
)
def test_no_believable_answer_fails_after_three_attempts(market, yahoo, pauses, fault, reason):
    yahoo.fail("ACME", fault)
    answer = market.fetch(["ACME"], FIRST, LAST)
    assert reason in answer.failed["ACME"]
    assert "asked 3 times" in answer.failed["ACME"]
    assert dict(answer.missing) == {}
    assert answer.bars.num_rows == answer.actions.num_rows == 0
    assert pauses == [10, 20]


@pytest.mark.parametrize("fault", [Hang(), Drip()])
def test_no_request_outlasts_the_time_out(yahoo, fault):
    yahoo.fail("ACME", fault)
    market = YahooMarket(FixedClock(NOW), yahoo.session(0.1), timeout_seconds=0.1, attempts=1)
    answer = market.fetch(["ACME"], FIRST, LAST)
    assert "Timeout" in answer.failed["ACME"]
    assert dict(answer.missing) == {}


def test_cookies_and_crumbs_have_the_same_time_out(yahoo, monkeypatch):
    """yfinance gives them 30 seconds each."""
    limits = {}
    request = curl_cffi.requests.Session.request

    def noted(session, method, url, **options):
        limits[urlsplit(url).path] = options["timeout"]
        return request(session, method, url, **options)

    monkeypatch.setattr(curl_cffi.requests.Session, "request", noted)
    yahoo.fail("ACME", Reply("", 500))
    YahooMarket(FixedClock(NOW), yahoo.session(0.7), attempts=1).fetch(["ACME"], FIRST, LAST)
    assert {"/v1/test/getcrumb", "/consent", "/v8/finance/chart/ACME"} <= set(limits)
    assert set(limits.values()) == {0.7}


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (Reply("", 500), 2),  # yfinance asks a second time itself, with other cookies
        (Reply("", 429), 2),
        (Reply("", 404), 2),
        (Reply("{"), 1),
        (Drop(), 1),
        (Cut(), 1),
    ],
)
def test_a_second_attempt_is_a_second_request_and_succeeds(market, yahoo, pauses, fault, times):
    yahoo.fail("ACME", fault, times)
    answer = market.fetch(["ACME"], date(2019, 1, 2), date(2019, 12, 31))
    assert answer.bars.num_rows == 252
    assert dict(answer.failed) == {}
    assert pauses == [10]


def test_a_failure_that_yfinance_would_remember_is_asked_for_again(market, yahoo):
    """Its own readers answer from memory where the range ended half an hour ago or earlier."""
    yahoo.fail("ACME", Reply(chart_text(None, NOT_FOUND), 404), times=2)
    old = date(2019, 2, 1), date(2019, 2, 28)
    assert set(market.fetch(["ACME"], *old).missing) == {"ACME"}
    assert market.fetch(["ACME"], *old).bars.num_rows == 19


def test_one_failure_costs_the_other_symbols_nothing(market, yahoo):
    yahoo.fail("ACME", Reply("", 500))
    answer = market.fetch(["ACME", "BRK.B", UNKNOWN], FIRST, LAST)
    assert set(answer.failed) == {"ACME"}
    assert set(answer.missing) == {UNKNOWN}
    assert set(answer.bars["symbol"].to_pylist()) == {"BRK.B"}


def test_after_three_silent_symbols_the_others_are_not_asked_for(market, yahoo):
    yahoo.fail("*", Reply("", 500))
    answer = market.fetch(["A", "B", "C", "D", "E"], FIRST, LAST)
    assert set(yahoo.asked_symbols()) == {"A", "B", "C"}
    assert answer.failed["E"].startswith("not asked any more: 3 questions in a row had no answer")
    assert set(answer.failed) == {"A", "B", "C", "D", "E"}


@pytest.mark.parametrize("between", ["BB", "BNONE"])
def test_silent_symbols_count_only_one_after_the_other(market, yahoo, between):
    for symbol in ("A", "B", "C", "D"):
        yahoo.fail(symbol, Reply("", 500))
    yahoo.listings["BB"] = yahoo.listings["BRK-B"]
    answer = market.fetch(["A", "B", between, "C", "D"], FIRST, LAST)
    assert set(yahoo.asked_symbols()) == {"A", "B", between, "C", "D"}
    assert set(answer.failed) == {"A", "B", "C", "D"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("symbol", "ACMEX"),
        ("currency", "GBp"),
        ("exchangeTimezoneName", "Europe/London"),
        ("dataGranularity", "1mo"),
        ("dataGranularity", None),
    ],
)
def test_an_answer_about_something_else_fails_at_once(market, yahoo, pauses, key, value):
    yahoo.edits["ACME"] = lambda result: result["meta"].update({key: value})
    answer = market.fetch(["ACME"], FIRST, LAST)
    assert f"{key} is {value!r}" in answer.failed["ACME"]
    assert pauses == []


def test_stamps_at_midnight_of_another_zone_fail(market, yahoo):
    def in_utc(result):
        result["timestamp"] = [s - s % 86_400 for s in result["timestamp"]]

    yahoo.edits["ACME"] = in_utc
    answer = market.fetch(["ACME"], FIRST, LAST)
    assert "none can be read" in answer.failed["ACME"]
    assert "in New York, after the close" in answer.failed["ACME"]


# Splits that would rewrite history.


def test_an_imaginary_split_fails(market, yahoo):
    day = date(2021, 3, 1)
    yahoo.edits["BRK-B"] = lambda result: result["events"].update(split_event(day, 4, 1))
    reason = market.fetch(["BRK.B"], FIRST, LAST).failed["BRK.B"]
    assert reason.startswith("the prices before the split 4:1 of 2021-03-01 look as if")
    assert "100% of 156 are whole cents without it" in reason


def test_an_imaginary_reverse_split_fails(market, yahoo):
    day = date(2021, 3, 1)
    yahoo.edits["BRK-B"] = lambda result: result["events"].update(split_event(day, 1, 10))
    assert "1:10 of 2021-03-01" in market.fetch(["BRK.B"], FIRST, LAST).failed["BRK.B"]


def test_an_imaginary_split_after_the_range_fails_too(market, yahoo):
    day = date(2021, 3, 1)
    yahoo.edits["BRK-B"] = lambda result: result["events"].update(split_event(day, 4, 1))
    assert set(market.fetch(["BRK.B"], FIRST, date(2019, 12, 31)).failed) == {"BRK.B"}


def test_a_split_that_yahoo_has_not_adjusted_for_yet_fails(market, yahoo):
    day = date(2021, 6, 28)
    traded = yahoo.listings["BRK-B"]
    row = traded.days.index(day)
    for name in PRICES:
        traded.prices[name][row:] = np.round(traded.prices[name][row:] / 4, 2)
    yahoo.edits["BRK-B"] = lambda result: result["events"].update(split_event(day, 4, 1))
    assert "4:1 of 2021-06-28" in market.fetch(["BRK.B"], day, LAST).failed["BRK.B"]


def test_a_split_of_this_morning_that_is_not_in_the_prices_fails(yahoo):
    yahoo.edits["BRK-B"] = lambda result: result["events"].update(split_event(LAST, 4, 1))
    market = YahooMarket(FixedClock(clock_at(LAST, 8)), yahoo.session())
    reason = market.fetch(["BRK.B"], date(2021, 6, 1), date(2021, 6, 29)).failed["BRK.B"]
    assert "4:1 of 2021-06-30" in reason


def test_a_split_from_before_the_range_changes_nothing_and_is_not_judged(market, yahoo):
    day = date(2019, 3, 1)
    yahoo.edits["BRK-B"] = lambda result: result["events"].update(split_event(day, 4, 1))
    answer = market.fetch(["BRK.B"], date(2020, 1, 2), LAST)
    assert dict(answer.failed) == {}
    assert answer.actions.num_rows == 0


def split_event(day, new, old):
    event = {"date": stamp(day), "numerator": new, "denominator": old}
    return {"splits": {str(stamp(day)): event}}
