"""What the ledger is told and what it answers: frozen values, without SQL and without rules.

Money is int in 1/10,000 dollar (``*_e4``), shares are signed int, instants are UTC. Fields that the
ledger fills in itself (instants, ids, tokens) come last and are left out when a record is written.
Orders, executions and lots are ``domain.orders`` and ``engine.simulate``.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from stocker_pipeline.domain.orders import Execution, OrderIntent, OrderState, SessionOutcome
from stocker_pipeline.engine.simulate import Lot


class SessionKind(enum.StrEnum):
    """How a session of a book came to be."""

    DECIDED = "decided"
    SKIPPED = "skipped"
    CAUGHT_UP = "caught_up"


class FlowKind(enum.StrEnum):
    """Cash that a person moves or corrects."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True)
class PortfolioRecord:
    """A book and where it trades. ``created_at`` is the ledger's."""

    portfolio: str
    environment: str
    broker: str
    account: str
    initial_capital_e4: int
    book_start: date
    created_at: datetime | None = None


@dataclass(frozen=True)
class SessionRecord:
    """A session of a book: on which configuration and data versions it was decided.

    Attributes:
        data_versions: Name of a lake table → its version, or any text that pins it.
    """

    portfolio: str
    session: date
    config_hash: str
    data_versions: Mapping[str, str]
    code_version: str
    kind: SessionKind
    opened_at: datetime | None = None
    lease_token: int | None = None


@dataclass(frozen=True)
class DecisionRow:
    """Everything between a symbol's bars and its order in one session.

    Names are those of the tables ``signals``, ``targets``, ``decisions`` and ``orders`` of the
    lake; None where there is no number (never NaN).

    Attributes:
        ordered: Signed shares of the intent, 0 where there is none.
        overridden_by: Which override changed it, in words; None where none did.
    """

    symbol: str
    decision: str
    held: int
    desired: int
    ordered: int = 0
    bars: int = 0
    momentum: float | None = None
    direction: int | None = None
    vol: float | None = None
    weight: float | None = None
    signal_reason: str | None = None
    sigma_p: float | None = None
    k: float | None = None
    single_capped: bool | None = None
    x_single: float | None = None
    gross_factor: float | None = None
    tripped: bool | None = None
    breaker_factor: float | None = None
    target: float | None = None
    reference_price: float | None = None
    overridden_by: str | None = None


@dataclass(frozen=True)
class OrderRecord:
    """An intent as the ledger holds it, with what its events say by now.

    Attributes:
        state: After the last event.
        broker_order_id: The last one named; empty before the broker answered.
        filled_quantity: Signed shares booked in ``executions``, not what the broker claims.
        attempts: How often it was sent, or about to be.
    """

    intent: OrderIntent
    state: OrderState
    payload_hash: str
    config_hash: str
    lease_token: int
    committed_at: datetime
    broker_order_id: str = ""
    filled_quantity: int = 0
    attempts: int = 0

    @property
    def client_order_id(self) -> str:
        """The order's id."""
        return self.intent.client_order_id


@dataclass(frozen=True)
class AttemptRow:
    """One request that was about to leave."""

    client_order_id: str
    attempt: int
    kill_epoch: int
    lease_token: int
    code_version: str
    config_hash: str
    committed_at: datetime


@dataclass(frozen=True)
class OrderEvent:
    """One thing that was learnt about an order.

    Attributes:
        kind: What it was, in a word: ``sending``, ``answer``, ``no_answer``, ``lookup``, ``fill`` …
        filled_quantity: Signed shares, as the broker states them; None where it says nothing.
        raw: The broker's words, without secrets.
    """

    client_order_id: str
    kind: str
    state: OrderState
    broker_order_id: str | None = None
    filled_quantity: int | None = None
    reason: str = ""
    raw: str = ""
    sequence: int = 0
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class BookedExecution:
    """A fill in the book, or in suspense, of one account at one broker.

    Attributes:
        portfolio: None in suspense where nobody knows.
        why: Why it is in suspense; empty in the book.
    """

    broker: str
    account: str
    portfolio: str | None
    execution: Execution
    why: str = ""
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class CorporateActionEntry:
    """A split, a dividend or both, as it was applied to the book.

    Attributes:
        dividend: Dollars per share.
        cash_e4: All the cash it moved, as the engine's log has it.
        dividend_cash_e4: The part of it that is dividend; the rest is cash in lieu.
    """

    symbol: str
    split_new: int
    split_old: int
    dividend: float
    shares_change: int
    cash_e4: int
    dividend_cash_e4: int


@dataclass(frozen=True)
class CashFlow:
    """Cash that a person moved or corrected, booked at the close of a session.

    Attributes:
        amount_e4: Signed: a withdrawal is negative.
        reference: Names the fact, so that entering it twice books it once.
    """

    portfolio: str
    session: date
    kind: FlowKind
    amount_e4: int
    reference: str
    author: str
    reason: str
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class CashEntry:
    """One movement of cash. ``kind`` is trade, commission, dividend, cash_in_lieu or a FlowKind."""

    portfolio: str
    session: date
    kind: str
    symbol: str | None
    amount_e4: int
    execution_id: str | None
    version: int


@dataclass(frozen=True)
class SnapshotRow:
    """The book at a close: the columns of the engine's snapshots, totals since the book's start."""

    session: date
    nav_e4: int
    cash_e4: int
    positions_value_e4: int
    peak_nav_e4: int
    drawdown: float | None
    gross_exposure: float | None
    net_exposure: float | None
    realised_e4: int
    unrealised_e4: int
    dividends_e4: int
    cash_in_lieu_e4: int
    commissions_e4: int
    flows_e4: int
    initial_capital_e4: int
    tripped: bool
    positions_count: int
    version: int = 1
    reason: str = ""
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class PositionRow:
    """A position at a close; never of zero shares."""

    symbol: str
    quantity: int
    mark: float
    mark_age_sessions: int
    cost_e4: int
    market_value_e4: int


@dataclass(frozen=True)
class Settlement:
    """All that the close of one session writes of the book, in one transaction.

    Attributes:
        lots: Every open lot at the close, of each symbol oldest first; the ledger itself finds
            which symbols changed and writes those.
    """

    snapshot: SnapshotRow
    positions: tuple[PositionRow, ...] = ()
    lots: tuple[Lot, ...] = ()
    actions: tuple[CorporateActionEntry, ...] = ()


@dataclass(frozen=True)
class OutcomeRecord:
    """How a session ended."""

    portfolio: str
    session: date
    outcome: SessionOutcome
    reason_code: str
    reason: str = ""
    recorded_at: datetime | None = None
