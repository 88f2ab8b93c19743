import pytest

from stocker_pipeline_tests.quality.builders import (
    acting,
    day,
    quiet,
    scaled,
    sessions,
    spoilt,
    without,
)
from stocker_pipeline_tests.quality.verdicts import judged, keys, rows, rules_at

PLACE = 150


@pytest.mark.parametrize(
    ("by", "says"),
    [
        (100.0, "as if multiplied by 100"),
        (1000.0, "as if multiplied by 1,000"),
        (0.01, "as if divided by 100"),
    ],
)
def test_a_day_in_other_units_is_flagged_with_the_unit(by, says):
    market = scaled(quiet("AAA"), "AAA", PLACE, PLACE, by, "volume")
    (row,) = rows(judged(market))
    assert (row["rule"], str(row["session"]), row["treatment"]) == (
        "volume_units",
        day(PLACE),
        "flagged",
    )
    assert says in row["evidence"]


def test_a_unit_that_changes_for_good_is_found_once_on_its_first_bar():
    market = scaled(quiet("AAA"), "AAA", PLACE, 219, 100.0, "volume")
    assert keys(judged(market), "volume_units") == {("AAA", day(PLACE))}


def test_ten_times_the_usual_is_a_busy_day():
    market = scaled(quiet("AAA"), "AAA", PLACE, PLACE, 10.0, "volume")
    assert rows(judged(market)) == []


def test_a_split_multiplies_volume_rightly():
    market = scaled(quiet("AAA"), "AAA", PLACE, 219, 50.0, "volume")
    market = scaled(market, "AAA", PLACE, 219, 0.02, "open", "high", "low", "close", "adj_close")
    market = scaled(market, "AAA", 0, PLACE - 1, 0.02, "adj_close")
    assert rows(judged(acting(market, ("AAA", PLACE, 50.0, 0.0)))) == []


def test_zero_volume_is_flagged_on_every_session_and_says_when_nothing_moved():
    market = quiet("AAA")
    close = market.bars["close"][PLACE - 1].as_py()
    flat = dict.fromkeys(("open", "high", "low", "close", "adj_close"), close)
    market = spoilt(market, "AAA", PLACE, volume=0.0, **flat)
    market = spoilt(market, "AAA", PLACE + 20, volume=0.0)
    found = rows(judged(market), "zero_volume")
    assert [str(row["session"]) for row in found] == [day(PLACE), day(PLACE + 20)]
    assert {row["treatment"] for row in found} == {"flagged"}
    assert "all prices are the close before" in found[0]["evidence"]
    assert found[1]["evidence"] == "volume is 0"


def test_unknown_volume_is_found_once_per_run():
    market = quiet("AAA", "BBB")
    for place in (*range(100, 110), *range(130, 220)):
        market = spoilt(market, "AAA", place, volume=None)
    found = rows(judged(market), "unknown_volume")
    assert [(row["symbol"], str(row["session"])) for row in found] == [
        ("AAA", day(100)),
        ("AAA", day(130)),
    ]
    assert found[0]["evidence"] == f"no volume in 10 bars up to {day(109)}"
    assert found[1]["evidence"] == f"no volume in 90 bars up to {sessions(220)[-1]}"


def test_a_symbol_that_never_has_a_volume_is_one_finding():
    market = quiet("AAA", "BBB")
    for place in range(220):
        market = spoilt(market, "AAA", place, volume=None)
    assert len(rows(judged(market))) == 1


def test_usual_volume_is_not_known_of_another_security():
    """After a long hole the usual volume is learnt anew."""
    market = scaled(quiet("AAA"), "AAA", PLACE, 219, 1000.0, "volume")
    market = without(market, "AAA", PLACE - 80, PLACE - 1)
    assert "volume_units" not in rules_at(judged(market), "AAA", day(PLACE))
