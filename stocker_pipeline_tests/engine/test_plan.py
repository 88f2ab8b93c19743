"""What is decided for many symbols side by side is what is decided for each alone (E17–E22)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.engine.fills import fill_commission, fill_price
from stocker_pipeline.engine.plan import (
    NO_PRICE,
    Plan,
    choose_symbols,
    empty_plan,
    plan_orders,
    price_orders,
)
from stocker_pipeline.engine.rebalance import desired_shares, order_for
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.simulate import rules_of, typed
from stocker_pipeline_tests.engine.builders import free_of_charge

TARGETS = st.floats(-1.0, 1.0) | st.sampled_from([0.0, -0.0, 0.25])
PRICES = st.floats(0.01, 10_000.0) | st.just(math.nan)
SYMBOL = st.tuples(TARGETS, st.integers(-(10**6), 10**6), PRICES, PRICES)


def rules(**changes: object) -> Rules:
    return typed(rules_of(free_of_charge(**changes), 252))


RULES = st.builds(
    rules,
    buffer=st.sampled_from([0.0, 0.1, 0.9]),
    min_notional=st.sampled_from([0.0, 50.0, 1e6]),
    flips=st.sampled_from(["single", "two_step"]),
    slippage_bps=st.sampled_from([0.0, 5.0]),
    commission_per_order=st.sampled_from([0.0, 1.0]),
    commission_per_share=st.sampled_from([0.0, 0.005]),
)


def planned(
    symbols: list[tuple[float, int, float, float]], nav: float, by: Rules, by_breaker: float = 1.0
) -> Plan:
    targets, held, references, _ = (np.array(column) for column in zip(*symbols, strict=True))
    plan = empty_plan(len(symbols), held)
    weights = np.where(np.isnan(references), np.nan, targets)
    assert plan_orders(weights, targets.astype(float), by_breaker, nav, references, by, plan)
    return plan


@given(
    st.lists(SYMBOL, min_size=1, max_size=40),
    st.floats(-1e5, 1e8),
    RULES,
    st.sampled_from([1.0, 0.5, 0.3]),
)
def test_orders_and_what_they_are_filled_at_are_those_of_each_symbol_alone(
    symbols, nav, by, by_breaker
):
    plan = planned(symbols, nav, by, by_breaker)
    opens = np.array([opening for _, _, _, opening in symbols])
    count = choose_symbols(plan, False)
    by_column = price_orders(plan, opens, by, count)
    chosen = plan.chosen[:count].tolist()
    for j, (target, held, reference, opening) in enumerate(symbols):
        order = 0
        if not math.isnan(reference):
            desired = int(desired_shares(target * by_breaker, nav, reference))
            order, _ = order_for(desired, held, reference, by)
        assert plan.order[j] == order
        assert (j in chosen) == (order != 0)
        if order:
            at = j if by_column else chosen.index(j)
            price = fill_price(opening, order, by.slippage_bps) if opening > 0 else NO_PRICE
            assert plan.price[at] == price
            assert plan.commission[at] == fill_commission(order, by)


def test_everyone_is_chosen_where_every_reason_is_wanted():
    plan = planned([(0.0, 0, 10.0, 10.0), (0.5, 0, 10.0, 10.0)], 1000.0, rules())
    assert choose_symbols(plan, True) == 2
    assert plan.chosen.tolist() == [0, 1]
    assert choose_symbols(plan, False) == 1
    assert plan.chosen[0] == 1


@pytest.mark.parametrize(("weight", "fits"), [(1.0, False), (math.nan, True)])
def test_more_shares_than_fit_are_noticed_where_there_is_a_signal(weight, fits):
    plan = empty_plan(1, np.zeros(1))
    target, reference = np.ones(1), np.full(1, 1e-5)
    assert plan_orders(np.full(1, weight), target, 1.0, 1e8, reference, rules(), plan) == fits
