"""Hashes of the ledger's facts, under names that say which fact: what audit entries are bound to.

A fact that a person or a setting made is bound by the entry that says so. What a session left
behind is bound by the entry of its settlement. Belongs here: which rows are one fact, its name and
hash. Stays out: the chain of entries, and what follows from a difference.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, select

from stocker_pipeline.ledger.tables import (
    account_control,
    book,
    control,
    limits,
    orders,
    sessions,
)
from stocker_pipeline.ledger.types import canonical_json

Row = Mapping[str, Any]
_HEX_DIGITS = 32
_STREAMED = {"yield_per": 1000}


def _by(*key: str) -> Callable[[Row], str]:
    return lambda row: "/".join(str(row[name]) for name in key)


def _cash_entry(row: Row) -> str:
    """Of an execution, a settlement's version, or a person's reference."""
    if row["execution_id"] is not None:
        return _by("broker", "account", "execution_id")(row)
    return _by("portfolio", "reference" if row["version"] == 0 else "session", "version")(row)


_SETTLED = _by("portfolio", "session", "version")
_DAY = _by("portfolio", "session")
_EXECUTION = _by("broker", "account", "execution_id")

_OF_A_SESSION: dict[Table, Callable[[Row], str]] = {
    sessions.sessions: _DAY,
    sessions.decisions: _DAY,
    limits.limit_rejections: _DAY,
    orders.executions: _EXECUTION,
    book.snapshots: _SETTLED,
    book.positions: _SETTLED,
    book.lots: _SETTLED,
    book.corporate_action_entries: _SETTLED,
    book.cash_entries: _cash_entry,
}
"""Bound by the settlement of their session, but for the cash that a person moved."""

_SAID: dict[Table, Callable[[Row], str]] = {
    sessions.portfolios: _by("portfolio"),
    sessions.config_versions: _by("config_hash"),
    sessions.session_outcomes: _DAY,
    orders.suspense: _EXECUTION,
    orders.suspense_ends: _EXECUTION,
    control.control_state: _by("portfolio", "epoch"),
    control.overrides: _by("id"),
    control.override_ends: _by("override_id"),
    control.confirmations: _by("portfolio", "session", "what"),
    control.break_ends: _by("break_id"),
    account_control.account_control: _by("epoch"),
    account_control.flattens: _by("portfolio", "session", "control_epoch", "account_epoch"),
}
"""Bound by an entry of their own, written with them."""

_UNBOUND = {"state"}
"""The one column that is a projection, of an order's events; they are bound."""


@dataclass
class Facts:
    """What a ledger holds.

    Attributes:
        hashes: Name → hash; of an order one for every length of its history, ``…/3`` with three
            events.
        expected: Names that some audit entry must bind.
    """

    hashes: dict[str, str] = field(default_factory=dict)
    expected: set[str] = field(default_factory=set)


def fact(connection: Connection, table: Table, **key: object) -> dict[str, str]:
    """Name and hash of the fact that the rows with this key are."""
    query = select(table).where(*(table.c[name] == value for name, value in key.items()))
    grouping = _SAID.get(table) or _OF_A_SESSION[table]
    return _hashed(table.name, connection.execute(query).mappings(), grouping)


def order_fact(connection: Connection, client_order_id: str) -> dict[str, str]:
    """Name and hash of an order with its whole history."""
    (history,) = _histories(connection, ("client_order_id",), {"client_order_id": client_order_id})
    return dict([history[-1]])


def session_facts(connection: Connection, portfolio: str, session: date) -> dict[str, str]:
    """Every fact that a session's settlement binds, with those of its latest version."""
    found: dict[str, str] = {}
    day = {"portfolio": portfolio, "session": session}
    for table, grouping in _OF_A_SESSION.items():
        rows = connection.execute(_of_a_session(table), day).mappings()
        found |= _hashed(table.name, rows, grouping)
    for history in _histories(connection, ("portfolio", "session"), day):
        found |= dict([history[-1]])
    return found


@cache
def _of_a_session(table: Table) -> Select:
    """Made once for a table: making a statement costs more than asking it."""
    names = ("portfolio", "session")
    query = select(table).where(*(table.c[name] == bindparam(name) for name in names))
    return query.where(table.c.reference.is_(None)) if table is book.cash_entries else query


def all_facts(connection: Connection) -> Facts:
    """Every fact of the ledger that an entry binds, or that waits for its session's settlement."""
    found = Facts()
    settled = {
        (row.portfolio, row.session)
        for row in connection.execute(select(book.snapshots.c.portfolio, book.snapshots.c.session))
    }
    for table, grouping in _SAID.items():
        query = select(table)
        if table is control.break_ends:
            query = query.where(table.c.how == "adopted")
        hashes = _hashed(table.name, _rows(connection, query), grouping)
        found.hashes |= hashes
        found.expected |= hashes.keys()
    for table, grouping in _OF_A_SESSION.items():
        due: set[str] = set()

        def noted(row: Row, grouping: Any = grouping, due: set[str] = due) -> str:
            name: str = grouping(row)
            own_word = row.get("reference") is not None
            if own_word or (row["portfolio"], row["session"]) in settled:
                due.add(name)
            return name

        found.hashes |= _hashed(table.name, _rows(connection, select(table)), noted)
        found.expected |= {f"{table.name}/{name}" for name in due}
    intents = orders.order_intents
    days = {
        row.client_order_id: (row.portfolio, row.session)
        for row in connection.execute(
            select(intents.c.client_order_id, intents.c.portfolio, intents.c.session)
        )
    }
    for history in _histories(connection, (), {}):
        found.hashes |= dict(history)
        name = history[-1][0]
        if days[name.split("/")[1]] in settled:
            found.expected.add(name)
    return found


def _rows(
    connection: Connection, query: Select, values: Mapping[str, object] | None = None
) -> Iterable[Row]:
    # For this statement alone: set on the connection, it would hold for the writes that follow.
    streamed = connection.execute(query, values or {}, execution_options=_STREAMED)
    return streamed.mappings()  # type: ignore[return-value]


def _hashed(table: str, rows: Iterable[Any], grouping: Callable[[Row], str]) -> dict[str, str]:
    lines: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        lines[f"{table}/{grouping(row)}"].append(_line(row))
    # Sorted as text in Python: databases collate by rules of their own.
    return {name: _digest(sorted(parts)) for name, parts in lines.items()}


@cache
def _of_orders(table: Table, key: tuple[str, ...]) -> Select:
    """Rows of the orders with a key, in the order of their history."""
    intents, order = orders.order_intents, list(table.primary_key)
    chosen = [intents.c[name] == bindparam(name) for name in key]
    query = select(table).order_by(*order)
    if not key or table is intents:
        return query.where(*chosen)
    names = select(intents.c.client_order_id).where(*chosen)
    return query.where(table.c.client_order_id.in_(names))


def _histories(
    connection: Connection, key: tuple[str, ...], values: Mapping[str, object]
) -> Iterator[list[tuple[str, str]]]:
    """For each order with a key the names and hashes of its history after 0, 1, 2 … events."""
    parts: dict[str, tuple[list[str], list[str], list[tuple[bool, str]]]] = {}

    def of(table: Table) -> Iterable[Row]:
        return _rows(connection, _of_orders(table, key), values)

    for row in of(orders.order_intents):
        bound = {name: value for name, value in row.items() if name not in _UNBOUND}
        parts[row["client_order_id"]] = ([_line(bound)], [], [])
    for row in of(orders.order_attempts):
        parts.setdefault(row["client_order_id"], ([], [], []))[1].append(_line(row))
    for row in of(orders.order_events):
        known = parts.setdefault(row["client_order_id"], ([], [], []))
        known[2].append((row["kind"] == "sending", _line(row)))
    for name, (intent, sent, learnt) in parts.items():
        yield list(_history(name, intent, sent, learnt))


def _history(
    name: str, intent: list[str], sent: list[str], learnt: list[tuple[bool, str]]
) -> Iterator[tuple[str, str]]:
    """Each attempt counts from the event that says it is sent; more attempts count at the end."""
    total, attempts = hashlib.sha256("\n".join(intent).encode()), iter(sent)
    for count in range(len(learnt) + 1):
        if count:
            sending, line = learnt[count - 1]
            more = [line, next(attempts, "none")] if sending else [line]
            total.update("\n".join(["", *more]).encode())
        if count == len(learnt):
            total.update("".join(f"\n{line}" for line in attempts).encode())
        yield f"orders/{name}/{count}", total.hexdigest()[:_HEX_DIGITS]


def _line(row: Row) -> str:
    return canonical_json({name: plain(value) for name, value in row.items()})


def plain(value: object) -> object:
    """A value of a row as JSON has it: instants in UTC, floats with every digit."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else value


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_HEX_DIGITS]
