"""Fills that come mixed, in parts, late, or from hands that are not ours."""

from dataclasses import replace
from datetime import timedelta

from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind
from stocker_pipeline.stages.day import close_session, open_session
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline_tests.stages.faults.faulty_day import (
    FIRST,
    SECOND,
    THIRD,
    Day,
    control,
    fired,
)
from stocker_pipeline_tests.stages.faults.matrix import Cell, cells, one_day
from stocker_pipeline_tests.stages.paper_day import BOOK
from stocker_pipeline_tests.stages.paper_scripts import FillsOnlyFrom, order_id

IBM = order_id(FIRST, "IBM")


@cells("F10", "S6", "S11", quick=("S11",))
def test_an_older_reading_is_read_again(day: Day, cell: Cell):
    turn = 3 if cell.step == "S11" else 2
    stale = [Fault(FaultKind.STALE, call, turn=turn) for call in ("holdings", "account")]
    with day.desk(*stale) as desk:
        # The readings that will be shown once more are of this morning.
        desk.broker.holdings(), desk.broker.account()
        if cell.step == "S11":
            move_to(day.clock, desk.day(FIRST).open_stage_at)
            open_session(desk, FIRST)
            move_to(day.clock, desk.day(FIRST).close_stage_at)
            assert not close_session(desk, FIRST).waits
        else:
            day.trade(FIRST)
            move_to(day.clock, desk.day(SECOND).open_stage_at)
            open_session(desk, SECOND)
        assert fired(desk) == 2
    assert day.open_breaks() == set()
    assert not [code for code in day.pages() if code.startswith("break")]
    day.trade(SECOND).digest()


@cells("F10", "S8", quick=("S8",))
def test_filled_before_it_was_acknowledged(day: Day, cell: Cell):
    lost = Fault(FaultKind.ANSWER_LOST, "submit", client_order_id=IBM)
    silent = [Fault(FaultKind.READ_FAILS, "order", client_order_id=IBM) for _ in range(14)]
    day.open(FIRST, lost, *silent)
    assert day.states(FIRST)["IBM"] is OrderState.UNKNOWN
    assert not day.close(FIRST, *silent[:7]).waits
    assert day.states(FIRST)["IBM"] is OrderState.FILLED
    assert day.intended_orders() == len(day.filled()) == 4
    day.digest()


@one_day("F10", "S9", "S10")
def test_fills_out_of_order(day: Day, undisturbed: str, cell: Cell):
    day.open(FIRST)
    mixed = [
        Fault(kind, "executions", turn=turn, seed=turn, keep=1)
        for turn, kind in ((1, FaultKind.HOLE), (2, FaultKind.SHUFFLED), (3, FaultKind.SHUFFLED))
    ]
    for _ in range(3):
        report = day.close(FIRST, *mixed)
        mixed = []
    assert not report.waits
    assert len(day.filled()) == 4
    assert day.digest() == undisturbed


@one_day("F11", "S5", "S6", "S7", "S9", "S10", "S11", "S12")
def test_part_of_an_order(day: Day, cell: Cell):
    with day.desk() as desk:
        control(desk).fill_in_parts(IBM, [3, 4])
    day.trade(FIRST)
    order = day.orders(FIRST)["IBM"]
    sign = 1 if order.intent.quantity > 0 else -1
    assert (order.state, order.filled_quantity) == (OrderState.EXPIRED, 7 * sign)
    assert day.outcome(FIRST) == (SessionOutcome.TRADED, "PARTLY_FILLED")
    assert day.open_breaks() == set()
    day.trade(SECOND)
    # The rest is no order of its own: the next target less what is held has it in it.
    with day.home.ledger(day.clock) as ledger:
        decision = ledger.read(lambda r: r.decision(BOOK, SECOND, "IBM"))
        assert decision is not None
        assert decision.held == 7 * sign
        assert decision.ordered == decision.desired - decision.held
    assert day.intended_orders() == 4 + len(day.orders(SECOND))
    day.filled()
    day.digest()


@one_day("F12", "S5", "S6", "S7", "S9", "S10", "S11", "S12")
def test_fills_after_the_settlement(day: Day, cell: Cell):
    day.open(FIRST)
    with day.desk() as desk:
        shown_from = desk.day(SECOND).closes_at
        broker = FillsOnlyFrom(desk.broker._broker, shown_from)  # type: ignore[attr-defined]
        other = replace(desk, broker=broker)
        move_to(day.clock, desk.day(SECOND).open_stage_at)
        # The positions are there and their fills are not: nothing is decided on such a book.
        report = open_session(other, SECOND)
        assert day.orders(SECOND) == {} or report.outcome is not None
        assert day.orders(SECOND) == {}
    assert not day.close(SECOND).waits
    assert len(day.filled()) == 4
    with day.home.ledger(day.clock) as ledger:
        snapshot = ledger.read(lambda r: r.snapshot(BOOK, FIRST))
    assert snapshot is not None
    # A version for each page of the broker's answer.
    assert (snapshot.version > 1, snapshot.positions_count) == (True, 4)
    assert "late_fill" in day.pages()
    assert day.open_breaks() == set()
    day.trade(THIRD).digest()


def _traded_by_hand(day: Day) -> None:
    with day.desk() as desk:
        control(desk).trade_by_hand("MSFT", 5, 250_000)


@cells("F13", "S6", quick=("S6",))
def test_trade_by_hand_before_the_open_stage(day: Day, cell: Cell):
    day.trade(FIRST)
    _traded_by_hand(day)
    day.open(SECOND)
    assert day.outcome(SECOND) == (SessionOutcome.HALTED, "BREAKS")
    assert day.orders(SECOND) == {}
    _is_in_suspense(day)


@one_day("F13", "S9", "S10", "S11", "S12")
def test_trade_by_hand_in_the_session(day: Day, cell: Cell):
    day.trade(FIRST)
    day.open(SECOND)
    day.at(SECOND, 11)
    _traded_by_hand(day)
    _is_in_suspense(day)


def _is_in_suspense(day: Day) -> None:
    sent = day.orders_of_ours()
    assert not day.close(SECOND).waits
    assert day.open_breaks() == {("quantity", "MSFT"), ("cash", "")}
    assert {"ghost_fill", "break_quantity", "break_cash"} <= set(day.pages())
    assert day.orders_of_ours() == sent
    with day.home.ledger(day.clock) as ledger:
        (kept,) = ledger.read(lambda r: r.open_suspense("simulated", day.home.account))
        assert kept.execution.quantity == 5
    day.open(THIRD)
    assert day.orders(THIRD) == {}
    day.digest()


@one_day("F13", "S5", "S7")
def test_order_by_hand_before_the_decision(day: Day, cell: Cell):
    with day.desk() as desk:
        control(desk).foreign_order("MSFT", 5, FIRST)
    day.open(FIRST)
    assert set(day.states(FIRST)) == {"AAPL", "GOOG", "IBM"}
    assert day.open_breaks() == {("orphan_order", "MSFT")}
    with day.home.ledger(day.clock) as ledger:
        decision = ledger.read(lambda r: r.decision(BOOK, FIRST, "MSFT"))
    assert decision is not None
    assert "broker works an order" in str(decision.overridden_by)


@cells("F13", "S8", quick=("S8",))
def test_order_by_hand_between_two_of_ours(day: Day, cell: Cell):
    by_hand = Fault(
        FaultKind.BROKER_SIDE,
        "submit",
        turn=1,
        do=lambda broker: (
            day.clock.advance(timedelta(minutes=11)),
            broker.control.foreign_order("MSFT", 5, FIRST),
        ),
    )
    day.open(FIRST, by_hand)
    states = day.states(FIRST)
    # Whoever was not sent before the next look at the account is locked.
    assert ("orphan_order", "MSFT") in day.open_breaks()
    assert states["MSFT"] is OrderState.CANCELLED
    assert {states[s] for s in ("AAPL", "GOOG", "IBM")} == {OrderState.ACKED}
