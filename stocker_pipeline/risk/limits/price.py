"""Limits on the price an order is sized by: its age, its last step, and whether it still holds."""

from stocker_pipeline.risk.limits.facts import Facts, Judgement, Order, known
from stocker_pipeline.risk.limits.limit import OrderLimit


class ReferenceAge(OrderLimit):
    """Sessions since the bar that an order is sized by; 1 = the previous session's."""

    name, unit = "reference_age_sessions", "sessions"

    def _of(self, order: Order, facts: Facts) -> Judgement:
        age = facts.quote(order.symbol).age_sessions
        return self._judged(age, f"the age of the last bar of {order.symbol}")


class ReferenceJump(OrderLimit):
    """Total return of the last bar, without its sign: a split that nobody announced halves it."""

    name, unit = "reference_jump", "of the close before"

    def _of(self, order: Order, facts: Facts) -> Judgement:
        jump = known(facts.quote(order.symbol).jump)
        subject = f"the last change of the price of {order.symbol}"
        return self._judged(None if jump is None else abs(jump), subject)


class PriceCollar(OrderLimit):
    """Difference of the price an order was sized by from the one that is known now.

    A market order at the open has no price of its own to bound, and there is no quote before the
    open: what is bounded is that a bar was restated after the order was sized by it.
    """

    name, unit = "price_collar", "of the price known now"
    last_gate_only = True

    def _of(self, order: Order, facts: Facts) -> Judgement:
        then, now = known(order.reference), known(facts.quote(order.symbol).reference)
        apart = abs(then / now - 1) if then is not None and now and now > 0 else None
        subject = f"the step from the price {order.symbol} was sized by"
        return self._judged(apart, subject)
