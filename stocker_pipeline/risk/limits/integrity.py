"""Limits that no correct order can break: they stop an order of any kind, closing ones too."""

from collections import Counter
from dataclasses import dataclass, field

from stocker_pipeline.domain.limits import Bound
from stocker_pipeline.risk.limits.facts import BatchAction, Facts, Judgement, Order
from stocker_pipeline.risk.limits.limit import BatchLimit, OrderLimit

EXACT = Bound(0.0, 0.0, 0.0)
"""Nothing beyond; not to be configured."""
_SHARES_LIMIT = 10**12
_SIZES = Bound(float(_SHARES_LIMIT), float(_SHARES_LIMIT), float(_SHARES_LIMIT))


@dataclass(frozen=True)
class Restricted(OrderLimit):
    """Symbols of which nothing may be ordered, not even to close."""

    name, unit = "restricted", "symbols"
    binds_reductions = True
    symbols: frozenset[str] = field(default=frozenset())

    def _of(self, order: Order, facts: Facts) -> Judgement:
        listed = order.symbol in self.symbols
        said = "is" if listed else "is not"
        sentence = f"{order.symbol} {said} on the portfolio's list of restricted symbols"
        bound = self.numbers.value
        return Judgement(self.name, not listed, float(listed), bound, self.unit, sentence)


class WholeShares(OrderLimit):
    """An order is a whole number of shares, not zero, and a price above zero sizes it."""

    name, unit = "whole_shares", "shares"
    binds_reductions = True

    def _of(self, order: Order, facts: Facts) -> Judgement:
        # A price of zero or below, or none, cannot have made a number of shares.
        count = order.quantity
        # NumPy's integers are integers too; a float is not, even where it is whole.
        whole = hasattr(count, "__index__") and not isinstance(count, bool)
        subject = f"the order of {order.symbol}"
        judged = self._judged(float(abs(count)) if whole and count else None, subject)
        price = order.reference
        if not facts.reduces(order) and not (price is not None and price > 0):
            return self._judged(None, f"the price that sized {subject}")
        return judged


class DuplicateOrder(OrderLimit):
    """Another order of the symbol, side and leg was sent in this session."""

    name, unit = "duplicate_order", "orders sent before"
    binds_reductions = True
    last_gate_only = True

    def _of(self, order: Order, facts: Facts) -> Judgement:
        side = 1 if order.quantity > 0 else -1
        sent = facts.sent.get((order.symbol, side, order.leg), frozenset())
        subject = f"the number of other orders of {order.symbol} on this side"
        return self._judged(float(len(sent - {order.order_id})), subject)


class ChildrenWithinParent(OrderLimit):
    """Shares filled and working of a decision are not more than it decided (Knight, 2012)."""

    name, unit = "children_within_parent", "shares beyond the decision"
    binds_reductions = True
    last_gate_only = True

    def _of(self, order: Order, facts: Facts) -> Judgement:
        if order.leg != "rebalance":
            sentence = f"the order of {order.symbol} is no part of a decision"
            return Judgement(self.name, True, None, self.numbers.value, self.unit, sentence)
        intended = facts.intended.get(order.symbol)
        subject = f"what is filled and works of {order.symbol}"
        if intended is None or intended * order.quantity <= 0:
            return self._judged(None, f"a decision that {subject} belongs to")
        beyond = facts.traded.get(order.symbol, 0) - abs(intended)
        return self._judged(float(max(0, beyond)), subject)


class OneOrderPerSymbol(BatchLimit):
    """No symbol has two orders in what was sized; nothing is believed of a batch that has."""

    name, unit = "one_order_per_symbol", "orders too many"
    action = BatchAction.HALT_BATCH

    def judge(self, facts: Facts) -> Judgement:
        """See ``BatchLimit``."""
        counts = Counter((order.symbol, order.leg) for order in facts.orders)
        twice = sorted({symbol for (symbol, _), count in counts.items() if count > 1})
        subject = f"the number of second orders ({', '.join(twice) or 'of any symbol'})"
        return self._judged(float(sum(counts.values()) - len(counts)), subject)


def sizes() -> Bound:
    """Most shares of an order: the engine's own bound."""
    return _SIZES
