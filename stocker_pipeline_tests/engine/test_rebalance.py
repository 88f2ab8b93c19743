"""When there is an order and when there is none (ENGINE E17–E23), and which code says so."""

import pytest

from stocker_pipeline.engine.fills import fill_commission, fill_price, fill_quantity
from stocker_pipeline.engine.rebalance import Decision, desired_shares, order_for
from stocker_pipeline.engine.simulate import rules_of
from stocker_pipeline.engine.tables import decisions_table, orders_table
from stocker_pipeline_tests.engine.builders import free_of_charge, market, run


def rules(**changes: object):
    return rules_of(free_of_charge(**changes), 252)


@pytest.mark.parametrize(
    ("desired", "held", "changes", "order", "decision"),
    [
        (10, 10, {}, 0, Decision.AT_TARGET),
        (112, 100, {"buffer": 0.1}, 12, Decision.INCREASE),
        (111, 100, {"buffer": 0.1}, 0, Decision.WITHIN_BUFFER),
        (90, 100, {"buffer": 0.1}, 0, Decision.WITHIN_BUFFER),
        (89, 100, {"buffer": 0.1}, -11, Decision.REDUCE),
        (0, 1, {"buffer": 0.9}, -1, Decision.CLOSE),
        (1, -1, {"buffer": 0.99}, 2, Decision.FLIP),
        (1, -1, {"flips": "two_step"}, 1, Decision.FLIP_CLOSE_FIRST),
        (5, 0, {"min_notional": 51}, 0, Decision.BELOW_MIN_NOTIONAL),
        (5, 0, {"min_notional": 50}, 5, Decision.OPEN),
        # The whole delta is tested; the cut order is not tested again.
        (4, -1, {"min_notional": 50, "flips": "two_step"}, 1, Decision.FLIP_CLOSE_FIRST),
    ],
)
def test_an_order_follows_from_target_position_and_rules(desired, held, changes, order, decision):
    assert order_for(desired, held, 10.0, rules(**changes)) == (order, decision)


@pytest.mark.parametrize("min_notional", [0, 50])
def test_a_change_of_unknown_worth_is_not_ordered(min_notional):
    quantity, decision = order_for(10, 0, float("nan"), rules(min_notional=min_notional))
    assert (quantity, decision) == (0, Decision.BELOW_MIN_NOTIONAL)


def test_shares_are_truncated_toward_zero_and_none_are_wanted_without_money():
    assert [desired_shares(x, 1000.0, 30.0) for x in (0.5, -0.5)] == [16.0, -16.0]
    assert desired_shares(0.5, 0.0, 30.0) == 0.0
    assert desired_shares(0.5, -10.0, 30.0) == 0.0


def test_slippage_is_against_the_order_and_prices_are_rounded_half_even():
    assert fill_price(100.0, 1, 5.0) == 1_000_500
    assert fill_price(100.0, -1, 5.0) == 999_500
    assert fill_price(0.00005, 1, 0.0) == 0


@pytest.mark.parametrize(
    ("quantity", "volume", "limit", "filled"),
    [
        (100, 1000.0, None, 100),
        (100, 1000.0, 0.05, 50),
        (-100, 1000.0, 0.05, -50),
        (100, float("nan"), 0.05, 0),
        (100, 0.0, 0.05, 0),
        (100, 19.0, 0.05, 0),
    ],
)
def test_volume_limits_what_is_filled(quantity, volume, limit, filled):
    participation = float("nan") if limit is None else limit
    assert fill_quantity(quantity, volume, participation) == filled


def test_commission_is_per_order_and_per_share():
    charged = rules(commission_per_order=1.0, commission_per_share=0.005)
    assert fill_commission(-250, charged) == 22_500


def test_an_order_without_a_bar_at_its_session_is_cancelled_and_not_carried():
    panel = market("A B\n10 1\n- 1\n10 1")
    result = run(panel, "1 .\n. .")
    rows = orders_table(result).to_pylist()
    assert [(row["quantity"], row["filled"], row["status"]) for row in rows] == [
        (100, 0, "CANCELLED")
    ]
    assert result.record.quantity[:, 0].tolist() == [0, 0]


def test_every_silence_has_a_reason_that_a_person_can_read():
    panel = market("A B C\n10 - 5\n10 - -\n10 7 5\n10 7 5")
    result = run(panel, "1 . .\n1 . .\n1 . .")
    rows = decisions_table(result, required_bars=3).to_pylist()
    reasons = {(str(row["session"]), row["symbol"]): row["decision"] for row in rows}
    assert reasons["2020-01-03", "B"] == "NOT_LISTED"
    assert reasons["2020-01-06", "C"] == "NO_PREVIOUS_BAR"
    assert reasons["2020-01-07", "B"] == "SHORT_HISTORY"
    assert reasons["2020-01-06", "A"] == "AT_TARGET"
    assert all(Decision[reason].meaning for reason in reasons.values())


def test_a_held_symbol_that_left_the_universe_is_closed_when_it_has_a_bar():
    import numpy as np

    from stocker_pipeline.engine.simulate import OpeningBook, simulate

    panel = market("A\n10\n10\n-\n10\n10")
    member = np.array([[True], [True], [False], [False], [False]])
    leaving = panel.market._replace(member=member)
    changed = type(panel)(panel.symbols, panel.sessions, panel.index, leaving)
    weights = np.array([[np.nan], [1.0], [np.nan], [np.nan], [np.nan]])
    result = simulate(changed, weights, rules(), OpeningBook.of_cash(10**7), first=1, last=4)
    rows = orders_table(result).to_pylist()
    assert [(str(row["session"]), row["decision"], row["status"]) for row in rows] == [
        ("2020-01-03", "OPEN", "FILLED"),
        ("2020-01-06", "LEFT_UNIVERSE", "CANCELLED"),
        ("2020-01-08", "LEFT_UNIVERSE", "FILLED"),
    ]
