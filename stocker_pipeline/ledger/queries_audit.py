"""The audit log, as records."""

from datetime import datetime

from sqlalchemy import func, or_, select

from stocker_pipeline.ledger.control_records import AuditEntry
from stocker_pipeline.ledger.queries import Queries
from stocker_pipeline.ledger.tables.control import audit_log


class AuditQueries(Queries):
    """Reads of the table ``audit_log``."""

    def audit(
        self,
        after: int = 0,
        *,
        about: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
    ) -> list[AuditEntry]:
        """The audit log after a sequence number, in order.

        Args:
            about: A portfolio or another thing; also what is below it, as ``about/2010-01-04`` is.
        """
        query = select(audit_log).where(audit_log.c.sequence > after)
        if about is not None:
            subject, below = audit_log.c.subject, f"{about}/"
            starts = func.substr(subject, 1, len(below)) == below
            query = query.where(or_(subject == about, starts))
        if action is not None:
            query = query.where(audit_log.c.action == action)
        if since is not None:
            query = query.where(audit_log.c.at >= since)
        return [AuditEntry(**row) for row in self._all(query.order_by(audit_log.c.sequence))]

    def last_audit(self) -> AuditEntry | None:
        """The last entry of the log."""
        row = self._one(select(audit_log).order_by(audit_log.c.sequence.desc()).limit(1))
        return None if row is None else AuditEntry(**row)

    def verify_audit(self) -> list[str]:
        """Where the chain of the audit log is broken; empty where it is whole.

        ``audits.verify`` holds the facts against it too.
        """
        from stocker_pipeline.ledger.audits import chain_faults

        return [str(fault) for fault in chain_faults(self.audit())]
