"""What every broker must do, whatever is behind it.

A broker's test subclasses ``BrokerContract`` and gives a ``desk``: the broker under test, its
account's number and opening cash, a clock that the test moves, and three sessions (rows 1 to 3) in
which A and B trade and Q does not trade in the first two. The account is new and flat.
"""

from datetime import timedelta

import pytest

from stocker_pipeline.domain.orders import Execution
from stocker_pipeline.gateways.brokers.broker import (
    BrokerStatus,
    CancelRefused,
    OrderRefused,
    OutcomeUnclear,
)
from stocker_pipeline_tests.gateways.brokers.desk import Desk, all_fills


class BrokerContract:
    """Tests over the fixture ``desk``."""

    @pytest.fixture
    def desk(self) -> Desk:
        """The broker under test and the hands of its clock."""
        raise NotImplementedError

    def test_it_has_a_name_and_the_number_of_its_account(self, desk):
        assert desk.broker.name
        assert desk.broker.account().number == desk.number

    def test_a_new_account_holds_its_cash_and_nothing_else(self, desk):
        account = desk.broker.account()
        assert (account.cash_e4, account.equity_e4) == (desk.cash_e4, desk.cash_e4)
        assert account.blocked == ""
        assert dict(desk.broker.holdings().quantities) == {}
        assert list(desk.broker.open_orders()) == []
        assert all_fills(desk.broker) == []

    def test_its_clock_has_a_zone_and_is_the_time(self, desk):
        now = desk.broker.now()
        assert now.utcoffset() == timedelta(0)
        assert abs(now - desk.clock.now()) < timedelta(seconds=5)

    def test_an_order_taken_is_the_order_found(self, desk):
        sent = desk.send(1, "A", 10, "one")
        assert (sent.client_order_id, sent.symbol, sent.quantity) == ("one", "A", 10)
        assert (sent.status, sent.filled_quantity) == (BrokerStatus.ACCEPTED, 0)
        assert sent.broker_order_id
        assert sent.submitted_at.utcoffset() == timedelta(0)
        assert desk.broker.order("one") == sent
        assert list(desk.broker.open_orders()) == [sent]

    def test_an_id_that_was_never_sent_is_not_found(self, desk):
        assert desk.broker.order("never") is None

    @pytest.mark.parametrize("quantity", [10, 11])
    def test_an_id_sent_again_is_unclear_and_makes_no_second_order(self, desk, quantity):
        sent = desk.send(1, "A", 10, "one")
        with pytest.raises(OutcomeUnclear, match="must be unique") as failure:
            desk.send(1, "A", quantity, "one")
        assert failure.value.status == 422
        assert list(desk.broker.open_orders()) == [sent]

    def test_an_id_stays_used_after_its_order_has_ended(self, desk):
        desk.trade(1, "A", 10, "one")
        with pytest.raises(OutcomeUnclear, match="must be unique"):
            desk.send(2, "A", 10, "one")
        desk.evening(2)
        assert dict(desk.broker.holdings().quantities) == {"A": 10}

    def test_an_order_outside_the_window_is_refused_and_leaves_nothing(self, desk):
        desk.at(1, 12)
        with pytest.raises(OrderRefused, match="after 7:00pm and before 9:28am") as failure:
            desk.broker.submit(desk.request(2, "A", 10, "one"))
        assert failure.value.status == 403
        assert desk.broker.order("one") is None
        assert list(desk.broker.open_orders()) == []

    def test_the_id_of_a_refused_order_is_still_free(self, desk):
        with pytest.raises(OrderRefused):
            desk.send(1, "A", 0, "one")
        assert desk.send(1, "A", 5, "one").quantity == 5

    def test_an_order_for_another_session_than_the_next_is_refused(self, desk):
        desk.morning(1)
        with pytest.raises(OrderRefused, match=str(desk.sessions[2])):
            desk.broker.submit(desk.request(2, "A", 10))

    def test_an_order_for_no_shares_is_refused(self, desk):
        with pytest.raises(OrderRefused, match="qty must be > 0"):
            desk.send(1, "A", 0)

    def test_orders_fill_at_the_open_and_move_shares_and_cash(self, desk):
        desk.send(1, "B", -20, "sell")
        order = desk.trade(1, "A", 10, "buy")
        assert (order.status, order.filled_quantity) == (BrokerStatus.FILLED, 10)
        assert list(desk.broker.open_orders()) == []
        assert dict(desk.broker.holdings().quantities) == {"A": 10, "B": -20}
        fills = all_fills(desk.broker)
        spent = sum(fill.quantity * fill.price_e4 + fill.commission_e4 for fill in fills)
        assert desk.broker.account().cash_e4 == desk.cash_e4 - spent

    def test_a_fill_says_which_order_and_session_it_belongs_to(self, desk):
        order = desk.trade(1, "A", 10, "buy")
        (fill,) = all_fills(desk.broker)
        assert isinstance(fill, Execution)
        assert (fill.broker_order_id, fill.client_order_id) == (order.broker_order_id, "buy")
        assert (fill.symbol, fill.quantity, fill.cumulative_quantity) == ("A", 10, 10)
        assert fill.session == desk.sessions[1]
        assert fill.price_e4 > 0
        assert fill.executed_at.utcoffset() == timedelta(0)

    def test_fills_after_a_cursor_are_those_not_seen_before_it(self, desk):
        desk.trade(1, "A", 10)
        first = desk.broker.executions("")
        assert len(first.executions) == 1
        nothing = desk.broker.executions(first.cursor)
        assert (list(nothing.executions), nothing.cursor) == ([], first.cursor)
        desk.trade(2, "A", 5)
        second = desk.broker.executions(first.cursor)
        assert [fill.quantity for fill in second.executions] == [5]
        assert [*first.executions, *second.executions] == all_fills(desk.broker)

    def test_every_fill_has_its_own_id_for_ever(self, desk):
        for row in (1, 2, 3):
            desk.send(row, "A", 10)
            desk.trade(row, "B", 10)
        names = [fill.execution_id for fill in all_fills(desk.broker)]
        assert len(set(names)) == 6
        assert [fill.execution_id for fill in all_fills(desk.broker)] == names

    def test_an_order_without_a_trade_in_its_symbol_expires(self, desk):
        order = desk.trade(1, "Q", 10)
        assert (order.status, order.filled_quantity) == (BrokerStatus.EXPIRED, 0)
        assert all_fills(desk.broker) == []
        assert desk.broker.account().cash_e4 == desk.cash_e4
        desk.evening(3)
        assert dict(desk.broker.holdings().quantities) == {}

    def test_an_order_canceled_in_time_does_not_fill(self, desk):
        desk.send(1, "A", 10, "one")
        desk.broker.cancel("one")
        order = desk.broker.order("one")
        assert order is not None
        assert order.status is BrokerStatus.CANCELED
        assert list(desk.broker.open_orders()) == []
        desk.evening(1)
        assert all_fills(desk.broker) == []

    def test_a_cancel_of_what_has_ended_or_never_was_is_refused(self, desk):
        desk.trade(1, "A", 10, "one")
        with pytest.raises(CancelRefused, match="filled") as failure:
            desk.broker.cancel("one")
        assert failure.value.status == 422
        with pytest.raises(CancelRefused, match="not found") as failure:
            desk.broker.cancel("never")
        assert failure.value.status == 404

    def test_one_order_does_not_cross_zero(self, desk):
        desk.trade(1, "A", 10)
        with pytest.raises(OrderRefused, match="requested: 11, available: 10") as failure:
            desk.send(2, "A", -11)
        assert failure.value.status == 403
        desk.trade(2, "A", -10)
        assert dict(desk.broker.holdings().quantities) == {}
        desk.trade(3, "A", -10)
        assert dict(desk.broker.holdings().quantities) == {"A": -10}

    def test_shares_in_an_open_order_are_not_sold_twice(self, desk):
        desk.trade(1, "A", 10)
        desk.send(2, "A", -7, "seven")
        with pytest.raises(OrderRefused, match="requested: 4, available: 3"):
            desk.send(2, "A", -4, "four")

    def test_an_order_against_an_open_order_of_the_symbol_is_refused(self, desk):
        desk.send(1, "A", 10)
        with pytest.raises(OrderRefused, match="while a long buy order is open"):
            desk.send(1, "A", -10)
        desk.send(1, "B", -10)
        with pytest.raises(OrderRefused, match="while a short sell order is open"):
            desk.send(1, "B", 10)
        assert [order.quantity for order in desk.broker.open_orders()] == [10, -10]

    def test_reading_changes_nothing(self, desk):
        desk.send(1, "Q", 5)
        desk.trade(1, "A", 10, "one")

        def readings() -> tuple[object, ...]:
            broker = desk.broker
            return (
                broker.account(),
                broker.holdings(),
                list(broker.open_orders()),
                broker.order("one"),
                all_fills(broker),
            )

        assert readings() == readings()
