from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from stocker_pipeline_tests.quality.builders import acting, day, quiet, spoilt
from stocker_pipeline_tests.quality.clean_market import adjusted
from stocker_pipeline_tests.quality.verdicts import judged, keys, rows, rules_at

PLACE = 150


def adjusted_for(market, *actions, reinvested=False, decimals=None):
    """One symbol's market whose adjusted close knows the actions (place, split, dividend)."""
    close = market.bars["close"].to_numpy()
    split, dividend = np.ones(len(close)), np.zeros(len(close))
    for place, new, cash in actions:
        split[place], dividend[place] = new, cash
    values = adjusted(close, split, dividend)
    if reinvested:
        grown = np.cumprod(split * (1 + dividend / close))
        values = close * grown / grown[-1]
    if decimals is not None:
        values = np.round(values, decimals)
    place = market.bars.column_names.index("adj_close")
    return replace(market, bars=market.bars.set_column(place, "adj_close", pa.array(values)))


@pytest.mark.parametrize("reinvested", [False, True])
@pytest.mark.parametrize("decimals", [None, 2])
def test_both_ways_of_crediting_a_dividend_are_right_in_full_digits_and_in_cents(
    reinvested, decimals
):
    paid = [(60, 1.0, 0.4), (120, 1.0, 0.41), (180, 1.0, 0.39)]
    market = adjusted_for(quiet("AAA"), *paid, reinvested=reinvested, decimals=decimals)
    market = acting(market, *[("AAA", *one) for one in paid])
    assert rows(judged(market)) == []


def test_a_dividend_that_the_adjusted_series_does_not_show_is_flagged_on_its_ex_date():
    market = acting(quiet("AAA"), ("AAA", PLACE, 1.0, 0.35))
    (row,) = rows(judged(market))
    assert (row["rule"], str(row["session"])) == ("action_not_adjusted", day(PLACE))
    assert row["treatment"] == "flagged"
    assert "a dividend of 0.35 dollars" in row["evidence"]


def test_a_step_of_the_adjusted_series_without_an_action_is_flagged():
    market = adjusted_for(quiet("AAA"), (PLACE, 1.0, 0.35))
    (row,) = rows(judged(market))
    assert (row["rule"], str(row["session"])) == ("adjusted_step", day(PLACE))
    assert "no action is on file" in row["evidence"]


def test_one_wrong_adjusted_close_is_a_step_away_and_a_step_back():
    market = spoilt(quiet("AAA"), "AAA", PLACE, adj_close=lambda value: value * 0.9987)
    assert keys(judged(market), "adjusted_step") == {("AAA", day(PLACE)), ("AAA", day(PLACE + 1))}


def test_a_dividend_adjusted_by_another_amount_is_flagged():
    market = acting(adjusted_for(quiet("AAA"), (PLACE, 1.0, 0.70)), ("AAA", PLACE, 1.0, 0.35))
    assert rules_at(judged(market), "AAA", day(PLACE)) == {"adjusted_step"}


def test_rounding_to_cents_hides_no_step_of_a_tenth_of_a_percent():
    market = adjusted_for(quiet("AAA"), (PLACE, 1.0, 0.10), decimals=2)
    assert keys(judged(market)) == {("AAA", day(PLACE))}


def test_a_symbol_without_adjusted_closes_is_not_asked():
    market = acting(quiet("AAA"), ("AAA", PLACE, 1.0, 0.35))
    market = replace(market, bars=market.bars.drop_columns(["adj_close"]))
    assert rows(judged(market)) == []


def paying(places):
    paid = [(place, 1.0, 0.4) for place in places]
    market = adjusted_for(quiet("AAA", bars=420), *paid)
    return acting(market, *[("AAA", *one) for one in paid])


def test_a_dividend_missing_from_a_steady_pace_is_told_on_the_month_s_day():
    every_month = [10 + 21 * month for month in range(20)]
    assert rows(judged(paying(every_month))) == []
    missed = every_month.pop(10)
    (row,) = rows(judged(paying(every_month)))
    assert (row["rule"], row["treatment"]) == ("dividend_overdue", "flagged")
    expected = np.datetime64(day(missed))
    # 21 sessions are a month give or take a holiday.
    assert abs((np.datetime64(str(row["session"])) - expected).astype(int)) <= 7
    assert "a dividend every 30" in row["evidence"]


def test_a_pace_is_steady_only_after_some_dividends_and_irregular_payers_are_left_alone():
    assert rows(judged(paying([10, 31, 52, 73, 94, 160]))) == []
    assert rows(judged(paying([10, 31, 90, 111, 170, 191, 250, 271, 330, 410]))) == []


def test_several_dividends_of_one_session_make_no_pace():
    market = acting(quiet("AAA", bars=420), *[("AAA", 100, 1.0, 0.1)] * 8)
    assert keys(judged(market), "dividend_overdue") == set()


def test_a_dividend_that_stops_for_good_is_told_once_and_before_the_next_one_comes():
    (row,) = rows(judged(paying([10 + 21 * month for month in range(9)])))
    assert row["rule"] == "dividend_overdue"
    assert "none since" in row["evidence"]
