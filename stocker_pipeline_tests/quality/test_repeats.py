import numpy as np

from stocker_pipeline_tests.quality.builders import day, quiet, spoilt
from stocker_pipeline_tests.quality.verdicts import judged, keys, rows

FIVE = ("open", "high", "low", "close", "volume")
PLACE = 150


def repeating(market, symbol, place, names=FIVE):
    before = [row for row in market.bars.to_pylist() if row["symbol"] == symbol][place - 1]
    return spoilt(market, symbol, place, **{name: before[name] for name in (*names, "adj_close")})


def test_four_prices_of_the_day_before_are_flagged():
    market = repeating(quiet("AAA", "BBB", "CCC"), "AAA", PLACE, FIVE[:4])
    (row,) = rows(judged(market))
    assert (row["rule"], row["treatment"]) == ("repeated_bar", "flagged")


def test_the_whole_bar_of_the_day_before_is_refused():
    (row,) = rows(judged(repeating(quiet("AAA", "BBB", "CCC"), "AAA", PLACE)))
    assert (row["rule"], row["treatment"]) == ("copied_bar", "quarantined")


def test_a_session_on_which_most_symbols_repeat_is_refused_for_all_of_them():
    market = quiet("AAA", "BBB", "CCC", "DDD", "EEE")
    for symbol in ("AAA", "CCC", "EEE"):
        market = repeating(market, symbol, PLACE, FIVE[:4])
    findings = judged(market)
    wrong = {(symbol, day(PLACE)) for symbol in ("AAA", "CCC", "EEE")}
    assert keys(findings, "market_repeated") == wrong
    assert keys(findings, treatment="quarantined") == wrong
    assert "3 of 5 symbols" in rows(findings, "market_repeated")[0]["evidence"]


def test_two_symbols_that_repeat_are_no_market():
    market = quiet("AAA", "BBB", "CCC", "DDD")
    for symbol in ("AAA", "BBB"):
        market = repeating(market, symbol, PLACE, FIVE[:4])
    assert keys(judged(market), treatment="quarantined") == set()


def test_a_symbol_that_often_closes_unchanged_may_repeat_itself():
    """A bill fund: a cent up, nothing, nothing, a cent up, on any volume."""
    market = quiet("BIL", "AAA", "CCC", sigma=0.01)
    for place in range(220):
        price = 91.50 + 0.01 * (place // 3)
        cells = dict.fromkeys(("open", "close", "low", "adj_close"), price)
        market = spoilt(market, "BIL", place, **cells, high=price + 0.01)
    assert keys(judged(market)) == set()


def test_symbols_that_repeat_by_habit_are_no_market_that_repeats():
    market = quiet("BIL", "BIM", "BIN", "AAA", "CCC")
    for symbol in ("BIL", "BIM", "BIN"):
        for place in range(220):
            price = 91.50 + 0.01 * (place // 3)
            cells = dict.fromkeys(("open", "close", "low", "adj_close"), price)
            market = spoilt(market, symbol, place, **cells, high=price + 0.01)
    assert keys(judged(market)) == set()


def test_the_habit_is_read_before_the_bar_and_not_after_it():
    """A symbol that falls asleep: its first repeats are odd, its hundredth is not."""
    market = quiet("AAA", "BBB", "CCC")
    for place in range(PLACE, 220):
        market = repeating(market, "AAA", place, FIVE[:4])
    days = sorted(day for _, day in keys(judged(market), "repeated_bar"))
    assert days[0] == day(PLACE)
    assert np.is_busday(days[0])
    assert len(days) <= 5
