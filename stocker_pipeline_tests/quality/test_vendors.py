import pytest

from stocker_pipeline_tests.quality.builders import day, quiet, scaled, spoilt, without
from stocker_pipeline_tests.quality.verdicts import judged, keys, rows, rules_at

PLACE = 150
SYMBOLS = ("AAA", "BBB", "CCC")
PRICES = ("open", "high", "low", "close")


def test_two_vendors_that_agree_are_no_finding():
    market = quiet(*SYMBOLS)
    assert rows(judged(market, reference=market.bars)) == []


def test_a_small_difference_of_open_or_close_is_flagged():
    market = quiet(*SYMBOLS)
    other = scaled(market, "AAA", PLACE, PLACE, 1.006, "open", "high")
    (row,) = rows(judged(market, reference=other.bars))
    assert (row["rule"], row["treatment"]) == ("vendors_differ", "flagged")
    assert "open" in row["evidence"]
    assert "close" not in row["evidence"]


@pytest.mark.parametrize("field", ["open", "close"])
def test_a_large_difference_refuses_the_bar_whose_price_is_the_less_plausible(field):
    good = quiet(*SYMBOLS)
    names = (field, "adj_close") if field == "close" else (field,)
    bad = scaled(good, "AAA", PLACE, PLACE, 1.025, *names)
    bad = spoilt(bad, "AAA", PLACE, high=lambda price: price * 1.03)
    mine = judged(bad, reference=good.bars)
    assert keys(mine, treatment="quarantined") == {("AAA", day(PLACE))}
    assert "vendors_disagree" in rules_at(mine, "AAA", day(PLACE))
    assert "the reference lies nearer" in rows(mine, "vendors_disagree")[0]["evidence"]
    theirs = judged(good, reference=bad.bars)
    assert keys(theirs, treatment="quarantined") == set()
    assert rules_at(theirs, "AAA", day(PLACE)) == {"vendors_differ"}


def test_where_nobody_can_say_who_is_wrong_the_bar_waits_for_a_person():
    """The day falls from one level to another; the vendors close it on either."""
    market = scaled(quiet(*SYMBOLS), "AAA", PLACE + 1, 219, 0.9, *PRICES, "adj_close")
    low = spoilt(market, "AAA", PLACE, low=lambda price: price * 0.9)
    other = spoilt(low, "AAA", PLACE, close=lambda price: price * 0.95)
    for mine, theirs in ((low, other), (other, low)):
        findings = judged(mine, reference=theirs.bars)
        assert keys(findings, treatment="quarantined") == {("AAA", day(PLACE))}


def test_a_high_that_differs_is_flagged():
    market = quiet(*SYMBOLS)
    other = spoilt(market, "AAA", PLACE, high=lambda price: price * 1.015)
    findings = judged(market, reference=other.bars)
    assert {row["treatment"] for row in rows(findings)} == {"flagged"}
    assert keys(findings, "vendors_differ") == {("AAA", day(PLACE))}


def test_another_split_basis_is_told_once_and_hides_no_difference():
    market = quiet(*SYMBOLS)
    other = scaled(market, "AAA", 0, 99, 1 / 3, *PRICES)
    other = scaled(other, "AAA", 0, 99, 3.0, "volume")
    other = spoilt(other, "AAA", 50, open=lambda price: price * 1.01)
    findings = judged(market, reference=other.bars)
    assert keys(findings, "vendors_differ_basis") == {("AAA", day(0))}
    assert "3 times the reference's" in rows(findings, "vendors_differ_basis")[0]["evidence"]
    assert keys(findings, "vendors_differ") == {("AAA", day(50))}
    assert keys(findings, treatment="quarantined") == set()


def test_a_run_of_wrong_bars_is_no_basis():
    good = quiet(*SYMBOLS)
    bad = scaled(good, "AAA", PLACE, PLACE + 3, 1.05, *PRICES)
    findings = judged(bad, reference=good.bars)
    assert keys(findings, "vendors_differ_basis") == set()
    assert ("AAA", day(PLACE)) in keys(findings, treatment="quarantined")


def test_a_print_that_a_second_vendor_saw_too_is_flagged_instead_of_refused():
    bad = spoilt(quiet(*SYMBOLS), "AAA", PLACE, open=60.0, low=60.0)
    assert keys(judged(bad), treatment="quarantined") == {("AAA", day(PLACE))}
    findings = judged(bad, reference=bad.bars)
    assert keys(findings, treatment="quarantined") == set()
    (row,) = rows(findings, "open_print")
    assert row["severity"] == "warning"
    assert row["evidence"].endswith("the reference has the same open and close")


def test_a_number_that_cannot_be_is_refused_even_where_a_second_vendor_has_it_too():
    bad = spoilt(quiet(*SYMBOLS), "AAA", PLACE, close=0.0)
    assert keys(judged(bad, reference=bad.bars), treatment="quarantined") == {("AAA", day(PLACE))}


def test_volume_in_other_units_than_the_reference_s_is_flagged():
    market = quiet(*SYMBOLS)
    other = scaled(market, "BBB", PLACE, PLACE, 30.0, "volume")
    assert keys(judged(market, reference=other.bars)) == {("BBB", day(PLACE))}
    assert rules_at(judged(market, reference=other.bars), "BBB", day(PLACE)) == {
        "vendors_differ_volume"
    }


def test_a_dividend_that_only_the_reference_s_adjusted_series_shows_is_flagged():
    market = quiet(*SYMBOLS)
    other = scaled(market, "AAA", 0, PLACE - 1, 0.9975, "adj_close")
    (row,) = rows(judged(market, reference=other.bars))
    assert (row["rule"], str(row["session"])) == ("vendors_differ_dividend", day(PLACE))
    assert "a share" in row["evidence"]


def test_a_dividend_on_a_session_that_the_reference_lacks_is_not_laid_on_the_next():
    market = scaled(quiet(*SYMBOLS), "AAA", 0, PLACE - 2, 0.9975, "adj_close")
    other = without(market, "AAA", PLACE - 1, PLACE - 1)
    assert keys(judged(market, reference=other.bars), "vendors_differ_dividend") == set()


def test_sessions_and_symbols_that_the_reference_lacks_are_not_compared():
    market = quiet(*SYMBOLS)
    other = scaled(without(market, "AAA", 100, 219), "AAA", 0, 99, 1.0, "close")
    assert rows(judged(market, reference=other.bars)) == []
    assert rows(judged(market, reference=quiet("ZZZ").bars)) == []
    assert rows(judged(market, reference=market.bars.slice(0, 0))) == []
