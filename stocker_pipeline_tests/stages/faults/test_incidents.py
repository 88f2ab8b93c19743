"""Incidents of other people's trading systems, each as a day of ours.

A test is named by the incident and fails on the code that had it. The numbers are those of the
reliability charter; where it happened stands in each test.
"""

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import cast

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from stocker_pipeline.domain.errors import ConfigurationRefused, StockerError
from stocker_pipeline.domain.orders import OrderIntent, OrderState, SessionOutcome
from stocker_pipeline.gateways.brokers.broker import ExecutionPage
from stocker_pipeline.gateways.brokers.misbehaving import Misbehaving
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind, ListedFaults
from stocker_pipeline.gateways.brokers.simulated import SimulatedBroker
from stocker_pipeline.ledger import LeaseLost, LedgerRefused
from stocker_pipeline.ledger.engines import ledger_url
from stocker_pipeline.stages.day import close_session, open_session
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline.strategies.portfolio import portfolio_from
from stocker_pipeline_tests.killing import in_a_process
from stocker_pipeline_tests.stages.faults.faulty_day import (
    FIRST,
    SECOND,
    Day,
    control,
    fails,
    fired,
    with_broker,
)
from stocker_pipeline_tests.stages.paper_day import BOOK
from stocker_pipeline_tests.stages.paper_homes import Homes
from stocker_pipeline_tests.stages.paper_scripts import MARKET, order_id

ELSEWHERE = {
    "N15": (
        "a scheduler that hangs and says nothing needs a watch outside of its process, "
        "which no stage of the book is"
    ),
}
"""Incidents that no day of a book can have, and why."""


def test_N1_a_fill_that_is_shown_three_times_is_booked_once(day: Day, digests: dict[date, str]):
    # Lean.Brokerages.Alpaca, pull request 61: new and fill replayed with the same execution ids.
    day.open(FIRST)
    again = [Fault(FaultKind.DUPLICATED, "executions", turn=n) for n in (1, 2, 3)]
    assert not day.close(FIRST, *again).waits
    assert not day.close(FIRST, *again).waits
    assert len(day.filled()) == 4
    assert day.digest() == digests[FIRST]


class _OneInstant(Misbehaving):
    """Every part of an order is executed in the same millisecond, and the parts come mixed."""

    def __init__(self, broker: SimulatedBroker, seed: int) -> None:
        super().__init__(broker, ListedFaults())
        self._random = random.Random(seed)

    def executions(self, cursor: str) -> ExecutionPage:
        page = super().executions(cursor)
        fills = [
            replace(fill, executed_at=fill.executed_at.replace(microsecond=0))
            for fill in page.executions
        ]
        self._random.shuffle(fills)
        return replace(page, executions=fills)


@pytest.mark.parametrize("seed", [1, *(pytest.param(s, marks=pytest.mark.slow) for s in (2, 3))])
def test_N2_parts_of_one_millisecond_in_any_order_give_one_book(new_home: Homes, seed: int):
    # Alpaca-API, issue 170: fills of one millisecond are not in the order in which they happened.
    ends = []
    for mixed in (0, seed):
        day = Day.begin(new_home(MARKET))
        with day.desk() as desk:
            for symbol in ("AAPL", "IBM"):
                control(desk).fill_in_parts(order_id(FIRST, symbol), [1, 2, 3, 4, 1000])
        day.open(FIRST)
        with day.desk() as desk:
            broker = cast(SimulatedBroker, cast(Misbehaving, desk.broker)._broker)
            move_to(day.clock, desk.day(FIRST).close_stage_at)
            assert not close_session(with_broker(desk, _OneInstant(broker, mixed)), FIRST).waits
        assert len(day.filled()) > 8
        ends.append(day.digest())
    assert ends[0] == ends[1]


def test_N3_fills_that_happened_while_nobody_listened_are_booked(
    day: Day, digests: dict[date, str]
):
    # Lean.Brokerages.InteractiveBrokers, issue 249: fills of a disconnect never came.
    day.open(FIRST)
    # Nothing runs until the next morning: no stage collected, no stage closed.
    report = day.open(SECOND)
    assert not report.waits
    assert len(day.filled()) == 4
    day.close(SECOND)
    assert day.digest() == digests[SECOND]


def test_N4_a_liquidation_by_the_broker_is_found_before_anything_is_sent(day: Day):
    # Lean.Brokerages.InteractiveBrokers, issue 156: a wrong position for 18 hours.
    day.trade(FIRST)
    held = day.home.truth().positions["MSFT"].quantity
    with day.desk() as desk:
        control(desk).trade_by_hand("MSFT", -held, 250_000)
    report = day.open(SECOND)
    assert (report.outcome, day.outcome(SECOND)[1]) == (SessionOutcome.HALTED, "BREAKS")
    assert day.orders(SECOND) == {}
    assert ("ledger_only", "MSFT") in day.open_breaks()
    assert {"break_ledger_only", "ghost_fill"} <= set(day.pages())


def test_N5_an_order_that_is_cancelled_fifteen_times_and_fills_is_booked_once(day: Day):
    # pysystemtrade, issue 1580: cancelled, sent again, fifteen times over, and all of them filled.
    day.open(FIRST)
    with day.desk() as desk:
        control(desk).fill_though_canceled(order_id(FIRST, "IBM"))
        desk.broker.cancel(order_id(FIRST, "IBM"))
    for _ in range(15):
        day.open(FIRST)
    assert day.orders(FIRST)["IBM"].attempts == 1
    assert not day.close(FIRST).waits
    order = day.orders(FIRST)["IBM"]
    assert (order.attempts, order.filled_quantity) == (1, order.intent.quantity)
    assert day.intended_orders() == 4
    day.filled()
    day.trade(SECOND).digest()


def test_N6_a_person_who_closes_the_same_position_locks_the_symbol(day: Day):
    # pysystemtrade, issue 1474: closed by hand and by the system, and so turned around.
    day.trade(FIRST)
    held = day.home.truth().positions["MSFT"].quantity
    with day.desk() as desk:
        move_to(day.clock, desk.day(SECOND).open_stage_at)
        control(desk).foreign_order("MSFT", -held, SECOND)
    day.open(SECOND)
    assert ("orphan_order", "MSFT") in day.open_breaks()
    assert "MSFT" not in day.orders(SECOND)
    assert {"AAPL", "IBM", "GOOG"} <= set(day.states(SECOND))
    assert "break_orphan_order" in day.pages()


def test_N7_an_order_of_unknown_fate_stays_unknown_through_ten_restarts(any_day: Day):
    # nautilus_trader, issue 4958: in flight for too long was "rejected", and the order existed.
    day = any_day
    lost = Fault(FaultKind.ANSWER_LOST, "submit", client_order_id=order_id(FIRST, "IBM"))
    day.open(FIRST, lost, *fails("order", 20))
    for _ in range(10):
        assert day.states(FIRST)["IBM"] is OrderState.UNKNOWN
        day.clock.advance(timedelta(minutes=1))
        day.open(FIRST, *fails("order", 20))
    assert day.states(FIRST)["IBM"] is OrderState.UNKNOWN
    assert "order_unknown" in day.pages()
    day.open(FIRST)
    order = day.orders(FIRST)["IBM"]
    assert (order.state, order.attempts) == (OrderState.ACKED, 1)
    assert day.intended_orders() == 4


def test_N8_a_fill_is_never_inferred_from_a_position(day: Day, digests: dict[date, str]):
    # nautilus_trader, pull request 3493: inferred from the position, and then the real one came.
    day.open(FIRST)
    unseen = Fault(FaultKind.TAIL_MISSING, "executions", reads=50)
    with day.desk(unseen) as desk:
        move_to(day.clock, desk.day(FIRST).close_stage_at)
        report = close_session(desk, FIRST)
        assert desk.broker.holdings().quantities
        assert desk.ledger.read(lambda r: r.executions(BOOK)) == []
    assert report.waits == "unfilled"
    assert set(day.states(FIRST).values()) == {OrderState.ACKED}
    assert not day.close(FIRST).waits
    assert len(day.filled()) == 4
    assert day.digest() == digests[FIRST]


def test_N9_five_restarts_add_no_row(any_day: Day):
    # nautilus_trader, issue 3176: every restart made the orders of its reconciliation anew.
    day = any_day.trade(FIRST)
    with day.desk() as desk:
        move_to(day.clock, desk.day(SECOND).open_stage_at)
        control(desk).foreign_order("MSFT", 5, SECOND)
    day.open(SECOND)
    rows, orders = day.rows(), day.home.truth().orders
    for _ in range(5):
        day.open(SECOND)
    assert day.rows() == rows
    assert day.home.truth().orders == orders


@pytest.mark.parametrize("turn", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4))])
def test_N10_what_worked_before_a_kill_works_after_it(any_day: Day, turn: int):
    # nautilus_trader, issue 5000: killed, and at the start fourteen working orders were dropped.
    day = any_day
    ended = in_a_process(lambda: day.open(FIRST), f"submit.request.after#{turn}")
    assert ended.killed
    day.open(FIRST)
    with day.desk() as desk:
        working = {order.client_order_id for order in desk.broker.open_orders()}
    acked = {o.client_order_id for o in day.orders(FIRST).values() if o.state is OrderState.ACKED}
    assert acked == working
    assert len(working) == day.intended_orders() == 4


@pytest.mark.parametrize("place", ["collect.book.inside#2", "collect.book.after"])
def test_N11_what_was_filled_before_a_kill_is_not_booked_again(
    any_day: Day, digests: dict[date, str], place: str
):
    # QuantDinger, pull request 232: an old baseline after the restart booked a fill twice.
    day = any_day
    day.open(FIRST)
    assert in_a_process(lambda: day.close(FIRST), place).killed
    assert not day.close(FIRST).waits
    assert len(day.filled()) == 4
    assert day.digest() == digests[FIRST]


def test_N12_no_order_can_be_deleted(any_day: Day):
    # freqtrade, issue 6907: a top-up timed out, and its order was deleted from the database.
    day = any_day
    day.open(FIRST)
    rows, engine = day.rows(), create_engine(ledger_url(day.home.ledger_url))
    for table in ("order_intents", "order_attempts", "order_events"):
        with pytest.raises(DBAPIError, match="stocker:append_only"), engine.begin() as connection:
            connection.execute(text(f"DELETE FROM {table}"))
    engine.dispose()
    assert day.rows() == rows


def test_N13_of_two_runs_of_one_session_the_older_can_write_nothing(any_day: Day):
    # dagster, issue 33962: two daemons, one run, two processes.
    day = any_day
    with day.desk() as first, day.desk() as second:
        desk = first
        open_session(desk, FIRST)
        rows = day.rows()
        with pytest.raises(LeaseLost), desk.ledger.lease(BOOK, FIRST, "open") as old:
            day.clock.advance(timedelta(minutes=16))
            # As it would be for a holder on another host: its time has run out.
            with second.ledger.lease(BOOK, FIRST, "open") as new:
                assert new.token == old.token + 1
                key = order_id(FIRST, "IBM")
                for write in (
                    lambda w: w.begin_attempt(key, code_version="x", config_hash="x"),
                    lambda w: w.advance_cursor("simulated", "executions", "1"),
                ):
                    with pytest.raises(LeaseLost):
                        desk.ledger.write(old, write)
                desk.ledger.write(old, lambda w: w.put_intents([], config_hash="x"))
    assert day.rows() == rows


def test_N14_a_session_that_is_done_is_not_done_again(any_day: Day):
    # dagster, issue 13597: a schedule was edited, and a tick that had ended ran once more.
    day = any_day.trade(FIRST)
    rows, orders = day.rows(), day.home.truth()
    for _ in range(2):
        assert day.open(FIRST).outcome is SessionOutcome.TRADED
        assert day.close(FIRST).outcome is SessionOutcome.TRADED
    assert day.rows() == rows
    assert day.home.truth() == orders


def test_N16_an_order_that_was_taken_before_a_504_is_not_sent_again(
    day: Day, digests: dict[date, str]
):
    # alpaca-py, rest.py: 504 is retried by the library, the POST of an order included.
    lost = [
        Fault(FaultKind.ANSWER_LOST, "submit", client_order_id=order_id(FIRST, symbol), status=504)
        for symbol in ("AAPL", "IBM", "MSFT", "GOOG")
    ]
    with day.desk(*lost) as desk:
        move_to(day.clock, desk.day(FIRST).open_stage_at)
        open_session(desk, FIRST)
        assert fired(desk) == 4
        assert cast(Misbehaving, desk.broker)._turns["submit"] == 4
    assert {(o.state, o.attempts) for o in day.orders(FIRST).values()} == {(OrderState.ACKED, 1)}
    assert not day.close(FIRST).waits
    assert day.intended_orders() == 4
    assert day.digest() == digests[FIRST]


class _Overfilling(Misbehaving):
    """Reports one more execution of an order that is filled already."""

    def executions(self, cursor: str) -> ExecutionPage:
        page = super().executions(cursor)
        more = [
            replace(
                fill,
                execution_id=f"{fill.execution_id}-again",
                cumulative_quantity=2 * fill.quantity,
            )
            for fill in page.executions
            if fill.symbol == "IBM"
        ]
        return replace(page, executions=[*page.executions, *more])


def test_N17_children_above_their_parent_are_in_no_book(day: Day):
    # Knight Capital, SEC 34-70694: 212 parents, millions of executions, and nobody compared them.
    day.open(FIRST)
    with day.desk() as desk:
        broker = _Overfilling(cast(Misbehaving, desk.broker)._broker, ListedFaults())
        move_to(day.clock, desk.day(FIRST).close_stage_at)
        close_session(with_broker(desk, broker), FIRST)
        (beyond,) = desk.ledger.read(lambda r: r.open_suspense("simulated", desk.account))
    assert beyond.execution.symbol == "IBM"
    assert "would be filled" in beyond.why
    order = day.orders(FIRST)["IBM"]
    assert order.filled_quantity == order.intent.quantity
    assert "ghost_fill" in day.pages()


def test_N17_a_program_of_another_version_does_not_open_the_ledger(any_day: Day):
    # Knight Capital: new code on seven servers of eight.
    engine = create_engine(ledger_url(any_day.home.ledger_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    engine.dispose()
    with pytest.raises(ConfigurationRefused, match="revision later"), any_day.desk():
        pass


def test_N17_a_retired_flag_is_refused():
    # Knight Capital: a flag that had been reused woke eight-year-old code.
    with pytest.raises(StockerError, match="power_peg"):
        portfolio_from(
            {"strategy": "trend", "universe": ["IBM"], "parameters": {"power_peg": True}},
            where="test",
        )


def test_N18_two_orders_of_one_symbol_do_not_work_at_once(any_day: Day):
    # Many signals were mapped to one fund, and each was ordered on its own.
    day = any_day
    day.open(FIRST)
    order = day.orders(FIRST)["IBM"].intent
    second = OrderIntent(
        replace(order.key, leg="limit"), order.quantity, order.reference_price, order.decision
    )
    with (
        day.desk() as desk,
        desk.ledger.lease(BOOK, FIRST, "open") as lease,
        pytest.raises(LedgerRefused),
    ):
        desk.ledger.write(lease, lambda w: w.put_intents([second], config_hash=desk.config_hash))
    with pytest.raises(StockerError):
        portfolio_from({"strategy": "trend", "universe": ["IBM", "IBM"]}, where="test")
    assert day.intended_orders() == 4
