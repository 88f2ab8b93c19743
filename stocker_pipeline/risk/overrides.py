"""A person's word on orders: factors, limits and bans with a date, an author and a reason.

Belongs here: what an override may say, and what it makes of the engine's decisions of one session.
Several may be in force for a symbol: factors multiply, of limits the tightest holds, of bans the
most careful. Stays out: where overrides are kept, and who is told.
"""

import enum
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.portfolio import LEVERAGE_CEILING, SYMBOL_PATTERN
from stocker_pipeline.engine.day import Decided
from stocker_pipeline.engine.log import ORDER_QUANTITY, ORDER_SYMBOL
from stocker_pipeline.engine.rebalance import (
    SHARES_LIMIT,
    Decision,
    Restraint,
    desired_shares,
    order_for,
    restrained,
)
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.simulate import typed


class OverrideKind(enum.StrEnum):
    """What an override does; the first and the last two carry a value."""

    MULTIPLIER = "multiplier"
    REDUCE_ONLY = "reduce_only"
    CLOSE_ONLY = "close_only"
    NO_TRADE = "no_trade"
    MAX_WEIGHT = "max_weight"
    MAX_SHARES = "max_shares"

    @property
    def meaning(self) -> str:
        """One sentence for a reader who has never seen the kind."""
        return _KIND_MEANING[self]


_KIND_MEANING = {
    OverrideKind.MULTIPLIER: "targets are multiplied by the value, 0 to 1",
    OverrideKind.REDUCE_ONLY: "a position may shrink, never grow or change its side",
    OverrideKind.CLOSE_ONLY: "no shares are wanted: a position is closed and none is opened",
    OverrideKind.NO_TRADE: "nothing is ordered, not even to close",
    OverrideKind.MAX_WEIGHT: "a position is worth at most the value as a multiple of NAV",
    OverrideKind.MAX_SHARES: "a position has at most the value in shares, long or short",
}

_BOUNDS = {
    OverrideKind.MULTIPLIER: 1.0,
    OverrideKind.MAX_WEIGHT: LEVERAGE_CEILING,
    OverrideKind.MAX_SHARES: SHARES_LIMIT,
}
"""Largest value of each kind that has one; the smallest is 0."""


class OverrideReason(enum.StrEnum):
    """What became of a decision under overrides."""

    MULTIPLIED = "MULTIPLIED"
    LIMITED = "LIMITED"
    LIMIT_BREACH = "LIMIT_BREACH"
    CLOSE_ONLY = "CLOSE_ONLY"
    REDUCE_ONLY = "REDUCE_ONLY"
    NO_TRADE = "NO_TRADE"
    UNPRICED = "UNPRICED"

    @property
    def meaning(self) -> str:
        """One sentence for a reader who has never seen the code."""
        return _REASON_MEANING[self]


_REASON_MEANING = {
    OverrideReason.MULTIPLIED: "the target was multiplied by a person's factor",
    OverrideReason.LIMITED: "the shares wanted were cut to a person's limit",
    OverrideReason.LIMIT_BREACH: "the position is beyond a person's limit and is brought back",
    OverrideReason.CLOSE_ONLY: "a person allows no position in the symbol; no shares are wanted",
    OverrideReason.REDUCE_ONLY: "a person allows the position to shrink only",
    OverrideReason.NO_TRADE: "a person allows no order of the symbol",
    OverrideReason.UNPRICED: "a limit or a closing calls for a look at the position, and there is "
    "no bar at the previous session to size an order by",
}


@dataclass(frozen=True)
class Override:
    """One override. Refused where it is out of bounds, so that what exists can be obeyed.

    Attributes:
        symbol: None = every symbol of the portfolio, each on its own.
        value: A factor 0–1, a multiple of NAV or a whole number of shares, by ``kind``; else None.
        from_session, until_session: First and last session; None = until it is ended.
    """

    kind: OverrideKind
    symbol: str | None
    value: float | None
    from_session: date
    until_session: date | None
    author: str
    reason: str
    override_id: int = 0

    def __post_init__(self) -> None:
        # A word as it is stored is taken too; it is this enum that decides.
        object.__setattr__(self, "kind", OverrideKind(self.kind))
        self._check_value()
        if self.symbol is not None and not re.fullmatch(SYMBOL_PATTERN, self.symbol):
            self._refuse("symbol", f"a symbol ({SYMBOL_PATTERN}) or none", repr(self.symbol))
        if self.until_session is not None and self.until_session < self.from_session:
            self._refuse("until", f"{self.from_session} or later", str(self.until_session))
        for name in ("author", "reason"):
            if not getattr(self, name).strip():
                self._refuse(name, "some words", "none")

    def in_force(self, session: date) -> bool:
        """Whether the session lies in its range, both ends included."""
        return self.from_session <= session and (
            self.until_session is None or session <= self.until_session
        )

    def _check_value(self) -> None:
        bound = _BOUNDS.get(self.kind)
        if bound is None:
            if self.value is not None:
                self._refuse("value", "no value", str(self.value))
            return
        # Written so that a NaN is refused too.
        if self.value is None or not 0 <= self.value <= bound:
            self._refuse("value", f"a number from 0 to {bound:g}", str(self.value))
        elif self.kind is OverrideKind.MAX_SHARES and self.value != int(self.value):
            self._refuse("value", "a whole number of shares", str(self.value))

    def _refuse(self, key: str, wanted: str, received: str) -> None:
        raise ConfigurationRefused(
            wanted,
            received,
            where=f"override {self.kind.value} of {self.symbol or 'the portfolio'}, {key}",
            remedy=f"Correct it: {self.kind.meaning}.",
        )


@dataclass(frozen=True)
class Wanted:
    """What the engine decided for one symbol.

    Attributes:
        held: Shares after the session's corporate actions.
        target: Signed fraction of NAV; NaN = no signal.
        desired: Shares wanted; those held where there is no signal.
        reference: Previous close in today's share basis, dollars; NaN = none.
        quantity: The signed order, 0 = none.
    """

    symbol: str
    held: int
    target: float
    desired: int
    reference: float
    quantity: int
    decision: Decision


@dataclass(frozen=True)
class Adjusted(Wanted):
    """The same under overrides.

    Attributes:
        decision: The engine's code for the shares now wanted, before a ban.
        reason: The last thing that changed shares wanted or order; None = nothing did.
        overridden_by: Every override that changed something, or asked for what cannot be done.
        beyond_limit: The position stays beyond its limit after the order. Someone must be told.
    """

    reason: OverrideReason | None = None
    overridden_by: tuple[Override, ...] = ()
    beyond_limit: bool = False

    @property
    def code(self) -> str:
        """Name of the reason, or of the decision where no override changed it."""
        return self.decision.name if self.reason is None else self.reason.name

    @property
    def meaning(self) -> str:
        """The sentence of ``code``."""
        return self.decision.meaning if self.reason is None else self.reason.meaning


def wanted_of(decided: Decided) -> list[Wanted]:
    """Every symbol of a decided session, by column."""
    rows, _ = decided.run.orders.used()
    quantity = np.zeros(len(decided.symbols), np.int64)
    quantity[rows[:, ORDER_SYMBOL]] = rows[:, ORDER_QUANTITY]
    target = np.where(np.isnan(decided.weights[decided.row]), np.nan, decided.target)
    return [
        Wanted(symbol, held, aim, desired, reference, ordered, Decision(code))
        for symbol, held, aim, desired, reference, ordered, code in zip(
            decided.symbols,
            decided.held.tolist(),
            target.tolist(),
            decided.desired.tolist(),
            decided.reference.tolist(),
            quantity.tolist(),
            decided.decision.tolist(),
            strict=True,
        )
    ]


def adjusted(
    wanted: Sequence[Wanted],
    overrides: Sequence[Override],
    *,
    session: date,
    nav_e4: int,
    rules: Rules,
    restraint: Restraint = Restraint.NONE,
) -> list[Adjusted]:
    """The decisions of one session under the overrides in force, in the order given.

    Per symbol: factors, then closing, then limits change the shares wanted, and the engine's own
    rules (E18, E19) make the order; then reduce-only and no-trade take away from it. A position
    beyond its limit is brought back whatever ``buffer`` and ``min_notional`` say, signal or not; a
    data outage that halts orders, and no-trade, still hold it back, and ``beyond_limit`` says so.
    Without overrides everything is as it came.

    Args:
        nav_e4: The previous close's, 1/10,000 dollar.
        restraint: The session's own, from a data outage.
    """
    active = [override for override in overrides if override.in_force(session)]
    maker = _Maker(nav_e4 / 1e4, typed(rules), restraint)
    found = []
    for row in wanted:
        applying = [override for override in active if override.symbol in (None, row.symbol)]
        start = Adjusted(**vars(row))
        found.append(_under(start, applying, maker) if applying else start)
    return found


@dataclass(frozen=True)
class _Maker:
    """Makes shares and orders as the engine does.

    Attributes:
        nav: Dollars.
    """

    nav: float
    rules: Rules
    restraint: Restraint

    def shares(self, fraction: float, reference: float) -> int:
        """E17."""
        wanted = float(desired_shares(fraction, self.nav, reference))
        return int(math.copysign(min(abs(wanted), SHARES_LIMIT), wanted))

    def ordered(self, row: Adjusted, desired: int, *, at_once: bool = False) -> Adjusted:
        """The row with other shares wanted and the order of E18 and E19 for them.

        Args:
            at_once: Leave out the tests of ``buffer`` and ``min_notional``.
        """
        rules = self.rules._replace(buffer=0.0, min_notional=0.0) if at_once else self.rules
        quantity, code = order_for(desired, row.held, row.reference, rules)
        quantity, code = restrained(quantity, code, row.held, int(self.restraint))
        return replace(row, desired=desired, quantity=int(quantity), decision=Decision(int(code)))


def _under(row: Adjusted, overrides: Sequence[Override], maker: _Maker) -> Adjusted:
    by_kind: dict[OverrideKind, list[Override]] = {kind: [] for kind in OverrideKind}
    for override in overrides:
        by_kind[override.kind].append(override)
    row = _multiplied(row, by_kind[OverrideKind.MULTIPLIER], maker)
    row = _closed(row, by_kind[OverrideKind.CLOSE_ONLY], maker)
    limits = by_kind[OverrideKind.MAX_WEIGHT] + by_kind[OverrideKind.MAX_SHARES]
    row = _limited(row, limits, maker)
    row = _reduced(row, by_kind[OverrideKind.REDUCE_ONLY])
    row = _banned(row, by_kind[OverrideKind.NO_TRADE])
    most = min((_shares_of(limit, row, maker) for limit in limits), default=math.inf)
    return replace(row, beyond_limit=abs(row.held + row.quantity) > most)


def _stamped(row: Adjusted, reason: OverrideReason, overrides: Sequence[Override]) -> Adjusted:
    by = dict.fromkeys((*row.overridden_by, *overrides))
    return replace(row, reason=reason, overridden_by=tuple(by))


def _priced(row: Wanted) -> bool:
    return row.reference > 0.0


def _multiplied(row: Adjusted, overrides: Sequence[Override], maker: _Maker) -> Adjusted:
    acting = [override for override in overrides if override.value != 1.0]
    if not acting or math.isnan(row.target) or not _priced(row):
        return row
    target = row.target * math.prod(override.value or 0.0 for override in acting)
    desired = maker.shares(target, row.reference)
    if desired == row.desired:
        return row
    row = replace(maker.ordered(row, desired), target=target)
    return _stamped(row, OverrideReason.MULTIPLIED, acting)


def _closed(row: Adjusted, overrides: Sequence[Override], maker: _Maker) -> Adjusted:
    if not overrides or row.desired == 0:
        return row
    if not _priced(row):
        return _stamped(row, OverrideReason.UNPRICED, overrides)
    return _stamped(maker.ordered(row, 0), OverrideReason.CLOSE_ONLY, overrides)


def _shares_of(limit: Override, row: Wanted, maker: _Maker) -> float:
    """A limit in shares; infinite where a weight has no price to become shares by."""
    value = limit.value or 0.0
    if limit.kind is OverrideKind.MAX_SHARES:
        return value
    return maker.shares(value, row.reference) if _priced(row) else math.inf


def _limited(row: Adjusted, limits: Sequence[Override], maker: _Maker) -> Adjusted:
    if not _priced(row):
        return _unpriced(row, limits)
    most = min((_shares_of(limit, row, maker) for limit in limits), default=math.inf)
    breached, cut = abs(row.held) > most, abs(row.desired) > most
    if not breached and not cut:
        return row
    desired = int(math.copysign(most, row.desired)) if cut else row.desired
    changed = maker.ordered(row, desired, at_once=breached)
    if (changed.desired, changed.quantity) == (row.desired, row.quantity):
        return row
    if breached and changed.quantity == 0:
        # Only a halted session holds this order back; its own code stays.
        return row
    size = max(abs(row.held), abs(row.desired))
    binding = [limit for limit in limits if _shares_of(limit, row, maker) < size]
    reason = OverrideReason.LIMIT_BREACH if breached else OverrideReason.LIMITED
    return _stamped(changed, reason, binding)


def _unpriced(row: Adjusted, limits: Sequence[Override]) -> Adjusted:
    """A position that cannot be held against a weight, or brought back under a number of shares."""
    asking = [
        limit
        for limit in limits
        if limit.kind is OverrideKind.MAX_WEIGHT or abs(row.held) > (limit.value or 0.0)
    ]
    return _stamped(row, OverrideReason.UNPRICED, asking) if asking and row.held else row


def _reduced(row: Adjusted, overrides: Sequence[Override]) -> Adjusted:
    if not overrides:
        return row
    left, code = restrained(row.quantity, int(row.decision), row.held, int(Restraint.REDUCE_ONLY))
    if int(left) == row.quantity:
        return row
    decision = Decision(int(code)) if left else row.decision
    row = replace(row, quantity=int(left), decision=decision)
    return _stamped(row, OverrideReason.REDUCE_ONLY, overrides)


def _banned(row: Adjusted, overrides: Sequence[Override]) -> Adjusted:
    if not overrides or row.quantity == 0:
        return row
    return _stamped(replace(row, quantity=0), OverrideReason.NO_TRADE, overrides)
