"""Whether the book can be believed: its own rules, the broker's account, and whose orders they are.

All three fail closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from stocker_pipeline.risk.monitors.verdict import (
    Action,
    Verdict,
    clear,
    raised,
    too_early,
    unknown,
)
from stocker_pipeline.risk.reconciliation import BreakKind

_NAMED = 5


@dataclass(frozen=True)
class BrokenRules:
    """Names of the ledger's rules that do not hold; None = they could not be checked."""

    names: Sequence[str] | None


def integrity(rules: BrokenRules) -> Verdict:
    """Judge the rules that must always hold of the ledger; one that does not kills."""
    if rules.names is None:
        return unknown(Action.KILLED, "the ledger's rules could not be checked", 0)
    count = len(rules.names)
    if count:
        return raised(
            Action.KILLED,
            f"{count} rules of the ledger do not hold: {listed(rules.names)}",
            count,
            0,
        )
    return clear("every rule of the ledger holds", 0, 0)


@dataclass(frozen=True)
class OpenBreak:
    """A difference with the broker that has no end yet; ``symbol`` is empty for cash."""

    kind: BreakKind
    symbol: str


@dataclass(frozen=True)
class Comparisons:
    """How the book compares with the broker's account.

    Attributes:
        unclean_in_a_row: The latest reconciliations that found a difference; None = there was none
            at all.
        settled: Whether a session is settled: from then on there must have been one.
    """

    open_breaks: Sequence[OpenBreak] = ()
    unclean_in_a_row: int | None = 0
    settled: bool = True


def reconciliation(found: Comparisons, locked_symbols: int, unclean: int) -> Verdict:
    """Judge what reconciliation left open; a symbol that is only locked is not yet a reason.

    Raised by cash that differs, by more than ``locked_symbols`` symbols with a break, and by
    ``unclean`` reconciliations in a row that found a difference.
    """
    if found.unclean_in_a_row is None:
        if not found.settled:
            return too_early("nothing has been compared with the broker's account yet")
        return unknown(
            Action.KILLED, "the book is settled and was never compared with the broker's account"
        )
    locked = sorted({item.symbol for item in found.open_breaks if item.symbol})
    if any(item.kind is BreakKind.CASH or not item.symbol for item in found.open_breaks):
        return raised(Action.KILLED, "the broker's cash is not ours", 1, 0)
    if len(locked) > locked_symbols:
        return raised(
            Action.KILLED,
            f"{len(locked)} symbols differ from the broker's account, bound {locked_symbols}: "
            f"{listed(locked)}",
            len(locked),
            locked_symbols,
        )
    if found.unclean_in_a_row >= unclean:
        return raised(
            Action.KILLED,
            f"{found.unclean_in_a_row} reconciliations in a row found a difference, bound "
            f"{unclean}",
            found.unclean_in_a_row,
            unclean,
        )
    told = f"locked by a difference: {listed(locked)}" if locked else "book and account agree"
    return clear(told, len(locked), locked_symbols)


@dataclass(frozen=True)
class ForeignActivity:
    """What happened in the account and is not ours; None = it could not be read.

    Attributes:
        suspense: Ids of fills that belong to no order of ours, and that nobody has judged.
        orphan_orders: Symbols of orders that the broker works and we never decided.
    """

    suspense: Sequence[str] | None = field(default_factory=tuple)
    orphan_orders: Sequence[str] | None = field(default_factory=tuple)


def foreign_activity(found: ForeignActivity) -> Verdict:
    """Judge whether someone else trades in the account; then the book only reduces."""
    if found.suspense is None or found.orphan_orders is None:
        return unknown(
            Action.REDUCE_ONLY, "whose fills and orders are in the account is not known", 0
        )
    count = len(found.suspense) + len(found.orphan_orders)
    if not count:
        return clear("every fill and order of the account is ours", 0, 0)
    parts = []
    if found.suspense:
        parts.append(f"{len(found.suspense)} fills in suspense ({listed(found.suspense)})")
    if found.orphan_orders:
        parts.append(f"orders that we never decided of {listed(found.orphan_orders)}")
    return raised(Action.REDUCE_ONLY, f"activity that is not ours: {'; '.join(parts)}", count, 0)


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
