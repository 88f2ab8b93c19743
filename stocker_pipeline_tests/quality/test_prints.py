import numpy as np
import pytest

from stocker_pipeline.quality.thresholds import Thresholds
from stocker_pipeline_tests.quality.builders import day, quiet, scaled, spoilt
from stocker_pipeline_tests.quality.clean_market import Market
from stocker_pipeline_tests.quality.real_sets import up_to
from stocker_pipeline_tests.quality.verdicts import judged, keys, rows, rules_at

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
PLACE = 150


def market() -> Market:
    return quiet(*SYMBOLS)


def stretched(spoilt_market, symbol=SYMBOLS[0], place=PLACE) -> Market:
    """High and low moved out to where open and close are."""
    one = [row for row in spoilt_market.bars.to_pylist() if row["symbol"] == symbol][place]
    prices = [one[name] for name in ("open", "high", "low", "close")]
    return spoilt(spoilt_market, symbol, place, high=max(prices), low=min(prices))


@pytest.mark.parametrize("by", [0.9, 1.1])
def test_an_open_that_nothing_around_it_confirms_is_refused(by):
    bad = stretched(spoilt(market(), "AAA", PLACE, open=lambda price: price * by))
    findings = judged(bad)
    assert keys(findings) == {("AAA", day(PLACE))}
    assert rules_at(findings, "AAA", day(PLACE)) == {"open_print"}
    (row,) = rows(findings)
    assert row["treatment"] == "quarantined"
    assert row["evidence"].startswith("open ")
    assert "sigmas) beyond the close before" in row["evidence"]
    assert "6 sigmas" in row["threshold"]


@pytest.mark.parametrize("by", [0.9, 1.1])
def test_a_close_that_the_next_open_takes_back_is_refused(by):
    bad = stretched(spoilt(market(), "AAA", PLACE, close=lambda price: price * by))
    findings = judged(bad)
    assert rules_at(findings, "AAA", day(PLACE)) == {"close_spike"}
    assert keys(findings, treatment="quarantined") == {("AAA", day(PLACE))}


@pytest.mark.parametrize("by", [0.93, 1.08, 100.0, 0.01])
def test_a_bar_on_another_level_is_refused_as_a_whole_and_its_neighbours_are_not(by):
    bad = scaled(market(), "AAA", PLACE, PLACE, by, "open", "high", "low", "close")
    findings = judged(bad)
    assert keys(findings, treatment="quarantined") == {("AAA", day(PLACE))}
    assert "bar_shifted" in rules_at(findings, "AAA", day(PLACE))


@pytest.mark.parametrize("length", [2, 3, 5])
@pytest.mark.parametrize("by", [0.5, 1.3])
def test_a_run_of_bars_on_another_level_is_refused_and_the_bar_after_it_is_not(length, by):
    last = PLACE + length - 1
    bad = scaled(market(), "AAA", PLACE, last, by, "open", "high", "low", "close")
    findings = judged(bad)
    wrong = {("AAA", day(place)) for place in range(PLACE, last + 1)}
    assert keys(findings, "level_shifted") == wrong
    assert keys(findings, treatment="quarantined") == wrong


def test_a_new_level_that_stays_is_no_shifted_run():
    bars = 219 - PLACE
    moved = scaled(market(), "AAA", PLACE, PLACE + bars, 0.75, "open", "high", "low", "close")
    assert keys(judged(moved), treatment="quarantined") == set()


@pytest.mark.parametrize(("field", "by"), [("high", 1.08), ("low", 0.92)])
def test_a_high_or_low_alone_is_flagged_because_no_money_reads_it(field, by):
    bad = spoilt(market(), "AAA", PLACE, **{field: lambda price: price * by})
    (row,) = rows(judged(bad))
    assert (row["rule"], row["treatment"]) == (f"{field}_print", "flagged")


def test_a_crash_that_is_held_is_no_spike():
    """News: the open gaps down, the close is there, and so is everything after."""
    moved = scaled(market(), "AAA", PLACE, 219, 0.85, "open", "high", "low", "close")
    assert keys(judged(moved), treatment="quarantined") == set()


def levels(changes) -> Market:
    """Prices multiplied: (first, last, factor, columns)."""
    out = market()
    for first, last, by, names in changes:
        out = scaled(out, "AAA", first, last, by, *names)
    return out


ALL = ("open", "high", "low", "close")


def test_news_that_half_recovers_by_the_close_is_no_wrong_open():
    down = [(PLACE, PLACE, 0.88, ("open",)), (PLACE, PLACE, 0.935, ("close",))]
    moved = stretched(levels([*down, (PLACE + 1, 219, 0.935, ALL)]))
    assert keys(judged(moved), treatment="quarantined") == set()
    taken_back = stretched(levels([(PLACE, PLACE, 0.935, ("open",))]))
    assert keys(judged(taken_back), "open_print") == {("AAA", day(PLACE))}


def test_good_news_and_then_much_worse_news_is_no_spike():
    moved = levels([(PLACE, PLACE, 1.16, ALL), (PLACE + 1, 219, 0.4, ALL)])
    assert keys(judged(moved), treatment="quarantined") == {("AAA", day(PLACE + 1))}


def test_a_rise_that_wears_off_before_bad_news_is_no_shifted_run():
    rise = [(PLACE, PLACE, 1.15, ("open", "high")), (PLACE, PLACE, 1.08, ("close",))]
    fade = [(PLACE + 1, PLACE + 1, 1.08, ("open", "high"))]
    moved = levels([*rise, *fade, (PLACE + 2, 219, 0.85, ALL)])
    assert keys(judged(moved), treatment="quarantined") == set()


def test_a_crash_that_recovers_within_the_session_is_no_spike():
    bad = spoilt(market(), "AAA", PLACE, low=lambda price: price * 0.7)
    assert keys(judged(bad), treatment="quarantined") == set()


def test_a_day_on_which_the_whole_market_is_as_wild_is_believed():
    calm = market()
    alone = stretched(spoilt(calm, "AAA", PLACE, open=lambda price: price * 0.94))
    assert keys(judged(alone), "open_print") == {("AAA", day(PLACE))}
    together = calm
    for symbol in SYMBOLS:
        together = spoilt(together, symbol, PLACE, open=lambda price: price * 0.94)
        together = stretched(together, symbol)
    assert keys(judged(together), treatment="quarantined") == set()


def test_what_is_odd_for_a_quiet_symbol_is_usual_for_a_wild_one():
    def with_open(sigma):
        calm = quiet(*SYMBOLS, sigma=sigma)
        return stretched(spoilt(calm, "AAA", PLACE, open=lambda price: price * 0.95))

    assert keys(judged(with_open(0.004)), "open_print")
    assert not keys(judged(with_open(0.02)))


def test_a_move_of_a_few_ticks_of_a_penny_share_is_no_finding():
    penny = quiet(*SYMBOLS, price=0.30, sigma=0.002)
    bad = stretched(spoilt(penny, "AAA", PLACE, open=lambda price: price + 0.02))
    assert keys(judged(bad)) == set()
    assert keys(judged(bad, thresholds=Thresholds(move_ticks_min=0.0)))


def test_a_doubtful_print_is_flagged():
    bad = stretched(spoilt(market(), "AAA", PLACE, open=lambda price: price * 0.956))
    (row,) = rows(judged(bad))
    assert (row["rule"], row["treatment"]) == ("doubtful_open", "flagged")


def test_the_last_bar_is_refused_only_at_the_wider_bound_and_the_next_bar_decides():
    bad = stretched(spoilt(market(), "AAA", PLACE, close=lambda price: price * 0.88))
    today = up_to(bad, _date(day(PLACE)))
    assert keys(judged(today), treatment="quarantined") == set()
    tomorrow = up_to(bad, _date(day(PLACE + 1)))
    assert keys(judged(tomorrow), treatment="quarantined") == {("AAA", day(PLACE))}

    worse = stretched(spoilt(market(), "AAA", PLACE, close=lambda price: price * 0.7))
    today = up_to(worse, _date(day(PLACE)))
    assert keys(judged(today), "last_bar_extreme") == {("AAA", day(PLACE))}


def _date(text):
    return np.datetime64(text).item()
