"""Limits on how much is ordered: one order, and all orders of a session."""

from stocker_pipeline.risk.limits.facts import BatchAction, Facts, Judgement, Order
from stocker_pipeline.risk.limits.limit import BatchLimit, OrderLimit

_NAV = "of NAV"


class OrderNotional(OrderLimit):
    """Worth of one order over NAV."""

    name, unit = "order_notional", _NAV

    def _of(self, order: Order, facts: Facts) -> Judgement:
        return self._judged(facts.of_nav(order.notional_usd), f"the order of {order.symbol}")


class OrderNotionalUsd(OrderLimit):
    """Worth of one order in dollars, whatever the book is said to be worth."""

    name, unit = "order_notional_usd", "dollars"

    def _of(self, order: Order, facts: Facts) -> Judgement:
        return self._judged(order.notional_usd, f"the order of {order.symbol}")


class Turnover(BatchLimit):
    """Worth of a session's orders, bought and sold, over NAV."""

    name, unit = "turnover", _NAV
    action = BatchAction.DROP_INCREASES

    def judge(self, facts: Facts) -> Judgement:
        """See ``BatchLimit``."""
        return self._judged(facts.of_nav(_notional(facts)), "the session's turnover")


class SessionNotionalUsd(BatchLimit):
    """The same in dollars."""

    name, unit = "session_notional_usd", "dollars"
    action = BatchAction.DROP_INCREASES

    def judge(self, facts: Facts) -> Judgement:
        """See ``BatchLimit``."""
        return self._judged(_notional(facts), "the session's turnover")


class OrderCount(BatchLimit):
    """Orders of a session."""

    name, unit = "order_count", "orders"
    action = BatchAction.DROP_INCREASES

    def judge(self, facts: Facts) -> Judgement:
        """See ``BatchLimit``."""
        return self._judged(facts.done_orders + len(facts.orders), "the session's number of orders")


def _notional(facts: Facts) -> float | None:
    total = facts.done_notional_usd
    for order in facts.orders:
        price = facts.price(order)
        if price is None:
            return None
        total += abs(order.quantity) * price
    return total
