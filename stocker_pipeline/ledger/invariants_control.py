"""Rules of time, control and the ledger itself (15, 24, 32, 34, 43–47)."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import select, text

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.ledger import engines, triggers
from stocker_pipeline.ledger.invariants import Invariant, Row, Scope
from stocker_pipeline.ledger.migrations import HEAD
from stocker_pipeline.ledger.tables import metadata
from stocker_pipeline.ledger.tables.control import breaks, reconciliations
from stocker_pipeline.ledger.tables.orders import order_attempts, order_intents
from stocker_pipeline.ledger.types import Day, Instant

_RECONCILED_WITHIN = timedelta(minutes=15)
_AHEAD = timedelta(seconds=5)


def _triggers_missing(scope: Scope) -> list[Row]:
    statements = triggers.statements("sqlite" if scope.is_sqlite else "postgresql")
    words = [statement.split() for statement in statements]
    wanted = {(word[2], word[word.index("ON") + 1]) for word in words if word[1] == "TRIGGER"}
    there = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
    if not scope.is_sqlite:
        there = """SELECT t.tgname, c.relname FROM pg_trigger t
            JOIN pg_class c ON c.oid = t.tgrelid
            WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
            AND t.tgenabled IN ('O', 'A')"""
    found = {(str(row[0]), str(row[1])) for row in scope.reader.connection.execute(text(there))}
    return [
        {"trigger": name, "table": table, "fault": "missing or disabled"}
        for name, table in sorted(wanted - found)
    ]


def _times_wrong(scope: Scope) -> list[Row]:
    """Days that are no sessions, and instants from the future."""
    found: list[Row] = []
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, Instant):
                if column.name == "expires_at":
                    continue
                query = select(column).where(column > scope.now + _AHEAD)
                values: Sequence[Any] = scope.reader.connection.execute(query).scalars().all()
                found += [
                    {"table": table.name, "column": column.name, "instant": value}
                    for value in values
                ]
            elif isinstance(column.type, Day) and column.name == "session":
                distinct = select(column).where(column.is_not(None)).distinct()
                days: Sequence[Any] = scope.reader.connection.execute(distinct).scalars().all()
                found += [
                    {"table": table.name, "session": day, "fault": "not a session of XNYS"}
                    for day in _not_sessions(list(days))
                ]
    return found


def _not_sessions(days: list[date]) -> list[date]:
    if not days:
        return []
    calendar = SessionCalendar.between(min(days), max(days))
    return [day for day in days if not calendar.is_session(day)]


def _audit_broken(scope: Scope) -> list[Row]:
    return [{"fault": fault} for fault in scope.reader.verify_audit()]


def _other_environment(scope: Scope) -> list[Row]:
    found = engines.revision(scope.reader.connection)
    rows: list[Row] = []
    if found != HEAD:
        rows.append({"revision": found, "code": HEAD})
    return rows + scope.rows(
        """SELECT p.portfolio, p.environment, (SELECT max(e.name) FROM environment e) AS owner
        FROM portfolios p WHERE {only:p} AND p.environment <>
          coalesce((SELECT max(e.name) FROM environment e), '')"""
    )


def _sent_unreconciled(scope: Scope) -> list[Row]:
    """Attempts without a reconciliation of their session shortly before, or over an open break."""
    connection = scope.reader.connection
    ran: dict[tuple[str, date, int], list[datetime]] = defaultdict(list)
    for row in connection.execute(select(reconciliations).order_by(reconciliations.c.ran_at)):
        ran[row.portfolio, row.session, row.lease_token].append(row.ran_at)
    opened = connection.execute(select(breaks)).mappings().all()
    ends = {
        row["break_id"]: row["at"]
        for row in connection.execute(text("SELECT break_id, at FROM break_ends")).mappings()
    }
    found: list[Row] = []
    query = select(
        order_intents.c.portfolio,
        order_intents.c.session,
        order_intents.c.symbol,
        order_attempts.c.attempt,
        order_attempts.c.lease_token,
        order_attempts.c.committed_at,
    ).join(order_intents, order_intents.c.client_order_id == order_attempts.c.client_order_id)
    for sent in connection.execute(query).mappings():
        if scope.portfolio not in (None, sent["portfolio"]):
            continue
        at = sent["committed_at"]
        times = ran[sent["portfolio"], sent["session"], sent["lease_token"]]
        before = bisect_right(times, at)
        if not before or at - times[before - 1] > _RECONCILED_WITHIN:
            found.append({**sent, "fault": "no reconciliation within 15 minutes before"})
        found += [
            {**sent, "fault": f"{item['kind']} break {item['id']} was open"}
            for item in opened
            if (item["portfolio"], item["symbol"]) == (sent["portfolio"], sent["symbol"])
            and item["opened_at"] <= at < _instant(ends.get(item["id"]), at)
        ]
    return found


def _instant(ended: Any, at: datetime) -> datetime:
    """When a break ended; never, for one that has not."""
    if ended is None:
        return at + _AHEAD
    return datetime.fromisoformat(ended) if isinstance(ended, str) else ended


def _without_outcome(scope: Scope) -> list[Row]:
    """Sessions of the calendar, from the first one opened to the last one ended, without an end."""
    found: list[Row] = []
    for portfolio in scope.portfolios:
        days = [item.session for item in scope.reader.sessions(portfolio)]
        ended = [item.session for item in scope.reader.outcomes(portfolio)]
        if not days or not ended:
            continue
        first, last = min(*days, *ended), max(ended)
        calendar = SessionCalendar.between(first, last)
        wanted = [day.item() for day in calendar.sessions(first, last)]
        missing = sorted(set(wanted) - set(ended))
        twice = [day for day, other in pairwise(sorted(ended)) if day == other]
        found += [
            {"portfolio": portfolio, "session": day, "fault": "no outcome"} for day in missing
        ]
        found += [
            {"portfolio": portfolio, "session": day, "fault": "two outcomes"} for day in twice
        ]
    return found


def _late_writes() -> str:
    """Rows written under a token after its lease had ended."""
    columns = {
        "sessions": "opened_at",
        "order_intents": "committed_at",
        "snapshots": "recorded_at",
        "reconciliations": "ran_at",
    }
    parts = [
        f"""SELECT s.portfolio, s.lease_token AS token, '{table}' AS written
        FROM {table} s JOIN lease_ends e ON e.portfolio = s.portfolio AND e.token = s.lease_token
        WHERE {{only:s}} AND s.{column} > e.ended_at"""
        for table, column in columns.items()
    ]
    parts.append(
        """SELECT o.portfolio, a.lease_token, 'order_attempts'
        FROM order_attempts a JOIN order_intents o ON o.client_order_id = a.client_order_id
        JOIN lease_ends e ON e.portfolio = o.portfolio AND e.token = a.lease_token
        WHERE {only:o} AND a.committed_at > e.ended_at"""
    )
    parts.append(
        """SELECT s.portfolio, s.token, 'another lease is live too' FROM leases s
        WHERE {only:s} AND NOT EXISTS (SELECT 1 FROM lease_ends e
          WHERE e.portfolio = s.portfolio AND e.token = s.token)
        AND EXISTS (SELECT 1 FROM leases later WHERE later.portfolio = s.portfolio
          AND later.token > s.token)"""
    )
    return " UNION ALL ".join(parts)


INVARIANTS = (
    Invariant(
        "inv_15_a_kill_is_lifted_by_a_person",
        "Control epochs run without a gap, and only a person with a reason lifts a kill.",
        """SELECT c.portfolio, c.epoch, c.state, c.author, c.reason FROM control_state c
        LEFT JOIN control_state b ON b.portfolio = c.portfolio AND b.epoch = c.epoch - 1
        WHERE {only:c} AND ((c.epoch > 1 AND b.epoch IS NULL)
          OR (c.epoch = 1 AND c.state <> 'KILLED' AND c.author = 'stocker' AND EXISTS (SELECT 1
            FROM portfolios p WHERE p.portfolio = c.portfolio AND p.environment = 'live'))
          OR (b.state = 'KILLED' AND c.state <> 'KILLED' AND (c.reason = ''
            OR ((c.author = 'stocker' OR substr(c.author, 1, 8) = 'stocker ')
              AND NOT (c.author = 'stocker drill' AND b.author = c.author)))))
        UNION ALL
        SELECT k.account, k.epoch, k.state, k.author, k.reason FROM account_control k
        WHERE k.state <> 'KILLED' AND (k.author = 'stocker' OR substr(k.author, 1, 8) = 'stocker ')
          AND EXISTS (SELECT 1 FROM account_control b WHERE b.account = k.account
          AND b.state = 'KILLED' AND b.epoch = (SELECT max(n.epoch) FROM account_control n
            WHERE n.account = k.account AND n.epoch < k.epoch))""",
    ),
    Invariant(
        "inv_24_rows_are_only_added",
        "Every trigger that keeps rows from being changed is there and at work.",
        _triggers_missing,
    ),
    Invariant(
        "inv_32_times_are_possible",
        "Every session is one of the exchange's, and nothing was recorded in the future.",
        _times_wrong,
    ),
    Invariant(
        "inv_34_the_audit_chain_is_whole",
        "Each audit entry's hash covers its words and the entry before.",
        _audit_broken,
    ),
    Invariant(
        "inv_43_one_environment",
        "The schema is this code's, and every portfolio is of the database's environment.",
        _other_environment,
    ),
    Invariant(
        "inv_44_one_lease_at_a_time",
        "A portfolio has one live lease, and nothing was written under one that had ended.",
        _late_writes(),
    ),
    Invariant(
        "inv_45_a_done_session_stays",
        "A session that is settled again has a reason and the next version.",
        """SELECT s.portfolio, s.session, s.version, s.reason FROM snapshots s
        WHERE {only:s} AND s.version > 1 AND (s.reason = '' OR NOT EXISTS (SELECT 1
          FROM snapshots b WHERE b.portfolio = s.portfolio AND b.session = s.session
          AND b.version = s.version - 1))""",
    ),
    Invariant(
        "inv_46_reconciled_before_sending",
        "Every attempt follows a reconciliation of its session by at most 15 minutes, under the "
        "same lease, and no break of its symbol was open.",
        _sent_unreconciled,
    ),
    Invariant(
        "inv_47_every_session_has_an_end",
        "Every session from the first one opened to the last one ended has exactly one outcome.",
        _without_outcome,
    ),
)
