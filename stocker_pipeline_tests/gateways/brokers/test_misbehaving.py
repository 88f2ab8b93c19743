"""Each fault of a broker, by name: what the caller sees, and what the account then is."""

import random

import pytest

from stocker_pipeline.gateways.brokers.broker import (
    BrokerStatus,
    OrderRefused,
    OutcomeUnclear,
    ReadFailed,
)
from stocker_pipeline.gateways.brokers.misbehaving import Misbehaving
from stocker_pipeline.gateways.brokers.misbehaviour import (
    RECOVERABLE,
    TRUTH_CHANGING,
    Fault,
    FaultKind,
    RandomFaults,
)
from stocker_pipeline.gateways.brokers.simulated_market import Costs
from stocker_pipeline_tests.gateways.brokers.desk import Desk, FaultyDesk, all_fills

READS = ("order", "open_orders", "executions", "holdings", "account", "now")


@pytest.fixture
def with_faults(tmp_path):
    def desk(*faults: Fault) -> FaultyDesk:
        return FaultyDesk(tmp_path / "account.db", *faults)

    return desk


def read(desk: Desk, call: str) -> object:
    arguments = {"order": ("one",), "executions": ("",)}.get(call, ())
    return getattr(desk.broker, call)(*arguments)


def kinds(desk: FaultyDesk) -> list[FaultKind]:
    assert desk.plan.waiting == ()
    return [fired.fault.kind for fired in desk.broker.fired]


@pytest.mark.parametrize("status", [None, 200, 504])
def test_an_answer_is_lost_and_the_order_is_there(with_faults, status):
    desk = with_faults(Fault(FaultKind.ANSWER_LOST, "submit", status=status))
    with pytest.raises(OutcomeUnclear) as failure:
        desk.send(1, "A", 5, "one")
    assert failure.value.status == status
    assert desk.broker.order("one").status is BrokerStatus.ACCEPTED
    with pytest.raises(OutcomeUnclear, match="must be unique"):
        desk.send(1, "A", 5, "one")
    desk.evening(1)
    assert len(all_fills(desk.broker)) == 1


@pytest.mark.parametrize("status", [None, 500, 502, 503, 504])
def test_an_error_before_anything_was_done_looks_the_same_and_there_is_no_order(
    with_faults, status
):
    desk = with_faults(Fault(FaultKind.NO_EFFECT, "submit", status=status))
    with pytest.raises(OutcomeUnclear) as failure:
        desk.send(1, "A", 5, "one")
    assert failure.value.status == status
    assert desk.broker.order("one") is None
    assert desk.send(1, "A", 5, "one")


def test_too_many_requests_have_no_effect(with_faults):
    desk = with_faults(
        Fault(FaultKind.RATE_LIMITED, "submit"),
        Fault(FaultKind.RATE_LIMITED, "cancel"),
        *[Fault(FaultKind.RATE_LIMITED, call) for call in READS],
    )
    with pytest.raises(OutcomeUnclear) as unclear:
        desk.send(1, "A", 5, "one")
    assert unclear.value.status == 429
    with pytest.raises(OutcomeUnclear):
        desk.broker.cancel("one")
    for call in READS:
        with pytest.raises(ReadFailed) as failed:
            read(desk, call)
        assert failed.value.status == 429
    assert desk.broker.order("one") is None


@pytest.mark.parametrize("call", READS)
def test_a_read_fails_once_and_answers_again(with_faults, call):
    desk = with_faults(Fault(FaultKind.READ_FAILS, call, status=500))
    with pytest.raises(ReadFailed, match="internal server error"):
        read(desk, call)
    read(desk, call)
    assert kinds(desk) == [FaultKind.READ_FAILS]


def test_a_refusal_leaves_no_order(with_faults):
    desk = with_faults(Fault(FaultKind.REFUSED, "submit"))
    with pytest.raises(OrderRefused, match="insufficient buying power"):
        desk.send(1, "A", 5, "one")
    assert desk.broker.order("one") is None


def test_an_order_that_is_there_is_never_said_to_be_refused(with_faults):
    desk = with_faults(
        Fault(FaultKind.ANSWER_LOST, "submit"), Fault(FaultKind.REFUSED, "submit", turn=2)
    )
    for _ in range(2):
        with pytest.raises(OutcomeUnclear):
            desk.send(1, "A", 5, "one")
    assert kinds(desk) == [FaultKind.ANSWER_LOST]


def test_a_lookup_lags_behind_the_order(with_faults):
    desk = with_faults(
        Fault(FaultKind.LOOKUP_LAGS, "submit", reads=3), Fault(FaultKind.ANSWER_LOST, "submit")
    )
    with pytest.raises(OutcomeUnclear):
        desk.send(1, "A", 5, "one")
    assert [desk.broker.order("one") for _ in range(2)] == [None, None]
    assert desk.broker.open_orders() == []
    assert desk.broker.order("one").quantity == 5
    assert len(desk.broker.open_orders()) == 1


def test_a_lookup_forgets_an_order_it_has_shown(with_faults):
    desk = with_faults(Fault(FaultKind.LOOKUP_LAGS, "order", turn=2, reads=2))
    desk.send(1, "A", 5, "one")
    seen = [desk.broker.order("one") is not None for _ in range(4)]
    assert seen == [True, False, False, True]


@pytest.mark.parametrize("call", ["holdings", "account", "open_orders", "order"])
def test_a_stale_reading_is_the_one_before(with_faults, call):
    desk = with_faults(Fault(FaultKind.STALE, call, turn=2))
    desk.send(1, "A", 5, "one")
    before = read(desk, call)
    desk.evening(1)
    assert read(desk, call) == before
    assert read(desk, call) != before
    assert kinds(desk) == [FaultKind.STALE]


def test_a_first_reading_cannot_be_stale(with_faults):
    desk = with_faults(Fault(FaultKind.STALE, "holdings"))
    assert dict(desk.broker.holdings().quantities) == {}
    assert kinds(desk) == []


def test_fills_come_again_and_again_under_the_same_ids(with_faults):
    desk = with_faults(Fault(FaultKind.DUPLICATED, "executions", turn=2))
    desk.trade(1, "A", 5)
    first = desk.broker.executions("")
    desk.trade(2, "A", 2)
    again = desk.broker.executions(first.cursor)
    assert [fill.quantity for fill in again.executions] == [5, 2, 2, 2]
    assert set(again.executions) == set(all_fills(desk.simulated))
    assert list(desk.broker.executions(again.cursor).executions) == []


def test_fills_come_out_of_order(with_faults):
    desk = with_faults(Fault(FaultKind.SHUFFLED, "executions"))
    desk.control.fill_in_parts("one", [1, 2, 3])
    desk.trade(1, "A", 6, "one")
    mixed = desk.broker.executions("").executions
    straight = desk.broker.executions("").executions
    assert mixed != straight
    assert sorted(mixed, key=lambda fill: fill.booking_order) == straight


@pytest.mark.parametrize("keep", [0, 1])
def test_the_last_fills_are_missing_and_the_cursor_waits_for_them(with_faults, keep):
    desk = with_faults(Fault(FaultKind.TAIL_MISSING, "executions", reads=2, keep=keep))
    desk.send(1, "A", 5)
    desk.trade(1, "B", 5)
    whole = all_fills(desk.simulated)
    first = desk.broker.executions("")
    assert list(first.executions) == whole[:keep]
    second = desk.broker.executions(first.cursor)
    assert (list(second.executions), second.more) == ([], False)
    third = desk.broker.executions(second.cursor)
    assert list(third.executions) == whole[keep:]


def test_late_fills_come_after_those_of_the_next_session_have_been_traded(with_faults):
    desk = with_faults(Fault(FaultKind.TAIL_MISSING, "executions", reads=1))
    desk.trade(1, "A", 5)
    assert list(desk.broker.executions("").executions) == []
    assert dict(desk.broker.holdings().quantities) == {"A": 5}
    desk.trade(2, "A", 2)
    late = desk.broker.executions("").executions
    assert [fill.session for fill in late] == desk.sessions[1:3]


def test_fills_are_missing_and_the_cursor_goes_past_them(with_faults):
    desk = with_faults(Fault(FaultKind.HOLE, "executions", reads=2, keep=1))
    desk.send(1, "A", 5)
    desk.trade(1, "B", 5)
    whole = all_fills(desk.simulated)
    first = desk.broker.executions("")
    assert list(first.executions) == whole[:1]
    assert list(desk.broker.executions(first.cursor).executions) == []
    assert list(desk.broker.executions(first.cursor).executions) == []
    assert list(desk.broker.executions("").executions) == whole


@pytest.mark.parametrize(
    ("kind", "parts", "filled", "status"),
    [
        (FaultKind.IN_PARTS, (), [3, 4], BrokerStatus.FILLED),
        (FaultKind.IN_PARTS, (5, 2), [5, 2], BrokerStatus.FILLED),
        (FaultKind.CUT, (), [3], BrokerStatus.EXPIRED),
        (FaultKind.UNFILLED, (), [], BrokerStatus.EXPIRED),
        (FaultKind.REJECTED_LATER, (), [], BrokerStatus.REJECTED),
    ],
)
def test_an_order_ends_otherwise_than_it_was_sent(with_faults, kind, parts, filled, status):
    desk = with_faults(Fault(kind, "submit", parts=parts))
    assert desk.send(1, "A", 7, "one").status is BrokerStatus.ACCEPTED
    desk.evening(1)
    assert [fill.quantity for fill in all_fills(desk.broker)] == filled
    assert desk.broker.order("one").status is status


def test_a_cancel_loses(with_faults):
    desk = with_faults(Fault(FaultKind.CANCEL_LOSES, "cancel"))
    desk.send(1, "A", 5, "one")
    desk.broker.cancel("one")
    desk.evening(1)
    assert desk.broker.order("one").filled_quantity == 5


def test_an_order_that_says_canceled_fills(with_faults):
    desk = with_faults(Fault(FaultKind.FILLS_THOUGH_CANCELED, "cancel"))
    desk.send(1, "A", 5, "one")
    desk.broker.cancel("one")
    assert desk.broker.order("one").status is BrokerStatus.CANCELED
    desk.evening(1)
    assert len(all_fills(desk.broker)) == 1


def test_the_answer_to_a_cancel_is_lost_after_it_was_done(with_faults):
    desk = with_faults(Fault(FaultKind.NO_EFFECT, "cancel"), Fault(FaultKind.ANSWER_LOST, "cancel"))
    desk.send(1, "A", 5, "one")
    for status in (BrokerStatus.ACCEPTED, BrokerStatus.CANCELED):
        with pytest.raises(OutcomeUnclear):
            desk.broker.cancel("one")
        assert desk.broker.order("one").status is status


def test_the_brokers_clock_differs(with_faults):
    desk = with_faults(Fault(FaultKind.CLOCK_SKEWED, "now", seconds=-90))
    truth = desk.clock.now()
    assert (desk.broker.now() - truth).total_seconds() == -90
    assert desk.broker.now() == truth


@pytest.mark.parametrize("call", ["submit", *READS])
def test_the_broker_restarts_before_a_call_and_has_forgotten_nothing(with_faults, call):
    desk = with_faults(Fault(FaultKind.RESTART, call, turn=2))
    desk.send(1, "A", 5, "one")
    before = desk.control.truth()
    if call == "submit":
        desk.send(1, "B", 5, "two")
        assert desk.control.truth().orders[:1] == before.orders
    else:
        assert read(desk, call) == read(desk, call)
        assert desk.control.truth() == before
    assert kinds(desk) == [FaultKind.RESTART]


def test_something_happens_at_the_broker_between_two_calls(with_faults):
    desk = with_faults(
        Fault(
            FaultKind.BROKER_SIDE,
            "holdings",
            do=lambda broker: broker.control.trade_by_hand("B", 3, 200_000),
        )
    )
    assert dict(desk.broker.holdings().quantities) == {"B": 3}


def test_what_fired_can_be_read(with_faults):
    desk = with_faults(
        Fault(FaultKind.RESTART, "submit"), Fault(FaultKind.ANSWER_LOST, "submit", status=504)
    )
    assert desk.broker.report() == "no fault fired"
    with pytest.raises(OutcomeUnclear):
        desk.send(1, "A", 5, "one")
    assert desk.broker.report().splitlines() == [
        "2020-01-03T13:00:00+00:00 submit #1 of one: RESTART, the broker restarts before the call",
        "2020-01-03T13:00:00+00:00 submit #1 of one: ANSWER_LOST, done, and the answer was lost",
    ]


def insist(desk: Desk, call, *arguments):
    """Ask until there is an answer, as a caller who knows what each failure means."""
    for _ in range(100):
        try:
            return call(*arguments)
        except ReadFailed:
            continue
    raise AssertionError("no answer in a hundred reads")


def make_sure(desk: Desk, row: int, symbol: str, quantity: int) -> None:
    """The order is there exactly once, whatever the answers say."""
    name = f"{row}-{symbol}"
    for _ in range(100):
        try:
            desk.send(row, symbol, quantity, name)
            return
        except OutcomeUnclear:
            if any(insist(desk, desk.broker.order, name) for _ in range(4)):
                return
        except OrderRefused:
            return
    raise AssertionError(f"{name} was not sent in a hundred attempts")


@pytest.mark.parametrize("seed", range(8))
def test_whatever_lies_are_told_the_account_is_that_of_an_honest_broker(tmp_path, seed):
    text = "A B\n" + "\n".join(f"{10 + row % 3} {20 - row % 4}" for row in range(25))
    costs = Costs(5.0, 1.0, 0.005)
    rng = random.Random(seed)
    honest = Desk(tmp_path / "honest.db", text, costs=costs)
    lying = Desk(
        tmp_path / "lying.db",
        text,
        costs=costs,
        wrap=lambda broker: Misbehaving(broker, RandomFaults(rng, 0.4, RECOVERABLE)),
    )
    booked, cursor = {}, ""
    for row in range(1, 25):
        for symbol, quantity in (("A", 3 + row), ("B", 5)):
            for desk in (honest, lying):
                make_sure(desk, row, symbol, quantity)
        for desk in (honest, lying):
            desk.evening(row)
            insist(desk, desk.broker.account)
        for _ in range(3):
            page = insist(lying, lying.broker.executions, cursor)
            booked |= {fill.execution_id: fill for fill in page.executions}
            cursor = page.cursor
    for _ in range(30):
        page = insist(lying, lying.broker.executions, "")
        booked |= {fill.execution_id: fill for fill in page.executions}
    said = lying.broker.report()
    assert len(lying.broker.fired) > 50
    truth, expected = lying.control.truth(), honest.control.truth()
    assert truth.positions == expected.positions, said
    assert set(booked.values()) == set(truth.executions), said
    filled = {order.client_order_id: order.filled_quantity for order in truth.orders}
    assert filled == {o.client_order_id: o.filled_quantity for o in expected.orders}, said
    assert truth.cash_e4 == expected.cash_e4, said


@pytest.mark.parametrize("seed", range(4))
def test_the_same_seed_is_the_same_day(tmp_path, seed):
    def life(name: str) -> tuple[str, object]:
        plan = RandomFaults(random.Random(seed), 0.5, RECOVERABLE | TRUTH_CHANGING)
        desk = Desk(tmp_path / name, wrap=lambda broker: Misbehaving(broker, plan))
        for row in (1, 2, 3):
            for symbol in ("A", "B"):
                make_sure(desk, row, symbol, 5)
            desk.evening(row)
            insist(desk, desk.broker.executions, "")
        return desk.broker.report(), desk.control.truth()

    assert life("first.db") == life("second.db")
