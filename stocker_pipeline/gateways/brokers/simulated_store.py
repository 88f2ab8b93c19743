"""The file of a simulated account: its only truth, in SQLite, one transaction for each thing done.

Nothing is held in memory between two calls, so a process that is killed between any two lines, and
two processes at once, leave and see one truth. Belongs here: rows in, rows out. Stays out: what an
order may be (``simulated_checks``) and what a session does to the account (``simulated_session``).
"""

import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.orders import Execution
from stocker_pipeline.gateways.brokers.broker import BrokerOrder, BrokerStatus
from stocker_pipeline.gateways.brokers.simulated_schema import TABLES, VERSION

TRANSACTIONS: Final = ("open", "accept", "cancel", "cash", "control", "session")
"""Each has the crash points ``broker.NAME.before_commit`` and ``broker.NAME.after_commit``."""

_BUSY_S = 30.0
_NAMES = uuid.UUID("8c2f0f5e-4a5b-5d0c-9b43-1f6f7e1d8a11")
_ORDER = (
    "broker_order_id, client_order_id, symbol, quantity, status, filled_quantity, submitted_at, "
    "reason"
)
_EXECUTION = (
    "execution_id, broker_order_id, client_order_id, symbol, quantity, price_e4, commission_e4, "
    "cumulative_quantity, session, executed_at"
)


class Position(NamedTuple):
    """Signed shares, and the last close in today's share basis (dollars)."""

    quantity: int
    mark: float


@dataclass(frozen=True)
class AccountRow:
    """The account itself; ``last_session`` is the last one that was processed."""

    number: str
    initial_cash_e4: int
    cash_e4: int
    last_session: date
    blocked: str


@dataclass(frozen=True)
class CashMove:
    """One entry of the account's cash. ``booked`` is False while its session is still to come."""

    session: date
    kind: str
    symbol: str
    amount_e4: int
    reference: str | None
    booked: bool


def name_of(*parts: object) -> str:
    """An id as brokers write them, from these parts alone: the same after any restart."""
    return str(uuid.uuid5(_NAMES, "/".join(str(part) for part in parts)))


class AccountFile:
    """One account's file. Every change is made inside ``writing``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = self._connected()

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
        try:
            # Looked at before anything is set: a file that is something else is left as it is.
            # At one moment: another process may be making the account between two.
            connection.execute("BEGIN")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            connection.execute("ROLLBACK")
            if version != VERSION and (version or tables):
                raise self._refusal(f"a database of version {version} with {tables} tables")
            connection.execute("PRAGMA journal_mode = WAL")
            # In a WAL, NORMAL loses nothing to kill -9; a power cut may cost the last commits,
            # never the file.
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException as error:
            connection.close()
            if type(error) is sqlite3.DatabaseError:
                raise self._refusal(str(error)) from error
            raise
        return connection

    def _refusal(self, received: str) -> ConfigurationRefused:
        return ConfigurationRefused(
            f"the file of a simulated account, version {VERSION}",
            received,
            where=self.path.name,
            remedy="Name the account's own file, or one that is not there yet.",
        )

    def close(self) -> None:
        """Let go of the file; it can be opened again."""
        self._connection.close()

    def reopen(self) -> None:
        """What a restart does: nothing but the file is left."""
        self.close()
        self._connection = self._connected()

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """One transaction: all of it, or, after an error or a kill, nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            crash_point(f"broker.{name}.before_commit")
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        crash_point(f"broker.{name}.after_commit")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Several reads of one state."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def create(self, number: str, initial_cash_e4: int, last_session: date) -> None:
        """Tables and account, inside ``writing``; nothing where another process was first."""
        if self.exists():
            return
        for statement in TABLES:
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA user_version = {VERSION}")
        self._connection.execute(
            "INSERT INTO account (one, number, initial_cash_e4, cash_e4, last_session) "
            "VALUES (1, ?, ?, ?, ?)",
            (number, initial_cash_e4, initial_cash_e4, last_session.isoformat()),
        )

    def exists(self) -> bool:
        """Whether the account was opened."""
        return self._connection.execute("PRAGMA user_version").fetchone()[0] == VERSION

    def account(self) -> AccountRow:
        row = self._connection.execute(
            "SELECT number, initial_cash_e4, cash_e4, last_session, blocked FROM account"
        ).fetchone()
        return AccountRow(row[0], row[1], row[2], date.fromisoformat(row[3]), row[4])

    def set_last_session(self, session: date) -> None:
        self._connection.execute("UPDATE account SET last_session = ?", (session.isoformat(),))

    def set_blocked(self, reason: str) -> None:
        self._connection.execute("UPDATE account SET blocked = ?", (reason,))

    def add_order(
        self,
        broker_order_id: str,
        client_order_id: str | None,
        symbol: str,
        quantity: int,
        session: date,
        submitted_at: datetime,
        *,
        status: BrokerStatus = BrokerStatus.ACCEPTED,
        filled_quantity: int = 0,
    ) -> None:
        self._connection.execute(
            "INSERT INTO orders (broker_order_id, client_order_id, symbol, quantity, session, "
            "status, filled_quantity, submitted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                broker_order_id,
                client_order_id,
                symbol,
                quantity,
                session.isoformat(),
                status.value,
                filled_quantity,
                submitted_at.isoformat(),
            ),
        )

    def update_order(
        self, broker_order_id: str, status: BrokerStatus, filled_quantity: int, reason: str
    ) -> None:
        self._connection.execute(
            "UPDATE orders SET status = ?, filled_quantity = ?, reason = ? "
            "WHERE broker_order_id = ?",
            (status.value, filled_quantity, reason, broker_order_id),
        )

    def order(self, client_order_id: str) -> BrokerOrder | None:
        found = self._orders("WHERE client_order_id = ?", client_order_id)
        return found[0] if found else None

    def open_orders(self, symbol: str | None = None) -> Sequence[BrokerOrder]:
        if symbol is None:
            return self._orders("WHERE status = 'accepted' ORDER BY sequence")
        return self._orders("WHERE status = 'accepted' AND symbol = ? ORDER BY sequence", symbol)

    def orders_of(self, session: date) -> Sequence[BrokerOrder]:
        """Every order for the open of a session, ended ones too, as they came in."""
        return self._orders("WHERE session = ? ORDER BY sequence", session.isoformat())

    def all_orders(self) -> Sequence[BrokerOrder]:
        return self._orders("ORDER BY sequence")

    def session_of(self, client_order_id: str) -> date:
        row = self._connection.execute(
            "SELECT session FROM orders WHERE client_order_id = ?", (client_order_id,)
        ).fetchone()
        return date.fromisoformat(row[0])

    def count_orders(self) -> int:
        count: int = self._connection.execute("SELECT count(*) FROM orders").fetchone()[0]
        return count

    def _orders(self, condition: str, *values: object) -> list[BrokerOrder]:
        rows = self._connection.execute(f"SELECT {_ORDER} FROM orders {condition}", values)
        return [
            BrokerOrder(
                broker_order_id=row[0],
                client_order_id=row[1] or "",
                symbol=row[2],
                quantity=row[3],
                status=BrokerStatus(row[4]),
                filled_quantity=row[5],
                submitted_at=datetime.fromisoformat(row[6]),
                reason=row[7],
            )
            for row in rows
        ]

    def add_execution(self, execution: Execution) -> None:
        self._connection.execute(
            f"INSERT INTO executions ({_EXECUTION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                execution.execution_id,
                execution.broker_order_id,
                execution.client_order_id,
                execution.symbol,
                execution.quantity,
                execution.price_e4,
                execution.commission_e4,
                execution.cumulative_quantity,
                execution.session.isoformat(),
                execution.executed_at.isoformat(),
            ),
        )

    def executions(self, after: int, limit: int = -1) -> list[tuple[int, Execution]]:
        """Fills numbered above ``after``, oldest first; at most ``limit`` (−1 = all)."""
        rows = self._connection.execute(
            f"SELECT sequence, {_EXECUTION} FROM executions WHERE sequence > ? "
            "ORDER BY sequence LIMIT ?",
            (after, limit),
        )
        return [(row[0], _execution(row[1:])) for row in rows]

    def count_executions(self) -> int:
        count: int = self._connection.execute("SELECT count(*) FROM executions").fetchone()[0]
        return count

    def positions(self) -> Mapping[str, Position]:
        rows = self._connection.execute("SELECT symbol, quantity, mark FROM positions")
        return {row[0]: Position(row[1], row[2]) for row in sorted(rows)}

    def position(self, symbol: str) -> Position | None:
        row = self._connection.execute(
            "SELECT quantity, mark FROM positions WHERE symbol = ?", (symbol,)
        ).fetchone()
        return Position(*row) if row else None

    def set_position(self, symbol: str, quantity: int, mark: float) -> None:
        if quantity == 0:
            self._connection.execute("DELETE FROM positions WHERE symbol = ?", (symbol,))
            return
        self._connection.execute(
            "INSERT INTO positions (symbol, quantity, mark) VALUES (?, ?, ?) "
            "ON CONFLICT (symbol) DO UPDATE SET quantity = excluded.quantity, mark = excluded.mark",
            (symbol, quantity, mark),
        )

    def set_marks(self, marks: Mapping[str, float]) -> None:
        self._connection.executemany(
            "UPDATE positions SET mark = ? WHERE symbol = ?",
            [(mark, symbol) for symbol, mark in marks.items()],
        )

    def book_cash(self, session: date, kind: str, symbol: str, amount_e4: int) -> None:
        """Move cash now; an amount of 0 leaves no row."""
        if amount_e4 == 0:
            return
        self._connection.execute(
            "INSERT INTO cash_moves (session, kind, symbol, amount_e4, booked) "
            "VALUES (?, ?, ?, ?, 1)",
            (session.isoformat(), kind, symbol, amount_e4),
        )
        self._connection.execute("UPDATE account SET cash_e4 = cash_e4 + ?", (amount_e4,))

    def await_cash(self, session: date, kind: str, amount_e4: int, reference: str) -> None:
        """Cash that moves at the close of a session, named once for ever."""
        self._connection.execute(
            "INSERT INTO cash_moves (session, kind, amount_e4, reference, booked) "
            "VALUES (?, ?, ?, ?, 0)",
            (session.isoformat(), kind, amount_e4, reference),
        )

    def book_awaited_cash(self, until: date) -> None:
        """Move what was due at the close of a session or before."""
        waiting = "FROM cash_moves WHERE booked = 0 AND session <= ?"
        due = self._connection.execute(
            f"SELECT coalesce(sum(amount_e4), 0) {waiting}", (until.isoformat(),)
        ).fetchone()[0]
        self._connection.execute(
            "UPDATE cash_moves SET booked = 1 WHERE booked = 0 AND session <= ?",
            (until.isoformat(),),
        )
        if due:
            self._connection.execute("UPDATE account SET cash_e4 = cash_e4 + ?", (due,))

    def cash_moves(self, reference: str | None = None) -> Sequence[CashMove]:
        rows = self._connection.execute(
            "SELECT session, kind, symbol, amount_e4, reference, booked FROM cash_moves "
            "WHERE ?1 IS NULL OR reference = ?1 ORDER BY sequence",
            (reference,),
        )
        return [
            CashMove(
                session=date.fromisoformat(row[0]),
                kind=row[1],
                symbol=row[2],
                amount_e4=row[3],
                reference=row[4],
                booked=bool(row[5]),
            )
            for row in rows
        ]

    def instruct(self, client_order_id: str, kind: str, value: str) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO instructions VALUES (?, ?, ?)", (client_order_id, kind, value)
        )

    def instructions(self, client_order_id: str) -> Mapping[str, str]:
        rows = self._connection.execute(
            "SELECT kind, value FROM instructions WHERE client_order_id = ?", (client_order_id,)
        )
        return dict(rows.fetchall())


def _execution(row: Sequence[Any]) -> Execution:
    return Execution(
        execution_id=row[0],
        broker_order_id=row[1],
        client_order_id=row[2],
        symbol=row[3],
        quantity=row[4],
        price_e4=row[5],
        commission_e4=row[6],
        cumulative_quantity=row[7],
        session=date.fromisoformat(row[8]),
        executed_at=datetime.fromisoformat(row[9]),
    )
