"""Where our book and the broker's account differ, as typed breaks over the union of both.

Pure: two statements in, breaks out. Stays out: how the statements are read, what a break locks.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class BreakKind(enum.StrEnum):
    """What differs; the sentence says what it means for a person."""

    BROKER_ONLY = "broker_only"
    LEDGER_ONLY = "ledger_only"
    QUANTITY = "quantity"
    CASH = "cash"
    ORPHAN_ORDER = "orphan_order"
    STALE_ORDER = "stale_order"

    @property
    def meaning(self) -> str:
        """One sentence for a reader who has never seen the kind."""
        return _MEANING[self]


_MEANING = {
    BreakKind.BROKER_ONLY: "the broker holds shares that no order of ours explains",
    BreakKind.LEDGER_ONLY: "we hold shares that the broker does not",
    BreakKind.QUANTITY: "the broker and we hold the symbol, but not the same number of shares",
    BreakKind.CASH: "the broker's cash is not ours",
    BreakKind.ORPHAN_ORDER: "the broker works an order that we never decided",
    BreakKind.STALE_ORDER: "we wait for an order that the broker does not work",
}


@dataclass(frozen=True)
class Statement:
    """One side's view of the account at one time.

    Attributes:
        quantities: Signed shares by symbol; a zero says the same as no row.
        cash_e4: 1/10,000 dollar.
        open_orders: Order id → symbol of what may still trade. The id is ours where there is one.
    """

    quantities: Mapping[str, int]
    cash_e4: int
    open_orders: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Discrepancy:
    """One difference. Two of one kind and symbol are the same difference, seen twice.

    Attributes:
        symbol: Empty for cash.
        expected, observed: Ours and the broker's, as a person reads them.
    """

    kind: BreakKind
    symbol: str
    expected: str
    observed: str


def breaks_between(ours: Statement, brokers: Statement) -> tuple[Discrepancy, ...]:
    """Every difference, positions first, then cash, then orders; empty where the two agree."""
    return (
        *_positions(ours.quantities, brokers.quantities),
        *_cash(ours.cash_e4, brokers.cash_e4),
        *_orders(ours.open_orders, brokers.open_orders),
    )


def _positions(ours: Mapping[str, int], brokers: Mapping[str, int]) -> list[Discrepancy]:
    found = []
    for symbol in sorted({*ours, *brokers}):
        expected, observed = ours.get(symbol, 0), brokers.get(symbol, 0)
        if expected == observed:
            continue
        kind = BreakKind.QUANTITY
        if expected == 0 or observed == 0:
            kind = BreakKind.BROKER_ONLY if expected == 0 else BreakKind.LEDGER_ONLY
        found.append(Discrepancy(kind, symbol, f"{expected} shares", f"{observed} shares"))
    return found


def _cash(ours: int, brokers: int) -> list[Discrepancy]:
    if ours == brokers:
        return []
    return [Discrepancy(BreakKind.CASH, "", dollars(ours), dollars(brokers))]


def _orders(ours: Mapping[str, str], brokers: Mapping[str, str]) -> list[Discrepancy]:
    def grouped(
        kind: BreakKind, side: Mapping[str, str], other: Mapping[str, str]
    ) -> list[Discrepancy]:
        alone: dict[str, list[str]] = {}
        for order in sorted(set(side) - set(other)):
            alone.setdefault(side[order], []).append(order)
        here = {symbol: f"working: {', '.join(orders)}" for symbol, orders in alone.items()}
        nothing = "no such order"
        ours_first = kind is BreakKind.STALE_ORDER
        return [
            Discrepancy(kind, symbol, *((text, nothing) if ours_first else (nothing, text)))
            for symbol, text in sorted(here.items())
        ]

    return grouped(BreakKind.ORPHAN_ORDER, brokers, ours) + grouped(
        BreakKind.STALE_ORDER, ours, brokers
    )


def dollars(amount_e4: int) -> str:
    """An amount as a person reads it, to the last 1/10,000 dollar."""
    sign = "-" if amount_e4 < 0 else ""
    whole, rest = divmod(abs(amount_e4), 10_000)
    return f"{sign}{whole:,}.{rest:04d} dollars"
