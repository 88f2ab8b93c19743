"""What happens at a simulated broker without us: other people's trades, its own decisions.

For tests and soaks alone. Everything here changes the account's truth, in a transaction of its own;
what is said about one order may be said before the order comes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from stocker_pipeline.domain.orders import Execution
from stocker_pipeline.domain.session import NEW_YORK, Clock
from stocker_pipeline.gateways.brokers.broker import BrokerOrder, BrokerStatus
from stocker_pipeline.gateways.brokers.order_window import calendar_around
from stocker_pipeline.gateways.brokers.simulated_session import (
    CANCEL_LOSES,
    FILLS_THOUGH_CANCELED,
    IN_PARTS,
    REJECTED_LATER,
    book_execution,
    execution_name,
)
from stocker_pipeline.gateways.brokers.simulated_store import (
    AccountFile,
    CashMove,
    Position,
    name_of,
)


@dataclass(frozen=True)
class Truth:
    """Everything that the account's file says, in its own order; two equal files are equal here."""

    number: str
    cash_e4: int
    last_session: date
    blocked: str
    positions: Mapping[str, Position]
    orders: Sequence[BrokerOrder]
    executions: Sequence[Execution]
    cash_moves: Sequence[CashMove]


class BrokerControl:
    """The hand on the other side.

    Args:
        catch_up: Processes the sessions that are due, so that what is done by hand comes after.
    """

    def __init__(
        self, store: AccountFile, clock: Clock, number: str, catch_up: Callable[[], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._number = number
        self._catch_up = catch_up

    def truth(self) -> Truth:
        """The account's file as it is; brings nothing up to date."""
        with self._store.reading():
            account = self._store.account()
            return Truth(
                number=account.number,
                cash_e4=account.cash_e4,
                last_session=account.last_session,
                blocked=account.blocked,
                positions=dict(self._store.positions()),
                orders=tuple(self._store.all_orders()),
                executions=tuple(fill for _, fill in self._store.executions(0)),
                cash_moves=tuple(self._store.cash_moves()),
            )

    def restart(self) -> None:
        """Forget everything but the file."""
        self._store.reopen()

    def trade_by_hand(
        self, symbol: str, quantity: int, price_e4: int, *, commission_e4: int = 0
    ) -> str:
        """A filled order without a client id, at once, in the shares of the account as it stands.

        Returns:
            Its broker_order_id.
        """
        return self._trade(symbol, quantity, price_e4, commission_e4, with_order=True)

    def ghost_fill(self, symbol: str, quantity: int, price_e4: int) -> str:
        """A fill, at once, of an order that nobody can list. Returns its execution_id."""
        return self._trade(symbol, quantity, price_e4, 0, with_order=False)

    def foreign_order(
        self, symbol: str, quantity: int, session: date, *, client_order_id: str | None = None
    ) -> str:
        """An open order that we did not send; it trades at the open.

        Returns:
            Its broker_order_id.
        """
        self._catch_up()
        with self._store.writing("control"):
            name = self._next_name("foreign")
            self._store.add_order(
                name, client_order_id, symbol, quantity, session, self._clock.now()
            )
        return name

    def reject(self, client_order_id: str, reason: str = "") -> None:
        """Reject an open order now, after it was accepted."""
        with self._store.writing("control"):
            order = self._store.order(client_order_id)
            if order is None or not order.status.open:
                raise ValueError(f"wanted an open order to reject; {client_order_id} is {order}")
            self._store.update_order(order.broker_order_id, BrokerStatus.REJECTED, 0, reason)

    def reject_later(self, client_order_id: str, reason: str = "") -> None:
        """Reject an order at the open instead of filling it."""
        self._instruct(client_order_id, REJECTED_LATER, reason)

    def fill_in_parts(self, client_order_id: str, parts: Sequence[int]) -> None:
        """Fill an order in these parts (shares without sign); what they leave expires."""
        self._instruct(client_order_id, IN_PARTS, " ".join(str(part) for part in parts))

    def lose_cancel(self, client_order_id: str) -> None:
        """Answer a cancel of this order as if it were done, and let the order go on."""
        self._instruct(client_order_id, CANCEL_LOSES, "")

    def fill_though_canceled(self, client_order_id: str) -> None:
        """Fill this order at the open even where it says that it is canceled."""
        self._instruct(client_order_id, FILLS_THOUGH_CANCELED, "")

    def block(self, reason: str) -> None:
        """Take no more orders."""
        with self._store.writing("control"):
            self._store.set_blocked(reason)

    def unblock(self) -> None:
        """Take orders again."""
        self.block("")

    def _instruct(self, client_order_id: str, kind: str, value: str) -> None:
        with self._store.writing("control"):
            self._store.instruct(client_order_id, kind, value)

    def _trade(
        self, symbol: str, quantity: int, price_e4: int, commission_e4: int, *, with_order: bool
    ) -> str:
        self._catch_up()
        now = self._clock.now()
        today = now.astimezone(NEW_YORK).date()
        session = calendar_around(today).session_on_or_before(today)
        with self._store.writing("control"):
            order_id = self._next_name("by hand")
            execution_id = execution_name(session, 0, order_id, quantity)
            if with_order:
                self._store.add_order(
                    order_id,
                    None,
                    symbol,
                    quantity,
                    session,
                    now,
                    status=BrokerStatus.FILLED,
                    filled_quantity=quantity,
                )
            book_execution(
                self._store,
                Execution(
                    execution_id=execution_id,
                    broker_order_id=order_id,
                    client_order_id=None,
                    symbol=symbol,
                    quantity=quantity,
                    price_e4=price_e4,
                    commission_e4=commission_e4,
                    cumulative_quantity=quantity,
                    session=session,
                    executed_at=now,
                ),
            )
        return order_id if with_order else execution_id

    def _next_name(self, kind: str) -> str:
        """A name from what the file holds: the same again after a kill, another after a commit."""
        counts = self._store.count_orders(), self._store.count_executions()
        return name_of(self._number, kind, *counts)
