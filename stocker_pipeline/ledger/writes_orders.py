"""Writes of intents, attempts, events and executions."""

from collections.abc import Sequence
from dataclasses import replace

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.orders import LEGAL_EDGES, Execution, OrderIntent, OrderState
from stocker_pipeline.ledger.errors import LedgerRefused
from stocker_pipeline.ledger.facts import Row, insert_fact, insert_facts, insert_into
from stocker_pipeline.ledger.hashes import payload_hash
from stocker_pipeline.ledger.records import OrderEvent, OrderRecord
from stocker_pipeline.ledger.tables.book import cash_entries
from stocker_pipeline.ledger.tables.orders import (
    executions,
    order_attempts,
    order_events,
    order_intents,
    suspense,
    suspense_ends,
)
from stocker_pipeline.ledger.writes_control import ControlWrites
from stocker_pipeline.redaction import redacted

_EXECUTION_KEY = ("broker", "account", "execution_id")
_SYSTEM = "stocker"


class OrderWrites(ControlWrites):
    """Adds to the tables in ``tables.orders``. True = written now, False = it was there."""

    def put_intents(self, intents: Sequence[OrderIntent], *, config_hash: str) -> int:
        """Add orders of a session that is open; return how many are new.

        Raises:
            LedgerConflict: An id is there with another payload or decision.
            LedgerRefused: Another order of the symbol is working, or the session is not open.
            LeaseLost: Without the portfolio's live lease.
        """
        facts = [self._intent(intent, config_hash) for intent in intents]
        return insert_facts(
            self.connection,
            order_intents,
            facts,
            ignoring={"state", "lease_token", "committed_at"},
        )

    def begin_attempt(self, client_order_id: str, *, code_version: str, config_hash: str) -> int:
        """Say, before a request leaves, that it is about to; return its number, from 1.

        The order is ``SENDING`` afterwards. The portfolio must be armed (or reduce-only: whether
        the order reduces is for the caller to judge) and the lease live, in this transaction.

        Raises:
            LedgerRefused: ``control``, ``fence`` or ``edge``: nothing may be sent.
        """
        order = self._required(client_order_id)
        portfolio = order.intent.key.portfolio
        attempt = order.attempts + 1
        row = {
            "client_order_id": client_order_id,
            "attempt": attempt,
            "kill_epoch": self.own_control(portfolio).epoch,
            "lease_token": self._token(portfolio),
            "code_version": code_version,
            "config_hash": config_hash,
            "committed_at": self.now,
        }
        self.connection.execute(insert_into(order_attempts), row)
        self.put_event(
            OrderEvent(client_order_id, "sending", OrderState.SENDING, reason=f"attempt {attempt}"),
            repeat=True,
        )
        return attempt

    def put_event(self, event: OrderEvent, *, repeat: bool = False) -> bool:
        """Add what was learnt about an order and move its state.

        Args:
            repeat: Whether the same as the last event is another one, as a second look-up is.

        Raises:
            LedgerRefused: ``edge``: there is no such step between the two states.
        """
        order = self._required(event.client_order_id)
        event = replace(event, reason=redacted(event.reason), raw=redacted(event.raw))
        last = self.last_event(event.client_order_id)
        if last is not None and not repeat and _same(last, event):
            return False
        row = {
            "client_order_id": event.client_order_id,
            "sequence": 1 if last is None else last.sequence + 1,
            "kind": event.kind,
            "state": event.state,
            "broker_order_id": event.broker_order_id or None,
            "filled_quantity": event.filled_quantity,
            "reason": event.reason,
            "raw": event.raw,
            "recorded_at": self.now,
        }
        if event.state not in LEGAL_EDGES[order.state]:
            self._refuse_edge(order, event)
        self.connection.execute(insert_into(order_events), row)
        self.put_late_event(event.client_order_id, order.intent.key, event.kind)
        return True

    def book_execution(
        self,
        portfolio: str,
        broker: str,
        account: str,
        execution: Execution,
        *,
        adopted: bool = False,
    ) -> bool:
        """Book a fill and the cash it moved, once for each execution id.

        Args:
            adopted: It is not of one of our orders, went through suspense, and a person took it
                into this book.

        Raises:
            LedgerConflict: The id is booked with other content.
            LedgerRefused: ``overfill`` or ``foreign``: it belongs into suspense.
        """
        row = _execution_row(broker, account, execution) | {
            "portfolio": portfolio,
            "booked_at": self.now,
        }
        if adopted:
            row["client_order_id"] = None
        if not insert_fact(self.connection, executions, row, ignoring={"booked_at"}):
            return False
        moved = {"trade": -execution.quantity * execution.price_e4}
        if execution.commission_e4:
            moved["commission"] = -execution.commission_e4
        entries = [
            {
                "portfolio": portfolio,
                "session": execution.session,
                "kind": kind,
                "symbol": execution.symbol,
                "amount": amount,
                "version": 0,
                "author": _SYSTEM,
                "reason": "",
                "recorded_at": self.now,
                **{name: row[name] for name in _EXECUTION_KEY},
            }
            for kind, amount in moved.items()
        ]
        self.connection.execute(insert_into(cash_entries), entries)
        return True

    def suspend_execution(
        self,
        broker: str,
        account: str,
        execution: Execution,
        *,
        why: str,
        portfolio: str | None = None,
    ) -> bool:
        """Keep a fill that cannot be booked until a person judges it."""
        row = _execution_row(broker, account, execution) | {
            "portfolio": portfolio,
            "why": why,
            "recorded_at": self.now,
        }
        ignoring = {"recorded_at", "why", "portfolio"}
        if not insert_fact(self.connection, suspense, row, ignoring=ignoring):
            return False
        facts = self.bound(suspense, **{name: row[name] for name in _EXECUTION_KEY})
        subject = f"{broker}/{account}/{execution.execution_id}"
        self.put_audit(_SYSTEM, "fill_suspended", subject[:200], {"why": why}, facts=facts)
        return True

    def end_suspense(
        self,
        broker: str,
        account: str,
        execution_id: str,
        *,
        resolution: str,
        author: str,
        reason: str,
    ) -> bool:
        """Say what became of a fill in suspense, such as ``adopted`` or ``ignored``."""
        row = {
            "broker": broker,
            "account": account,
            "execution_id": execution_id,
            "resolution": resolution,
            "author": author,
            "reason": reason,
            "at": self.now,
        }
        ignoring = {"author", "reason", "at"}
        if not insert_fact(self.connection, suspense_ends, row, ignoring=ignoring):
            return False
        subject = f"{broker}/{account}/{execution_id}"
        content = {"resolution": resolution, "reason": reason}
        facts = self.bound(suspense_ends, **{name: row[name] for name in _EXECUTION_KEY})
        self.put_audit(author, "suspense_ended", subject[:200], content, facts=facts)
        return True

    def _intent(self, intent: OrderIntent, config_hash: str) -> Row:
        key = intent.key
        return {
            "client_order_id": intent.client_order_id,
            "environment": key.environment,
            "account": key.account,
            "portfolio": key.portfolio,
            "session": key.session,
            "symbol": key.symbol,
            "leg": key.leg,
            "revision": key.revision,
            "quantity": intent.quantity,
            "reference_price": intent.reference_price,
            "decision": intent.decision,
            "payload_hash": payload_hash(intent),
            "config_hash": config_hash,
            "lease_token": self._token(key.portfolio),
            "committed_at": self.now,
            "state": OrderState.INTENT,
        }

    def _required(self, client_order_id: str) -> OrderRecord:
        order = self.order(client_order_id)
        if order is None:
            raise BookRefused(
                "an order that is in the ledger",
                client_order_id,
                where="ledger",
                remedy="Write the intent first.",
            )
        return order

    @staticmethod
    def _refuse_edge(order: OrderRecord, event: OrderEvent) -> None:
        """Say the same as the trigger, with the order's name in it."""
        after = ", ".join(sorted(LEGAL_EDGES[order.state])) or "nothing"
        key = order.intent.key
        raise LedgerRefused(
            f"after {order.state} one of: {after}",
            f"edge broken by {event.state} ({event.kind})",
            where=f"order {order.client_order_id}, {key.symbol} of {key.session}",
            remedy="Read the order's events; `stocker doctor` lists what does not fit.",
        )


def _same(last: OrderEvent, event: OrderEvent) -> bool:
    return (
        last.kind == event.kind
        and last.state == event.state
        and (last.broker_order_id or "") == (event.broker_order_id or "")
        and last.filled_quantity == event.filled_quantity
        and last.reason == event.reason
    )


def _execution_row(broker: str, account: str, execution: Execution) -> dict[str, object]:
    return {
        "broker": broker,
        "account": account,
        "execution_id": execution.execution_id,
        "session": execution.session,
        "client_order_id": execution.client_order_id,
        "broker_order_id": execution.broker_order_id,
        "symbol": execution.symbol,
        "quantity": execution.quantity,
        "price": execution.price_e4,
        "commission": execution.commission_e4,
        "cumulative_quantity": execution.cumulative_quantity,
        "executed_at": execution.executed_at,
    }
