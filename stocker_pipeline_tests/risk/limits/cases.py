"""Each limit with orders below, at and above its bound, and with a fact missing or NaN."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stocker_pipeline.domain.limits import Bound
from stocker_pipeline.risk.limits.exposure import (
    CashFloor,
    GrossExposure,
    GrossWorstCase,
    ShortExposure,
    SingleName,
)
from stocker_pipeline.risk.limits.facts import Facts, Judgement, Order, Quote
from stocker_pipeline.risk.limits.integrity import (
    EXACT,
    ChildrenWithinParent,
    DuplicateOrder,
    OneOrderPerSymbol,
    WholeShares,
    sizes,
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


def adv(value: float) -> Quote:
    return Quote(10.0, 10.0, 1, 0.0, value)


def age(value: float) -> Quote:
    return Quote(10.0, 10.0, value, 0.0, 1e7)  # type: ignore[arg-type]


def jump(value: float) -> Quote:
    return Quote(10.0, 10.0, 1, value, 1e7)


def now(value: float) -> Quote:
    return Quote(value, value, 1, 0.0, 1e7)


UNKNOWN = Quote()
NO_MARK = {"held": {"B": 5}, "quote": UNKNOWN}
NAN_MARK = {"held": {"B": 5}, "quote": Quote(NAN, NAN)}
SHORT = {"held": {"A": -100}}
TWO = (buy(100), buy(300, symbol="B"))

OF_EXPOSURE = (
    Case(
        GrossExposure(most(0.5)),
        facts(buy(499)),
        facts(buy(300), buy(100, symbol="B"), held={"B": 100}),
        facts(buy(300), buy(101, symbol="B"), held={"B": 100}),
        facts(buy(1), **NO_MARK),
        facts(buy(1), **NAN_MARK),
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
        facts(buy(-99), **SHORT),
        facts(buy(-100), buy(50, symbol="B"), held={"A": -100, "B": -0}),
        facts(buy(-101), **SHORT),
        facts(buy(-100), **SHORT, nav=None),
        facts(buy(-100, NAN), quote=Quote(NAN, NAN), **SHORT),
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
)
OF_SIZE = (
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
        facts(*TWO),
        facts(*TWO, done_notional_usd=0.5),
        facts(*TWO, nav=None),
        facts(buy(100, NAN), quote=UNKNOWN),
        "of NAV",
    ),
    Case(
        SessionNotionalUsd(most(4000.0)),
        facts(buy(399)),
        facts(buy(-100), buy(300, symbol="B")),
        facts(*TWO, done_notional_usd=0.5),
        facts(buy(100, None), quote=UNKNOWN),
        facts(buy(100, NAN), quote=UNKNOWN),
        "dollars",
    ),
    Case(
        OrderCount(most(2.0)),
        facts(buy(1)),
        facts(*TWO),
        facts(*TWO, done_orders=1),
        facts(*TWO, done_orders=NAN),
        facts(*TWO, done_orders=NAN),
        "orders",
    ),
)
OF_LIQUIDITY = (
    Case(
        Participation(most(0.01)),
        *priced(adv, 100_001.0, 100_000.0, 99_999.0),
        facts(buy(100), quote=UNKNOWN),
        *priced(adv, NAN),
        "of average daily volume",
    ),
    Case(
        MinimumAdv(least(5e6)),
        *priced(adv, 5_000_001.0, 5e6, 4_999_999.0),
        facts(buy(100), quote=UNKNOWN),
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
)
OF_PRICE = (
    Case(
        ReferenceAge(most(1.0)),
        *priced(age, 0, 1, 2),
        facts(buy(100), quote=UNKNOWN),
        *priced(age, NAN),
        "sessions",
    ),
    Case(
        ReferenceJump(most(0.25)),
        *priced(jump, 0.24, -0.25, -0.26),
        facts(buy(100), quote=UNKNOWN),
        *priced(jump, NAN),
        "of the close before",
    ),
    Case(
        PriceCollar(most(0.25)),
        *priced(now, 9.0, 8.0, 7.9),
        facts(buy(100), quote=UNKNOWN),
        *priced(now, NAN),
        "of the price known now",
    ),
)
OF_INTEGRITY = (
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
)
CASES = {
    case.limit.name: case
    for case in (*OF_EXPOSURE, *OF_SIZE, *OF_LIQUIDITY, *OF_PRICE, *OF_INTEGRITY)
}
