"""Each limit below, at and above its bound, with an input missing or NaN, for each side."""

import math

import pytest

from stocker_pipeline.domain.limits import Limits
from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.risk.limits.exposure import (
    SingleName,
)
from stocker_pipeline.risk.limits.facts import BatchAction, Quote
from stocker_pipeline.risk.limits.integrity import (
    EXACT,
    OneOrderPerSymbol,
    Restricted,
)
from stocker_pipeline.risk.limits.judging import (
    BATCH_LIMITS,
    INTEGRITY_LIMITS,
    ORDER_LIMITS,
    code_of,
    limit_set,
    meaning_of_limit,
)
from stocker_pipeline.risk.limits.limit import OrderLimit
from stocker_pipeline.risk.limits.price import PriceCollar
from stocker_pipeline_tests.risk.limits.cases import (
    CASES,
    buy,
    facts,
    most,
)


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
