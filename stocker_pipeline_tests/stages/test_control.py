"""Kill, reduce, arm: in force at once in every scope, lifted by a person alone."""

from datetime import timedelta
from pathlib import Path

import pytest

from stocker_pipeline.domain.errors import BookRefused, InputRefused
from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind
from stocker_pipeline.ledger import Ledger, LedgerRefused, Writer, backups
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.ledger.records import PortfolioRecord
from stocker_pipeline.stages.control import Target, kill, reduce
from stocker_pipeline.stages.day import open_session
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline_tests.stages.control_day import (  # noqa: F401
    ACCOUNT,
    ALL,
    SLOW,
    TARGETS,
    WHOLE,
    armed,
    dialect,
    killed,
    scopes,
    set_by,
    swept,
)
from stocker_pipeline_tests.stages.faults.faulty_day import (
    FIRST,
    SECOND,
    THIRD,
    Day,
    control,
    fails,
)
from stocker_pipeline_tests.stages.paper_day import BOOK
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    new_home,
    postgres_template,
    sqlite_template,
)


@TARGETS
def test_what_is_killed_sends_nothing_settles_and_trades_again_once_it_is_armed(
    day: Day, target: Target
):
    day.trade(FIRST)
    before = day.intended_orders()
    killed(day, target)
    day.open(SECOND)
    assert day.intended_orders() == before
    assert not day.close(SECOND).waits
    assert day.outcome(SECOND) == (SessionOutcome.HALTED, "KILLED")
    assert armed(day, target) == [ControlState.ARMED]
    day.trade(THIRD)
    assert day.outcome(THIRD)[0] is SessionOutcome.TRADED
    assert day.intended_orders() > before
    day.digest()


@TARGETS
def test_a_kill_after_the_orders_left_takes_them_back_and_the_day_settles_without_a_trade(
    day: Day, target: Target
):
    day.open(FIRST)
    killed(day, target)
    found = swept(day, FIRST)
    assert len(found.cancelled) == 4
    assert found.left == []
    assert set(day.states(FIRST).values()) == {OrderState.CANCELLED}
    assert not day.close(FIRST).waits
    assert day.outcome(FIRST)[0] is SessionOutcome.NO_TRADES
    assert day.filled() == []
    day.digest()


def test_every_request_for_a_cancel_and_what_came_of_it_is_an_event(day: Day):
    day.open(FIRST)
    killed(day)
    swept(day, FIRST, *fails("cancel", 1, FaultKind.NO_EFFECT))
    order = day.orders(FIRST)["AAPL"]
    with day.home.ledger(day.clock) as ledger:
        events = ledger.read(lambda r: r.order_events(order.client_order_id))
    told = [(event.kind, event.state) for event in events][-4:]
    assert told == [
        ("cancel", OrderState.ACKED),
        ("cancel_answer", OrderState.ACKED),
        ("cancel", OrderState.ACKED),
        ("ended", OrderState.CANCELLED),
    ]
    assert "killed by anna" in events[-4].reason


def test_a_cancel_that_loses_is_named_and_its_fill_is_booked(day: Day):
    day.open(FIRST)
    lost = day.orders(FIRST)["AAPL"]
    with day.desk() as desk:
        control(desk).lose_cancel(lost.client_order_id)
    killed(day)
    found = swept(day, FIRST)
    assert [left.client_order_id for left in found.left] == [lost.client_order_id]
    assert not day.close(FIRST).waits
    assert [fill.symbol for fill in day.filled()] == ["AAPL"]
    assert day.outcome(FIRST) == (SessionOutcome.TRADED, "PARTLY_FILLED")
    day.digest()


def test_an_order_without_an_answer_is_looked_up_and_then_taken_back(day: Day):
    lost = Fault(FaultKind.ANSWER_LOST, "submit")
    day.open(FIRST, lost, *fails("order", 7))
    assert OrderState.UNKNOWN in day.states(FIRST).values()
    killed(day)
    found = swept(day, FIRST)
    assert (len(found.cancelled), found.left) == (4, [])
    assert not day.close(FIRST).waits
    assert day.filled() == []


@SLOW
def test_an_order_that_the_broker_does_not_know_is_named_and_stays_unknown(day: Day):
    day.open(FIRST, Fault(FaultKind.NO_EFFECT, "submit", status=503), *fails("order", 7))
    killed(day)
    found = swept(day, FIRST)
    (left,) = found.left
    assert "knows no such order" in left.why
    assert day.states(FIRST)[left.symbol] is OrderState.UNKNOWN
    assert not day.close(FIRST).waits
    assert day.filled() == []


def test_a_dead_broker_leaves_every_order_named_within_seconds(day: Day):
    day.open(FIRST)
    began = day.clock.now()
    killed(day)
    dead = [
        *fails("cancel", 40, FaultKind.NO_EFFECT),
        *fails("order", 40),
        *fails("open_orders", 40),
    ]
    found = swept(day, FIRST, *dead)
    assert {left.symbol for left in found.left} == {*day.orders(FIRST), ""}
    assert day.clock.now() - began < timedelta(seconds=15)


@SLOW
def test_an_order_of_other_hands_is_named_and_left_alone(day: Day):
    day.open(FIRST)
    with day.desk() as desk:
        control(desk).foreign_order("MSFT", 3, FIRST)
    killed(day)
    found = swept(day, FIRST)
    assert [(left.symbol, left.quantity) for left in found.left] == [("MSFT", 3)]


@SLOW
def test_a_second_kill_of_what_is_killed_changes_nothing(day: Day):
    day.trade(FIRST)
    killed(day)
    rows = day.rows()
    killed(day)
    found = day.rows()
    assert found["control_state"] == rows["control_state"]


@TARGETS
@SLOW
def test_a_kill_outlives_a_copy_of_the_ledger(day: Day, target: Target, tmp_path: Path):
    day.trade(FIRST)
    killed(day, target)
    backups.backup(day.home.ledger_url, tmp_path / "copy.sqlite")
    fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    from stocker_pipeline.ledger.migrate import upgrade

    upgrade(fresh)
    backups.restore(tmp_path / "copy.sqlite", fresh)
    upgrade(fresh)
    with Ledger.open(fresh, clock=day.clock) as ledger:
        assert ledger.read(lambda r: r.control(BOOK)).state is ControlState.KILLED


@pytest.mark.parametrize("target", [ACCOUNT, pytest.param(ALL, marks=SLOW)], ids=str)
def test_an_account_that_is_killed_holds_for_a_book_that_begins_later(day: Day, target: Target):
    day.trade(FIRST)
    killed(day, target)
    later = PortfolioRecord("later", "dev", "simulated", f"SIM-{BOOK}", 10_000, FIRST)
    with day.home.ledger(day.clock) as ledger:
        ledger.write(None, lambda w: w.open_portfolio(later))
        own, found = ledger.read(lambda r: (r.own_control("later"), r.control("later")))
    assert own.state is ControlState.ARMED
    assert found.state is ControlState.KILLED
    assert "stop" in found.reason


@SLOW
def test_arming_one_scope_leaves_the_word_about_another(day: Day):
    day.trade(FIRST)
    killed(day, ALL, "fire in the house")
    killed(day)
    assert armed(day) == [ControlState.KILLED]
    day.open(SECOND)
    assert day.orders(SECOND) == {}
    assert armed(day, ALL) == [ControlState.ARMED]


def test_no_attempt_passes_the_database_while_an_account_is_killed(day: Day):
    # Whoever forgets to read the state is stopped by the trigger.
    with day.desk() as desk:
        move_to(day.clock, desk.day(FIRST).open_stage_at)

        open_session(desk, FIRST)
        order = day.orders(FIRST)["AAPL"]
        kill(desk.ledger, ACCOUNT, author="anna", reason="stop")
        with desk.ledger.lease(BOOK, FIRST, "open") as lease, pytest.raises(LedgerRefused) as found:
            desk.ledger.write(
                lease,
                lambda w: w.begin_attempt(
                    order.client_order_id, code_version="x", config_hash=desk.config_hash
                ),
            )
    assert found.value.code == "control"


@pytest.mark.parametrize(
    "author", ["stocker", *(pytest.param(f"stocker {who}", marks=SLOW) for who in ("m", "drill"))]
)
def test_the_program_lifts_nothing(day: Day, author: str):
    day.trade(FIRST)
    killed(day)
    with day.home.ledger(day.clock) as ledger:
        with pytest.raises(LedgerRefused) as found:
            set_by(ledger, ControlState.ARMED, author)
        assert found.value.code == "sticky"
        set_by(ledger, ControlState.REDUCE_ONLY, author)
        assert ledger.read(lambda r: r.control(BOOK)).state is ControlState.KILLED
        ledger.write(
            None,
            lambda w: w.set_account_control("*", ControlState.KILLED, author="anna", reason="x"),
        )
        with pytest.raises(LedgerRefused) as found:
            ledger.write(
                None,
                lambda w: w.set_account_control("*", ControlState.ARMED, author=author, reason="x"),
            )
        assert found.value.code == "sticky"
    with pytest.raises(InputRefused, match="a person"):
        armed(day, author=author)


def test_a_live_book_begins_killed_and_the_program_cannot_arm_it(day: Day):
    book = PortfolioRecord("real", "live", "simulated", "L-1", 10_000, FIRST)
    with day.home.ledger(day.clock) as ledger:

        def begin(writer: Writer) -> None:
            writer.open_portfolio(book)

        ledger.write(None, begin)
        assert ledger.read(lambda r: r.control("real")).state is ControlState.KILLED
        with pytest.raises(LedgerRefused) as found:
            ledger.write(
                None,
                lambda w: w.set_control("real", ControlState.ARMED, author="stocker", reason="x"),
            )
        assert found.value.code == "sticky"


@SLOW
def test_arming_wants_the_account_typed(day: Day):
    day.trade(FIRST)
    killed(day)
    with pytest.raises(InputRefused, match=f"SIM-{BOOK}"):
        armed(day, confirmed="yes")
    assert scopes(day)[0].state is ControlState.KILLED


def test_arming_is_refused_while_a_break_is_open_that_was_not_named(day: Day):
    day.trade(FIRST)
    with day.desk() as desk:
        control(desk).trade_by_hand("AAPL", 5, 1_000_000)
    day.open(SECOND)
    killed(day)
    with day.home.ledger(day.clock) as ledger:
        numbers = [item.break_id for item in ledger.read(lambda r: r.open_breaks(BOOK))]
    assert numbers
    with pytest.raises(BookRefused, match="accept-break"):
        armed(day)
    assert armed(day, accepted=numbers) == [ControlState.ARMED]
    assert "accepted" in scopes(day)[0].reason


def test_reduce_allows_less_than_armed_and_never_more_than_a_kill(day: Day):
    day.trade(FIRST)
    with day.home.ledger(day.clock) as ledger:
        reduce(ledger, WHOLE, author="anna", reason="careful")
        assert ledger.read(lambda r: r.control(BOOK)).state is ControlState.REDUCE_ONLY
        kill(ledger, WHOLE, author="anna", reason="stop")
        with pytest.raises(BookRefused, match="reduce-only"):
            reduce(ledger, WHOLE, author="anna", reason="careful")
    assert armed(day, state=ControlState.REDUCE_ONLY) == [ControlState.REDUCE_ONLY]


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_ledger_that_cannot_be_read_sends_nothing_and_says_so(day: Day):
    day.trade(FIRST)
    before = day.intended_orders()
    file = day.home.folder / "ledger.db"

    def spoil(_: object) -> None:
        for path in (file, Path(f"{file}-wal")):
            if path.exists():
                path.write_bytes(b"\0" * path.stat().st_size)

    with (
        pytest.raises(Exception, match="ledger|database|disk"),
        day.desk(Fault(FaultKind.BROKER_SIDE, "account", do=spoil)) as desk,
    ):
        move_to(day.clock, desk.day(SECOND).open_stage_at)
        open_session(desk, SECOND)
    truth = day.home.truth()
    assert len(truth.orders) == before
