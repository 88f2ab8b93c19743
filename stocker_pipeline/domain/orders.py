"""Orders as every mode speaks of them: identity, states and their legal edges, executions.

Belongs here: what an order is and what may follow what. Stays out: how it is sent (gateways), where
it is written (ledger) and why it was decided (engine).
"""

import base64
import enum
import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

CLIENT_ORDER_ID_PREFIX = "stk-"


class OrderState(enum.StrEnum):
    """Where an order is. The ledger's events carry the state after each."""

    INTENT = "INTENT"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    ACKED = "ACKED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"

    @property
    def working(self) -> bool:
        """Whether the order may still trade, as far as we know."""
        return self in WORKING


WORKING = frozenset(
    {
        OrderState.INTENT,
        OrderState.SENDING,
        OrderState.UNKNOWN,
        OrderState.ACKED,
        OrderState.PARTIAL,
    }
)
_ENDED = {OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED}
_ANSWERS = {OrderState.ACKED, OrderState.PARTIAL, OrderState.FILLED, *_ENDED}

LEGAL_EDGES: MappingProxyType[OrderState, frozenset[OrderState]] = MappingProxyType(
    {
        # Never sent: the window passed, a gate held, the person withdrew it.
        OrderState.INTENT: frozenset({OrderState.SENDING, OrderState.CANCELLED}),
        OrderState.SENDING: frozenset({OrderState.UNKNOWN, *_ANSWERS}),
        # Only a statement about this very id leads out; SENDING again only under the same id.
        OrderState.UNKNOWN: frozenset({OrderState.SENDING, OrderState.UNKNOWN, *_ANSWERS}),
        # The same once more: a cancel was asked for, and nothing is known to have come of it.
        OrderState.ACKED: frozenset(
            {OrderState.ACKED, OrderState.PARTIAL, OrderState.FILLED, *_ENDED}
        ),
        OrderState.PARTIAL: frozenset({OrderState.PARTIAL, OrderState.FILLED, *_ENDED}),
        OrderState.FILLED: frozenset(),
        # A broker's "ended" is not final: a late fill is booked, and may complete the order.
        OrderState.CANCELLED: frozenset({OrderState.CANCELLED, OrderState.FILLED}),
        OrderState.EXPIRED: frozenset({OrderState.EXPIRED, OrderState.FILLED}),
        OrderState.REJECTED: frozenset({OrderState.REJECTED, OrderState.FILLED}),
    }
)
"""State → states that may follow it. The ledger's triggers enforce the same table."""


class SessionOutcome(enum.StrEnum):
    """How a session of a book ended; each has a reason beside it."""

    TRADED = "TRADED"
    NO_TRADES = "NO_TRADES"
    SKIPPED = "SKIPPED"
    HALTED = "HALTED"


@dataclass(frozen=True)
class OrderKey:
    """What makes an order the same order, whoever computes it and however often.

    Attributes:
        environment: ``dev``, ``paper`` or ``live``.
        account: The broker's account number.
        leg: ``rebalance``, ``limit`` or ``flatten``: why there can be another order of the symbol.
        revision: 0, and one more for each new order that replaces an ended one on purpose.
    """

    environment: str
    account: str
    portfolio: str
    session: date
    symbol: str
    leg: str = "rebalance"
    revision: int = 0

    def client_order_id(self) -> str:
        """At most 48 characters of ``[a-z2-7-]``; never from time or chance."""
        parts = (
            self.environment,
            self.account,
            self.portfolio,
            self.session.isoformat(),
            self.symbol,
            self.leg,
            str(self.revision),
        )
        # Each part with its length, so that no two lists of parts give one text.
        text = "".join(f"{len(part)}:{part}" for part in parts)
        digest = hashlib.sha256(text.encode()).digest()[:25]
        return CLIENT_ORDER_ID_PREFIX + base64.b32encode(digest).decode().lower()


@dataclass(frozen=True)
class OrderIntent:
    """An order that was decided; committed before anything leaves.

    Attributes:
        quantity: Signed whole shares, never 0.
        reference_price: Previous close in today's share basis, dollars (E17).
        decision: Name of the engine's ``Decision``.
    """

    key: OrderKey
    quantity: int
    reference_price: float
    decision: str

    @property
    def client_order_id(self) -> str:
        """The id under which it is sent, and looked up, for ever."""
        return self.key.client_order_id()


@dataclass(frozen=True)
class Execution:
    """One fill as the broker reports it. Booked once for each ``execution_id``.

    Attributes:
        client_order_id: None where the order is not one of ours, or the broker does not say.
        quantity: Signed shares of this fill alone.
        price_e4, commission_e4: 1/10,000 dollar; commission is what this fill added.
        cumulative_quantity: Signed shares of the order after this fill.
        session: The session it belongs to.
        executed_at: The broker's instant, UTC.
    """

    execution_id: str
    broker_order_id: str
    client_order_id: str | None
    symbol: str
    quantity: int
    price_e4: int
    commission_e4: int
    cumulative_quantity: int
    session: date
    executed_at: datetime

    @property
    def booking_order(self) -> tuple[str, str, int, str]:
        """Fills are folded in this order, in whatever order they arrive."""
        return (
            self.symbol,
            self.broker_order_id,
            abs(self.cumulative_quantity),
            self.execution_id,
        )
