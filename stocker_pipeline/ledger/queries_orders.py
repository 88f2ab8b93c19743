"""Orders with what was sent, learnt and filled, as records."""

from collections.abc import Collection
from datetime import date
from functools import cache

from sqlalchemy import Select, Table, bindparam, func, select

from stocker_pipeline.domain.orders import WORKING, Execution, OrderIntent, OrderKey, OrderState
from stocker_pipeline.ledger.queries import Queries, Row
from stocker_pipeline.ledger.records import AttemptRow, BookedExecution, OrderEvent, OrderRecord
from stocker_pipeline.ledger.tables.orders import (
    executions,
    order_attempts,
    order_events,
    order_intents,
    suspense,
    suspense_ends,
)

_ORDER = order_intents.c.client_order_id
_filled = (
    select(func.coalesce(func.sum(executions.c.quantity), 0))
    .where(executions.c.client_order_id == _ORDER)
    .scalar_subquery()
)
_sent = (
    select(func.count())
    .select_from(order_attempts)
    .where(order_attempts.c.client_order_id == _ORDER)
    .scalar_subquery()
)
_named = (
    select(order_events.c.broker_order_id)
    .where(order_events.c.client_order_id == _ORDER, order_events.c.broker_order_id.is_not(None))
    .order_by(order_events.c.sequence.desc())
    .limit(1)
    .scalar_subquery()
)
_orders = select(
    order_intents,
    _filled.label("filled_quantity"),
    _sent.label("attempts"),
    _named.label("broker_order_id"),
)
_one_order = _orders.where(bindparam("client_order_id") == _ORDER)
_in_order = [order_intents.c[name] for name in ("session", "symbol", "leg", "revision")]
_events = (
    select(order_events)
    .where(order_events.c.client_order_id == bindparam("client_order_id"))
    .order_by(order_events.c.sequence)
)
_last_event = _events.order_by(None).order_by(order_events.c.sequence.desc()).limit(1)
_attempts = (
    select(order_attempts)
    .where(order_attempts.c.client_order_id == bindparam("client_order_id"))
    .order_by(order_attempts.c.attempt)
)
_executions = select(executions)
_traded_before = select(func.max(executions.c.session)).where(
    executions.c.portfolio == bindparam("portfolio"), executions.c.session < bindparam("session")
)
_one_execution = select(executions).where(
    executions.c.broker == bindparam("broker"),
    executions.c.account == bindparam("account"),
    executions.c.execution_id == bindparam("execution_id"),
)
_working = _orders.where(
    order_intents.c.portfolio == bindparam("portfolio"),
    order_intents.c.state.in_(sorted(WORKING)),
).order_by(*_in_order)
_ended = select(suspense_ends.c.execution_id).where(
    *(suspense_ends.c[name] == suspense.c[name] for name in ("broker", "account", "execution_id"))
)
_open_suspense = (
    select(suspense)
    .where(
        suspense.c.broker == bindparam("broker"),
        suspense.c.account == bindparam("account"),
        ~_ended.exists(),
    )
    .order_by(suspense.c.execution_id)
)


@cache
def _where_equal(query: Select, table: Table, names: tuple[str, ...]) -> Select:
    """The query of rows whose columns have the values of those names.

    Made once, as the statements above: making one costs more than asking it.
    """
    return query.where(*(table.c[name] == bindparam(name) for name in names))


@cache
def _orders_of(names: tuple[str, ...], states: frozenset[OrderState] | None) -> Select:
    query = _where_equal(_orders, order_intents, names)
    if states is not None:
        query = query.where(order_intents.c.state.in_(sorted(states)))
    return query.order_by(*_in_order)


class OrderQueries(Queries):
    """Reads of the tables in ``tables.orders``."""

    def order(self, client_order_id: str) -> OrderRecord | None:
        """An order by its id."""
        row = self._one(_one_order, client_order_id=client_order_id)
        return None if row is None else _order(row)

    def orders(
        self,
        portfolio: str,
        *,
        session: date | None = None,
        states: Collection[OrderState] | None = None,
    ) -> list[OrderRecord]:
        """Orders of a portfolio by session, symbol, leg and revision."""
        wanted = _given(portfolio=portfolio, session=session)
        query = _orders_of(tuple(wanted), None if states is None else frozenset(states))
        return [_order(row) for row in self._all(query, **wanted)]

    def working_orders(self, portfolio: str) -> list[OrderRecord]:
        """Orders that may still trade, as far as we know."""
        return [_order(row) for row in self._all(_working, portfolio=portfolio)]

    def order_events(self, client_order_id: str) -> list[OrderEvent]:
        """All that was learnt about an order, in order."""
        return [_event(row) for row in self._all(_events, client_order_id=client_order_id)]

    def last_event(self, client_order_id: str) -> OrderEvent | None:
        """What was learnt last about an order; None before anything was."""
        row = self._one(_last_event, client_order_id=client_order_id)
        return None if row is None else _event(row)

    def attempts(self, client_order_id: str) -> list[AttemptRow]:
        """Every request of an order that was about to leave, in order."""
        return [AttemptRow(**row) for row in self._all(_attempts, client_order_id=client_order_id)]

    def execution(self, broker: str, account: str, execution_id: str) -> BookedExecution | None:
        """An execution that is booked."""
        row = self._one(_one_execution, broker=broker, account=account, execution_id=execution_id)
        return None if row is None else _execution(row)

    def executions(
        self, portfolio: str, *, session: date | None = None, client_order_id: str | None = None
    ) -> list[BookedExecution]:
        """Executions in the book, in the order in which they are folded; sessions ascending."""
        wanted = _given(portfolio=portfolio, session=session, client_order_id=client_order_id)
        query = _where_equal(_executions, executions, tuple(wanted))
        found = [_execution(row) for row in self._all(query, **wanted)]
        # In Python: databases sort texts by rules of their own.
        return sorted(
            found, key=lambda item: (item.execution.session, *item.execution.booking_order)
        )

    def traded_before(self, portfolio: str, session: date) -> date | None:
        """The last session before this one in which something was filled."""
        row = self._one(_traded_before, portfolio=portfolio, session=session)
        found: date | None = None if row is None else next(iter(row.values()))
        return found

    def open_suspense(self, broker: str, account: str) -> list[BookedExecution]:
        """Executions that nobody has judged yet."""
        rows = self._all(_open_suspense, broker=broker, account=account)
        return [_execution(row) for row in rows]


def _given(**values: object) -> dict[str, object]:
    """The values that are not None, by name."""
    return {name: value for name, value in values.items() if value is not None}


def _order(row: Row) -> OrderRecord:
    key = OrderKey(
        row["environment"],
        row["account"],
        row["portfolio"],
        row["session"],
        row["symbol"],
        row["leg"],
        row["revision"],
    )
    return OrderRecord(
        intent=OrderIntent(key, row["quantity"], row["reference_price"], row["decision"]),
        state=OrderState(row["state"]),
        payload_hash=row["payload_hash"],
        config_hash=row["config_hash"],
        lease_token=row["lease_token"],
        committed_at=row["committed_at"],
        broker_order_id=row["broker_order_id"] or "",
        filled_quantity=int(row["filled_quantity"]),
        attempts=row["attempts"],
    )


def _event(row: Row) -> OrderEvent:
    return OrderEvent(**{**row, "state": OrderState(row["state"])})


def _execution(row: Row) -> BookedExecution:
    return BookedExecution(
        broker=row["broker"],
        account=row["account"],
        portfolio=row["portfolio"],
        execution=Execution(
            execution_id=row["execution_id"],
            broker_order_id=row["broker_order_id"],
            client_order_id=row["client_order_id"],
            symbol=row["symbol"],
            quantity=row["quantity"],
            price_e4=row["price"],
            commission_e4=row["commission"],
            cumulative_quantity=row["cumulative_quantity"],
            session=row["session"],
            executed_at=row["executed_at"],
        ),
        why=row.get("why", ""),
        recorded_at=row.get("booked_at", row.get("recorded_at")),
    )
