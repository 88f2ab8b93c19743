"""A line for a person, and how loud it is.

Belongs here: the value that whoever notices something writes. Stays out: whom it reaches and when
(``alerting``), and where it is kept (``ledger``).
"""

import enum
from dataclasses import dataclass
from datetime import date, datetime


class Severity(enum.StrEnum):
    """How loud an alert is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for INFO up to 3 for CRITICAL."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class Alert:
    """A line for a person; written in the transaction of what it tells.

    Attributes:
        code: What it is, in snake_case; each code has a section in docs/runbook.md.
        subject: What it is about: a symbol, an order, an asset; empty = the portfolio itself.
        recovers: The condition (portfolio, code, subject) is over.
    """

    severity: Severity
    code: str
    text: str
    portfolio: str | None = None
    session: date | None = None
    subject: str = ""
    recovers: bool = False
    alert_id: int = 0
    recorded_at: datetime | None = None

    @property
    def condition(self) -> "Condition":
        """What it says something about."""
        return Condition(self.portfolio, self.code, self.subject)


@dataclass(frozen=True)
class Condition:
    """Something that can be raised and recovered."""

    portfolio: str | None
    code: str
    subject: str = ""


@dataclass(frozen=True)
class Delivery:
    """One try to hand an alert to a channel.

    Attributes:
        purpose: ``alert``, ``escalation`` or ``acknowledgement``.
        round: Of an escalation, from 1; 0 for everything else.
        attempt: Of this alert, channel, purpose and round, from 1.
        message_id: One for all alerts that went in one message.
        detail: What the channel answered, or why there was no answer.
    """

    alert_id: int
    channel: str
    purpose: str
    round: int
    attempt: int
    message_id: str
    delivered: bool
    detail: str
    at: datetime | None = None


@dataclass(frozen=True)
class Acknowledgement:
    """A person took note of an alert."""

    alert_id: int
    author: str
    reason: str
    at: datetime | None = None


@dataclass(frozen=True)
class Ended:
    """Why nothing more is sent about an alert.

    Attributes:
        how: ``delivered``, ``folded`` (a repetition), ``acknowledged``, ``recovered`` or
            ``escalated`` (as often as the policy says, without an answer).
    """

    alert_id: int
    how: str
    reason: str
    at: datetime | None = None
