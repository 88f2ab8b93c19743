"""Plans of faults: lists and seeds."""

import random

import pytest

from stocker_pipeline.gateways.brokers.misbehaviour import (
    FAULTS_OF,
    RECOVERABLE,
    TRUTH_CHANGING,
    Call,
    Fault,
    FaultKind,
    ListedFaults,
    RandomFaults,
)


def drawn(plan, *calls: Call) -> list[list[FaultKind]]:
    return [[fault.kind for fault in plan.faults(call)] for call in calls]


def test_a_fault_of_another_call_is_refused():
    with pytest.raises(ValueError, match="'holdings'; received DUPLICATED"):
        Fault(FaultKind.DUPLICATED, "holdings")
    with pytest.raises(ValueError, match="'sell'"):
        Fault(FaultKind.RESTART, "sell")


def test_a_listed_fault_fires_once_at_the_first_call_that_fits():
    plan = ListedFaults(
        [
            Fault(FaultKind.READ_FAILS, "account", turn=2),
            Fault(FaultKind.NO_EFFECT, "submit", client_order_id="b"),
            Fault(FaultKind.STALE, "account"),
        ]
    )
    fired = drawn(
        plan,
        Call("account", 1),
        Call("account", 2),
        Call("account", 2),
        Call("submit", 1, "a"),
        Call("submit", 2, "b"),
    )
    assert fired == [[FaultKind.STALE], [FaultKind.READ_FAILS], [], [], [FaultKind.NO_EFFECT]]
    assert plan.waiting == ()


def test_faults_behind_one_that_ends_the_call_wait_for_the_next():
    plan = ListedFaults(
        [Fault(FaultKind.NO_EFFECT, "submit"), Fault(FaultKind.ANSWER_LOST, "submit")]
    )
    assert next(plan.faults(Call("submit", 1))).kind is FaultKind.NO_EFFECT
    assert [fault.kind for fault in plan.waiting] == [FaultKind.ANSWER_LOST]


def test_the_same_seed_over_the_same_calls_is_the_same_faults():
    calls = [Call(name, turn, "x", 100) for turn in range(50) for name in FAULTS_OF]

    def faults(seed: int) -> list[Fault]:
        plan = RandomFaults(random.Random(seed), 0.5, RECOVERABLE | TRUTH_CHANGING)
        return [fault for call in calls for fault in plan.faults(call)]

    assert faults(1) == faults(1)
    assert faults(1) != faults(2)


def test_chance_draws_every_kind_it_is_given_and_no_other():
    plan = RandomFaults(random.Random(0), 1.0, RECOVERABLE)
    calls = [Call(name, turn, "x", 7) for turn in range(200) for name in FAULTS_OF]
    assert {kind for kinds in drawn(plan, *calls) for kind in kinds} == RECOVERABLE
    assert drawn(RandomFaults(random.Random(0), 0.0), *calls) == [[]] * len(calls)
    only = RandomFaults(random.Random(0), 1.0, [FaultKind.SHUFFLED, FaultKind.BROKER_SIDE])
    assert {kind for kinds in drawn(only, *calls) for kind in kinds} == {FaultKind.SHUFFLED}


def test_chance_fires_at_about_its_rate():
    plan = RandomFaults(random.Random(3), 0.2, [FaultKind.STALE])
    fired = sum(len(kinds) for kinds in drawn(plan, *[Call("account", 1)] * 2000))
    assert 330 < fired < 470


@pytest.mark.parametrize("shares", [1, 2, 3, 100])
def test_parts_drawn_are_the_order_or_less_of_it_where_it_is_cut(shares):
    for kind in (FaultKind.IN_PARTS, FaultKind.CUT):
        plan = RandomFaults(random.Random(5), 1.0, [kind])
        for _ in range(100):
            (fault,) = plan.faults(Call("submit", 1, "x", -shares))
            assert all(part > 0 for part in fault.parts)
            if shares > 1:
                assert sum(fault.parts) < shares or kind is FaultKind.IN_PARTS
                assert sum(fault.parts) == shares or kind is FaultKind.CUT


def test_kinds_are_sorted_into_those_that_lie_and_those_that_change_the_account():
    listed_only = {FaultKind.BROKER_SIDE, FaultKind.CLOCK_SKEWED}
    assert RECOVERABLE | TRUTH_CHANGING | listed_only == set(FaultKind)
    assert not RECOVERABLE & TRUTH_CHANGING
