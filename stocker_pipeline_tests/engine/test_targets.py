"""Targets are the same whoever makes them, in whatever parts, and however far ahead of the book."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.engine import ahead as ahead_module
from stocker_pipeline.engine import targets as module
from stocker_pipeline.engine.ahead import PARTS_AHEAD
from stocker_pipeline.engine.record import (
    BREAKER_FACTOR,
    GROSS_FACTOR,
    LEVERAGE,
    SIGMA,
    empty_record,
)
from stocker_pipeline.engine.simulate import OpeningBook, Run, rules_of, simulate
from stocker_pipeline.engine.targets import targets_in_parts
from stocker_pipeline_tests.effort import examples
from stocker_pipeline_tests.engine.builders import free_of_charge, market
from stocker_pipeline_tests.engine.test_identity import markets


def at_once(parts):
    """No thread, and no part ahead."""
    return parts


def as_far_ahead_as_a_thread_may_be(parts):
    """A thread that is always done before anyone looks."""
    made = deque(next(parts, None) for _ in range(PARTS_AHEAD))
    while (part := made.popleft()) is not None:
        made.append(next(parts, None))
        yield part


def run_with(world, ahead, rows, *, detail) -> Run:
    panel, weights, flows = world
    parameters = free_of_charge(
        target_vol=0.1, gross_cap=0.5, single_cap=0.3, drawdown_trip=0.02, drawdown_recover=0.01
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ahead", ahead)
        patch.setattr(module, "rows_of_a_part", lambda symbols: rows)
        patch.setattr(module, "_CELLS_FOR_A_THREAD", 1)
        patch.setattr(ahead_module, "_core_is_free", lambda: True)
        return simulate(
            panel,
            weights,
            rules_of(parameters, 20),
            OpeningBook.of_cash(10**9),
            first=1,
            last=len(panel.sessions) - 1,
            flows_e4=flows,
            detail=detail,
        )


@pytest.mark.parametrize("ahead", [as_far_ahead_as_a_thread_may_be, ahead_module.ahead])
@settings(max_examples=examples(15, 60), deadline=None)
@given(world=markets(), rows=st.integers(1, 9), detail=st.booleans())
def test_a_run_does_not_depend_on_who_makes_its_targets(ahead, world, rows, detail):
    whole = run_with(world, at_once, 10**6, detail=detail)
    parted = run_with(world, ahead, rows, detail=detail)
    assert np.array_equal(whole.fills.used()[0], parted.fills.used()[0])
    kept = whole.record._fields if detail else ("totals", "factors", "gross_value")
    for name in kept:
        one, other = getattr(whole.record, name), getattr(parted.record, name)
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), name


def test_a_part_has_weights_targets_and_how_many_symbols_are_silent():
    panel = market(
        """
        A    B    C
        10   20   30
        11   21   31
        12   22   32
        """
    )
    weights = np.array([[np.nan] * 3, [0.5, np.nan, -0.1], [0.6, 0.4, -0.6]])
    rules = rules_of(free_of_charge(single_cap=0.4, gross_cap=0.7), 2)
    record = empty_record(3, 3, True)
    (part,) = targets_in_parts(panel.market, [weights], rules, 0, 2, record, True)
    assert part.silent.tolist() == [3, 1, 0]
    assert part.target[1].tolist() == [0.4, 0.0, -0.1]
    assert part.target[2] == pytest.approx([0.7 / 3, 0.7 / 3, -0.7 / 3])
    assert record.x_single[2].tolist() == [0.4, 0.4, -0.4]
    assert record.single_capped.tolist() == [[False] * 3, [True, False, False], [True, False, True]]
    assert np.isnan(record.factors[:, SIGMA]).all()
    assert record.factors[:, LEVERAGE].tolist() == [1.0] * 3
    assert record.factors[:, GROSS_FACTOR] == pytest.approx([1.0, 1.0, 0.7 / 1.2])


@pytest.mark.parametrize(
    ("sessions", "target_vol", "thread"), [(1040, None, False), (1050, None, True), (70, 0.1, True)]
)
def test_a_thread_is_asked_for_where_it_gains_something(monkeypatch, sessions, target_vol, thread):
    asked = []
    monkeypatch.setattr(module, "ahead", lambda parts: asked.append(True) or parts)
    panel = market("A\n10\n11")
    wide = panel.market._replace(close=np.ones((sessions, 1000)))
    rules = rules_of(free_of_charge(target_vol=target_vol), 252)
    record = empty_record(1, 1, True)
    targets_in_parts(wide, [], rules, 0, sessions - 1, record, False)
    assert asked == [True] * thread


@pytest.mark.parametrize(
    ("weight", "changes", "same"),
    [
        (0.5, {}, True),
        (-0.5, {}, True),
        (0.6, {}, False),
        (np.nan, {}, False),
        (0.5, {"gross_cap": 0.6}, False),
        (0.5, {"target_vol": 0.1}, False),
    ],
)
def test_weights_that_no_rule_changes_are_the_targets(weight, changes, same):
    panel = market("A B\n10 20\n11 21\n12 22")
    weights = np.array([[0.3, 0.2], [weight, 0.2]])
    rules = rules_of(free_of_charge(**{"single_cap": 0.5, "gross_cap": 0.9, **changes}), 2)
    kept, short = empty_record(2, 2, True), empty_record(2, 2, False)
    (whole,) = targets_in_parts(panel.market, [weights], rules, 1, 2, kept, True)
    (part,) = targets_in_parts(panel.market, [weights.copy()], rules, 1, 2, short, False)
    assert (part.target is part.weights) == same
    assert np.array_equal(part.target, whole.target)
    assert np.array_equal(part.weights, weights, equal_nan=True)
    assert np.array_equal(short.factors[:, :3], kept.factors[:, :3], equal_nan=True)


@pytest.mark.parametrize("writeable", [True, False])
@pytest.mark.parametrize("detail", [True, False])
def test_a_run_does_not_write_into_the_weights_that_it_is_given(detail, writeable):
    panel = market("A\n100\n100\n50\n50\n50")
    parameters = free_of_charge(drawdown_trip=0.1, drawdown_scale=0.5)
    weights = np.ones((5, 1))
    weights.flags.writeable = writeable
    opening, rules = OpeningBook.of_cash(10**7), rules_of(parameters, 2)
    run = simulate(panel, weights, rules, opening, first=1, last=4, detail=detail)
    assert run.record.factors[:, BREAKER_FACTOR].tolist() == [1.0, 1.0, 0.5, 0.5]
    assert run.book.quantity.tolist() == [5]
    if detail:
        assert run.record.target[:, 0].tolist() == [1.0, 1.0, 0.5, 0.5]
    assert weights.tolist() == [[1.0]] * 5
