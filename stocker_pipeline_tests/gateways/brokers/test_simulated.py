"""The simulated broker as a broker, and what it does beyond the interface."""

import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.gateways.brokers.broker import (
    BrokerStatus,
    CancelRefused,
    OrderRefused,
    OrderRequest,
    ReadFailed,
)
from stocker_pipeline.gateways.brokers.simulated import SimulatedBroker
from stocker_pipeline.gateways.brokers.simulated_market import Costs
from stocker_pipeline_tests.gateways.brokers.contract import BrokerContract
from stocker_pipeline_tests.gateways.brokers.desk import NUMBER, Desk, FaultyDesk, all_fills


class TestSimulatedBroker(BrokerContract):
    @pytest.fixture
    def desk(self, tmp_path):
        return Desk(tmp_path / "account.db", costs=Costs(5.0, 1.0))


class TestSimulatedBrokerBehindNoFaults(BrokerContract):
    @pytest.fixture
    def desk(self, tmp_path):
        return FaultyDesk(tmp_path / "account.db", costs=Costs(5.0, 1.0))


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "account.db")


def test_an_account_is_opened_once_and_found_again(desk):
    desk.trade(1, "A", 10)
    desk.simulated.close()
    with SimulatedBroker(desk.path, NUMBER, desk.clock, desk.market, Costs()) as again:
        assert dict(again.holdings().quantities) == {"A": 10}
    with desk.another() as again:
        assert dict(again.holdings().quantities) == {"A": 10}


def test_an_account_that_is_not_there_is_not_made_up(desk, tmp_path):
    path = tmp_path / "none" / "account.db"
    with pytest.raises(ConfigurationRefused, match="initial cash to open one with"):
        SimulatedBroker(path, NUMBER, desk.clock, desk.market, Costs())
    assert not path.parent.exists()


def test_an_empty_file_is_no_account(desk, tmp_path):
    path = tmp_path / "empty.db"
    path.touch()
    with pytest.raises(ConfigurationRefused, match="is empty"):
        SimulatedBroker(path, NUMBER, desk.clock, desk.market, Costs())


@pytest.mark.parametrize(("number", "cash"), [("SIM-2", None), (NUMBER, 1)])
def test_the_file_of_another_account_is_refused(desk, number, cash):
    with pytest.raises(ConfigurationRefused, match="SIM-1 with 1000000000"):
        SimulatedBroker(desk.path, number, desk.clock, desk.market, Costs(), initial_cash_e4=cash)


def test_an_order_for_a_fraction_of_a_share_or_an_impossible_symbol_is_refused(desk):
    desk.morning(1)
    session = desk.sessions[1]
    for order, words in (
        (OrderRequest("x", "A", 1.5, session), "fractional"),
        (OrderRequest("x", "a/b", 1, session), 'asset "a/b" not found'),
        (OrderRequest("", "A", 1, session), "client_order_id is required"),
        (OrderRequest("x" * 129, "A", 1, session), "no more than 128"),
    ):
        with pytest.raises(OrderRefused, match=words) as failure:
            desk.broker.submit(order)
        assert failure.value.status == 422
    assert desk.broker.submit(OrderRequest("x" * 128, "A", 1, session))


def test_an_order_that_is_there_is_never_refused_even_when_it_is_too_late(desk):
    """A refusal proves that there is no order: the look at the id comes before every other."""
    desk.send(1, "A", 10, "one")
    desk.at(1, 9, 28)
    with pytest.raises(Exception, match="must be unique") as failure:
        desk.broker.submit(desk.request(1, "A", 10, "one"))
    assert not isinstance(failure.value, OrderRefused)


def test_orders_are_taken_until_a_moment_before_9_28(desk):
    desk.at(1, 9, 27)
    desk.broker.submit(desk.request(1, "A", 10))
    desk.at(1, 9, 28)
    with pytest.raises(OrderRefused, match="before 9:28am"):
        desk.broker.submit(desk.request(1, "B", 10))


def test_orders_are_taken_from_19_00_of_the_evening_before(desk):
    desk.at(2, 18, 59)
    with pytest.raises(OrderRefused, match="after 7:00pm"):
        desk.broker.submit(desk.request(3, "A", 10))
    desk.at(2, 19, 0)
    assert desk.broker.submit(desk.request(3, "A", 10))


def test_an_opposite_order_while_shares_are_being_sold_is_a_wash_trade(desk):
    desk.trade(1, "A", 10)
    desk.send(2, "A", -5)
    with pytest.raises(OrderRefused, match="wash trade"):
        desk.send(2, "A", 5)


def test_a_short_is_bought_back_at_most_whole(desk):
    desk.trade(1, "A", -10)
    with pytest.raises(OrderRefused, match="requested: 11, available: 10"):
        desk.send(2, "A", 11)
    desk.trade(2, "A", 10)
    assert dict(desk.broker.holdings().quantities) == {}


def test_an_order_of_an_ex_date_is_judged_in_shares_after_the_split(tmp_path):
    desk = Desk(tmp_path / "a.db", "A\n10\n10\n5\n5", "2 A 2:1 0")
    desk.trade(1, "A", 10)
    desk.morning(2)
    assert dict(desk.broker.holdings().quantities) == {"A": 10}
    with pytest.raises(OrderRefused, match="requested: 21, available: 20"):
        desk.send(2, "A", -21)
    desk.trade(2, "A", -20)
    assert dict(desk.broker.holdings().quantities) == {}


def test_a_cancel_after_9_28_is_too_late(desk):
    desk.send(1, "A", 10, "one")
    desk.at(1, 9, 27)
    desk.send(1, "B", 10, "two")
    desk.broker.cancel("two")
    desk.at(1, 9, 28)
    with pytest.raises(CancelRefused, match=r"after 9:28am"):
        desk.broker.cancel("one")
    desk.evening(1)
    assert dict(desk.broker.holdings().quantities) == {"A": 10}


def test_fills_come_in_pages(tmp_path):
    desk = Desk(tmp_path / "a.db", page_size=2)
    for row in (1, 2, 3):
        desk.trade(row, "A", row)
    first = desk.broker.executions("")
    assert ([fill.quantity for fill in first.executions], first.more) == ([1, 2], True)
    second = desk.broker.executions(first.cursor)
    assert ([fill.quantity for fill in second.executions], second.more) == ([3], False)


def test_a_cursor_that_the_broker_never_gave_is_refused(desk):
    for cursor in ("x", "-1", "1.5", "²"):
        with pytest.raises(ReadFailed, match="page_token"):
            desk.broker.executions(cursor)


def test_nothing_is_filled_before_the_bars_are_known(desk):
    desk.send(1, "A", 10, "one")
    desk.at(1, 9, 31)
    assert desk.broker.order("one").status is BrokerStatus.ACCEPTED
    assert all_fills(desk.broker) == []
    desk.at(1, 16)
    assert desk.broker.order("one").status is BrokerStatus.FILLED


def test_sessions_are_processed_in_order_however_late_somebody_asks(desk):
    desk.send(1, "A", 10)
    desk.evening(3)
    assert desk.broker.account().equity_e4 == desk.cash_e4 + 10 * (17 - 12) * 10_000
    assert [fill.session for fill in all_fills(desk.broker)] == [desk.sessions[1]]


def test_a_session_whose_bars_are_not_known_holds_back_the_later_ones(desk):
    desk.send(1, "A", 10, "one")
    known = desk.market.session
    desk.market.session = lambda day: None if day == desk.sessions[1] else known(day)
    desk.evening(2)
    assert desk.broker.order("one").status is BrokerStatus.ACCEPTED
    assert desk.control.truth().last_session == desk.sessions[0]
    desk.market.session = known
    assert desk.broker.order("one").status is BrokerStatus.FILLED
    assert desk.control.truth().last_session == desk.sessions[2]


def test_an_account_opened_after_the_open_begins_with_the_next_session(tmp_path):
    desk = Desk(tmp_path / "first.db")
    desk.at(1, 10)
    desk.path = tmp_path / "second.db"
    assert desk.another().control.truth().last_session == desk.sessions[1]


def test_cash_moves_at_the_close_of_its_session_and_once_for_each_reference(desk):
    desk.morning(1)
    assert desk.simulated.move_cash(5_000, desk.sessions[1], "first")
    assert not desk.simulated.move_cash(5_000, desk.sessions[1], "first")
    assert desk.simulated.account().cash_e4 == desk.cash_e4
    desk.evening(1)
    assert desk.simulated.account().cash_e4 == desk.cash_e4 + 5_000
    assert desk.simulated.move_cash(-2_000, desk.sessions[1], "second")
    assert desk.simulated.account().cash_e4 == desk.cash_e4 + 3_000
    assert not desk.simulated.move_cash(5_000, desk.sessions[1], "first")
    assert desk.simulated.account().cash_e4 == desk.cash_e4 + 3_000
    kinds = [(move.kind, move.amount_e4) for move in desk.control.truth().cash_moves]
    assert kinds == [("deposit", 5_000), ("withdrawal", -2_000)]


def test_a_reference_stands_for_one_amount_and_session(desk):
    desk.simulated.move_cash(5_000, desk.sessions[1], "first")
    for amount, row in ((5_001, 1), (5_000, 2)):
        with pytest.raises(ValueError, match="'first' is 5000"):
            desk.simulated.move_cash(amount, desk.sessions[row], "first")
    with pytest.raises(ValueError, match="other than 0"):
        desk.simulated.move_cash(0, desk.sessions[1], "second")


def test_an_error_of_the_market_passes_through_and_leaves_the_account_as_it_was(desk):
    desk.send(1, "A", 10)
    before = desk.control.truth()

    def broken(day):
        raise LookupError("no lake")

    desk.market.session = broken
    desk.evening(1)
    with pytest.raises(LookupError):
        desk.broker.holdings()
    assert desk.control.truth() == before
