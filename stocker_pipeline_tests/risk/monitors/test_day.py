"""Bars before the decision, orders after the open, and orders beside targets."""

import math
from datetime import UTC, date, datetime, timedelta

import pytest

from stocker_pipeline.risk.monitors.day import (
    NewestBars,
    OrdersAndDecisions,
    TargetsSince,
    WorkingOrder,
    idle,
    orders_without_targets,
    stale_data,
    unfilled_orders,
)
from stocker_pipeline.risk.monitors.verdict import Action, Finding

THURSDAY, FRIDAY, TUESDAY = date(2010, 1, 14), date(2010, 1, 15), date(2010, 1, 19)
BARS = [
    ("of the expected session", {"AAA": FRIDAY, "BBB": FRIDAY}, 0, False, 0),
    ("one session behind", {"AAA": FRIDAY, "BBB": THURSDAY}, 0, True, 1),
    ("behind as far as it may be", {"AAA": FRIDAY, "BBB": THURSDAY}, 1, False, 1),
    ("of a session that is to come", {"AAA": FRIDAY, "BBB": TUESDAY}, 0, True, 0),
    ("ahead is wrong, whatever may be behind", {"AAA": TUESDAY}, 5, True, -1),
    ("not there", {"AAA": FRIDAY, "BBB": None}, 0, True, None),
]


@pytest.mark.parametrize(("case", "newest", "bound", "raised", "measured"), BARS)
def test_a_newest_bar_is_of_the_session_it_should_be_of(case, newest, bound, raised, measured):
    verdict = stale_data(NewestBars(FRIDAY, newest), bound)
    assert verdict.raised is raised
    assert verdict.action is (Action.TELL if raised else Action.NONE)
    assert verdict.measured == measured


def test_without_any_symbol_nothing_is_fresh():
    assert stale_data(NewestBars(FRIDAY), 0).raised


def test_a_stale_symbol_is_named_with_its_newest_bar():
    verdict = stale_data(NewestBars(FRIDAY, {"AAA": THURSDAY, "BBB": FRIDAY, "CCC": None}), 0)
    assert "AAA (2010-01-14), CCC (no bar)" in verdict.sentence
    assert "BBB" not in verdict.sentence


OPENS_AT = datetime(2010, 1, 15, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "raised"), [(-90.0, False), (0.0, False), (59.9, False), (60.0, True), (61.0, True)]
)
def test_an_order_without_an_end_is_late_from_the_deadline_on(minutes, raised):
    now = OPENS_AT + timedelta(minutes=minutes)
    verdict = unfilled_orders([WorkingOrder("AAA", "ACKED", OPENS_AT)], now, 60)
    assert verdict.raised is raised
    assert verdict.measured == pytest.approx(minutes)
    assert ("AAA (ACKED)" in verdict.sentence) is raised


def test_one_late_order_among_others_is_named_alone():
    orders = [
        WorkingOrder("AAA", "ACKED", OPENS_AT + timedelta(days=4)),
        WorkingOrder("BBB", "UNKNOWN", OPENS_AT),
    ]
    verdict = unfilled_orders(orders, OPENS_AT + timedelta(minutes=60), 60)
    assert verdict.action is Action.TELL
    assert "BBB (UNKNOWN)" in verdict.sentence
    assert "AAA" not in verdict.sentence


def test_without_a_working_order_none_is_late():
    assert unfilled_orders([], OPENS_AT, 60).finding is Finding.CLEAR


@pytest.mark.parametrize(
    ("ordered", "decided", "action"),
    [
        ({"AAA": 5}, {"AAA": 5, "BBB": 0}, Action.NONE),
        ({}, {"AAA": 5}, Action.NONE),
        ({"AAA": 6}, {"AAA": 5}, Action.KILLED),
        ({"AAA": -5}, {"AAA": 5}, Action.KILLED),
        ({"BBB": 5}, {"AAA": 5}, Action.KILLED),
        ({"BBB": 5}, None, Action.KILLED),
    ],
)
def test_an_order_that_was_not_decided_so_kills(ordered, decided, action):
    assert orders_without_targets(OrdersAndDecisions(ordered, decided)).action is action


def test_without_orders_and_decisions_there_is_nothing_to_judge():
    assert orders_without_targets(OrdersAndDecisions({}, None)).finding is Finding.NOT_JUDGED


IDLE = [
    ("nothing moved", {"AAA": 0.3}, {"AAA": 0.3}, Finding.CLEAR),
    ("exactly the bound", {"AAA": 0.5}, {"AAA": 0.25}, Finding.CLEAR),
    ("beyond the bound", {"AAA": 0.5}, {"AAA": 0.2}, Finding.RAISED),
    ("many small ones", {"AAA": 0.4, "BBB": -0.2}, {"AAA": 0.25, "BBB": 0.0}, Finding.RAISED),
    ("there was none before", {"AAA": 0.3}, {}, Finding.RAISED),
    ("there was no forecast before", {"AAA": 0.3}, {"AAA": None}, Finding.RAISED),
    ("there is no forecast now", {"AAA": None}, {"AAA": 0.3}, Finding.CLEAR),
    ("NaN now", {"AAA": math.nan}, {"AAA": 0.3}, Finding.NOT_JUDGED),
    ("NaN before", {"AAA": 0.3}, {"AAA": math.nan}, Finding.NOT_JUDGED),
]


@pytest.mark.parametrize(("case", "now", "then", "finding"), IDLE)
def test_targets_that_move_without_a_fill_are_told_of(case, now, then, finding):
    verdict = idle(TargetsSince(False, now, then, 2), 0.25)
    assert verdict.finding is finding
    told = {Finding.CLEAR: Action.NONE, Finding.RAISED: Action.TELL}
    assert verdict.action is told.get(finding, Action.WARN)


def test_a_session_that_traded_is_not_idle():
    assert idle(TargetsSince(True, {"AAA": 9.0}, {}), 0.25).finding is Finding.CLEAR


def test_without_targets_there_is_nothing_to_judge():
    assert idle(TargetsSince(False), 0.25).action is Action.NONE
