"""What every limit is: a name, a bound, and a judgement. None of them acts."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from stocker_pipeline.domain.limits import Bound
from stocker_pipeline.risk.limits.facts import BatchAction, Facts, Judgement, Order, judgement


@dataclass(frozen=True)
class Limit:
    """A limit with the bound that holds in one portfolio.

    Attributes:
        name: As in the YAML and in every row and message.
        unit: Of what is measured.
        numbers: Bound in force, default and ceiling.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    numbers: Bound

    @property
    def default(self) -> float:
        """The bound where the YAML says nothing."""
        return self.numbers.default

    @property
    def ceiling(self) -> float:
        """The loosest bound that a YAML may give."""
        return self.numbers.ceiling

    def _judged(self, measured: float | None, subject: str) -> Judgement:
        numbers = self.numbers
        return judgement(
            self.name,
            measured,
            numbers.value,
            self.unit,
            subject,
            at_least=numbers.at_least,
        )

    def _free(self, order: Order) -> Judgement:
        """For an order that the limit is not about."""
        sentence = f"the order of {order.symbol} only reduces a position"
        return Judgement(self.name, True, None, self.numbers.value, self.unit, sentence)


class OrderLimit(Limit, ABC):
    """A limit on one order.

    Attributes:
        binds_reductions: Whether it stops an order that only reduces a position. A limit that
            bounds exposure does not: it would keep the exposure.
        last_gate_only: Whether it compares with what was decided, and so has nothing to say then.
    """

    binds_reductions: ClassVar[bool] = False
    last_gate_only: ClassVar[bool] = False

    def judge(self, order: Order, facts: Facts) -> Judgement:
        """Judge an order in the book and market of ``facts``."""
        if not self.binds_reductions and facts.reduces(order):
            return self._free(order)
        return self._of(order, facts)

    @abstractmethod
    def _of(self, order: Order, facts: Facts) -> Judgement: ...


class BatchLimit(Limit, ABC):
    """A limit on all orders of a session together.

    Attributes:
        action: What becomes of the orders where it is broken.
    """

    action: ClassVar[BatchAction]

    @abstractmethod
    def judge(self, facts: Facts) -> Judgement:
        """Judge the orders of ``facts`` together."""

    def binds(self, order: Order, facts: Facts) -> bool:
        """Whether the limit's action stops this order."""
        if self.action is BatchAction.HALT_BATCH:
            return True
        if facts.reduces(order):
            return False
        if self.action is BatchAction.DROP_BUYS:
            return order.quantity > 0
        if self.action is BatchAction.DROP_SHORT_SALES:
            return order.quantity < 0
        return True
