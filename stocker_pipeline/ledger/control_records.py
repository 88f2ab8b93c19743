"""What watches over a book: control, overrides, reconciliation, alerts and audit, as frozen values.

The same conventions as in ``records``, which holds the book itself.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from stocker_pipeline.risk.alerts import Alert as Alert
from stocker_pipeline.risk.alerts import Severity as Severity
from stocker_pipeline.risk.overrides import OverrideKind as OverrideKind
from stocker_pipeline.risk.reconciliation import BreakKind as BreakKind
from stocker_pipeline.risk.reconciliation import Discrepancy as Discrepancy


class ControlState(enum.StrEnum):
    """What a portfolio may send. A portfolio without a row is killed."""

    ARMED = "ARMED"
    REDUCE_ONLY = "REDUCE_ONLY"
    KILLED = "KILLED"

    @property
    def strictness(self) -> int:
        """Higher allows less."""
        return list(ControlState).index(self)


PROGRAM = "stocker"
"""Author of what no person said; so is every name that begins with this word and a space."""
DRILL_AUTHOR = "stocker drill"
KILL_FILE_AUTHOR = "stocker kill file"


def is_program(author: str) -> bool:
    """Whether this author is the program, which never lifts what was said before."""
    return author == PROGRAM or author.startswith(f"{PROGRAM} ")


@dataclass(frozen=True)
class ReconciliationRecord:
    """One comparison of the broker's truth with ours. ``None`` cash = the broker did not say."""

    portfolio: str
    session: date
    stage: str
    broker_cash_e4: int | None
    ledger_cash_e4: int
    discrepancies: tuple[Discrepancy, ...] = ()
    reconciliation_id: int = 0
    lease_token: int | None = None
    ran_at: datetime | None = None

    @property
    def clean(self) -> bool:
        """Whether there was no difference."""
        return not self.discrepancies


@dataclass(frozen=True)
class BreakRecord:
    """A difference that is not settled until it has an end (``cleared`` or ``adopted``)."""

    break_id: int
    portfolio: str
    kind: BreakKind
    symbol: str
    expected: str
    observed: str
    opened_at: datetime
    ended: str | None = None


@dataclass(frozen=True)
class ControlRecord:
    """What a portfolio may send, since when and by whose word. Epoch 0 = there is no row."""

    portfolio: str
    epoch: int
    state: ControlState
    author: str
    reason: str
    at: datetime | None = None


@dataclass(frozen=True)
class OverrideRecord:
    """A person's word that changes what is ordered, for the sessions it names.

    Attributes:
        symbol: None = the whole portfolio.
        value: A factor 0–1, a weight or a number of shares, by ``kind``.
        until_session: The last session; None = until it is ended.
    """

    portfolio: str
    kind: OverrideKind
    author: str
    reason: str
    from_session: date
    symbol: str | None = None
    value: float | None = None
    until_session: date | None = None
    override_id: int = 0
    recorded_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Confirmation:
    """Something that a person said they believe, such as a jump of the account's value."""

    portfolio: str
    session: date
    what: str
    author: str
    reason: str
    at: datetime | None = None


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to which thing. Each entry's hash covers the one before."""

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    content: Mapping[str, object] = field(default_factory=dict)
    previous_hash: str = ""
    hash: str = ""
