"""Losses below, at and beyond their bounds, and values that are not there."""

import math

import pytest

from stocker_pipeline.risk.monitors.losses import SessionValue, Value, daily_loss, drawdown
from stocker_pipeline.risk.monitors.verdict import Action, Finding

MILLION_E4 = 1_000_000 * 10_000
DAILY = [
    ("a gain", MILLION_E4, 0, MILLION_E4 + 1, False),
    ("a hair less than the bound", MILLION_E4, 0, MILLION_E4 * 97 // 100 + 1, False),
    ("exactly the bound", MILLION_E4, 0, MILLION_E4 * 97 // 100, True),
    ("a hair more than the bound", MILLION_E4, 0, MILLION_E4 * 97 // 100 - 1, True),
    ("a withdrawal is no loss", MILLION_E4, -MILLION_E4 // 2, MILLION_E4 // 2, False),
    ("a deposit hides no loss", MILLION_E4, MILLION_E4, 2 * MILLION_E4 - 30_000 * 10_000, True),
    ("everything is gone", MILLION_E4, 0, 0, True),
]


@pytest.mark.parametrize(("case", "before", "flows", "after", "raised"), DAILY)
def test_a_daily_loss_is_raised_from_its_bound_on(case, before, flows, after, raised):
    verdict = daily_loss(SessionValue(before, flows, after), 0.03)
    assert verdict.raised is raised
    assert verdict.action is (Action.REDUCE_ONLY if raised else Action.NONE)
    assert verdict.measured == pytest.approx((after - flows) / before - 1)
    assert verdict.bound == -0.03
    assert "bound -3.00%" in verdict.sentence


@pytest.mark.parametrize("wrong", [None, math.nan, math.inf])
@pytest.mark.parametrize("field", ["nav_before_e4", "flows_e4", "nav_after_e4"])
def test_an_unknown_value_counts_as_a_loss(field, wrong):
    numbers = {"nav_before_e4": MILLION_E4, "flows_e4": 0, "nav_after_e4": MILLION_E4}
    verdict = daily_loss(SessionValue(**{**numbers, field: wrong}), 0.03)
    assert (verdict.finding, verdict.action) == (Finding.RAISED, Action.REDUCE_ONLY)
    assert verdict.measured is None
    assert "not known" in verdict.sentence


@pytest.mark.parametrize("before", [0, -1])
def test_a_return_on_nothing_counts_as_a_loss(before):
    verdict = daily_loss(SessionValue(before, 0, 5), 0.03)
    assert verdict.action is Action.REDUCE_ONLY
    assert "not defined" in verdict.sentence


DRAWDOWN = [
    (0, Action.NONE),
    (MILLION_E4 // 10 - 1, Action.NONE),
    (MILLION_E4 // 10, Action.REDUCE_ONLY),
    (MILLION_E4 // 10 + 1, Action.REDUCE_ONLY),
    (MILLION_E4 // 5 - 1, Action.REDUCE_ONLY),
    (MILLION_E4 // 5, Action.KILLED),
    (MILLION_E4 + 1, Action.KILLED),
]


@pytest.mark.parametrize(("fallen", "action"), DRAWDOWN)
def test_a_drawdown_reduces_from_one_bound_on_and_kills_from_another(fallen, action):
    verdict = drawdown(Value(MILLION_E4 - fallen, MILLION_E4), 0.10, 0.20)
    assert verdict.action is action
    assert verdict.raised is (action is not Action.NONE)
    assert verdict.bound == (0.20 if action is Action.KILLED else 0.10)


def test_without_a_bound_for_it_no_drawdown_kills():
    assert drawdown(Value(1, MILLION_E4), 0.10, None).action is Action.REDUCE_ONLY


@pytest.mark.parametrize("wrong", [None, math.nan])
@pytest.mark.parametrize("field", ["nav_e4", "peak_e4"])
def test_an_unknown_drawdown_only_reduces(field, wrong):
    numbers = {"nav_e4": MILLION_E4, "peak_e4": MILLION_E4}
    verdict = drawdown(Value(**{**numbers, field: wrong}), 0.10, 0.20)
    assert (verdict.finding, verdict.action) == (Finding.RAISED, Action.REDUCE_ONLY)


def test_a_drawdown_from_nothing_only_reduces():
    assert drawdown(Value(5, 0), 0.10, 0.20).action is Action.REDUCE_ONLY
