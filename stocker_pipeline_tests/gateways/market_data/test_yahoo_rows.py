"""Which rows of a chart become bars, and what is said about the others."""

from datetime import date, datetime, time, timedelta
from fractions import Fraction

import numpy as np
import pytest

from stocker_pipeline.gateways.market_data.basis import Split
from stocker_pipeline.gateways.market_data.yahoo_chart import NUMBERS, Chart, read_chart
from stocker_pipeline.gateways.market_data.yahoo_rows import Question, answered
from stocker_pipeline_tests.gateways.market_data.yahoo_server import (
    chart_text,
    clock_at,
    listing,
    stamp,
)

TODAY = date(2024, 3, 28)  # a Thursday before Good Friday
FIRST = date(2024, 3, 18)
ROW = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 300.0, "adj_close": 10.5}


def chart_of(rows, **events):
    """A chart of (date, time, numbers that differ from ``ROW``)."""
    numbers = [{**ROW, **changed} for _, _, changed in rows]
    return Chart(
        np.array([datetime.combine(day, at) for day, at, _ in rows], dtype="datetime64[s]"),
        {name: np.array([row[name] for row in numbers]) for name in NUMBERS},
        events.pop("unreadable", {}),
        events.pop("splits", ()),
        events.pop("dividends", {}),
        events.pop("gains", {}),
    )


def daily(*days, **changed):
    return [(day, time(9, 30), changed) for day in days]


def ask(chart, *, now=None, first=FIRST, last=TODAY):
    return answered(chart, "ACME", Question.at(now or clock_at(TODAY), first, last))


def refused(answer):
    return [(day, reason) for day, reason, _ in answer.refused]


WEEK = [date(2024, 3, day) for day in (25, 26, 27, 28)]


def test_rows_on_sessions_are_bars_sorted_by_date():
    answer = ask(chart_of(daily(*WEEK[::-1])))
    assert answer.bars["session"].to_pylist() == WEEK
    assert answer.refused == ()
    assert answer.nothing == ""


@pytest.mark.parametrize(
    ("day", "hour", "minute", "is_bar"),
    [
        (TODAY, 10, 0, False),
        (TODAY, 16, 0, False),
        (TODAY, 16, 59, False),
        (TODAY, 17, 0, True),
        (date(2024, 3, 29), 3, 0, True),
    ],
)
def test_todays_bar_counts_from_an_hour_after_the_close(day, hour, minute, is_bar):
    answer = ask(chart_of(daily(*WEEK)), now=clock_at(day, hour, minute))
    assert (TODAY in answer.bars["session"].to_pylist()) is is_bar
    assert refused(answer) == ([] if is_bar else [(TODAY, "live_row")])


def test_on_a_half_day_it_counts_an_hour_after_the_early_close():
    half_day = date(2024, 7, 3)
    chart = chart_of(daily(half_day))
    question = {"first": half_day, "last": half_day}
    assert ask(chart, now=clock_at(half_day, 13, 59), **question).bars.num_rows == 0
    assert ask(chart, now=clock_at(half_day, 14, 0), **question).bars.num_rows == 1


def test_a_live_row_says_what_it_was():
    answer = ask(chart_of([(TODAY, time(11, 7, 2), {})]), now=clock_at(TODAY, 11, 8))
    assert answer.nothing == "no bar in the range asked for; rows refused: 1 live_row"
    ((_, _, evidence),) = answer.refused
    assert evidence == (
        "its session is not over, or not for long enough; stamped 2024-03-28T11:07:02 in New York: "
        "open 10, high 11, low 9, close 10.5, volume 300"
    )


def test_rows_on_days_without_trade_are_refused():
    days = [date(2024, 3, 23), date(2024, 3, 25), date(2024, 3, 29)]
    answer = ask(chart_of(daily(*days)), now=clock_at(date(2024, 4, 1), 8), last=date(2024, 3, 31))
    assert answer.bars["session"].to_pylist() == [date(2024, 3, 25)]
    assert refused(answer) == [(days[0], "not_a_session"), (days[2], "not_a_session")]


def test_a_row_without_any_price_is_refused_whatever_its_volume():
    nothing = dict.fromkeys(("open", "high", "low", "close"), np.nan)
    rows = [(WEEK[0], time(9, 30), nothing), *daily(*WEEK[1:])]
    answer = ask(chart_of(rows))
    assert answer.bars["session"].to_pylist() == WEEK[1:]
    assert refused(answer) == [(WEEK[0], "no_numbers")]


def test_a_row_with_one_price_is_a_bar_whose_other_numbers_are_unknown():
    rows = daily(WEEK[0], open=np.nan, high=np.nan, low=np.nan, volume=np.nan, adj_close=np.nan)
    (bar,) = ask(chart_of(rows)).bars.to_pylist()
    assert bar["close"] == 10.5
    assert [bar[name] for name in NUMBERS if name != "close"] == [None] * 5


def test_odd_prices_are_no_business_of_the_provider():
    rows = daily(WEEK[0], open=0.0, high=1.0, low=20.0, close=-3.0, adj_close=-3.0)
    (bar,) = ask(chart_of(rows)).bars.to_pylist()
    assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (0.0, 1.0, 20.0, -3.0)
    assert bar["adj_close"] is None


def test_of_two_rows_of_a_session_the_one_stamped_later_stays():
    rows = [
        (WEEK[0], time(16, 0, 1), {"volume": 333.0}),
        (WEEK[0], time(9, 30), {}),
        (WEEK[1], time(9, 30), {}),
    ]
    answer = ask(chart_of(rows))
    assert answer.bars["volume"].to_pylist() == [333.0, 300.0]
    ((day, reason, evidence),) = answer.refused
    assert (day, reason) == (WEEK[0], "live_row")
    assert "volume 300; a later row counts: stamped 2024-03-25T16:00:01" in evidence


def test_unreadable_rows_have_no_session_and_keep_their_text():
    answer = ask(chart_of(daily(*WEEK), unreadable={1: "close is 'n/a'"}))
    assert answer.bars["session"].to_pylist() == [WEEK[0], *WEEK[2:]]
    ((day, reason, evidence),) = answer.refused
    assert (day, reason) == (None, "unreadable")
    assert evidence.startswith("close is 'n/a'; stamped 2024-03-26T09:30:00")


def test_rows_that_were_not_asked_for_are_refused_without_a_session():
    days = [date(2023, 3, 1), WEEK[0], date(2024, 5, 1)]
    answer = ask(chart_of(daily(*days)))
    assert answer.bars["session"].to_pylist() == [WEEK[0]]
    assert refused(answer) == [(None, "unreadable")] * 2
    assert "not asked for: the question was 2024-01-18 to 2024-03-28" in answer.refused[0][2]


def test_rows_between_the_range_and_today_are_not_mentioned():
    """They were asked for, for the sake of the splits, and say nothing about the range."""
    answer = ask(chart_of(daily(date(2024, 2, 20), *WEEK)), first=WEEK[1], last=WEEK[1])
    assert answer.bars["session"].to_pylist() == [WEEK[1]]
    assert answer.refused == ()
    live = ask(chart_of(daily(*WEEK)), first=WEEK[1], last=WEEK[1], now=clock_at(TODAY, 12))
    assert live.refused == ()


def test_a_dividend_without_a_bar_is_an_action_all_the_same():
    answer = ask(chart_of(daily(WEEK[0], WEEK[2]), dividends={WEEK[1]: 0.25}))
    assert answer.bars["session"].to_pylist() == [WEEK[0], WEEK[2]]
    (action,) = answer.actions.to_pylist()
    assert action == {"symbol": "ACME", "session": WEEK[1], "split": 1.0, "dividend": 0.25}


def test_what_is_announced_for_later_is_refused():
    tomorrow = date(2024, 4, 2)
    chart = chart_of(
        daily(*WEEK), dividends={tomorrow: 0.25}, splits=(Split(tomorrow, Fraction(2)),)
    )
    answer = ask(chart, last=date(2024, 4, 5))
    assert answer.actions.num_rows == 0
    assert answer.bars["close"].to_pylist() == [10.5] * 4
    assert refused(answer) == [(tomorrow, "unreadable")] * 2


@pytest.mark.parametrize(
    ("dividend", "gain", "paid", "is_reported"),
    [(0.1, 2.5, 2.6, False), (0.0, 2.5, 2.5, False), (2.6, 2.5, 2.6, True)],
)
def test_a_funds_gain_is_cash_unless_the_dividend_may_contain_it(dividend, gain, paid, is_reported):
    dividends = {WEEK[1]: dividend} if dividend else {}
    answer = ask(chart_of(daily(*WEEK), dividends=dividends, gains={WEEK[1]: gain}))
    assert answer.actions["dividend"].to_pylist() == [pytest.approx(paid, abs=1e-12)]
    assert refused(answer) == ([(WEEK[1], "unreadable")] if is_reported else [])


def test_dividends_before_a_split_are_those_paid_and_those_on_it_count_new_shares():
    """Apple's 2.65 dollars of 2012, split 7:1 and 4:1 since, are sent as 0.094643."""
    first, last = date(2019, 12, 2), date(2020, 2, 28)
    share = listing(
        first,
        last,
        price=400,
        splits={date(2020, 1, 10): (7, 1), date(2020, 2, 5): (4, 1)},
        dividends={date(2019, 12, 5): 2.65, date(2020, 1, 10): 0.47, date(2020, 2, 5): 0.12},
    )
    result = share.chart("ACME", 0, 2**40)
    sent = [event["amount"] for event in result["events"]["dividends"].values()]
    assert sent == [0.094643, 0.1175, 0.12]
    chart = read_chart(200, chart_text([result]), "ACME")
    answer = ask(chart, now=clock_at(date(2020, 3, 3)), first=first, last=last)
    assert answer.actions["dividend"].to_pylist() == [2.65, 0.47, 0.12]
    assert answer.actions["split"].to_pylist() == [1.0, 7.0, 4.0]


def test_the_adjusted_close_before_a_step_without_a_dividend_is_unknown():
    first, last = date(2024, 1, 2), TODAY
    share = listing(first, last, price=50, dividends={date(2024, 2, 5): 0.4, date(2024, 3, 5): 0.3})
    result = share.chart("ACME", 0, 2**40)
    del result["events"]["dividends"][str(stamp(date(2024, 2, 5)))]
    answer = ask(read_chart(200, chart_text([result]), "ACME"), first=first)
    known = answer.bars["adj_close"].is_valid().to_pylist()
    assert known == [day >= date(2024, 2, 5) for day in share.days]
    assert refused(answer) == [(None, "unreadable")]
    assert "adj_close before 2024-02-05 left out" in answer.refused[0][2]
    later = ask(read_chart(200, chart_text([result]), "ACME"), first=date(2024, 2, 5))
    assert later.refused == ()
    assert later.bars["adj_close"].null_count == 0


def test_the_question_reaches_back_no_further_than_the_calendar():
    question = Question.at(clock_at(TODAY), date(1970, 1, 15), TODAY)
    assert question.begin == date(1970, 1, 1)
    assert Question.at(clock_at(TODAY), FIRST, TODAY).begin == FIRST - timedelta(days=60)
