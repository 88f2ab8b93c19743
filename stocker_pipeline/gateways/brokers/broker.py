"""The interface of a broker, and the three ways in which an answer can fail.

The difference between "refused" and "unclear" is the whole of it: a refusal proves that there is
no order; everything else about a write proves nothing, and is looked up under the same id.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from stocker_pipeline.domain.orders import Execution


class BrokerStatus(enum.StrEnum):
    """What the broker says of an order. An open set: what is not known is ``OTHER``."""

    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    OTHER = "other"

    @property
    def open(self) -> bool:
        """Whether it may still trade; a status that is not known may."""
        return self in {BrokerStatus.ACCEPTED, BrokerStatus.PARTIALLY_FILLED, BrokerStatus.OTHER}


@dataclass(frozen=True)
class OrderRequest:
    """A market-on-open order.

    Attributes:
        session: At whose open it is to trade. The broker takes it for its own next session.
        quantity: Signed whole shares, never 0.
    """

    client_order_id: str
    symbol: str
    quantity: int
    session: date


@dataclass(frozen=True)
class BrokerOrder:
    """An order as the broker holds it. A terminal status says nothing about the quantity filled.

    Attributes:
        client_order_id: Empty where the order has none, as one entered by hand.
        quantity, filled_quantity: Signed shares.
    """

    broker_order_id: str
    client_order_id: str
    symbol: str
    quantity: int
    status: BrokerStatus
    filled_quantity: int
    submitted_at: datetime
    reason: str = ""


@dataclass(frozen=True)
class Account:
    """The account as the broker states it, in 1/10,000 dollar.

    Attributes:
        blocked: Why it takes no orders; empty where it does.
    """

    number: str
    cash_e4: int
    equity_e4: int
    blocked: str = ""


@dataclass(frozen=True)
class ExecutionPage:
    """Executions after a cursor, in no promised order, possibly with some seen before.

    Attributes:
        cursor: Where the next page begins; the same as asked for where there is nothing new.
    """

    executions: Sequence[Execution]
    cursor: str
    more: bool = False


@dataclass(frozen=True)
class Holdings:
    """Signed shares by symbol, without zeros, as of one reading."""

    quantities: Mapping[str, int] = field(default_factory=dict)


class BrokerError(Exception):
    """Something was asked of a broker and not done as asked.

    Attributes:
        status: HTTP status or its like; None where there was no answer.
        message: The broker's words, without secrets.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        self.message = message
        super().__init__(f"{status}: {message}" if status is not None else message)


class OrderRefused(BrokerError):
    """The broker's answer proves that there is no such order. Never sent again as it is."""


class OutcomeUnclear(BrokerError):
    """A write that may or may not have happened: time-out, reset, 429, 5xx, "id must be unique"."""


class ReadFailed(BrokerError):
    """A read gave no answer that can be believed. Nothing is known, least of all "nothing"."""


class CancelRefused(BrokerError):
    """The order cannot be cancelled any more: it is filled, ended or not there."""


class Broker(Protocol):
    """One account at one broker. Concurrency is one; nothing here retries a write."""

    @property
    def name(self) -> str:
        """As in settings and in the ledger."""

    def submit(self, order: OrderRequest) -> BrokerOrder:
        """Send once.

        Raises:
            OrderRefused: There is no order.
            OutcomeUnclear: There may be one.
        """

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """The order under this id; None where the broker says that there is none.

        Reads lag writes: one None proves nothing.

        Raises:
            ReadFailed: No answer.
        """

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Every order of the account that may still trade, ours and others'.

        Raises:
            ReadFailed: No answer.
        """

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancel. Its success is known from ``order`` alone.

        Raises:
            CancelRefused: Too late, or no such order.
            OutcomeUnclear: No answer.
        """

    def executions(self, cursor: str) -> ExecutionPage:
        """Fills after ``cursor``; the empty cursor begins at the account's first.

        Raises:
            ReadFailed: No answer.
        """

    def holdings(self) -> Holdings:
        """Positions now.

        Raises:
            ReadFailed: No answer.
        """

    def account(self) -> Account:
        """Cash and state now.

        Raises:
            ReadFailed: No answer.
        """

    def now(self) -> datetime:
        """The broker's clock, UTC.

        Raises:
            ReadFailed: No answer.
        """


@runtime_checkable
class MovesCash(Protocol):
    """A broker whose account takes deposits and withdrawals on our word, as a simulated one does.

    Elsewhere a person moves the money, and the account's activity tells us.
    """

    def move_cash(self, amount_e4: int, session: date, reference: str) -> bool:
        """Book a movement at the close of a session, once for each reference."""
