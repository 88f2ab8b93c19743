"""Control of accounts, and leave to close a book, as frozen values."""

from dataclasses import dataclass
from datetime import date, datetime

from stocker_pipeline.ledger.control_records import ControlState


@dataclass(frozen=True)
class ScopeControl:
    """The last word about what one scope may send.

    Attributes:
        scope: ``portfolio``, ``account`` or ``all``.
        subject: The portfolio's name, the account's number, or ``*``.
        epoch: Counted for each portfolio; for accounts and all together.
    """

    scope: str
    subject: str
    epoch: int
    state: ControlState
    author: str
    reason: str
    at: datetime | None = None

    @property
    def name(self) -> str:
        """As a person reads it."""
        return "all accounts" if self.scope == "all" else f"{self.scope} {self.subject}"


@dataclass(frozen=True)
class Flatten:
    """A person's word that a book is to be closed at one session's open."""

    portfolio: str
    session: date
    control_epoch: int
    account_epoch: int
    author: str
    reason: str
    at: datetime | None = None
