"""Reconciliations, breaks, control, overrides, alerts and the audit log, as records."""

from datetime import date

from sqlalchemy import Select, bindparam, or_, select

from stocker_pipeline.ledger.control_records import (
    Alert,
    AuditEntry,
    BreakKind,
    BreakRecord,
    Confirmation,
    ControlRecord,
    ControlState,
    Discrepancy,
    OverrideKind,
    OverrideRecord,
    ReconciliationRecord,
    Severity,
)
from stocker_pipeline.ledger.hashes import audit_hash
from stocker_pipeline.ledger.queries import Queries, Row
from stocker_pipeline.ledger.tables.control import (
    alerts,
    audit_log,
    break_ends,
    breaks,
    confirmations,
    control_state,
    override_ends,
    overrides,
    reconciliations,
)

_breaks = select(breaks, break_ends.c.how.label("ended")).select_from(
    breaks.outerjoin(break_ends, break_ends.c.break_id == breaks.c.id)
)
_control = (
    select(control_state)
    .where(control_state.c.portfolio == bindparam("portfolio"))
    .order_by(control_state.c.epoch.desc())
    .limit(1)
)
_overrides = select(overrides, override_ends.c.at.label("ended_at")).select_from(
    overrides.outerjoin(override_ends, override_ends.c.override_id == overrides.c.id)
)


class ControlQueries(Queries):
    """Reads of the tables in ``tables.control``."""

    def control(self, portfolio: str) -> ControlRecord:
        """What a portfolio may send now; without a row it is killed."""
        row = self._one(_control, portfolio=portfolio)
        if row is None:
            return ControlRecord(portfolio, 0, ControlState.KILLED, "nobody", "never armed")
        return ControlRecord(**{**row, "state": ControlState(row["state"])})

    def reconciliations(
        self, portfolio: str, session: date | None = None
    ) -> list[ReconciliationRecord]:
        """Comparisons with the broker, oldest first."""
        query = self._reconciliations(portfolio, session).order_by(reconciliations.c.id)
        return [_reconciliation(row) for row in self._all(query)]

    def latest_reconciliation(
        self, portfolio: str, session: date | None = None
    ) -> ReconciliationRecord | None:
        """The last comparison with the broker."""
        query = self._reconciliations(portfolio, session)
        row = self._one(query.order_by(reconciliations.c.id.desc()).limit(1))
        return None if row is None else _reconciliation(row)

    def breaks(self, portfolio: str) -> list[BreakRecord]:
        """Every difference that was ever open, oldest first."""
        query = _breaks.where(breaks.c.portfolio == portfolio).order_by(breaks.c.id)
        return [_break(row) for row in self._all(query)]

    def open_breaks(self, portfolio: str) -> list[BreakRecord]:
        """Differences that have no end yet."""
        query = _breaks.where(breaks.c.portfolio == portfolio, break_ends.c.break_id.is_(None))
        return [_break(row) for row in self._all(query.order_by(breaks.c.id))]

    def overrides(self, portfolio: str, session: date | None = None) -> list[OverrideRecord]:
        """Overrides in force at a session, or all of them, in the order of their entry."""
        query = _overrides.where(overrides.c.portfolio == portfolio).order_by(overrides.c.id)
        if session is not None:
            query = query.where(
                overrides.c.from_session <= session,
                or_(overrides.c.until_session.is_(None), overrides.c.until_session >= session),
                override_ends.c.override_id.is_(None),
            )
        return [_override(row) for row in self._all(query)]

    def confirmation(self, portfolio: str, session: date, what: str) -> Confirmation | None:
        """What a person said they believe."""
        row = self._one(
            select(confirmations).where(
                confirmations.c.portfolio == portfolio,
                confirmations.c.session == session,
                confirmations.c.what == what,
            )
        )
        return None if row is None else Confirmation(**row)

    def alerts(self, portfolio: str | None = None, after_id: int = 0) -> list[Alert]:
        """Alerts after an id, oldest first."""
        query = select(alerts).where(alerts.c.id > after_id).order_by(alerts.c.id)
        if portfolio is not None:
            query = query.where(alerts.c.portfolio == portfolio)
        return [_alert(row) for row in self._all(query)]

    def audit(self, after: int = 0) -> list[AuditEntry]:
        """The audit log after a sequence number, in order."""
        query = select(audit_log).where(audit_log.c.sequence > after)
        return [AuditEntry(**row) for row in self._all(query.order_by(audit_log.c.sequence))]

    def verify_audit(self) -> list[str]:
        """Where the chain of the audit log is broken; empty where it is whole."""
        faults, previous = [], ""
        for number, entry in enumerate(self.audit(), start=1):
            if entry.sequence != number:
                faults.append(f"entry {number} is missing before entry {entry.sequence}")
                return faults
            wanted = audit_hash(previous, entry)
            if number > 1 and entry.previous_hash != previous:
                faults.append(f"entry {number} does not follow entry {number - 1}")
            elif entry.hash != wanted:
                faults.append(f"entry {number} was changed after it was written")
            previous = entry.hash
        return faults

    @staticmethod
    def _reconciliations(portfolio: str, session: date | None) -> Select:
        query = select(reconciliations).where(reconciliations.c.portfolio == portfolio)
        return query if session is None else query.where(reconciliations.c.session == session)


def _reconciliation(row: Row) -> ReconciliationRecord:
    return ReconciliationRecord(
        portfolio=row["portfolio"],
        session=row["session"],
        stage=row["stage"],
        broker_cash_e4=row["broker_cash"],
        ledger_cash_e4=row["ledger_cash"],
        discrepancies=tuple(
            Discrepancy(BreakKind(kind), symbol, expected, observed)
            for kind, symbol, expected, observed in row["discrepancies"]
        ),
        reconciliation_id=row["id"],
        lease_token=row["lease_token"],
        ran_at=row["ran_at"],
    )


def _break(row: Row) -> BreakRecord:
    return BreakRecord(
        break_id=row["id"],
        portfolio=row["portfolio"],
        kind=BreakKind(row["kind"]),
        symbol=row["symbol"],
        expected=row["expected"],
        observed=row["observed"],
        opened_at=row["opened_at"],
        ended=row["ended"],
    )


def _override(row: Row) -> OverrideRecord:
    values = dict(row)
    number, kind = values.pop("id"), OverrideKind(values.pop("kind"))
    return OverrideRecord(override_id=number, kind=kind, **values)


def _alert(row: Row) -> Alert:
    values = dict(row)
    number, severity = values.pop("id"), Severity(values.pop("severity"))
    return Alert(alert_id=number, severity=severity, **values)
