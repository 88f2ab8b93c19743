"""A jump of the account's value is not believed until someone says so."""

import math

import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.risk.jump import BeliefCode, believable

NAN = float("nan")


@pytest.mark.parametrize(
    ("before", "flows", "after", "believed"),
    [
        (1_000_000, 0, 1_099_999, True),
        (1_000_000, 0, 1_100_000, True),  # exactly at the limit
        (1_000_000, 0, 1_100_001, False),
        (1_000_000, 0, 900_000, True),
        (1_000_000, 0, 899_999, False),
        (1_000_000, 0, 0, False),
        (1_000_000, 0, -5, False),
        (1_000_000, 500_000, 1_600_000, True),
        (1_000_000, 500_000, 1_600_001, False),
        (1_000_000, -900_000, 100_000, True),
        (1_000_000, 0, 1_500_000, False),  # a deposit that no one entered
        (1_000_000, 500_000, 1_000_000, False),  # a deposit that never came
        (10**18 + 10, 0, 11 * 10**17 + 11, True),  # exact where floats are not
        (10**18 + 10, 0, 11 * 10**17 + 12, False),
    ],
)
def test_a_change_net_of_flows_is_believed_up_to_a_tenth(before, flows, after, believed):
    verdict = believable(before, flows, after)
    assert verdict.believed is believed
    assert verdict.code is (BeliefCode.WITHIN_LIMIT if believed else BeliefCode.JUMP)
    assert verdict.change == pytest.approx((after - flows) / before - 1)
    confirmed = believable(before, flows, after, confirmed=True)
    assert confirmed.believed
    assert (confirmed.code is BeliefCode.CONFIRMED) is not believed


@pytest.mark.parametrize("absent", [None, NAN, math.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("confirmed", [True, False])
def test_a_number_that_is_missing_is_not_believed_whoever_confirms_it(absent, place, confirmed):
    numbers: list[float | None] = [1_000_000, 0, 1_000_000]
    numbers[place] = absent
    verdict = believable(*numbers, confirmed=confirmed)
    assert (verdict.believed, verdict.code) == (False, BeliefCode.MISSING)
    assert math.isnan(verdict.change)


@pytest.mark.parametrize("before", [0, -1])
def test_after_a_value_of_nothing_any_value_waits_for_a_person(before):
    assert believable(before, 0, 5).code is BeliefCode.NOTHING_BEFORE
    assert not believable(before, 0, before).believed
    assert believable(before, 0, 5, confirmed=True).believed


@pytest.mark.parametrize("limit", [0.0, -0.1, 1.01, NAN])
def test_a_limit_out_of_bounds_is_refused(limit):
    with pytest.raises(ConfigurationRefused, match="fraction"):
        believable(100, 0, 100, limit=limit)


@pytest.mark.parametrize(("after", "believed"), [(1_050_000, True), (1_050_001, False)])
def test_the_limit_is_the_one_given(after, believed):
    assert believable(1_000_000, 0, after, limit=0.05).believed is believed


def test_the_sentence_has_the_numbers():
    reason = believable(1_000_000, 0, 1_234_500).reason
    assert "+23.45%" in reason
    assert "10.00%" in reason
    assert all(code.meaning for code in BeliefCode)
    assert believable(None, 0, 1).reason == BeliefCode.MISSING.meaning
