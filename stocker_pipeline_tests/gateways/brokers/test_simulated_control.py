"""What a test can let happen at the broker."""

import pytest

from stocker_pipeline.gateways.brokers.broker import BrokerStatus, OrderRefused, OutcomeUnclear
from stocker_pipeline_tests.gateways.brokers.desk import Desk, all_fills


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "account.db")


def test_a_trade_by_hand_has_an_order_without_our_id_and_moves_the_account(desk):
    desk.trade(1, "A", 10)
    name = desk.control.trade_by_hand("A", -4, 115_000, commission_e4=7)
    assert dict(desk.broker.holdings().quantities) == {"A": 6}
    assert desk.broker.account().cash_e4 == desk.cash_e4 - 10 * 120_000 + 4 * 115_000 - 7
    fill = all_fills(desk.broker)[-1]
    assert (fill.client_order_id, fill.broker_order_id, fill.quantity) == (None, name, -4)
    assert fill.session == desk.sessions[1]
    assert list(desk.broker.open_orders()) == []
    hand_made = desk.control.truth().orders[-1]
    assert (hand_made.client_order_id, hand_made.status) == ("", BrokerStatus.FILLED)


def test_two_trades_by_hand_are_two(desk):
    names = {desk.control.trade_by_hand("A", 1, 100) for _ in range(3)}
    names |= {desk.control.ghost_fill("A", 1, 100) for _ in range(3)}
    assert len(names) == 6
    assert len({fill.execution_id for fill in all_fills(desk.broker)}) == 6
    assert dict(desk.broker.holdings().quantities) == {"A": 6}


def test_a_ghost_fill_moves_the_account_and_has_no_order(desk):
    name = desk.control.ghost_fill("A", 5, 100_000)
    (fill,) = all_fills(desk.broker)
    assert (fill.execution_id, fill.client_order_id) == (name, None)
    assert dict(desk.broker.holdings().quantities) == {"A": 5}
    assert desk.control.truth().orders == ()


@pytest.mark.parametrize("client_order_id", [None, "theirs"])
def test_a_foreign_order_is_open_and_fills_like_any_other(desk, client_order_id):
    desk.morning(1)
    name = desk.control.foreign_order("A", 5, desk.sessions[1], client_order_id=client_order_id)
    (order,) = desk.broker.open_orders()
    assert (order.broker_order_id, order.client_order_id) == (name, client_order_id or "")
    with pytest.raises(OrderRefused, match="while a long buy order is open"):
        desk.send(1, "A", -5)
    desk.evening(1)
    (fill,) = all_fills(desk.broker)
    assert (fill.broker_order_id, fill.client_order_id) == (name, client_order_id)
    assert dict(desk.broker.holdings().quantities) == {"A": 5}


def test_an_order_is_rejected_after_it_was_accepted(desk):
    assert desk.send(1, "A", 5, "one").status is BrokerStatus.ACCEPTED
    desk.control.reject("one", "halted")
    order = desk.broker.order("one")
    assert (order.status, order.reason) == (BrokerStatus.REJECTED, "halted")
    assert list(desk.broker.open_orders()) == []
    desk.evening(1)
    assert all_fills(desk.broker) == []
    with pytest.raises(OutcomeUnclear, match="must be unique"):
        desk.send(2, "A", 5, "one")
    with pytest.raises(ValueError, match="open order"):
        desk.control.reject("one")


def test_an_order_is_rejected_at_the_open(desk):
    desk.control.reject_later("one", "short sale restriction")
    assert desk.send(1, "A", -5, "one").status is BrokerStatus.ACCEPTED
    assert desk.broker.order("one").status is BrokerStatus.ACCEPTED
    desk.evening(1)
    order = desk.broker.order("one")
    assert (order.status, order.reason) == (BrokerStatus.REJECTED, "short sale restriction")
    assert all_fills(desk.broker) == []


@pytest.mark.parametrize(
    ("parts", "filled", "status"),
    [
        ([2, 3], [2, 3], BrokerStatus.FILLED),
        ([2, 2], [2, 2], BrokerStatus.EXPIRED),
        ([], [], BrokerStatus.EXPIRED),
        ([0, 4, 9], [4, 1], BrokerStatus.FILLED),
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_an_order_fills_in_the_parts_it_is_told_and_never_beyond_itself(
    desk, parts, filled, status, side
):
    desk.control.fill_in_parts("one", parts)
    order = desk.trade(1, "A", 5 * side, "one")
    assert [fill.quantity for fill in all_fills(desk.broker)] == [side * part for part in filled]
    assert (order.status, order.filled_quantity) == (status, side * sum(filled))


def test_a_cancel_is_answered_and_loses(desk):
    desk.send(1, "A", 5, "one")
    desk.control.lose_cancel("one")
    desk.broker.cancel("one")
    assert desk.broker.order("one").status is BrokerStatus.ACCEPTED
    desk.evening(1)
    assert desk.broker.order("one").status is BrokerStatus.FILLED


def test_a_canceled_order_fills_all_the_same(desk):
    """The status stays; a status that is final says nothing about the quantity."""
    desk.send(1, "A", 5, "one")
    desk.control.fill_though_canceled("one")
    desk.broker.cancel("one")
    assert desk.broker.order("one").status is BrokerStatus.CANCELED
    assert list(desk.broker.open_orders()) == []
    desk.evening(1)
    order = desk.broker.order("one")
    assert (order.status, order.filled_quantity) == (BrokerStatus.CANCELED, 5)
    assert [fill.quantity for fill in all_fills(desk.broker)] == [5]
    assert dict(desk.broker.holdings().quantities) == {"A": 5}


def test_a_blocked_account_says_so_and_takes_no_order_until_it_is_unblocked(desk):
    desk.control.block("new orders are rejected by user request")
    assert desk.broker.account().blocked == "new orders are rejected by user request"
    with pytest.raises(OrderRefused, match="by user request") as failure:
        desk.send(1, "A", 5, "one")
    assert failure.value.status == 403
    assert desk.broker.order("one") is None
    desk.control.unblock()
    assert desk.send(1, "A", 5, "one")


def test_a_restart_forgets_nothing(desk):
    desk.trade(1, "A", 5)
    desk.control.fill_in_parts("two", [1])
    before = desk.control.truth()
    desk.control.restart()
    assert desk.control.truth() == before
    assert desk.trade(2, "A", 5, "two").filled_quantity == 1


def test_the_truth_adds_up(desk):
    desk.trade(1, "A", 5)
    desk.control.trade_by_hand("B", 5, 100_000, commission_e4=3)
    desk.simulated.move_cash(77, desk.sessions[1], "gift")
    desk.simulated.move_cash(78, desk.sessions[3], "later")
    truth = desk.control.truth()
    booked = sum(move.amount_e4 for move in truth.cash_moves if move.booked)
    assert truth.cash_e4 == desk.cash_e4 + booked
    assert [move.reference for move in truth.cash_moves if not move.booked] == ["later"]


def test_what_is_done_by_hand_comes_after_the_sessions_that_are_due(tmp_path):
    """A position of this evening does not take part in this morning's split."""
    desk = Desk(tmp_path / "split.db", "A\n10\n5\n5", "1 A 2:1 0")
    desk.evening(1)
    desk.control.trade_by_hand("A", 10, 50_000)
    assert dict(desk.broker.holdings().quantities) == {"A": 10}
