"""Distance from targets and realised volatility: below, at and beyond their bounds."""

import math
import statistics

import pytest

from stocker_pipeline.risk.monitors.shape import (
    Aim,
    concentration,
    target_drift,
    volatility_spike,
)
from stocker_pipeline.risk.monitors.verdict import Action, Finding

NAV_E4 = 1_000_000


def aim(weight: float, target: float | None = 0.25, **changes: object) -> Aim:
    values: dict[str, object] = {
        "nav_e4": NAV_E4,
        "values_e4": {"AAA": weight * NAV_E4},
        "targets": {"AAA": target},
    }
    return Aim(**{**values, **changes})  # type: ignore[arg-type]


FAR, NEAR = aim(0.125), aim(0.25)
CLOSES = [
    ("never far", [NEAR, NEAR, NEAR], Finding.CLEAR),
    ("far once", [NEAR, NEAR, FAR], Finding.CLEAR),
    ("far twice, and near between", [FAR, NEAR, FAR], Finding.CLEAR),
    ("far all the time", [FAR, FAR, FAR], Finding.RAISED),
    ("what was longer ago does not count", [NEAR, FAR, FAR, FAR], Finding.RAISED),
    ("exactly the bound", [aim(0.1875)] * 3, Finding.CLEAR),
    ("on the other side", [aim(-0.25)] * 3, Finding.RAISED),
    ("nothing held", [aim(0.0, values_e4={})] * 3, Finding.RAISED),
    ("no target", [aim(0.9, None)] * 3, Finding.CLEAR),
]


@pytest.mark.parametrize(("case", "closes", "finding"), CLOSES)
def test_a_position_far_from_its_target_for_some_sessions_is_told_of(case, closes, finding):
    verdict = target_drift(closes, 0.0625, 3)
    assert verdict.finding is finding
    assert verdict.action is (Action.TELL if finding is Finding.RAISED else Action.NONE)


def test_the_far_symbol_is_named_with_its_least_distance():
    verdict = target_drift([aim(0.0), FAR, aim(0.0)], 0.05, 3)
    assert "AAA (12.50%)" in verdict.sentence
    assert verdict.measured == 0.125


def test_fewer_closes_than_asked_for_are_too_early():
    verdict = target_drift([FAR, FAR], 0.05, 3)
    assert (verdict.finding, verdict.action) == (Finding.NOT_JUDGED, Action.NONE)


@pytest.mark.parametrize(
    "wrong",
    [
        aim(0.1, nav_e4=None),
        aim(0.1, nav_e4=math.nan),
        aim(0.1, nav_e4=0),
        aim(math.nan),
        aim(0.1, math.nan),
    ],
)
def test_a_distance_that_is_not_known_is_said_to_be_missing(wrong):
    verdict = target_drift([FAR, FAR, wrong], 0.05, 3)
    assert (verdict.finding, verdict.action) == (Finding.NOT_JUDGED, Action.WARN)


RETURNS = [0.01, -0.01] * 5
REALISED = statistics.stdev(RETURNS) * math.sqrt(252)


@pytest.mark.parametrize(
    ("target", "finding"),
    [
        (REALISED / 2, Finding.CLEAR),
        (REALISED / 2 * 0.999, Finding.RAISED),
        (REALISED / 2 * 1.001, Finding.CLEAR),
        (None, Finding.NOT_JUDGED),
    ],
)
def test_volatility_beyond_a_multiple_of_its_target_is_told_of(target, finding):
    verdict = volatility_spike(RETURNS, target, 2.0, 10)
    assert verdict.finding is finding
    assert verdict.action is (Action.WARN if finding is Finding.RAISED else Action.NONE)


def test_only_the_last_returns_count():
    assert not volatility_spike([0.5, -0.5, *RETURNS], 0.2, 2.0, 10).raised


def test_fewer_returns_than_asked_for_are_too_early():
    assert volatility_spike(RETURNS, 0.1, 2.0, 11).action is Action.NONE


@pytest.mark.parametrize("wrong", [None, math.nan])
def test_a_return_that_is_not_known_is_said_to_be_missing(wrong):
    verdict = volatility_spike([*RETURNS[1:], wrong], 0.1, 2.0, 10)
    assert (verdict.finding, verdict.action) == (Finding.NOT_JUDGED, Action.WARN)


@pytest.mark.parametrize(
    ("weight", "finding"),
    [
        (0.0, Finding.CLEAR),
        (0.2499, Finding.CLEAR),
        (0.25, Finding.CLEAR),
        (0.2501, Finding.RAISED),
        (-0.2501, Finding.RAISED),
    ],
)
def test_a_position_larger_than_its_limit_is_told_of(weight, finding):
    verdict = concentration(aim(weight), 0.25)
    assert verdict.finding is finding
    assert verdict.measured == pytest.approx(abs(weight))
    assert verdict.action is (Action.WARN if finding is Finding.RAISED else Action.NONE)


def test_a_book_without_positions_is_not_concentrated():
    assert concentration(aim(0.0, values_e4={}), 0.25).finding is Finding.CLEAR


@pytest.mark.parametrize(
    "wrong",
    [
        aim(0.1, nav_e4=None),
        aim(0.1, nav_e4=math.nan),
        aim(0.1, nav_e4=0),
        aim(0.1, nav_e4=-1),
        aim(0.1, values_e4={"AAA": math.nan}),
    ],
)
def test_a_concentration_that_is_not_known_is_said_to_be_missing(wrong):
    verdict = concentration(wrong, 0.25)
    assert (verdict.finding, verdict.action) == (Finding.NOT_JUDGED, Action.WARN)
