"""What the limits leave of a set of orders: each alone, then together, and always what reduces."""

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.domain.limits import CUSHION, Bound, Limits
from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.risk.limits.facts import Facts, Order, Quote
from stocker_pipeline.risk.limits.judging import LimitSet, broken_at_gate, limit_set, suppress
from stocker_pipeline_tests.effort import examples

NAV = 10_000.0
QUOTE = Quote(reference=10.0, mark=10.0, age_sessions=1, jump=0.0, adv_usd=1e9)
WIDE = {name: Bound(1e9, 1e9, 1e9) for name in Limits.model_fields if name != "restricted"} | {
    name: Bound(-1e9, -1e9, -1e9, at_least=True)
    for name in ("cash_floor", "minimum_price_usd", "minimum_adv_usd")
}


def with_limits(*restricted: str, **values: float) -> LimitSet:
    """Limits that stop nothing but what is named here."""
    named = {
        name: Bound(value, value, value, WIDE[name].at_least) for name, value in values.items()
    }
    return limit_set(WIDE | named, restricted)


def facts(
    orders: Mapping[str, int], held: Mapping[str, int] | None = None, cash: float = NAV
) -> Facts:
    names = {*orders, *(held or {})}
    return Facts(
        NAV,
        cash,
        held or {},
        dict.fromkeys(names, QUOTE),
        tuple(Order(symbol, count, 10.0, symbol) for symbol, count in orders.items()),
    )


def left(given_facts: Facts, limits: LimitSet) -> dict[str, int]:
    """Shares that are still ordered, by symbol."""
    found = {order.symbol: order.quantity for order in given_facts.orders}
    found |= {stopped.order.symbol: stopped.left for stopped in suppress(given_facts, limits)}
    return {symbol: count for symbol, count in found.items() if count}


def test_what_breaks_no_limit_is_left_as_it_is():
    assert suppress(facts({"A": 10, "B": -10}), with_limits()) == []


def test_one_order_that_is_too_large_goes_and_the_others_stay():
    given_facts = facts({"A": 10, "B": 30, "C": 5})
    (stopped,) = suppress(given_facts, with_limits(order_notional_usd=200.0))
    assert (stopped.order.symbol, stopped.left, stopped.code) == (
        "B",
        0,
        "LIMIT_ORDER_NOTIONAL_USD",
    )
    assert "300.00 dollars, at most 200.00 dollars" in stopped.words


def test_every_limit_that_an_order_breaks_is_named():
    limits = with_limits(order_notional_usd=200.0, single_name=0.01)
    (stopped,) = suppress(facts({"A": 30}), limits)
    assert [found.limit for found in stopped.judgements] == ["single_name", "order_notional_usd"]


@pytest.mark.parametrize(
    ("limit", "bound", "kept"),
    [
        ("gross_exposure", 0.05, {"C": -5}),
        ("gross_worst_case", 0.05, {"C": -5}),
        ("turnover", 0.01, {"C": -5}),
        ("session_notional_usd", 100.0, {"C": -5}),
        ("order_count", 1.0, {"C": -5}),
        ("cash_floor", 1.0, {"B": -20, "C": -5}),
        ("short_exposure", 0.01, {"A": 10, "C": -5}),
    ],
)
def test_a_broken_batch_loses_what_the_limit_names_and_keeps_what_reduces(limit, bound, kept):
    # A is bought, B sold short, of C a part is sold.
    given_facts = facts({"A": 10, "B": -20, "C": -5}, held={"C": 50}, cash=NAV - 500.0)
    assert left(given_facts, with_limits(**{limit: bound})) == kept


def test_two_orders_of_a_symbol_halt_the_batch_closing_orders_too():
    orders = (Order("A", 5, 10.0, "1"), Order("A", 5, 10.0, "2"), Order("B", -5, 10.0, "3"))
    given_facts = facts({"A": 5}, held={"B": 5}).with_orders(orders)
    stopped = suppress(given_facts, with_limits())
    assert [found.left for found in stopped] == [0, 0, 0]
    assert {found.code for found in stopped} == {"LIMIT_ONE_ORDER_PER_SYMBOL"}


@pytest.mark.parametrize("held", [20, -20])
@pytest.mark.parametrize(
    "limit", [{"order_notional_usd": 250.0}, {"gross_exposure": 0.01}, {"turnover": 0.02}]
)
def test_an_order_that_crosses_zero_is_cut_to_the_part_that_closes(held, limit):
    (stopped,) = suppress(facts({"A": -2 * held}, held={"A": held}), with_limits(**limit))
    assert stopped.left == -held


def test_a_book_without_short_positions_sells_no_more_than_it_holds():
    given_facts = facts({"A": -40, "B": -1, "C": -20}, held={"A": 20, "C": 20})
    assert left(given_facts, with_limits(short_exposure=0.0)) == {"A": -20, "C": -20}


def test_of_a_restricted_symbol_not_even_the_closing_part_is_left():
    (stopped,) = suppress(facts({"A": -40}, held={"A": 20}), with_limits("A"))
    assert stopped.left == 0


def test_what_a_limit_drops_counts_for_no_other_limit():
    # Without B, which is too large alone, A and C fit under the turnover.
    given_facts = facts({"A": 10, "B": 90, "C": 10})
    assert left(given_facts, with_limits(order_notional=0.05, turnover=0.02)) == {"A": 10, "C": 10}


def test_short_sales_that_are_dropped_bring_no_cash_for_buys():
    given_facts = facts({"A": 10, "B": -10}, cash=50.0)
    assert left(given_facts, with_limits(cash_floor=0.0)) == {"A": 10, "B": -10}
    assert left(given_facts, with_limits(cash_floor=0.0, short_exposure=0.0)) == {}


def test_an_order_without_a_price_takes_no_closing_order_with_it():
    orders = (Order("A", 5, float("nan"), "1"), Order("B", -5, None, "2"))
    given_facts = Facts(NAV, NAV, {"B": 5}, {"B": QUOTE}, orders)
    assert [found.order.symbol for found in suppress(given_facts, with_limits())] == ["A"]


@pytest.mark.parametrize("nav", [None, float("nan"), 0.0, -1.0])
def test_without_a_value_of_the_book_only_what_reduces_is_ordered(nav):
    made = facts({"A": 10, "B": -5}, held={"B": 5})
    broke = Facts(nav, made.cash, made.held, made.market, made.orders)
    assert left(broke, limit_set(bounds())) == {"B": -5}


def test_the_last_gate_asks_every_limit_about_the_one_order():
    made = replace(facts({"A": 60, "B": 50}), intended={"A": 60, "B": 50})
    limits = with_limits(gross_exposure=0.1, price_collar=0.03)
    (order, _) = made.orders
    assert [found.limit for found in broken_at_gate(order, made, limits)] == ["gross_exposure"]
    moved = Facts(NAV, NAV, {}, {"A": Quote(9.0, 9.0, 1, 0.0, 1e9)}, (order,), intended={"A": 60})
    assert [found.limit for found in broken_at_gate(order, moved, limits)] == ["price_collar"]


def bounds() -> dict[str, Bound]:
    return dict(Limits().bounds(PortfolioParameters(), NAV, 5))


SYMBOLS = ("A", "B", "C", "D", "E", "F")
prices = st.sampled_from([0.01, 4.99, 5.0, 17.0, 250.0, math.nan])
shares = st.integers(-2000, 2000)
quotes = st.builds(
    Quote,
    reference=prices,
    mark=prices,
    age_sessions=st.sampled_from([1, 1, 2, None]),
    jump=st.sampled_from([0.0, 0.3, math.nan]),
    adv_usd=st.sampled_from([1e9, 1e6, math.nan]),
)


@st.composite
def sessions(draw: st.DrawFn) -> Facts:
    """Any book and orders, with all that may be missing or wrong."""
    market = {symbol: draw(quotes) for symbol in SYMBOLS}
    held = draw(st.dictionaries(st.sampled_from(SYMBOLS), shares.filter(bool)))
    wanted = draw(st.dictionaries(st.sampled_from(SYMBOLS), shares.filter(bool)))
    orders = tuple(
        Order(symbol, count, market[symbol].reference, symbol) for symbol, count in wanted.items()
    )
    nav, cash = draw(st.sampled_from([NAV, 1e6, 0.0, math.nan])), draw(st.sampled_from([NAV, -1e5]))
    return Facts(nav, cash, held, market, orders)


@settings(max_examples=examples(60, 200), deadline=None)
@given(given_facts=sessions())
def test_no_set_that_passes_breaks_a_limit_when_it_is_executed_at_the_reference(
    given_facts: Facts,
):
    """Executed by arithmetic of its own; a session of reductions alone may stay where it was."""
    numbers = {name: bound.value for name, bound in bounds().items()}
    kept = left(given_facts, limit_set(bounds()))
    held, market = given_facts.held, given_facts.market
    assert all(
        kept[order.symbol] * order.quantity > 0
        for order in given_facts.orders
        if order.symbol in kept
    )
    rising = {
        symbol: count
        for symbol, count in kept.items()
        if not (held.get(symbol, 0) * count < 0 and abs(count) <= abs(held[symbol]))
    }
    if not rising:
        return
    after = {symbol: held.get(symbol, 0) + kept.get(symbol, 0) for symbol in SYMBOLS}
    price = {
        symbol: quote.reference if math.isfinite(quote.reference or math.nan) else quote.mark
        for symbol, quote in market.items()
    }
    nav = given_facts.nav
    assert nav is not None
    assert nav > 0
    worth = {symbol: abs(count) * price[symbol] for symbol, count in after.items() if count}
    assert sum(worth.values()) / nav <= numbers["gross_exposure"] + 1e-9
    traded = {symbol: abs(count) * price[symbol] for symbol, count in kept.items()}
    assert sum(traded.values()) / nav <= numbers["turnover"] + 1e-9
    assert sum(traded.values()) <= numbers["session_notional_usd"] + 1e-6
    assert len(kept) <= numbers["order_count"]
    for symbol in rising:
        quote = market[symbol]
        assert worth[symbol] / nav <= numbers["single_name"] + 1e-9
        assert traded[symbol] / nav <= numbers["order_notional"] + 1e-9
        assert price[symbol] >= 5.0
        assert abs(quote.jump or 0.0) <= 0.25
        assert quote.age_sessions == 1
        assert traded[symbol] <= 0.01 * quote.adv_usd
    cash = given_facts.cash - sum(
        count * price[symbol] * (1 + math.copysign(CUSHION, count))
        for symbol, count in kept.items()
    )
    if any(count > 0 for count in rising.values()):
        assert cash / nav >= numbers["cash_floor"] - 1e-9


@settings(max_examples=examples(40, 100), deadline=None)
@given(given_facts=sessions())
def test_an_order_that_only_reduces_is_always_left(given_facts: Facts):
    kept = left(given_facts, limit_set(bounds()))
    for order in given_facts.orders:
        if given_facts.reduces(order):
            assert kept[order.symbol] == order.quantity
