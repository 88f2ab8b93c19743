"""Entries of the audit log: who did what, chained, and bound to the facts that it made."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Table, bindparam, select, text

from stocker_pipeline.domain.orders import OrderKey
from stocker_pipeline.ledger.control_records import AuditEntry
from stocker_pipeline.ledger.fact_hashes import fact, order_fact, session_facts
from stocker_pipeline.ledger.facts import insert_into
from stocker_pipeline.ledger.hashes import FIRST_HASH, audit_hash
from stocker_pipeline.ledger.tables.book import snapshots
from stocker_pipeline.ledger.tables.control import audit_log
from stocker_pipeline.ledger.writes import Writes
from stocker_pipeline.redaction import redacted_value

_AUDIT_LOCK = 7_306_041_976_291_331_946
_SYSTEM = "stocker"
_HEAD = (
    select(audit_log.c.sequence, audit_log.c.hash).order_by(audit_log.c.sequence.desc()).limit(1)
)
_SETTLED = (
    select(snapshots.c.version)
    .where(
        snapshots.c.portfolio == bindparam("portfolio"),
        snapshots.c.session == bindparam("session"),
    )
    .limit(1)
)


class AuditWrites(Writes):
    """Adds to the table ``audit_log``."""

    def put_audit(
        self,
        actor: str,
        action: str,
        subject: str,
        content: Mapping[str, object],
        *,
        facts: Mapping[str, str] | None = None,
    ) -> int:
        """Add who did what to the chain; return its place in it, from 1.

        Args:
            facts: Name → hash of the rows that say the same, as ``bound`` gives them.
        """
        if self.connection.dialect.name == "postgresql":
            # One chain over every portfolio, whose rows alone the transactions lock.
            self.connection.execute(text(f"SELECT pg_advisory_xact_lock({_AUDIT_LOCK})"))
        head = self._one(_HEAD)
        number = 1 if head is None else head["sequence"] + 1
        previous = FIRST_HASH if head is None else head["hash"]
        # Before it is hashed: what is stored is what the hash is of.
        whole = redacted_value(dict(content)) | ({"facts": dict(facts)} if facts else {})
        entry = AuditEntry(number, self.now, actor, action, subject, whole, previous)
        row = {**vars(entry), "hash": audit_hash(previous, entry)}
        self.connection.execute(insert_into(audit_log), row)
        return number

    def bound(self, table: Table, **key: object) -> dict[str, str]:
        """Name and hash of the rows just written, for the entry that speaks of them."""
        return fact(self.connection, table, **key)

    def put_settled(self, portfolio: str, session: date, version: int, reason: str) -> int:
        """Bind everything that a session left behind: what was decided, sent, filled, and held."""
        facts = session_facts(self.connection, portfolio, session)
        content = {"version": version, "reason": reason}
        return self.put_audit(_SYSTEM, "settled", f"{portfolio}/{session}", content, facts=facts)

    def put_late_event(self, client_order_id: str, key: OrderKey, kind: str) -> None:
        """Bind the history of an order of which something was learnt after its settlement."""
        if self._one(_SETTLED, portfolio=key.portfolio, session=key.session) is None:
            return
        facts = order_fact(self.connection, client_order_id)
        content = {"event": kind}
        self.put_audit(_SYSTEM, "order_event", client_order_id, content, facts=facts)
