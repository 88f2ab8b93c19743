"""Limits on what is traded at all: its price, its volume, and one order's part of that volume."""

from stocker_pipeline.risk.limits.facts import Facts, Judgement, Order, known
from stocker_pipeline.risk.limits.limit import OrderLimit


class Participation(OrderLimit):
    """Worth of an order over the average dollar volume of 20 sessions."""

    name, unit = "participation", "of average daily volume"

    def _of(self, order: Order, facts: Facts) -> Judgement:
        volume, worth = known(facts.quote(order.symbol).adv_usd), order.notional_usd
        part = worth / volume if worth is not None and volume and volume > 0 else None
        return self._judged(part, f"the order of {order.symbol}")


class MinimumAdv(OrderLimit):
    """Average dollar volume of 20 sessions."""

    name, unit = "minimum_adv_usd", "dollars"

    def _of(self, order: Order, facts: Facts) -> Judgement:
        volume = facts.quote(order.symbol).adv_usd
        return self._judged(volume, f"average daily volume of {order.symbol}")


class MinimumPrice(OrderLimit):
    """Price of the previous close."""

    name, unit = "minimum_price_usd", "dollars"

    def _of(self, order: Order, facts: Facts) -> Judgement:
        return self._judged(order.reference, f"the price of {order.symbol}")
