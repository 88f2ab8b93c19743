"""Answers of the broker that do not come, come wrong, or say no."""

from datetime import timedelta

import pytest

from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind
from stocker_pipeline.stages.day import StageReport, open_session
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, Day, control, fired
from stocker_pipeline_tests.stages.faults.matrix import Cell, cells
from stocker_pipeline_tests.stages.paper_scripts import order_id

IBM = order_id(FIRST, "IBM")
READS = {
    "S6": ("open", ("holdings", "account", "open_orders")),
    "S9": ("close", ("executions", "order")),
    "S11": ("close", ("holdings", "account", "open_orders")),
}
"""Step → its stage, and the calls that it makes."""


def _stage(day: Day, step: str, *faults: Fault) -> StageReport:
    if READS[step][0] == "open":
        return day.open(FIRST, *faults)
    if not day.orders(FIRST):
        day.open(FIRST)
    return day.close(FIRST, *faults)


def _finished(day: Day) -> None:
    day.open(FIRST)
    assert not day.close(FIRST).waits
    assert day.intended_orders() == len(day.filled()) == 4


def _asked_again(day: Day, undisturbed: str, cell: Cell, status: int | None) -> None:
    calls = READS[cell.step][1]
    kind = FaultKind.RATE_LIMITED if status == 429 else FaultKind.READ_FAILS
    once_each = [Fault(kind, call, status=status) for call in calls]
    assert not _stage(day, cell.step, *once_each).waits
    _finished(day)
    assert day.digest() == undisturbed


def _given_up(day: Day, undisturbed: str, cell: Cell, status: int | None) -> None:
    call = READS[cell.step][1][0]
    often = [Fault(FaultKind.READ_FAILS, call, status=status) for _ in range(5)]
    assert _stage(day, cell.step, *often).waits == "broker_silent"
    if cell.step == "S6":
        assert day.home.truth().orders == ()
    _finished(day)
    assert day.digest() == undisturbed


@cells("F4", "S6", "S9", "S11", quick=("S9",))
def test_no_answer_to_a_read(day: Day, undisturbed: str, cell: Cell):
    _asked_again(day, undisturbed, cell, None)


@cells("F5", "S6", "S9", "S11")
def test_server_error_to_a_read(day: Day, undisturbed: str, cell: Cell):
    _asked_again(day, undisturbed, cell, 503)


@cells("F6", "S6", "S9", "S11")
def test_rate_limited_read(day: Day, undisturbed: str, cell: Cell):
    _asked_again(day, undisturbed, cell, 429)


@cells("F7", "S6", "S11", quick=("S6",))
def test_read_that_is_refused_for_good(day: Day, undisturbed: str, cell: Cell):
    _given_up(day, undisturbed, cell, 400)


@cells("F33", "S6", "S9", "S11", quick=("S11",))
def test_key_revoked(day: Day, undisturbed: str, cell: Cell):
    _given_up(day, undisturbed, cell, 401)


def _unclear(day: Day, undisturbed: str, *faults: Fault, attempts: int = 1) -> None:
    with day.desk(*faults) as desk:
        move_to(day.clock, desk.day(FIRST).open_stage_at)
        assert not open_session(desk, FIRST).waits
        assert fired(desk) == len(faults)
    order = day.orders(FIRST)["IBM"]
    assert (order.state, order.attempts) == (OrderState.ACKED, attempts)
    _finished(day)
    assert day.digest() == undisturbed


@cells("F4", "S8", quick=("S8",))
@pytest.mark.parametrize(
    "status",
    [
        pytest.param(None, id="hang", marks=pytest.mark.slow),
        pytest.param(200, id="garbage", marks=pytest.mark.slow),
        504,
    ],
)
def test_taken_and_not_answered(day: Day, undisturbed: str, cell: Cell, status: int | None):
    lost = Fault(FaultKind.ANSWER_LOST, "submit", client_order_id=IBM, status=status)
    _unclear(day, undisturbed, lost)


@cells("F5", "S8", quick=("S8",))
@pytest.mark.parametrize(
    "status",
    [
        pytest.param(500, marks=pytest.mark.slow),
        pytest.param(502, marks=pytest.mark.slow),
        503,
    ],
)
def test_server_error_to_an_order(day: Day, undisturbed: str, cell: Cell, status: int):
    nothing = Fault(FaultKind.NO_EFFECT, "submit", client_order_id=IBM, status=status)
    _unclear(day, undisturbed, nothing, attempts=2)


@cells("F6", "S8", quick=("S8",))
def test_rate_limited_order(day: Day, undisturbed: str, cell: Cell):
    limited = Fault(FaultKind.RATE_LIMITED, "submit", client_order_id=IBM)
    before = day.clock.now()
    _unclear(day, undisturbed, limited, attempts=2)
    # No storm: a minute of looking lies between two requests.
    with day.home.ledger(day.clock) as ledger:
        first, second = ledger.read(lambda r: r.attempts(IBM))
    assert second.committed_at - first.committed_at >= timedelta(minutes=1)
    assert first.committed_at >= before


@cells("F8", "S8", quick=("S8",))
def test_sent_again_though_it_was_there(day: Day, undisturbed: str, cell: Cell):
    # The answer is lost, the order cannot be found for a minute, and so it is sent again: 422.
    lagging = Fault(FaultKind.LOOKUP_LAGS, "submit", client_order_id=IBM, reads=7)
    lost = Fault(FaultKind.ANSWER_LOST, "submit", client_order_id=IBM)
    _unclear(day, undisturbed, lagging, lost, attempts=2)
    with day.home.ledger(day.clock) as ledger:
        events = ledger.read(lambda r: r.order_events(IBM))
    assert any("must be unique" in event.reason for event in events)


@cells("F28", "S8")
def test_answer_that_is_no_answer(day: Day, undisturbed: str, cell: Cell):
    garbage = Fault(FaultKind.ANSWER_LOST, "submit", client_order_id=IBM, status=200)
    _unclear(day, undisturbed, garbage)


def test_an_order_that_never_arrives_is_given_up_after_three_requests(day: Day):
    nothing = [Fault(FaultKind.NO_EFFECT, "submit", client_order_id=IBM) for _ in range(5)]
    day.open(FIRST, *nothing)
    assert (day.states(FIRST)["IBM"], day.orders(FIRST)["IBM"].attempts) == (OrderState.UNKNOWN, 3)
    assert "order_unknown" in day.pages()
    assert not day.close(FIRST).waits
    assert day.states(FIRST)["IBM"] is OrderState.CANCELLED
    assert day.intended_orders() == len(day.filled()) == 3
    day.digest()


def test_orders_that_wait_long_are_reconciled_again(day: Day, undisturbed: str):
    slow = [
        Fault(FaultKind.BROKER_SIDE, "submit", turn=n, do=lambda _: day.clock.advance(_EIGHT))
        for n in (1, 2, 3, 4)
    ]
    assert not day.open(FIRST, *slow).waits
    assert set(day.states(FIRST).values()) == {OrderState.ACKED}
    _finished(day)
    assert day.digest() == undisturbed


_EIGHT = timedelta(minutes=8)


@cells("F7", "S8", quick=("S8",))
def test_refused_order(day: Day, cell: Cell):
    day.open(FIRST, Fault(FaultKind.REFUSED, "submit", client_order_id=IBM))
    day.open(FIRST)
    states = day.states(FIRST)
    assert states.pop("IBM") is OrderState.REJECTED
    assert set(states.values()) == {OrderState.ACKED}
    assert day.orders(FIRST)["IBM"].attempts == 1
    assert "order_refused" in day.pages()
    assert not day.close(FIRST).waits
    assert day.outcome(FIRST) == (SessionOutcome.TRADED, "PARTLY_FILLED")
    assert day.intended_orders() == len(day.filled()) == 3
    day.digest()


@cells("F7", "S9", quick=("S9",))
def test_rejected_after_all(day: Day, cell: Cell):
    with day.desk() as desk:
        control(desk).reject_later(IBM, "halted by the exchange")
    day.open(FIRST)
    assert not day.close(FIRST).waits
    day.close(FIRST)
    order = day.orders(FIRST)["IBM"]
    assert (order.state, order.attempts) == (OrderState.REJECTED, 1)
    assert day.outcome(FIRST) == (SessionOutcome.TRADED, "PARTLY_FILLED")
    assert day.intended_orders() == 4
    assert len(day.filled()) == 3
    day.digest()


@cells("F33", "S8", quick=("S8",))
def test_account_blocked(day: Day, cell: Cell):
    with day.desk() as desk:
        control(desk).block("account is restricted")
    day.open(FIRST)
    day.open(FIRST)
    assert {(o.state, o.attempts) for o in day.orders(FIRST).values()} == {(OrderState.REJECTED, 1)}
    assert day.home.truth().orders == ()
    assert not day.close(FIRST).waits
    assert day.outcome(FIRST) == (SessionOutcome.NO_TRADES, "NOT_FILLED")
    day.digest()
