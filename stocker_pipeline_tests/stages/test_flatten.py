"""Closing a book by a person's word: through a kill, once, and never beyond what is held."""

from dataclasses import replace
from datetime import timedelta

import pytest

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.ledger.records import OrderRecord
from stocker_pipeline.stages.control import Target, kill
from stocker_pipeline.stages.flatten import Flattened, flatten
from stocker_pipeline.stages.kill_file import KILL_FILE
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline_tests.stages.control_day import killed, scopes
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, SECOND, THIRD, Day, control
from stocker_pipeline_tests.stages.paper_day import BOOK
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    dialect,
    new_home,
    postgres_template,
    sqlite_template,
)
from stocker_pipeline_tests.stages.paper_scripts import MARKET


@pytest.fixture
def day(new_home: Homes) -> Day:  # noqa: F811
    return Day.begin(new_home(MARKET)).trade(FIRST)


def flattened(day: Day, *faults: Fault, hour: int | None = 8) -> Flattened:
    if hour is not None:
        day.at(SECOND, hour, 5)
    with day.desk(*faults) as desk:
        return flatten(desk, author="anna", reason="I want out")


def held(day: Day) -> dict[str, int]:
    with day.home.ledger(day.clock) as ledger:

        def fn(reader):
            last = reader.latest_snapshot(BOOK)
            return {row.symbol: row.quantity for row in reader.positions(BOOK, last.session)}

        return ledger.read(fn)


def closing(day: Day, session=SECOND) -> list[OrderRecord]:
    with day.home.ledger(day.clock) as ledger:
        found = ledger.read(lambda r: r.orders(BOOK, session=session))
    return [order for order in found if order.intent.key.leg == "flatten"]


def test_a_killed_book_is_closed_and_stays_killed(day: Day):
    before = held(day)
    assert before
    killed(day)
    found = flattened(day)
    assert {o.intent.key.symbol: o.intent.quantity for o in found.orders} == {
        symbol: -quantity for symbol, quantity in before.items()
    }
    assert scopes(day)[0].state is ControlState.KILLED
    assert not day.close(SECOND).waits
    assert held(day) == {}
    assert day.outcome(SECOND)[0] is SessionOutcome.TRADED
    day.open(THIRD)
    assert day.orders(THIRD) == {}
    day.digest()


@pytest.mark.slow
def test_a_book_that_was_armed_buys_nothing_back(day: Day):
    flattened(day)
    assert scopes(day)[0].state is ControlState.REDUCE_ONLY
    day.close(SECOND)
    assert held(day) == {}
    day.trade(THIRD)
    assert held(day) == {}
    day.digest()


@pytest.mark.slow
def test_a_day_that_ended_halted_in_the_morning_can_still_be_closed(day: Day):
    killed(day)
    day.open(SECOND)
    assert day.outcome(SECOND) == (SessionOutcome.HALTED, "KILLED")
    flattened(day)
    assert not day.close(SECOND).waits
    assert held(day) == {}
    day.digest()


@pytest.mark.slow
def test_orders_that_are_out_are_taken_back_before_the_book_is_closed(day: Day):
    before = held(day)
    day.open(SECOND)
    out = [o for o in day.orders(SECOND).values() if o.state is OrderState.ACKED]
    assert out
    found = flattened(day)
    assert found.swept is not None
    assert len(found.swept.cancelled) == len(out)
    day.close(SECOND)
    assert held(day) == {}
    assert {o.intent.key.symbol for o in closing(day)} == set(before)
    day.digest()


@pytest.mark.slow
def test_said_twice_it_is_done_once(day: Day):
    killed(day)
    flattened(day)
    rows = len(closing(day))
    flattened(day, hour=None)
    day.open(SECOND)
    assert len(closing(day)) == rows
    day.close(SECOND)
    assert held(day) == {}
    day.digest()


@pytest.mark.slow
def test_a_closing_order_that_was_refused_is_replaced_by_another(day: Day):
    killed(day)
    flattened(day, Fault(FaultKind.REFUSED, "submit"))
    flattened(day, hour=None)
    revisions = sorted(order.intent.key.revision for order in closing(day))
    assert revisions[-1] == 1
    day.close(SECOND)
    assert held(day) == {}
    day.digest()


def test_after_the_window_it_waits_for_the_next_open_stage(day: Day):
    killed(day)
    found = flattened(day, hour=11)
    assert found.plan.session == THIRD
    assert "not settled" in found.plan.waits
    assert closing(day, THIRD) == []
    assert not day.close(SECOND).waits
    assert not day.open(THIRD).waits
    assert closing(day, THIRD)
    day.close(THIRD)
    assert held(day) == {}
    day.digest()


def test_a_kill_after_it_takes_the_leave_away(day: Day):
    killed(day)
    flattened(day, hour=11)
    # The very same words: they must count all the same.
    killed(day)
    day.close(SECOND)
    day.open(THIRD)
    assert closing(day, THIRD) == []
    day.close(THIRD)
    assert held(day)
    day.digest()


def test_a_kill_in_the_middle_of_closing_stops_what_has_not_left(day: Day):
    killed(day)
    positions = len(held(day))
    assert positions > 1

    def stop(_: object) -> None:
        with day.home.ledger(day.clock) as ledger:
            kill(ledger, Target(account=f"SIM-{BOOK}"), author="bob", reason="not like this")

    flattened(day, Fault(FaultKind.BROKER_SIDE, "submit", do=stop))
    states = [order.state for order in closing(day)]
    assert states.count(OrderState.ACKED) == 1
    assert states.count(OrderState.CANCELLED) == positions - 1
    day.close(SECOND)
    day.digest()


@pytest.mark.slow
def test_a_symbol_with_a_break_is_named_and_left(day: Day):
    symbol = next(iter(held(day)))
    with day.desk() as desk:
        control(desk).trade_by_hand(symbol, 5, 0)
    killed(day)
    found = flattened(day)
    (left,) = [item for item in found.plan.closings if item.skipped]
    assert left.symbol == symbol
    assert "break" in left.skipped
    assert symbol not in {order.intent.key.symbol for order in found.orders}


@pytest.mark.slow
def test_nothing_is_closed_while_a_kill_file_is_there(day: Day):
    path = day.home.folder / KILL_FILE
    path.write_text("fire")
    day.at(SECOND, 8)
    with day.desk() as desk, pytest.raises(BookRefused, match="fire"):
        flatten(replace(desk, kill_file=path), author="anna", reason="out")
    assert closing(day) == []


@pytest.mark.slow
def test_before_the_window_opens_it_waits(day: Day):
    with day.desk() as desk:
        move_to(day.clock, desk.day(FIRST).close_stage_at + timedelta(minutes=5))
        found = flatten(desk, author="anna", reason="out")
    assert "the open stage of" in found.plan.waits
    assert closing(day) == []
    day.open(SECOND)
    assert closing(day)
