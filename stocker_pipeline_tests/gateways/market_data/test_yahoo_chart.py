"""What is read from the text of an answer, and what is not believed."""

import json
from datetime import date, time
from fractions import Fraction

import numpy as np
import pytest

from stocker_pipeline.gateways.market_data.asking import Passing, Rejected
from stocker_pipeline.gateways.market_data.basis import Split
from stocker_pipeline.gateways.market_data.yahoo_chart import (
    NUMBERS,
    NothingThere,
    read_chart,
)
from stocker_pipeline_tests.gateways.market_data.yahoo_server import (
    NO_ROWS,
    NOT_FOUND,
    chart_text,
    listing,
    stamp,
)

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 12)
EX_DATE = date(2024, 1, 8)


@pytest.fixture
def result():
    """Nine rows, a split 3:2 and a dividend of 0.3 dollars as paid."""
    share = listing(FIRST, LAST, splits={EX_DATE: (3, 2)}, dividends={date(2024, 1, 5): 0.3})
    return share.chart("ACME", 0, 2**40)


def event(**what):
    return {"date": stamp(EX_DATE), **what}


def read(result):
    return read_chart(200, chart_text([result]), "ACME")


def test_rows_splits_and_dividends_are_read(result):
    chart = read(result)
    assert chart.stamps[0] == np.datetime64("2024-01-02T09:30:00")
    assert len(chart.stamps) == 9
    assert set(chart.numbers) == set(NUMBERS)
    assert chart.numbers["close"].tolist() == result["indicators"]["quote"][0]["close"]
    assert chart.splits == (Split(EX_DATE, Fraction(3, 2)),)
    assert chart.dividends == {date(2024, 1, 5): 0.2}
    assert chart.gains == {}
    assert chart.unreadable == {}


def test_summer_and_winter_have_their_own_offset():
    for day in (date(2024, 1, 8), date(2024, 7, 8)):
        chart = read(listing(day, day).chart("ACME", 0, 2**40))
        assert chart.stamps.tolist() == [np.datetime64(f"{day}T09:30:00").item()]


def test_null_and_what_is_not_finite_are_unknown(result):
    quote = result["indicators"]["quote"][0]
    quote["close"][0], quote["volume"][1] = None, None
    quote["high"][2], quote["low"][3] = float("nan"), float("inf")
    numbers = read(result).numbers
    assert np.isnan([numbers["close"][0], numbers["volume"][1]]).all()
    assert np.isnan([numbers["high"][2], numbers["low"][3]]).all()
    assert sum(np.isnan(column).sum() for column in numbers.values()) == 4


@pytest.mark.parametrize("cell", ["12.5", True, {"raw": 1.0}, [1.0]])
def test_a_cell_that_is_no_number_makes_its_row_unreadable(result, cell):
    result["indicators"]["quote"][0]["close"][3] = cell
    chart = read(result)
    assert set(chart.unreadable) == {3}
    assert "close is" in chart.unreadable[3]
    assert np.isnan(chart.numbers["close"][3])
    assert not np.isnan(chart.numbers["close"][4])


@pytest.mark.parametrize("at", [None, "2024-01-05", -5, 1_704_465_000_000, 1.5])
def test_a_row_without_a_readable_time_is_unreadable(result, at):
    result["timestamp"][3] = at
    chart = read(result)
    assert set(chart.unreadable) == {3}
    assert np.isnat(chart.stamps[3])


def test_a_row_stamped_in_the_evening_is_unreadable(result):
    result["timestamp"][3] = stamp(date(2024, 1, 5), time(19, 0))
    assert "2024-01-05T19:00:00 in New York, after the close" in read(result).unreadable[3]


def test_a_chart_without_an_adjusted_close_has_none(result):
    del result["indicators"]["adjclose"]
    assert np.isnan(read(result).numbers["adj_close"]).all()


@pytest.mark.parametrize(("status", "error"), [(404, NOT_FOUND), (400, NO_ROWS), (200, NOT_FOUND)])
def test_yahoos_own_words_mean_nothing_there(status, error):
    with pytest.raises(NothingThere, match=error["description"][:12]):
        read_chart(status, chart_text(None, error), "ACME")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, NOT_FOUND),
        (502, NO_ROWS),
        (404, {"code": "Not Found", "description": "upstream timed out"}),
        (200, {"code": "internal-error", "description": None}),
        (200, "broken"),
    ],
)
def test_the_words_with_another_status_and_other_words_are_not_believed(status, error):
    with pytest.raises(Passing, match=f"HTTP {status}"):
        read_chart(status, chart_text(None, error), "ACME")


@pytest.mark.parametrize(
    "damage",
    [
        lambda result: result.pop("meta"),
        lambda result: result.pop("indicators"),
        lambda result: result["indicators"].pop("quote"),
        lambda result: result["indicators"]["quote"].clear(),
        lambda result: result["indicators"]["quote"][0].pop("low"),
        lambda result: result["indicators"]["quote"][0]["low"].pop(),
        lambda result: result["indicators"]["quote"][0]["low"].insert(0, 10**400),
        lambda result: result["indicators"]["quote"][0]["low"].__setitem__(0, 10**400),
        lambda result: result.update(timestamp={"0": 1}),
        lambda result: result["events"].update(splits=[1]),
        lambda result: result["events"]["dividends"].update(x={"amount": 1.0}),
        lambda result: result["events"]["dividends"].update(x=event(amount="1")),
        lambda result: result["events"].update(splits={"x": event(numerator=None)}),
    ],
)
def test_a_damaged_chart_is_not_believed_and_asked_for_again(result, damage):
    damage(result)
    with pytest.raises(Passing):
        read(result)


@pytest.mark.parametrize("body", ["", "[]", "7", '"chart"', '{"chart": null}', "{}", "<html>"])
def test_a_body_that_is_no_chart_is_quoted(body):
    with pytest.raises(Passing, match="a body that is no chart") as caught:
        read_chart(200, body, "ACME")
    assert repr(body) in str(caught.value)


def test_a_long_body_is_quoted_in_part():
    with pytest.raises(Passing) as caught:
        read_chart(200, "x" * 10_000, "ACME")
    assert len(str(caught.value)) < 300


def test_a_good_chart_with_a_bad_status_is_not_believed(result):
    with pytest.raises(Passing, match="HTTP 502"):
        read_chart(502, chart_text([result]), "ACME")


@pytest.mark.parametrize(
    "ratio",
    [
        {"numerator": 4, "denominator": 0},
        {"numerator": 0, "denominator": 4},
        {"numerator": -2, "denominator": 1},
        {"numerator": 5000, "denominator": 1},
    ],
)
def test_a_split_that_is_no_ratio_is_not_believed(result, ratio):
    result["events"]["splits"] = {"x": event(**ratio)}
    with pytest.raises(Rejected, match="a split that is no ratio"):
        read(result)


def test_the_same_split_twice_is_one_and_two_on_a_day_are_not_believed(result):
    split = event(numerator=3, denominator=2)
    result["events"]["splits"]["again"] = {**split, "date": stamp(EX_DATE, time(0))}
    assert read(result).splits == (Split(EX_DATE, Fraction(3, 2)),)
    result["events"]["splits"]["again"] = {**split, "numerator": 4}
    with pytest.raises(Rejected, match="two different splits on 2024-01-08: 3/2 and 2"):
        read(result)


def test_a_split_of_one_for_one_is_none(result):
    result["events"]["splits"] = {"x": event(numerator=1, denominator=1)}
    assert read(result).splits == ()


@pytest.mark.parametrize(
    "dividend", [{"amount": -0.1}, {"amount": float("nan")}, {"amount": 1.0, "currency": "VND"}]
)
def test_a_dividend_that_is_no_amount_in_dollars_is_not_believed(result, dividend):
    result["events"]["dividends"] = {"x": event(**dividend)}
    with pytest.raises(Rejected, match="no amount in USD"):
        read(result)


def test_two_dividends_of_a_day_are_added(result):
    paid = event(amount=0.25, currency="USD")
    result["events"]["dividends"] = {"x": paid, "y": {**paid, "amount": 1.5}}
    assert read(result).dividends == {EX_DATE: 1.75}


def test_numbers_out_of_a_json_document_are_read_whole(result):
    """A volume is a whole number in the document, beyond what float32 could hold."""
    result["indicators"]["quote"][0]["volume"][0] = 12_345_678_901
    chart = read_chart(200, json.dumps({"chart": {"result": [result], "error": None}}), "ACME")
    assert chart.numbers["volume"][0] == 12_345_678_901
