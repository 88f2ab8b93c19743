"""All limits of a portfolio, and what they leave of a set of orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stocker_pipeline.domain.limits import Bound
from stocker_pipeline.risk.limits.exposure import (
    CashFloor,
    GrossExposure,
    GrossWorstCase,
    ShortExposure,
    SingleName,
)
from stocker_pipeline.risk.limits.facts import (
    CODE_PREFIX,
    Facts,
    Judgement,
    Order,
)
from stocker_pipeline.risk.limits.integrity import (
    EXACT,
    ChildrenWithinParent,
    DuplicateOrder,
    OneOrderPerSymbol,
    Restricted,
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

ORDER_LIMITS: tuple[type[OrderLimit], ...] = (
    SingleName,
    OrderNotional,
    OrderNotionalUsd,
    Participation,
    MinimumPrice,
    MinimumAdv,
    ReferenceAge,
    ReferenceJump,
    PriceCollar,
)
"""Limits on one order that have a number in the YAML."""
BATCH_LIMITS: tuple[type[BatchLimit], ...] = (
    GrossExposure,
    GrossWorstCase,
    ShortExposure,
    CashFloor,
    Turnover,
    SessionNotionalUsd,
    OrderCount,
)
"""Limits on a session's orders that have a number in the YAML."""
INTEGRITY_LIMITS: tuple[type[OrderLimit] | type[BatchLimit], ...] = (
    Restricted,
    WholeShares,
    DuplicateOrder,
    ChildrenWithinParent,
    OneOrderPerSymbol,
)
"""Limits without a number of their own."""


@dataclass(frozen=True)
class LimitSet:
    """Every limit that holds in a portfolio."""

    of_orders: tuple[OrderLimit, ...]
    of_batches: tuple[BatchLimit, ...]


@dataclass(frozen=True)
class Suppressed:
    """An order that a limit stopped, or cut to the part that closes a position.

    Attributes:
        left: Signed shares that are ordered nevertheless.
        judgements: Of every limit that it broke, in the order of the limits.
    """

    order: Order
    left: int
    judgements: tuple[Judgement, ...]

    @property
    def code(self) -> str:
        """The decision of the order's row."""
        return code_of(self.judgements[0].limit)

    @property
    def words(self) -> str:
        """Which limits stopped it, with their numbers."""
        return "; ".join(f"limit {found.limit}: {found.sentence}" for found in self.judgements)


def limit_set(bounds: Mapping[str, Bound], restricted: Sequence[str] = ()) -> LimitSet:
    """The limits of a portfolio by ``Limits.bounds`` and its restricted symbols.

    Raises:
        KeyError: A limit has no bound: none is left out silently.
    """
    return LimitSet(
        (
            Restricted(EXACT, frozenset(restricted)),
            WholeShares(sizes()),
            DuplicateOrder(EXACT),
            ChildrenWithinParent(EXACT),
            *(kind(bounds[kind.name]) for kind in ORDER_LIMITS),
        ),
        (OneOrderPerSymbol(EXACT), *(kind(bounds[kind.name]) for kind in BATCH_LIMITS)),
    )


def suppress(facts: Facts, limits: LimitSet) -> list[Suppressed]:
    """What the limits take from the orders of ``facts`` after sizing, by symbol.

    First each order on its own, then all that are left together, until no limit takes more. An
    order that crosses zero is cut to its closing part where a limit on exposure stops it.
    """
    left = dict(enumerate(facts.orders))
    found: dict[int, list[Judgement]] = {}
    for index, order in enumerate(facts.orders):
        broken = _broken_alone(order, facts, limits)
        if broken:
            found[index] = broken
            _cut(left, index, facts, limits)
    while (batch := _broken_batch(left, facts, limits)) is not None:
        judged, stopped = batch
        for index in stopped:
            found.setdefault(index, []).append(judged)
            _cut(left, index, facts, limits)
    made = [
        Suppressed(
            facts.orders[index], left[index].quantity if index in left else 0, tuple(judgements)
        )
        for index, judgements in found.items()
    ]
    return sorted(made, key=lambda item: item.order.symbol)


def broken_at_gate(order: Order, facts: Facts, limits: LimitSet) -> list[Judgement]:
    """What stops one order of ``facts`` at the last gate; empty where it may go.

    The orders of ``facts`` are all that work, this one among them.
    """
    judged = [limit.judge(order, facts) for limit in limits.of_orders]
    judged += [limit.judge(facts) for limit in limits.of_batches if limit.binds(order, facts)]
    return [found for found in judged if not found.passed]


def code_of(limit: str) -> str:
    """The decision of an order that a limit stopped."""
    return CODE_PREFIX + limit.upper()


def meaning_of_limit(code: str) -> str | None:
    """One sentence for such a decision; None where the code is no limit's."""
    for kind in (*ORDER_LIMITS, *BATCH_LIMITS, *INTEGRITY_LIMITS):
        if code == code_of(kind.name):
            words = kind.name.removesuffix("_usd").replace("_", " ")
            return f"the limit on {words} stopped the order"
    return None


def _broken_alone(order: Order, facts: Facts, limits: LimitSet) -> list[Judgement]:
    judged = [limit.judge(order, facts) for limit in limits.of_orders if not limit.last_gate_only]
    return [found for found in judged if not found.passed]


def _broken_batch(
    left: Mapping[int, Order], facts: Facts, limits: LimitSet
) -> tuple[Judgement, list[int]] | None:
    """The first limit that is broken by what is left and stops some of it."""
    rest = facts.with_orders(tuple(left.values()))
    for limit in limits.of_batches:
        judged = limit.judge(rest)
        stopped = [index for index, order in left.items() if limit.binds(order, facts)]
        if not judged.passed and stopped:
            return judged, stopped
    return None


def _cut(left: dict[int, Order], index: int, facts: Facts, limits: LimitSet) -> None:
    """Leave the closing part of an order that crosses zero, if that may be ordered; else none."""
    order = left.pop(index)
    closing = facts.closing_part(order)
    if closing:
        part = replace(order, quantity=closing)
        if not _broken_alone(part, facts, limits):
            left[index] = part
