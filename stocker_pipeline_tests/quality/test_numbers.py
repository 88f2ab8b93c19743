import math

import pytest

from stocker_pipeline_tests.quality.builders import day, quiet, spoilt
from stocker_pipeline_tests.quality.verdicts import judged, rows, rules_at


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"close": None}, "no_price"),
        ({"open": math.nan}, "no_price"),
        (dict.fromkeys(("open", "high", "low", "close", "volume")), "withdrawn_bar"),
        ({"low": 0.0}, "impossible_price"),
        ({"open": -5.0}, "impossible_price"),
        ({"high": math.inf}, "impossible_price"),
        ({"close": 2e9, "high": 2e9}, "impossible_price"),
        ({"high": 90.0, "low": 110.0, "open": 100.0, "close": 100.0}, "high_below_low"),
        ({"open": lambda price: price * 1.2}, "open_outside_range"),
        ({"close": lambda price: price * 0.8}, "close_outside_range"),
        ({"volume": -1.0}, "impossible_volume"),
        ({"volume": math.inf}, "impossible_volume"),
        ({"adj_close": 0.0}, "impossible_adj_close"),
        ({"adj_close": -math.inf}, "impossible_adj_close"),
    ],
)
def test_a_number_that_cannot_be_is_refused_once_and_accuses_no_neighbour(cells, rule):
    market = spoilt(quiet("AAA", "BBB", "CCC"), "BBB", 80, **cells)
    found = rows(judged(market))
    assert [(row["symbol"], str(row["session"]), row["rule"]) for row in found] == [
        ("BBB", day(80), rule)
    ]
    assert found[0]["treatment"] == "quarantined"
    assert found[0]["severity"] == ("warning" if rule == "withdrawn_bar" else "error")


def test_the_evidence_names_the_field_and_the_number():
    market = spoilt(quiet("AAA"), "AAA", 80, low=-3.5, high=None)
    evidence = {row["rule"]: row["evidence"] for row in rows(judged(market))}
    assert evidence["no_price"] == "high is empty"
    assert evidence["impossible_price"] == "low is -3.5"


def test_float32_noise_at_the_edge_of_the_range_passes():
    market = quiet("AAA")
    high = market.bars["high"][80].as_py()
    inside = spoilt(market, "AAA", 80, close=high * (1 + 6e-8), adj_close=high)
    assert rules_at(judged(inside), "AAA", day(80)) == set()
    outside = spoilt(market, "AAA", 80, close=high * (1 + 2e-6), adj_close=high)
    assert rules_at(judged(outside), "AAA", day(80)) == {"close_outside_range"}


def test_unknown_volume_and_unknown_adjusted_close_are_not_impossible():
    market = spoilt(quiet("AAA"), "AAA", 80, volume=None, adj_close=None)
    assert rules_at(judged(market), "AAA", day(80)) == {"unknown_volume"}
