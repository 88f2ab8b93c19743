"""Writes of reconciliations, breaks, control, overrides, alerts and the audit log."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import select, text

from stocker_pipeline.ledger.control_records import (
    Alert,
    AuditEntry,
    Confirmation,
    ControlRecord,
    ControlState,
    OverrideRecord,
    ReconciliationRecord,
)
from stocker_pipeline.ledger.facts import insert_fact, insert_into
from stocker_pipeline.ledger.hashes import FIRST_HASH, audit_hash
from stocker_pipeline.ledger.tables import control as tables
from stocker_pipeline.ledger.writes import Writes

_AUDIT_LOCK = 7_306_041_976_291_331_946


class ControlWrites(Writes):
    """Adds to the tables in ``tables.control``. What a person does is audited by itself."""

    def put_reconciliation(self, record: ReconciliationRecord) -> int:
        """Add a comparison with the broker; return its number.

        Each difference opens a break, unless one of its kind and symbol is open. No break ends
        here: whether it is gone is for the caller to judge.
        """
        listed = [
            [str(item.kind), item.symbol, item.expected, item.observed]
            for item in record.discrepancies
        ]
        number = self._numbered(
            tables.reconciliations,
            {
                "portfolio": record.portfolio,
                "session": record.session,
                "stage": record.stage,
                "ran_at": self.now,
                "clean": record.clean,
                "broker_cash": record.broker_cash_e4,
                "ledger_cash": record.ledger_cash_e4,
                "discrepancies": listed,
                "lease_token": self._token(record.portfolio),
            },
        )
        known = {(item.kind, item.symbol) for item in self.open_breaks(record.portfolio)}
        for item in record.discrepancies:
            if (item.kind, item.symbol) in known:
                continue
            known.add((item.kind, item.symbol))
            self._numbered(
                tables.breaks,
                {
                    "portfolio": record.portfolio,
                    "kind": item.kind,
                    "symbol": item.symbol,
                    "expected": item.expected,
                    "observed": item.observed,
                    "opened_by": number,
                    "opened_at": self.now,
                },
            )
        return number

    def end_break(self, break_id: int, *, how: str, author: str, reason: str) -> bool:
        """Close a break: ``cleared`` because both sides agree again, ``adopted`` by a person."""
        row = {
            "break_id": break_id,
            "how": how,
            "author": author,
            "reason": reason,
            "at": self.now,
        }
        ignoring = {"author", "reason", "at"}
        if not insert_fact(self.connection, tables.break_ends, row, ignoring=ignoring):
            return False
        if how == "adopted":
            self.put_audit(author, "break_adopted", str(break_id), {"reason": reason})
        return True

    def set_control(
        self, portfolio: str, state: ControlState, *, author: str, reason: str
    ) -> ControlRecord:
        """Say what a portfolio may send from now on; the same said again is nothing."""
        current = self.control(portfolio)
        wanted = (state, author, reason)
        if current.epoch and (current.state, current.author, current.reason) == wanted:
            return current
        record = ControlRecord(portfolio, current.epoch + 1, state, author, reason, self.now)
        self.connection.execute(insert_into(tables.control_state), vars(record))
        content = {"state": str(state), "epoch": record.epoch, "reason": reason}
        self.put_audit(author, "control", portfolio, content)
        return record

    def put_override(self, record: OverrideRecord) -> int:
        """Add a person's word; return its number, the old one where it is in force already."""
        wanted = replace(record, override_id=0, recorded_at=None)
        for known in self.overrides(record.portfolio):
            same = replace(known, override_id=0, recorded_at=None) == wanted
            if same and known.ended_at is None:
                return known.override_id
        row = {
            "portfolio": record.portfolio,
            "symbol": record.symbol,
            "kind": record.kind,
            "value": record.value,
            "author": record.author,
            "reason": record.reason,
            "from_session": record.from_session,
            "until_session": record.until_session,
            "recorded_at": self.now,
        }
        number = self._numbered(tables.overrides, row)
        content = {
            "kind": str(record.kind),
            "symbol": record.symbol,
            "value": None if record.value is None else repr(float(record.value)),
            "from": record.from_session.isoformat(),
            "reason": record.reason,
        }
        self.put_audit(record.author, "override", f"{record.portfolio}/{number}", content)
        return number

    def end_override(self, override_id: int, *, author: str, reason: str) -> bool:
        """End an override before its last session."""
        row = {"override_id": override_id, "author": author, "reason": reason, "at": self.now}
        ignoring = {"author", "reason", "at"}
        if not insert_fact(self.connection, tables.override_ends, row, ignoring=ignoring):
            return False
        self.put_audit(author, "override_ended", str(override_id), {"reason": reason})
        return True

    def put_confirmation(self, record: Confirmation) -> bool:
        """Keep what a person said they believe."""
        row = {**vars(record), "at": self.now}
        ignoring = {"author", "reason", "at"}
        if not insert_fact(self.connection, tables.confirmations, row, ignoring=ignoring):
            return False
        subject = f"{record.portfolio}/{record.session}"
        content = {"what": record.what, "reason": record.reason}
        self.put_audit(record.author, "confirmation", subject, content)
        return True

    def put_alert(self, alert: Alert) -> int:
        """Add a line for a person; return its number.

        The same words about the same session are one alert: a stage that is run again after a
        kill does not page twice.
        """
        if alert.session is not None:
            known = select(tables.alerts.c.id).where(
                tables.alerts.c.portfolio == alert.portfolio,
                tables.alerts.c.session == alert.session,
                tables.alerts.c.code == alert.code,
                tables.alerts.c.text == alert.text,
            )
            there = self._one(known)
            if there is not None:
                return int(there["id"])
        row = {
            "portfolio": alert.portfolio,
            "session": alert.session,
            "severity": alert.severity,
            "code": alert.code,
            "text": alert.text,
            "recorded_at": self.now,
        }
        return self._numbered(tables.alerts, row)

    def put_audit(
        self, actor: str, action: str, subject: str, content: Mapping[str, object]
    ) -> int:
        """Add who did what to the chain; return its place in it, from 1."""
        if self.connection.dialect.name == "postgresql":
            # One chain over every portfolio, whose rows alone the transactions lock.
            self.connection.execute(text(f"SELECT pg_advisory_xact_lock({_AUDIT_LOCK})"))
        log = tables.audit_log
        last = self._one(
            select(log.c.sequence, log.c.hash).order_by(log.c.sequence.desc()).limit(1)
        )
        number = 1 if last is None else last["sequence"] + 1
        previous = FIRST_HASH if last is None else last["hash"]
        entry = AuditEntry(number, self.now, actor, action, subject, dict(content), previous)
        row = {**vars(entry), "hash": audit_hash(previous, entry)}
        self.connection.execute(insert_into(log), row)
        return number
