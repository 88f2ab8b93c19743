"""A kill at each request of a day: at most the one on its way is accepted after it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from stocker_pipeline.domain.orders import OrderState
from stocker_pipeline.gateways.brokers.broker import Broker
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind
from stocker_pipeline.stages.cancel import cancel_open_orders
from stocker_pipeline.stages.control import Target, kill
from stocker_pipeline.stages.day import close_session, collect_session, open_session
from stocker_pipeline.stages.flatten import flatten
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline_tests.killing import in_a_process
from stocker_pipeline_tests.stages.control_day import armed
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, SECOND, Day, control, fails
from stocker_pipeline_tests.stages.paper_day import BOOK
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    dialect,
    new_home,
    postgres_template,
    sqlite_template,
)
from stocker_pipeline_tests.stages.paper_scripts import order_id

SLOW = pytest.mark.slow


@dataclass
class Interrupted:
    """A broker, and something that happens before or after its n-th call of a name."""

    broker: Any
    call: str
    turn: int
    after: bool
    happens: Callable[[], None]
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.broker, name)
        if not callable(found) or name not in CALLS:
            return found

        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            now = name == self.call and self.calls.count(name) == self.turn
            if now and not self.after:
                self.happens()
            answer = found(*arguments)
            if now and self.after:
                self.happens()
            return answer

        return call


CALLS = [name for name in vars(Broker) if not name.startswith("_") and name != "name"]
OPEN = {"submit": 4, "open_orders": 1, "holdings": 1, "account": 1, "executions": 1}
MOMENTS = [
    pytest.param(
        call, turn, after, id=f"{'after' if after else 'before'} {call} {turn}", marks=marks
    )
    for call, turns in OPEN.items()
    for turn in range(1, turns + 1)
    for after in (False, True)
    for marks in ([] if (call, turn) in {("submit", 2)} else [SLOW],)
]


def stop(day: Day) -> int:
    """Kill from another connection; returns how many orders the broker has by then."""
    with day.home.ledger(day.clock) as ledger:
        kill(ledger, Target(BOOK), author="anna", reason="stop")
    return len(day.home.truth().orders)


@pytest.mark.parametrize(("call", "turn", "after"), MOMENTS)
def test_a_kill_at_any_request_of_the_open_stage(day: Day, call: str, turn: int, after: bool):
    there: list[int] = []
    with day.desk() as desk:
        move_to(day.clock, desk.day(FIRST).open_stage_at)
        broker = Interrupted(desk.broker, call, turn, after, lambda: there.append(stop(day)))
        open_session(replace(desk, broker=broker), FIRST)
        assert there, f"{call} was not called {turn} times: {broker.calls}"
        accepted = len(control(desk).truth().orders)
        in_flight = call == "submit" and not after
        assert accepted == there[0] + in_flight
        with desk.ledger.lease(BOOK, FIRST, "kill") as lease:
            swept = cancel_open_orders(desk, lease, why="killed by anna: stop")
        assert swept.left == []
        assert len(swept.cancelled) == accepted
        assert list(desk.broker.open_orders()) == []
        move_to(day.clock, desk.day(FIRST).close_stage_at)
        assert not close_session(desk, FIRST).waits
    assert day.filled() == []
    if not accepted:
        assert day.outcome(FIRST)[1] == "KILLED"
    armed(day)
    day.trade(SECOND)
    assert day.filled()
    day.digest()


@pytest.mark.parametrize(
    "call",
    ["executions", *(pytest.param(c, marks=SLOW) for c in ("holdings", "account", "open_orders"))],
)
def test_a_kill_in_the_middle_of_the_close_stage_leaves_the_bookings_whole(day: Day, call: str):
    day.open(FIRST)
    with day.desk() as desk:
        move_to(day.clock, desk.day(FIRST).close_stage_at)
        came: list[int] = []
        broker = Interrupted(desk.broker, call, 1, False, lambda: came.append(stop(day)))
        assert not close_session(replace(desk, broker=broker), FIRST).waits
    assert came
    assert len(day.filled()) == 4
    assert set(day.states(FIRST).values()) == {OrderState.FILLED}
    day.open(SECOND)
    assert day.orders(SECOND) == {}
    day.digest()


@pytest.mark.parametrize(
    ("call", "after"),
    [
        ("executions", False),
        pytest.param("executions", True, marks=SLOW),
        pytest.param("order", False, marks=SLOW),
        pytest.param("order", True, marks=SLOW),
    ],
)
def test_a_kill_while_fills_are_collected_leaves_the_bookings_whole(
    day: Day, call: str, after: bool
):
    # One order is without an answer, so that it is asked for before its fill is booked.
    lost = Fault(FaultKind.ANSWER_LOST, "submit", client_order_id=order_id(FIRST, "IBM"))
    day.open(FIRST, lost, *fails("order", 20))
    day.at(FIRST, 10)
    with day.desk() as desk:
        came: list[int] = []
        broker = Interrupted(desk.broker, call, 1, after, lambda: came.append(stop(day)))
        collect_session(replace(desk, broker=broker), FIRST)
    assert came
    assert not day.close(FIRST).waits
    assert len(day.filled()) == 4
    assert set(day.states(FIRST).values()) == {OrderState.FILLED}
    day.open(SECOND)
    assert day.orders(SECOND) == {}
    day.digest()


@pytest.mark.parametrize(
    ("call", "turn", "after"),
    [
        ("submit", 2, False),
        *(
            pytest.param(call, turn, after, marks=SLOW)
            for call, turns in {"submit": 4, "open_orders": 2, "executions": 1}.items()
            for turn in range(1, turns + 1)
            for after in (False, True)
            if (call, turn, after) != ("submit", 2, False)
        ),
    ],
)
def test_a_kill_at_any_request_of_closing_a_book(day: Day, call: str, turn: int, after: bool):
    day.trade(FIRST)
    day.at(SECOND, 8, 5)
    there: list[int] = []
    with day.desk() as desk:
        broker = Interrupted(desk.broker, call, turn, after, lambda: there.append(stop(day)))
        flatten(replace(desk, broker=broker), author="anna", reason="out")
        assert there, f"{call} was not called {turn} times: {broker.calls}"
        accepted = len(control(desk).truth().orders)
        assert accepted == there[0] + (call == "submit" and not after)
        with desk.ledger.lease(BOOK, SECOND, "kill") as lease:
            swept = cancel_open_orders(desk, lease, why="killed by anna: stop")
        assert swept.left == []
        assert list(desk.broker.open_orders()) == []
    assert not day.close(SECOND).waits
    assert len(day.filled()) == 4
    day.digest()


@SLOW
def test_a_kill_by_another_process_in_the_middle_of_sending(day: Day):
    def other() -> None:
        ended = in_a_process(lambda: stop(day))
        assert not ended.killed

    with day.desk() as desk:
        move_to(day.clock, desk.day(FIRST).open_stage_at)
        broker = Interrupted(desk.broker, "submit", 2, True, other)
        # A child that is forked must not inherit connections that are in use.
        open_session(replace(desk, broker=broker), FIRST)
    assert day.intended_orders() == 2
    day.close(FIRST)
    day.digest()
