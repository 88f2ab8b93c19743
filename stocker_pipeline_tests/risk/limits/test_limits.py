"""Each limit below, at and above its bound, with an input missing or NaN, for each side."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from stocker_pipeline.domain.limits import Bound, Limits
from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.risk.limits.exposure import (
    CashFloor,
    GrossExposure,
    GrossWorstCase,
    ShortExposure,
    SingleName,
)
from stocker_pipeline.risk.limits.facts import BatchAction, Facts, Judgement, Order, Quote
from stocker_pipeline.risk.limits.integrity import (
    EXACT,
    ChildrenWithinParent,
    DuplicateOrder,
    OneOrderPerSymbol,
    Restricted,
    WholeShares,
    sizes,
)
from stocker_pipeline.risk.limits.judging import (
    BATCH_LIMITS,
    INTEGRITY_LIMITS,
    ORDER_LIMITS,
    code_of,
    limit_set,
    meaning_of_limit,
)
from stocker_pipeline.risk.limits.limit import BatchLimit, OrderLimit
from stocker_pipeline.risk.limits.liquidity import MinimumAdv, MinimumPrice, Participation
from stocker_pipeline.risk.limits.price import PriceCollar, ReferenceAge, ReferenceJump
from stocker_pipeline.risk.limits.size import (
    OrderCount,
    OrderNotional,
    OrderNotionalUsd,
    SessionNotionalUsd,
    Turnover,
)

NAN = float("nan")
NAV = 10_000.0
GOOD = Quote(reference=10.0, mark=10.0, age_sessions=1, jump=0.01, adv_usd=1e7)


def facts(
    *orders: Order,
    held: Mapping[str, int] | None = None,
    quote: Quote = GOOD,
    nav: float | None = NAV,
    cash: float | None = NAV,
    **more: object,
) -> Facts:
    """A book of 10,000 dollars in which every symbol costs 10."""
    names = {order.symbol for order in orders} | set(held or {})
    return Facts(nav, cash, held or {}, dict.fromkeys(names, quote), orders, **more)  # type: ignore[arg-type]


def buy(shares: int, reference: float | None = 10.0, symbol: str = "A", order_id: str = "1"):
    return Order(symbol, shares, reference, order_id)


@dataclass(frozen=True)
class Case:
    """A limit, the orders that are below, at and above it, and a fact taken away."""

    limit: OrderLimit | BatchLimit
    below: Facts
    at: Facts
    above: Facts
    missing: Facts
    nan: Facts
    unit: str
    shown: str = ""

    def judge(self, given: Facts) -> Judgement:
        if isinstance(self.limit, OrderLimit):
            return self.limit.judge(given.orders[-1], given)
        return self.limit.judge(given)


def most(value: float) -> Bound:
    return Bound(value, value, 2 * value)


def least(value: float) -> Bound:
    return Bound(value, value, value / 2, at_least=True)


def priced(make: Callable[[float], Quote], *values: float) -> list[Facts]:
    return [facts(buy(100), quote=make(value)) for value in values]


def _cases() -> list[Case]:
    def adv(value: float) -> Quote:
        return Quote(10.0, 10.0, 1, 0.0, value)

    def age(value: float) -> Quote:
        return Quote(10.0, 10.0, value, 0.0, 1e7)  # type: ignore[arg-type]

    def jump(value: float) -> Quote:
        return Quote(10.0, 10.0, 1, value, 1e7)

    def now(value: float) -> Quote:
        return Quote(value, value, 1, 0.0, 1e7)

    unknown = Quote()
    no_mark = {"held": {"B": 5}, "quote": unknown}
    nan_mark = {"held": {"B": 5}, "quote": Quote(NAN, NAN)}
    short = {"held": {"A": -100}}
    ok = (buy(100), buy(300, symbol="B"))
    return [
        Case(
            GrossExposure(most(0.5)),
            facts(buy(499)),
            facts(buy(300), buy(100, symbol="B"), held={"B": 100}),
            facts(buy(300), buy(101, symbol="B"), held={"B": 100}),
            facts(buy(1), **no_mark),
            facts(buy(1), **nan_mark),
            "of NAV",
            "50.10% of NAV",
        ),
        Case(
            GrossWorstCase(most(0.5)),
            # Selling B is not counted on: its 100 shares stay in the sum.
            facts(buy(-100, symbol="B"), buy(399), held={"B": 100}),
            facts(buy(-100, symbol="B"), buy(400), held={"B": 100}),
            facts(buy(-100, symbol="B"), buy(401), held={"B": 100}),
            facts(buy(400), nav=None),
            facts(buy(400), nav=NAN),
            "of NAV",
        ),
        Case(
            ShortExposure(most(0.2)),
            facts(buy(-99), **short),
            facts(buy(-100), buy(50, symbol="B"), held={"A": -100, "B": -0}),
            facts(buy(-101), **short),
            facts(buy(-100), **short, nav=None),
            facts(buy(-100, NAN), quote=Quote(NAN, NAN), **short),
            "of NAV",
        ),
        Case(
            CashFloor(least(0.495)),
            facts(buy(499)),
            facts(buy(500)),
            facts(buy(501)),
            facts(buy(500), cash=None),
            facts(buy(500), cash=NAN),
            "of NAV",
        ),
        Case(
            SingleName(most(0.1)),
            facts(buy(49), held={"A": 50}),
            facts(buy(50), held={"A": 50}),
            facts(buy(51), held={"A": 50}),
            facts(buy(50, None), held={"A": 50}),
            facts(buy(50, NAN), held={"A": 50}),
            "of NAV",
            "10.10% of NAV",
        ),
        Case(
            OrderNotional(most(0.1)),
            facts(buy(99)),
            facts(buy(-100)),
            facts(buy(-101)),
            facts(buy(100), nav=None),
            facts(buy(100, NAN)),
            "of NAV",
        ),
        Case(
            OrderNotionalUsd(most(1000.0)),
            facts(buy(99)),
            facts(buy(-100)),
            facts(buy(-101)),
            facts(buy(100, None)),
            facts(buy(100, NAN)),
            "dollars",
            "1,010.00 dollars",
        ),
        Case(
            Turnover(most(0.4)),
            facts(buy(399)),
            facts(*ok),
            facts(*ok, done_notional_usd=0.5),
            facts(*ok, nav=None),
            facts(buy(100, NAN), quote=unknown),
            "of NAV",
        ),
        Case(
            SessionNotionalUsd(most(4000.0)),
            facts(buy(399)),
            facts(buy(-100), buy(300, symbol="B")),
            facts(*ok, done_notional_usd=0.5),
            facts(buy(100, None), quote=unknown),
            facts(buy(100, NAN), quote=unknown),
            "dollars",
        ),
        Case(
            OrderCount(most(2.0)),
            facts(buy(1)),
            facts(*ok),
            facts(*ok, done_orders=1),
            facts(*ok, done_orders=NAN),
            facts(*ok, done_orders=NAN),
            "orders",
        ),
        Case(
            Participation(most(0.01)),
            *priced(adv, 100_001.0, 100_000.0, 99_999.0),
            facts(buy(100), quote=unknown),
            *priced(adv, NAN),
            "of average daily volume",
        ),
        Case(
            MinimumAdv(least(5e6)),
            *priced(adv, 5_000_001.0, 5e6, 4_999_999.0),
            facts(buy(100), quote=unknown),
            *priced(adv, NAN),
            "dollars",
        ),
        Case(
            MinimumPrice(least(5.0)),
            facts(buy(1, 5.01)),
            facts(buy(-1, 5.0)),
            facts(buy(-1, 4.99)),
            facts(buy(1, None)),
            facts(buy(1, NAN)),
            "dollars",
        ),
        Case(
            ReferenceAge(most(1.0)),
            *priced(age, 0, 1, 2),
            facts(buy(100), quote=unknown),
            *priced(age, NAN),
            "sessions",
        ),
        Case(
            ReferenceJump(most(0.25)),
            *priced(jump, 0.24, -0.25, -0.26),
            facts(buy(100), quote=unknown),
            *priced(jump, NAN),
            "of the close before",
        ),
        Case(
            PriceCollar(most(0.25)),
            *priced(now, 9.0, 8.0, 7.9),
            facts(buy(100), quote=unknown),
            *priced(now, NAN),
            "of the price known now",
        ),
        Case(
            DuplicateOrder(EXACT),
            facts(buy(1), sent={("A", -1, "rebalance"): frozenset({"9"})}),
            facts(buy(1), sent={("A", 1, "rebalance"): frozenset({"1"})}),
            facts(buy(1), sent={("A", 1, "rebalance"): frozenset({"1", "9"})}),
            facts(buy(1), sent={("A", 1, "rebalance"): frozenset({"9"})}),
            facts(buy(1), sent={("A", 1, "rebalance"): frozenset({"9"})}),
            "orders sent before",
        ),
        Case(
            ChildrenWithinParent(EXACT),
            facts(buy(5), intended={"A": 9}, traded={"A": 8}),
            facts(buy(5), intended={"A": 9}, traded={"A": 9}),
            facts(buy(5), intended={"A": 9}, traded={"A": 10}),
            facts(buy(5), intended={}, traded={"A": 5}),
            # A decision on the other side is no decision of this order.
            facts(buy(5), intended={"A": -9}, traded={"A": 5}),
            "shares beyond the decision",
        ),
        Case(
            WholeShares(sizes()),
            facts(buy(1)),
            facts(buy(-(10**12))),
            facts(buy(10**12 + 1)),
            facts(buy(0)),
            facts(buy(1, NAN)),
            "shares",
        ),
        Case(
            OneOrderPerSymbol(EXACT),
            facts(),
            facts(buy(1), buy(1, symbol="B")),
            facts(buy(1), buy(-1, order_id="2")),
            facts(buy(1), buy(1)),
            facts(buy(1), buy(1)),
            "orders too many",
        ),
    ]


CASES = {case.limit.name: case for case in _cases()}


def test_every_limit_is_in_the_table():
    named = {kind.name for kind in (*ORDER_LIMITS, *BATCH_LIMITS, *INTEGRITY_LIMITS)}
    assert set(CASES) == named - {"restricted"}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("side", ["below", "at"])
def test_below_and_at_the_bound_an_order_passes(name, side):
    case = CASES[name]
    found = case.judge(getattr(case, side))
    assert found.passed, found.sentence
    assert (found.limit, found.unit) == (name, case.unit)


@pytest.mark.parametrize("name", CASES)
def test_above_the_bound_it_is_rejected_with_both_numbers(name):
    case = CASES[name]
    found = case.judge(case.above)
    assert not found.passed
    assert found.measured is not None
    assert found.bound == case.limit.numbers.value
    assert "is allowed" in found.sentence
    assert case.shown in found.sentence


@pytest.mark.parametrize("name", sorted(set(CASES) - {"duplicate_order", "one_order_per_symbol"}))
@pytest.mark.parametrize("kind", ["missing", "nan"])
def test_what_is_not_known_is_rejected_and_says_so(name, kind):
    case = CASES[name]
    found = case.judge(getattr(case, kind))
    assert not found.passed
    assert found.measured is None
    assert "is not known" in found.sentence


@pytest.mark.parametrize("name", [kind.name for kind in ORDER_LIMITS])
@pytest.mark.parametrize("held", [1000, -1000])
@pytest.mark.parametrize("part", [1, 1000])
def test_no_limit_on_exposure_stops_an_order_that_only_reduces(name, held, part):
    limit = CASES[name].limit
    assert isinstance(limit, OrderLimit)
    order = buy(-part if held > 0 else part, None)
    given = facts(order, held={"A": held}, quote=Quote(), nav=None)
    assert limit.judge(order, given).passed


@pytest.mark.parametrize("name", [kind.name for kind in ORDER_LIMITS])
@pytest.mark.parametrize(("held", "shares"), [(5, -6), (-5, 6), (0, 1), (0, -1), (5, 1), (-5, -1)])
def test_an_order_that_opens_enlarges_or_crosses_zero_is_judged(name, held, shares):
    limit = CASES[name].limit
    assert isinstance(limit, OrderLimit)
    order = buy(shares, None)
    assert not limit.judge(order, facts(order, held={"A": held}, quote=Quote(), nav=None)).passed


@pytest.mark.parametrize("kind", BATCH_LIMITS)
@pytest.mark.parametrize(("held", "shares"), [(5, -5), (-5, 5), (5, -1)])
def test_no_batch_limit_stops_an_order_that_only_reduces(kind, held, shares):
    order = buy(shares)
    assert not CASES[kind.name].limit.binds(order, facts(order, held={"A": held}))


@pytest.mark.parametrize(
    ("action", "bought", "sold_short"),
    [
        (BatchAction.DROP_INCREASES, True, True),
        (BatchAction.DROP_BUYS, True, False),
        (BatchAction.DROP_SHORT_SALES, False, True),
        (BatchAction.HALT_BATCH, True, True),
    ],
)
def test_a_batch_limit_stops_what_its_action_names(action, bought, sold_short):
    limits = [kind for kind in (*BATCH_LIMITS, OneOrderPerSymbol) if kind.action is action]
    assert limits
    assert action.meaning
    for kind in limits:
        limit = kind(most(1.0))
        assert limit.binds(buy(1), facts()) is bought
        assert limit.binds(buy(-1), facts()) is sold_short


def test_restricted_symbols_are_not_even_closed():
    limit = Restricted(EXACT, frozenset({"A"}))
    closing = buy(-5)
    assert not limit.judge(closing, facts(closing, held={"A": 5})).passed
    assert limit.judge(buy(5, symbol="B"), facts()).passed


def test_the_position_counts_what_works_beside_an_order():
    limit = SingleName(most(0.1))
    first, second = buy(60, order_id="1"), buy(60, order_id="2")
    assert limit.judge(first, facts(first)).passed
    assert not limit.judge(first, facts(first, second)).passed


@pytest.mark.parametrize("nav", [0.0, -5.0, math.inf])
def test_of_a_book_worth_nothing_nothing_is_a_multiple(nav):
    assert not SingleName(most(0.1)).judge(buy(1), facts(buy(1), nav=nav)).passed


PARAMETERS = PortfolioParameters()
BOUNDS = Limits().bounds(PARAMETERS, 100_000.0, 5)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_ceiling_is_twice_the_default_or_for_a_least_value_half(name):
    bound = BOUNDS[name]
    if name == "cash_floor":
        # Of a negative number: the cash left when exposure is at its own ceiling.
        assert bound.ceiling == pytest.approx(1 - 2 * (1 - bound.default))
    elif bound.at_least:
        assert bound.ceiling == bound.default / 2
    else:
        assert bound.ceiling == 2 * bound.default


def test_every_limit_with_a_number_has_a_bound_and_every_bound_a_limit():
    made = limit_set(BOUNDS)
    numbered = {kind.name for kind in (*ORDER_LIMITS, *BATCH_LIMITS)}
    assert numbered == set(BOUNDS) == set(Limits.model_fields) - {"restricted"}
    assert len(made.of_orders) + len(made.of_batches) == len(numbered) + len(INTEGRITY_LIMITS)
    for limit in (*made.of_orders, *made.of_batches):
        assert limit.ceiling == limit.numbers.ceiling
        assert limit.default == limit.numbers.default
        assert meaning_of_limit(code_of(limit.name))
    with pytest.raises(KeyError):
        limit_set({name: bound for name, bound in BOUNDS.items() if name != "turnover"})


def test_the_defaults_never_contradict_the_parameters():
    for single, gross, buffer, flips in (
        (0.35, 1.5, 0.10, "two_step"),
        (1.0, 1.0, 0.0, "single"),
        (0.02, 0.5, 0.5, "two_step"),
        (3.0, 3.0, 0.2, "single"),
    ):
        wide = PortfolioParameters(single_cap=single, gross_cap=gross, buffer=buffer, flips=flips)
        found = {name: one.value for name, one in Limits().bounds(wide, 1e5, 5).items()}
        assert found["single_name"] >= single
        assert found["order_notional"] >= single * (2 if flips == "single" else 1)
        assert found["gross_exposure"] >= gross
        assert found["turnover"] >= 2 * gross
        assert found["gross_worst_case"] >= 2 * gross
        assert found["cash_floor"] <= min(0.005, 1 - gross)


def test_what_the_yaml_says_holds_and_the_rest_has_its_default():
    found = Limits(turnover=0.25, minimum_price_usd=10.0).bounds(PARAMETERS, 1e5, 5)
    assert (found["turnover"].value, found["turnover"].default) == (0.25, BOUNDS["turnover"].value)
    assert found["minimum_price_usd"].value == 10.0
    assert found["single_name"] == BOUNDS["single_name"]


@pytest.mark.parametrize(
    ("now", "passed"), [(9.7, False), (9.71, True), (10.3, True), (10.4, False)]
)
def test_a_price_may_have_moved_to_either_side_by_the_collar(now, passed):
    given_facts = facts(buy(1), quote=Quote(now, now, 1, 0.0, 1e7))
    assert PriceCollar(most(0.03)).judge(given_facts.orders[0], given_facts).passed is passed
