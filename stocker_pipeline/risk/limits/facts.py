"""What a limit looks at, and what it says: frozen values, without a rule in them."""

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

CODE_PREFIX = "LIMIT_"
"""In front of a limit's name, in the decision of an order that was not made."""


class LimitStage(enum.StrEnum):
    """When an order was judged."""

    SIZING = "sizing"
    GATE = "gate"


class BatchAction(enum.StrEnum):
    """What becomes of a session's orders when a limit on all of them is broken."""

    DROP_INCREASES = "drop_increases"
    DROP_BUYS = "drop_buys"
    DROP_SHORT_SALES = "drop_short_sales"
    HALT_BATCH = "halt_batch"

    @property
    def meaning(self) -> str:
        """Half a sentence for a reader who has never seen the word."""
        return _MEANING[self]


_MEANING = {
    BatchAction.DROP_INCREASES: "what opens or enlarges a position is not ordered",
    BatchAction.DROP_BUYS: "buys that open or enlarge a position are not ordered",
    BatchAction.DROP_SHORT_SALES: "sales that open or enlarge a short position are not ordered",
    BatchAction.HALT_BATCH: "nothing is ordered",
}


@dataclass(frozen=True)
class Judgement:
    """What one limit says.

    Attributes:
        measured: None where an input is missing; such a judgement has not passed.
        sentence: With its numbers, for a person.
    """

    limit: str
    passed: bool
    measured: float | None
    bound: float
    unit: str
    sentence: str


@dataclass(frozen=True)
class Order:
    """An order as a limit sees it.

    Attributes:
        quantity: Signed shares; of an order that works at the broker what is still unfilled.
        reference: Price it was sized by, dollars; None or NaN = not known.
        order_id: What tells two orders of a symbol apart.
    """

    symbol: str
    quantity: int
    reference: float | None
    order_id: str = ""
    leg: str = "rebalance"

    @property
    def notional_usd(self) -> float | None:
        """Its worth at the reference, without a sign; None where that is not known."""
        price = known(self.reference)
        return None if price is None else abs(self.quantity) * price


@dataclass(frozen=True)
class Quote:
    """What is known of a symbol before the open. None or NaN = not known.

    Attributes:
        reference: Close of the previous session in today's share basis, dollars.
        mark: The last close there is, in the same basis.
        age_sessions: Sessions from the bar of the mark to the session decided, 1 = the previous.
        jump: Total return of the last bar, a fraction.
        adv_usd: Average dollar volume of the last 20 sessions.
    """

    reference: float | None = None
    mark: float | None = None
    age_sessions: int | None = None
    jump: float | None = None
    adv_usd: float | None = None


_NO_QUOTE = Quote()


@dataclass(frozen=True)
class Facts:
    """A book, its market and the orders that would work together.

    Attributes:
        nav, cash: Dollars; cash after what is filled.
        held: Signed shares by symbol, after what is filled; a symbol left out has none.
        orders: Every order that works or is proposed, each once.
        done_orders: Orders of the session that were sent and work no more.
        done_notional_usd: What was filled in the session, bought and sold.
        intended: Signed shares decided for a symbol in the session.
        traded: Shares filled or working of a symbol's decision, without a sign.
        sent: Symbol, side and leg → ids of orders that were sent in the session.
    """

    nav: float | None
    cash: float | None
    held: Mapping[str, int]
    market: Mapping[str, Quote]
    orders: tuple[Order, ...] = ()
    done_orders: int = 0
    done_notional_usd: float = 0.0
    intended: Mapping[str, int] = field(default_factory=dict)
    traded: Mapping[str, int] = field(default_factory=dict)
    sent: Mapping[tuple[str, int, str], frozenset[str]] = field(default_factory=dict)

    def quote(self, symbol: str) -> Quote:
        """Of a symbol; one without a number where there is none."""
        return self.market.get(symbol, _NO_QUOTE)

    def price(self, order: Order) -> float | None:
        """What sized an order, else the last price there is; None where there is none."""
        reference = known(order.reference)
        return known(self.quote(order.symbol).mark) if reference is None else reference

    def with_orders(self, orders: tuple[Order, ...]) -> "Facts":
        """The same with other orders."""
        return replace(self, orders=orders)

    def of_nav(self, dollars: float | None) -> float | None:
        """A multiple of NAV; None where either is not known or the book is worth nothing."""
        nav = known(self.nav)
        return None if dollars is None or nav is None or nav <= 0 else dollars / nav

    def reduces(self, order: Order) -> bool:
        """Whether an order shrinks or closes a position and opens nothing."""
        held = self.held.get(order.symbol, 0)
        return held * order.quantity < 0 and abs(order.quantity) <= abs(held)

    def closing_part(self, order: Order) -> int:
        """Of an order that crosses zero the part that closes; else 0."""
        held = self.held.get(order.symbol, 0)
        crosses = held * order.quantity < 0 and abs(order.quantity) > abs(held)
        return -held if crosses else 0


def known(number: float | None) -> float | None:
    """A finite number, or None."""
    return None if number is None or not math.isfinite(number) else number


def judgement(
    limit: str,
    measured: float | None,
    bound: float,
    unit: str,
    subject: str,
    *,
    at_least: bool = False,
) -> Judgement:
    """Compare; exactly at the bound has passed, and what is not known has not."""
    number = known(measured)
    word = "at least" if at_least else "at most"
    allowed = f"{word} {shown(bound, unit)}"
    if number is None or known(bound) is None:
        return Judgement(
            limit, False, None, bound, unit, f"{subject} is not known; {allowed} is allowed"
        )
    passed = number >= bound if at_least else number <= bound
    sentence = f"{subject} is {shown(number, unit)}, {allowed} is allowed"
    return Judgement(limit, passed, number, bound, unit, sentence)


def shown(number: float, unit: str) -> str:
    """A number with its unit."""
    if unit.startswith("of "):
        return f"{number:.2%} {unit}"
    if unit == "dollars":
        return f"{number:,.2f} dollars"
    return f"{number:,g} {unit}"
