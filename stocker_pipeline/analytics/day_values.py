"""What a report of one session is made of: frozen values, from a backtest and a paper book alike.

Money is int in 1/10,000 dollar (``*_e4``), shares are signed. Stays out: where the values come
from (``stages``), and how they are shown (``day_page``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Holding:
    """A position at a close."""

    symbol: str
    quantity: int
    value_e4: int
    mark_age_sessions: int = 0


@dataclass(frozen=True)
class DayFill:
    """A fill, beside the prices that it is measured against.

    Attributes:
        reference: The price that the order was sized by, dollars; None = not known.
        open: The open of the session in the same share basis, dollars; None = no bar.
    """

    symbol: str
    quantity: int
    price_e4: int
    commission_e4: int
    reference: float | None = None
    open: float | None = None

    @property
    def value_e4(self) -> int:
        """What was paid (+) or received (−), without the commission."""
        return self.quantity * self.price_e4

    @property
    def delay_usd(self) -> float | None:
        """Dollars lost between the price decided on and the open; positive is a loss."""
        if self.reference is None or self.open is None:
            return None
        return self.quantity * (self.open - self.reference)

    @property
    def execution_usd(self) -> float | None:
        """Dollars lost between the open and the fill; positive is a loss."""
        return None if self.open is None else self.quantity * (self.price_e4 / 1e4 - self.open)


@dataclass(frozen=True)
class DayAction:
    """Cash and shares that a split or dividend moved."""

    symbol: str
    split_new: int
    split_old: int
    dividend: float
    cash_e4: int


@dataclass(frozen=True)
class Decided:
    """The chain of one symbol, from its signal to its order; None where there is no number."""

    symbol: str
    decision: str
    why: str
    held: int
    desired: int
    ordered: int
    signal_reason: str | None = None
    momentum: float | None = None
    direction: int | None = None
    vol: float | None = None
    weight: float | None = None
    sigma_p: float | None = None
    k: float | None = None
    single_capped: bool | None = None
    gross_factor: float | None = None
    breaker_factor: float | None = None
    target: float | None = None
    reference_price: float | None = None
    overridden_by: str | None = None


@dataclass(frozen=True)
class DayOrder:
    """What became of an order."""

    symbol: str
    quantity: int
    filled: int
    state: str
    reason: str = ""

    @property
    def complete(self) -> bool:
        """Whether all of it was filled."""
        return self.filled == self.quantity


@dataclass(frozen=True)
class Traded:
    """Fills of a session, each beside the decision that it came from."""

    session: date
    fills: Sequence[DayFill]
    decisions: Sequence[Decided]


@dataclass(frozen=True)
class Guard:
    """A number that is watched, and its bound.

    Attributes:
        unit: ``of NAV``, ``dollars`` and the like; a fraction where it begins with ``of``.
        at_least: The bound is a floor.
        at_bound: Whether the bound itself is already too much.
        source: Where the bound is written: parameters, limits, monitors.
        what_follows: What happens at the bound.
        measured: None where it is not known.
    """

    name: str
    measured: float | None
    bound: float
    unit: str
    source: str
    what_follows: str = ""
    at_least: bool = False
    applies: bool = True
    at_bound: bool = False

    @property
    def broken(self) -> bool:
        """Whether the number is beyond its bound, or is not known."""
        if not self.applies:
            return False
        if self.measured is None or (self.at_bound and self.measured == self.bound):
            return True
        return self.measured < self.bound if self.at_least else self.measured > self.bound

    @property
    def used(self) -> float | None:
        """Share of the way to the bound, 1 = at it; None where there is no such share."""
        if self.measured is None or not self.applies:
            return None
        above, below = (self.bound, self.measured) if self.at_least else (self.measured, self.bound)
        return above / below if below > 0 and above >= 0 else None

    @property
    def headroom(self) -> float | None:
        """What is left up to the bound, in the unit; negative beyond it."""
        if self.measured is None or not self.applies:
            return None
        return self.measured - self.bound if self.at_least else self.bound - self.measured


@dataclass(frozen=True)
class DayAlert:
    """A line that was written for a person."""

    severity: str
    code: str
    text: str
    session: date | None = None
    recovers: bool = False


@dataclass(frozen=True)
class DayBreak:
    """A difference between our book and the broker's."""

    kind: str
    symbol: str
    expected: str
    observed: str
    since: str = ""


@dataclass(frozen=True)
class DayFinding:
    """What the quality gate says of a bar."""

    symbol: str
    session: date | None
    rule: str
    severity: str
    evidence: str
    treatment: str


@dataclass(frozen=True)
class DayTicket:
    """The orders of the next session.

    Attributes:
        state: ``preview`` (as it would be decided now) or ``decided``.
        suppressed: Symbol, limit, sentence.
        missing: Why there is none; then everything else is empty.
    """

    session: date
    state: str = "preview"
    rows: Sequence[Decided] = ()
    nav_e4: int = 0
    gross_before: float | None = None
    gross_after: float | None = None
    commissions_usd: float = 0.0
    suppressed: Sequence[tuple[str, str, str]] = ()
    in_force: Sequence[str] = ()
    missing: str = ""


@dataclass(frozen=True)
class DayBook:
    """The book at a close.

    Attributes:
        flows_e4: Deposits less withdrawals of this session alone.
        tripped: The drawdown breaker after this close.
    """

    nav_e4: int
    cash_e4: int
    peak_e4: int
    drawdown: float | None
    gross_exposure: float | None
    net_exposure: float | None
    tripped: bool
    nav_before_e4: int
    flows_e4: int = 0
    initial_e4: int = 0

    @property
    def profit_e4(self) -> int:
        """Change of NAV without deposits and withdrawals."""
        return self.nav_e4 - self.nav_before_e4 - self.flows_e4

    @property
    def day_return(self) -> float | None:
        """The session's return; None where there was nothing before."""
        return self.profit_e4 / self.nav_before_e4 if self.nav_before_e4 > 0 else None


@dataclass(frozen=True)
class DayReport:
    """Everything about one session of one book.

    Attributes:
        kind: ``backtest`` or the environment of the book.
        outcome: TRADED and the like with its reason; empty where the book keeps none.
        state: What the book may send now and by whose word; empty for a backtest.
        fills, actions, holdings, holdings_before: Of this session; before = the close before.
        traded_before: The last session with a fill, where this one has none.
        curve: NAV of the last closes, oldest first, with their sessions.
        findings_missing: Why there are no findings to show, where nobody judged; else empty.
        facts: What the session stands on, for the small print.
    """

    portfolio: str
    session: date
    kind: str
    book: DayBook
    outcome: str = ""
    outcome_reason: str = ""
    state: str = ""
    state_reason: str = ""
    holdings_before: Sequence[Holding] = ()
    holdings: Sequence[Holding] = ()
    fills: Sequence[DayFill] = ()
    actions: Sequence[DayAction] = ()
    decisions: Sequence[Decided] = ()
    decisions_missing: str = ""
    orders: Sequence[DayOrder] = ()
    traded_before: Traded | None = None
    stopped: Sequence[tuple[str, str, str]] = ()
    breaks: Sequence[DayBreak] = ()
    suspense: Sequence[str] = ()
    alerts: Sequence[DayAlert] = ()
    guards: Sequence[Guard] = ()
    ticket: DayTicket | None = None
    findings: Sequence[DayFinding] = ()
    findings_missing: str = ""
    flows: Sequence[str] = ()
    curve: Sequence[tuple[date, int]] = ()
    facts: dict[str, Any] = field(default_factory=dict)
