"""One digest of everything that a portfolio's book is: equal books, equal digests.

Two runs of the same sessions agree in it, whether undisturbed or killed and resumed, and whether on
SQLite or on PostgreSQL. So what differs from run to run without being another book stays out:
instants of recording, surrogate numbers, tokens, hosts, attempts and the events on the way (an
order's last state counts), cursors, reconciliations, alerts, versions of the code, and settlements
that a later version replaced. Everything else of every fact is in it.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime

from sqlalchemy import Select, Table, select

from stocker_pipeline.ledger.ledger import Ledger
from stocker_pipeline.ledger.queries_book import latest_snapshots
from stocker_pipeline.ledger.reader import Reader
from stocker_pipeline.ledger.tables import book, control, limits, orders, sessions
from stocker_pipeline.ledger.types import canonical_json

_INCIDENTAL = {
    "id",
    "at",
    "recorded_at",
    "committed_at",
    "opened_at",
    "booked_at",
    "created_at",
    "ended_at",
    "lease_token",
    "code_version",
    "version",
}
_PLAIN = (
    sessions.portfolios,
    sessions.sessions,
    sessions.decisions,
    orders.order_intents,
    orders.executions,
    orders.suspense,
    control.control_state,
    control.confirmations,
)
_SETTLED = (book.positions, book.corporate_action_entries, book.lots)
_BATCH = 1000


def digest(ledger: Ledger, portfolio: str) -> str:
    """A hex digest over every fact of a portfolio, in an order that no database decides."""
    return ledger.read(lambda reader: digest_of(reader, portfolio))


def digest_of(reader: Reader, portfolio: str) -> str:
    """The same within a transaction that is open."""
    total = hashlib.sha256()
    for name, query in _facts(portfolio):
        # Sorted as text in Python: databases collate by rules of their own.
        for line in sorted(_lines(reader, query)):
            total.update(f"{name} {line}\n".encode())
    return total.hexdigest()


def _lines(reader: Reader, query: Select) -> Iterator[str]:
    rows = reader.connection.execution_options(yield_per=_BATCH).execute(query)
    for row in rows:
        yield canonical_json([_canonical(value) for value in row])


def _canonical(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else value


def _facts(portfolio: str) -> Iterator[tuple[str, Select]]:
    for table in _PLAIN:
        yield table.name, _selected(table).where(table.c.portfolio == portfolio)
    outcomes = sessions.session_outcomes
    names = ("session", "outcome", "reason_code")
    query = select(*(outcomes.c[name] for name in names))
    yield outcomes.name, query.where(outcomes.c.portfolio == portfolio)
    stopped = limits.limit_rejections
    # Which limit stopped which order; the numbers of the moment depend on what else was open.
    query = select(*(column for column in stopped.primary_key))
    yield stopped.name, query.where(stopped.c.portfolio == portfolio)
    latest = latest_snapshots(portfolio).subquery("latest")
    yield (
        "snapshots",
        select(
            *(column for column in latest.columns if column.name not in {*_INCIDENTAL, "reason"})
        ),
    )
    for table in (*_SETTLED, book.cash_entries):
        query = _selected(table).where(table.c.portfolio == portfolio)
        if table is not book.cash_entries:
            yield (
                table.name,
                query.join(
                    latest,
                    (latest.c.session == table.c.session) & (latest.c.version == table.c.version),
                ),
            )
            continue
        yield (
            table.name,
            query.outerjoin(latest, latest.c.session == table.c.session).where(
                (table.c.version == 0) | (table.c.version == latest.c.version)
            ),
        )
    yield from _ended(portfolio)


def _ended(portfolio: str) -> Iterator[tuple[str, Select]]:
    overrides, ends = control.overrides, control.override_ends
    query = _selected(overrides).add_columns(ends.c.author, ends.c.reason)
    yield (
        overrides.name,
        query.outerjoin(ends, ends.c.override_id == overrides.c.id).where(
            overrides.c.portfolio == portfolio
        ),
    )
    suspense, judged = orders.suspense, orders.suspense_ends
    key = ("broker", "account", "execution_id")
    matches = [judged.c[name] == suspense.c[name] for name in key]
    yield (
        judged.name,
        _selected(judged)
        .join(suspense, matches[0] & matches[1] & matches[2])
        .where(suspense.c.portfolio == portfolio),
    )


def _selected(table: Table) -> Select:
    return select(*(column for column in table.columns if column.name not in _INCIDENTAL))
