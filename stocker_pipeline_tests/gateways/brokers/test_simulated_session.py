"""What a session does to the account, one statement each (ENGINE E15, E16, E21–E23, E27)."""

import pytest

from stocker_pipeline.gateways.brokers.broker import BrokerStatus
from stocker_pipeline.gateways.brokers.simulated_market import Costs
from stocker_pipeline_tests.gateways.brokers.desk import Desk, all_fills


@pytest.fixture
def desk_of(tmp_path):
    def desk(text: str, actions: str = "", **costs: float) -> Desk:
        return Desk(tmp_path / "account.db", text, actions, costs=Costs(**costs))

    return desk


def moves(desk: Desk) -> list[tuple[str, str, int]]:
    return [(move.kind, move.symbol, move.amount_e4) for move in desk.control.truth().cash_moves]


def test_a_buy_pays_more_and_a_sale_gets_less_than_the_open(desk_of):
    desk = desk_of("A B\n10 20\n10.01 20.03", slippage_bps=5)
    desk.send(1, "A", 3)
    desk.trade(1, "B", -2)
    prices = {fill.symbol: fill.price_e4 for fill in all_fills(desk.broker)}
    assert prices == {"A": 100_150, "B": 200_200}


def test_an_order_pays_its_commission_beside_the_price(desk_of):
    desk = desk_of("A\n10\n10", commission_per_order=1, commission_per_share=0.005)
    desk.trade(1, "A", 101)
    assert moves(desk) == [("trade", "A", -10_100_000), ("commission", "A", -15_050)]
    assert desk.broker.account().cash_e4 == desk.cash_e4 - 10_100_000 - 15_050


def test_an_order_gets_at_most_its_part_of_the_volume_and_the_rest_expires(desk_of):
    desk = desk_of("A\n10\n10@199", max_participation=0.1, commission_per_order=1)
    order = desk.trade(1, "A", -50)
    assert (order.status, order.filled_quantity) == (BrokerStatus.EXPIRED, -19)
    assert "not filled in full" in order.reason
    assert dict(desk.broker.holdings().quantities) == {"A": -19}


def test_a_volume_that_gives_no_share_costs_nothing(desk_of):
    desk = desk_of("A\n10\n10@9", max_participation=0.1, commission_per_order=1)
    order = desk.trade(1, "A", 50)
    assert (order.status, order.filled_quantity) == (BrokerStatus.EXPIRED, 0)
    assert (moves(desk), all_fills(desk.broker)) == ([], [])


def test_an_order_is_never_carried_to_the_next_session(desk_of):
    desk = desk_of("A B\n10 1\n- 1\n10 1")
    order = desk.trade(1, "A", 5)
    assert (order.status, order.reason) == (
        BrokerStatus.EXPIRED,
        "no trade in the symbol at this session",
    )
    desk.evening(2)
    assert all_fills(desk.broker) == []


def test_parts_of_an_order_cost_together_what_it_costs_in_one(desk_of):
    desk = desk_of("A\n10\n10", commission_per_order=0.35, commission_per_share=0.00333)
    desk.control.fill_in_parts("one", [1, 1, 5, 93])
    assert desk.trade(1, "A", 100, "one").status is BrokerStatus.FILLED
    fills = all_fills(desk.broker)
    assert [fill.quantity for fill in fills] == [1, 1, 5, 93]
    assert [fill.cumulative_quantity for fill in fills] == [1, 2, 7, 100]
    assert [fill.commission_e4 for fill in fills] == [3533, 34, 166, 3097]
    assert sum(fill.commission_e4 for fill in fills) == round((0.35 + 0.00333 * 100) * 1e4)
    assert sorted(fill.executed_at for fill in fills) == [fill.executed_at for fill in fills]
    assert len({fill.execution_id for fill in fills}) == 4


def test_a_split_multiplies_the_shares_and_pays_the_fraction_at_the_previous_mark(desk_of):
    desk = desk_of("A\n10\n10/12\n8\n8", "2 A 3:2 0")
    desk.trade(1, "A", 7)
    desk.evening(2)
    assert dict(desk.broker.holdings().quantities) == {"A": 10}
    assert moves(desk)[-1] == ("cash_in_lieu", "A", 40_000)
    assert desk.broker.account().equity_e4 == desk.cash_e4 - 7 * 100_000 + 40_000 + 10 * 80_000


def test_a_short_pays_for_its_fraction_and_its_dividend(desk_of):
    desk = desk_of("A\n10\n10\n5", "2 A 3:2 0.12345")
    desk.trade(1, "A", -3)
    desk.evening(2)
    assert dict(desk.broker.holdings().quantities) == {"A": -4}
    # 0.5 share at 10 / 1.5 dollars, then 4 shares at 0.12345.
    assert moves(desk)[1:] == [("cash_in_lieu", "A", -33_333), ("dividend", "A", -4_938)]


def test_a_position_that_a_reverse_split_leaves_without_shares_is_gone(desk_of):
    desk = desk_of("A\n1\n1\n100\n100", "2 A 1:100 0\n3 A 1 5")
    desk.trade(1, "A", 40)
    desk.evening(3)
    assert dict(desk.broker.holdings().quantities) == {}
    assert moves(desk)[1:] == [("cash_in_lieu", "A", 400_000)]


def test_actions_come_before_the_fills_of_their_session(desk_of):
    desk = desk_of("A\n10\n10\n5", "2 A 2:1 1")
    desk.trade(1, "A", 10)
    desk.trade(2, "A", 5)
    assert dict(desk.broker.holdings().quantities) == {"A": 25}
    assert ("dividend", "A", 20 * 10_000) in moves(desk)


def test_actions_take_effect_where_the_symbol_has_no_bar(desk_of):
    desk = desk_of("A B\n10 1\n10 1\n- 1\n- 1", "2 A 2:1 0\n3 A 1 0.5")
    desk.trade(1, "A", 10)
    desk.evening(3)
    assert dict(desk.broker.holdings().quantities) == {"A": 20}
    equity = desk.broker.account().equity_e4
    assert equity == desk.cash_e4 + 20 * 5_000


def test_actions_of_a_symbol_that_is_not_held_move_nothing(desk_of):
    desk = desk_of("A B\n10 1\n10 1\n5 1", "2 A 2:1 1")
    desk.trade(1, "B", 1)
    desk.evening(2)
    assert [kind for kind, _, _ in moves(desk)] == ["trade"]


def test_without_a_bar_the_last_close_is_the_mark(desk_of):
    desk = desk_of("A B\n10 1\n10/11 1\n- 1\n12/13 1")
    desk.trade(1, "A", 10)
    gains = []
    for row in (1, 2, 3):
        desk.evening(row)
        gains.append((desk.broker.account().equity_e4 - desk.cash_e4) / 1e4)
    assert gains == [10.0, 10.0, 30.0]


def test_an_order_that_would_cross_zero_at_the_open_is_canceled_with_the_reason(desk_of):
    desk = desk_of("A\n10\n10\n10")
    desk.trade(1, "A", 10)
    desk.send(2, "A", -10, "close")
    desk.control.trade_by_hand("A", -4, 100_000)
    desk.evening(2)
    order = desk.broker.order("close")
    assert (order.status, order.filled_quantity) == (BrokerStatus.CANCELED, 0)
    assert "cross zero" in order.reason
    assert dict(desk.broker.holdings().quantities) == {"A": 6}
