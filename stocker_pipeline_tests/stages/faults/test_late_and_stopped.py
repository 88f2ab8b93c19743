"""A day that begins too late, and one that a person stops in the middle."""

import pytest

from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.stages.day import open_session
from stocker_pipeline_tests.stages.faults.conftest import Arranged
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, SECOND, THIRD, Day
from stocker_pipeline_tests.stages.faults.matrix import Cell, cells, one_day
from stocker_pipeline_tests.stages.faults.places import AFTER, ALL, BEFORE, CLOSE, up_to
from stocker_pipeline_tests.stages.paper_day import BOOK
from stocker_pipeline_tests.stages.paper_scripts import MARKET


@cells("F20", "S0", quick=("S0",))
@pytest.mark.parametrize(
    ("hour", "minute", "waits", "outcome"),
    [
        pytest.param(-6, 0, "early", None, marks=pytest.mark.slow),
        pytest.param(-5, 1, "", "TRADED", marks=pytest.mark.slow),
        pytest.param(9, 19, "", "TRADED", marks=pytest.mark.slow),
        (9, 20, "", "LATE"),
        pytest.param(9, 21, "", "LATE", marks=pytest.mark.slow),
        (10, 5, "", "LATE"),
        pytest.param(18, 0, "", "LATE", marks=pytest.mark.slow),
    ],
    ids=["18:00 before", "19:01 before", "09:19", "09:20", "09:21", "10:05", "18:00"],
)
def test_started_at(day: Day, cell: Cell, hour: int, minute: int, waits: str, outcome: str | None):
    day.trade(FIRST)
    day.at(SECOND, hour, minute)
    with day.desk() as desk:
        report = open_session(desk, SECOND)
    assert report.waits == waits
    if outcome == "TRADED":
        assert set(day.states(SECOND).values()) == {OrderState.ACKED}
    else:
        assert day.orders(SECOND) == {}
    if outcome == "LATE":
        assert day.outcome(SECOND) == (SessionOutcome.SKIPPED, "LATE")
    assert not day.close(SECOND).waits
    assert day.intended_orders() == len(day.filled())
    day.digest()


@cells("F20", "S8", quick=("S8",))
def test_the_window_closes_between_two_orders(day: Day, at: Arranged, cell: Cell):
    came = at(AFTER["S8"], lambda: day.at(FIRST, 9, 20))
    day.open(FIRST)
    assert came
    states = list(day.states(FIRST).values())
    assert (states.count(OrderState.ACKED), states.count(OrderState.CANCELLED)) == (1, 3)
    assert not day.close(FIRST).waits
    assert day.intended_orders() == len(day.filled()) == 1
    day.digest()


@one_day("F20", "S9", "S10", "S11", "S12")
def test_nobody_was_there_for_days(day: Day, cell: Cell):
    # What was sent on the first day is collected, booked, settled and compared on the fourth.
    day.open(FIRST)
    fourth = MARKET.sessions(FIRST, 4)[3]
    assert not day.open(fourth).waits
    assert not day.close(fourth).waits
    assert day.outcome(FIRST) == (SessionOutcome.TRADED, "FILLED")
    for missed in (SECOND, THIRD):
        assert day.outcome(missed) == (SessionOutcome.SKIPPED, "NOT_DECIDED")
        assert day.orders(missed) == {}
    assert day.outcome(fourth)[0] is SessionOutcome.TRADED
    assert day.intended_orders() == len(day.filled())
    assert day.open_breaks() == set()
    day.digest()


@cells("F30", *ALL, quick=("S8", "S10"))
def test_kill_switch(day: Day, at: Arranged, cell: Cell):
    _switched(day, at, cell, ControlState.KILLED)


def test_reduce_only_in_the_middle_of_sending_lets_no_order_open_a_position(day: Day, at: Arranged):
    _switched(day, at, Cell("F30", "S8"), ControlState.REDUCE_ONLY)


def _switched(day: Day, at: Arranged, cell: Cell, state: ControlState) -> None:
    # A person needs the database: places in the middle of a transaction are met beside it.
    places = BEFORE | {"S8": AFTER["S8"], "S13": AFTER["S13"]}

    def switch() -> None:
        with day.home.ledger(day.clock) as ledger:
            ledger.write(None, lambda w: w.set_control(BOOK, state, author="anna", reason="stop"))

    stage = up_to(day, cell.step)
    came = at(places[cell.step], switch)
    stage()
    assert came
    sent = {"S8": 1}.get(cell.step, 4 if cell.step in CLOSE else 0)
    day.open(FIRST)
    assert day.intended_orders() == sent
    assert not day.close(FIRST).waits
    # Fills are booked and the book is settled, switched off or not.
    assert len(day.filled()) == sent
    if sent == 0:
        assert day.outcome(FIRST) == (SessionOutcome.HALTED, "KILLED")
    day.open(SECOND)
    if state is ControlState.KILLED:
        assert day.intended_orders() == sent
    day.digest()
