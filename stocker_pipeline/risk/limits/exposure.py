"""Limits on what the book holds after its orders: gross, short, one name, cash."""

from collections.abc import Callable

from stocker_pipeline.domain.limits import CUSHION
from stocker_pipeline.risk.limits.facts import BatchAction, Facts, Judgement, Order, known
from stocker_pipeline.risk.limits.limit import BatchLimit, OrderLimit

_NAV = "of NAV"


class GrossExposure(BatchLimit):
    """Sum of absolute positions over NAV if every order fills."""

    name, unit = "gross_exposure", _NAV
    action = BatchAction.DROP_INCREASES

    def judge(self, facts: Facts) -> Judgement:
        """See ``BatchLimit``."""
        dollars = _sum(facts, lambda held, ordered: abs(held + ordered))
        return self._judged(facts.of_nav(dollars), "gross exposure after all orders")


class GrossWorstCase(BatchLimit):
    """The same if every order that enlarges a position fills and no other one does."""

    name, unit = "gross_worst_case", _NAV
    action = BatchAction.DROP_INCREASES

    def judge(self, facts: Facts) -> Judgement:
        """See ``BatchLimit``."""
        dollars = _sum(facts, lambda held, ordered: max(abs(held), abs(held + ordered)))
        return self._judged(facts.of_nav(dollars), "gross exposure if only increases fill")


class ShortExposure(BatchLimit):
    """Sum of short positions over NAV if every sale fills and no buy does."""

    name, unit = "short_exposure", _NAV
    action = BatchAction.DROP_SHORT_SALES

    def judge(self, facts: Facts) -> Judgement:
        """See ``BatchLimit``."""
        dollars = _sum(facts, lambda held, ordered: max(0, -min(held, held + ordered)))
        return self._judged(facts.of_nav(dollars), "short exposure if only sales fill")


class CashFloor(BatchLimit):
    """Cash over NAV after all orders, buys a cushion dearer and sales a cushion cheaper."""

    name, unit = "cash_floor", _NAV
    action = BatchAction.DROP_BUYS

    def judge(self, facts: Facts) -> Judgement:
        """See ``BatchLimit``."""
        left = known(facts.cash)
        for order in facts.orders:
            price = facts.price(order)
            if left is None or price is None:
                left = None
                break
            worse = 1 + CUSHION if order.quantity > 0 else 1 - CUSHION
            left -= order.quantity * price * worse
        return self._judged(facts.of_nav(left), "cash after all orders at 1% worse prices")


class SingleName(OrderLimit):
    """Absolute position in one symbol over NAV, after its orders that enlarge it."""

    name, unit = "single_name", _NAV

    def _of(self, order: Order, facts: Facts) -> Judgement:
        others = [o for o in facts.orders if o.symbol == order.symbol and not _same(o, order)]
        held = facts.held.get(order.symbol, 0) + order.quantity
        # What works beside it is counted where it makes the position larger.
        held += sum(o.quantity for o in others if o.quantity * order.quantity > 0)
        price = known(order.reference)
        dollars = None if price is None else abs(held) * price
        return self._judged(facts.of_nav(dollars), f"the position in {order.symbol}")


def _same(one: Order, other: Order) -> bool:
    return one is other or (one.order_id == other.order_id and one == other)


def _sum(facts: Facts, shares: Callable[[int, int], int]) -> float | None:
    """Dollars over all symbols; None where a position or an order has no price."""
    ordered: dict[str, int] = {}
    price: dict[str, float | None] = {}
    for order in facts.orders:
        ordered[order.symbol] = ordered.get(order.symbol, 0) + order.quantity
        price[order.symbol] = facts.price(order)
    total = 0.0
    for symbol in sorted({*ordered, *facts.held}):
        count = shares(facts.held.get(symbol, 0), ordered.get(symbol, 0))
        if count == 0:
            continue
        mark = known(price.get(symbol, facts.quote(symbol).mark))
        if mark is None:
            return None
        total += count * mark
    return total
