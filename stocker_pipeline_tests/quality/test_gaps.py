import pytest

from stocker_pipeline_tests.quality.builders import acting, day, quiet, scaled, spoilt
from stocker_pipeline_tests.quality.verdicts import judged, keys, rows, rules_at

PRICES = ("open", "high", "low", "close")
PLACE = 150


def levelled(by, **options):
    """A market whose first symbol trades on another level from a bar on."""
    market = quiet("AAA", "BBB", "CCC", **options)
    return scaled(market, "AAA", PLACE, 219, by, *PRICES, "adj_close")


@pytest.mark.parametrize(("by", "says"), [(0.5, "2:1"), (1 / 3, "3:1"), (10.0, "1:10")])
def test_a_gap_without_an_action_is_refused_and_the_split_it_looks_like_is_named(by, says):
    findings = judged(levelled(by))
    (row,) = rows(findings)
    assert (row["rule"], str(row["session"])) == ("unexplained_gap", day(PLACE))
    assert row["treatment"] == "quarantined"
    assert f"a {says} split would do it" in row["evidence"]


def test_a_gap_below_the_bound_passes():
    assert rows(judged(levelled(0.72))) == []
    assert keys(judged(levelled(0.66))) == {("AAA", day(PLACE))}


def test_a_gap_on_many_times_the_usual_turnover_is_news_and_only_flagged():
    market = spoilt(levelled(0.6), "AAA", PLACE, volume=lambda shares: shares * 8)
    (row,) = rows(judged(market))
    assert (row["rule"], row["treatment"]) == ("large_gap", "flagged")
    assert "times the usual business" in row["evidence"]


def test_a_gap_within_the_symbol_s_own_volatility_is_only_flagged():
    (row,) = rows(judged(levelled(0.69, sigma=0.08)), treatment="flagged")
    assert row["rule"] == "large_gap"


@pytest.mark.parametrize("split", [2.0, 3.0, 1.5, 0.125, 1.1])
def test_a_split_that_the_prices_show_is_no_finding(split):
    market = levelled(1 / split, sigma=0.006)
    market = scaled(market, "AAA", 0, PLACE - 1, 1 / split, "adj_close")
    assert rows(judged(acting(market, ("AAA", PLACE, split, 0.0)))) == []


@pytest.mark.parametrize("split", [2.0, 1.5, 0.125])
def test_a_split_that_the_prices_do_not_show_refuses_its_bar_once(split):
    market = acting(quiet("AAA", "BBB", "CCC"), ("AAA", PLACE, split, 0.0))
    findings = judged(market)
    assert keys(findings, treatment="quarantined") == {("AAA", day(PLACE))}
    assert rules_at(findings, "AAA", day(PLACE)) == {"split_not_shown", "action_not_adjusted"}


def test_a_split_too_small_to_be_seen_in_the_price_is_not_asked_for():
    market = acting(quiet("AAA", "BBB", "CCC"), ("AAA", PLACE, 1.0027, 0.0))
    assert keys(judged(market), "split_not_shown") == set()


@pytest.mark.parametrize("late", [-3, -1, 1, 3])
def test_a_split_booked_some_sessions_off_refuses_the_bars_between(late):
    market = scaled(quiet("AAA", "BBB", "CCC"), "AAA", PLACE + late, 219, 0.5, *PRICES)
    findings = judged(acting(market, ("AAA", PLACE, 2.0, 0.0)))
    between = range(min(PLACE, PLACE + late), max(PLACE, PLACE + late))
    assert keys(findings, treatment="quarantined") == {("AAA", day(place)) for place in between}


def test_a_dividend_is_no_gap():
    market = levelled(0.6)
    close = market.bars["close"][PLACE - 1].as_py()
    paid = acting(market, ("AAA", PLACE, 1.0, close * 0.4))
    assert keys(judged(paid), treatment="quarantined") == set()


def test_a_dividend_above_the_price_is_named_and_not_used():
    market = acting(quiet("AAA", "BBB", "CCC"), ("AAA", PLACE, 1.0, 500.0))
    findings = judged(market)
    assert keys(findings, "dividend_above_price") == {("AAA", day(PLACE))}
    assert keys(findings, treatment="quarantined") == set()


def test_the_bar_after_a_wrong_one_is_compared_with_the_last_good_close():
    market = spoilt(quiet("AAA", "BBB", "CCC"), "AAA", PLACE, close=0.0)
    assert keys(judged(market)) == {("AAA", day(PLACE))}
    market = scaled(quiet("AAA", "BBB", "CCC"), "AAA", PLACE, PLACE, 3.0, *PRICES)
    assert keys(judged(market), treatment="quarantined") == {("AAA", day(PLACE))}
