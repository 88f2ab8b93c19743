"""What becomes of a process in a day: killed, stopped, begun twice, or with another one at work."""

import signal
from datetime import timedelta

import pytest

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.stages.day import open_session
from stocker_pipeline_tests.killing import in_a_process
from stocker_pipeline_tests.stages.faults.conftest import Arranged
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, SECOND, Day
from stocker_pipeline_tests.stages.faults.matrix import Cell, cells, one_day
from stocker_pipeline_tests.stages.faults.places import AFTER, ALL, BEFORE, finished, up_to


@cells("F1", *ALL, quick=("S8",))
def test_killed_before(day: Day, undisturbed: str, cell: Cell):
    assert in_a_process(up_to(day, cell.step), BEFORE[cell.step]).killed
    finished(day, cell.step)
    assert day.digest() == undisturbed


@cells("F2", *ALL, quick=("S8", "S10"))
def test_killed_after(day: Day, undisturbed: str, cell: Cell):
    assert in_a_process(up_to(day, cell.step), AFTER[cell.step]).killed
    if cell.step == "S8":
        assert OrderState.SENDING in day.states(FIRST).values()
    finished(day, cell.step)
    if cell.step == "S8":
        assert {order.attempts for order in day.orders(FIRST).values()} == {1}
    assert day.digest() == undisturbed


@cells("F3", *ALL, quick=("S8",))
def test_terminated(day: Day, undisturbed: str, at: Arranged, cell: Cell):
    stage = up_to(day, cell.step)

    def live() -> None:
        # As Dagster and a container do it: the signal becomes an exception in the middle.
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        came = at(AFTER[cell.step], lambda: signal.raise_signal(signal.SIGTERM))
        with pytest.raises(KeyboardInterrupt):
            stage()
        assert came

    assert not in_a_process(live).killed
    finished(day, cell.step)
    assert day.digest() == undisturbed


@cells("F9", *ALL, quick=("S8", "S12"))
def test_twice_in_a_row(day: Day, undisturbed: str, cell: Cell):
    stage = up_to(day, cell.step)
    stage()
    rows, truth = day.rows(), day.home.truth()
    stage()
    assert day.rows() == rows
    assert day.home.truth() == truth
    finished(day, cell.step)
    assert day.digest() == undisturbed


@cells("F17", *ALL, quick=("S8", "S12"))
def test_two_at_once(day: Day, undisturbed: str, at: Arranged, cell: Cell):
    _meets_a_held_lease(day, undisturbed, at, cell)


@cells("F19", *(step for step in ALL if step != "S13"))
def test_two_daemons(day: Day, undisturbed: str, at: Arranged, cell: Cell):
    _meets_a_held_lease(day, undisturbed, at, cell)
    rows = day.rows()
    assert day.close(FIRST).outcome is SessionOutcome.TRADED
    assert day.rows() == rows


def _meets_a_held_lease(day: Day, undisturbed: str, at: Arranged, cell: Cell) -> None:
    found: list[str] = []
    # Of S0 after it was taken, of S13 after the settlement: before, the transaction holds all.
    places = BEFORE | {"S0": AFTER["S0"], "S13": AFTER["S13"]}

    stage = up_to(day, cell.step)

    def other() -> None:
        rows = day.rows()
        found.extend(stage().waits for _ in range(2))
        assert day.rows() == rows

    came = at(places[cell.step], other)
    stage()
    assert came
    assert found == ["lease_held"] * 2
    finished(day, cell.step)
    assert day.digest() == undisturbed


@one_day("F18", "S0", "S5", "S7", "S8", "S9", "S10", "S11", "S12", "S13")
def test_an_old_session_again(day: Day, cell: Cell):
    day.trade(FIRST, SECOND)
    rows, truth = day.rows(), day.home.truth()
    for again in (day.open, day.close):
        assert again(FIRST).outcome is SessionOutcome.TRADED
    assert day.rows() == rows
    assert day.home.truth() == truth
    earlier = FIRST - timedelta(days=1)
    with day.desk() as desk, pytest.raises(BookRefused, match="where the book begins"):
        open_session(desk, earlier)
    assert day.rows() == rows
