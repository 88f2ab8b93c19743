"""Writes of reconciliations, breaks, control and overrides."""

from dataclasses import replace

from stocker_pipeline.ledger.control_records import (
    Confirmation,
    ControlRecord,
    ControlState,
    OverrideRecord,
    ReconciliationRecord,
)
from stocker_pipeline.ledger.facts import insert_fact, insert_into
from stocker_pipeline.ledger.tables import control as tables
from stocker_pipeline.ledger.writes_audit import AuditWrites


class ControlWrites(AuditWrites):
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
            facts = self.bound(tables.break_ends, break_id=break_id)
            content = {"reason": reason}
            self.put_audit(author, "break_adopted", str(break_id), content, facts=facts)
        return True

    def set_control(
        self,
        portfolio: str,
        state: ControlState,
        *,
        author: str,
        reason: str,
        lifts: bool = False,
    ) -> ControlRecord:
        """Say what a portfolio may send from now on; the same said again is nothing.

        That the program itself lifts nothing is the database's rule.

        Args:
            lifts: Whether reduce-only may take the place of a kill; else the kill stays.

        Raises:
            LedgerRefused: ``sticky``: the program may not lift what was said before.
        """
        current = self.own_control(portfolio)
        wanted = (state, author, reason)
        if current.epoch and (current.state, current.author, current.reason) == wanted:
            return current
        weaker = state is ControlState.REDUCE_ONLY and current.state is ControlState.KILLED
        if weaker and not lifts:
            return current
        record = ControlRecord(portfolio, current.epoch + 1, state, author, reason, self.now)
        self.connection.execute(insert_into(tables.control_state), vars(record))
        content = {"state": str(state), "epoch": record.epoch, "reason": reason}
        facts = self.bound(tables.control_state, portfolio=portfolio, epoch=record.epoch)
        self.put_audit(author, "control", portfolio, content, facts=facts)
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
        subject, facts = f"{record.portfolio}/{number}", self.bound(tables.overrides, id=number)
        self.put_audit(record.author, "override", subject, content, facts=facts)
        return number

    def end_override(self, override_id: int, *, author: str, reason: str) -> bool:
        """End an override before its last session."""
        row = {"override_id": override_id, "author": author, "reason": reason, "at": self.now}
        ignoring = {"author", "reason", "at"}
        if not insert_fact(self.connection, tables.override_ends, row, ignoring=ignoring):
            return False
        facts, content = (
            self.bound(tables.override_ends, override_id=override_id),
            {"reason": reason},
        )
        self.put_audit(author, "override_ended", str(override_id), content, facts=facts)
        return True

    def put_confirmation(self, record: Confirmation) -> bool:
        """Keep what a person said they believe."""
        row = {**vars(record), "at": self.now}
        ignoring = {"author", "reason", "at"}
        if not insert_fact(self.connection, tables.confirmations, row, ignoring=ignoring):
            return False
        subject = f"{record.portfolio}/{record.session}"
        content = {"what": record.what, "reason": record.reason}
        key = {name: row[name] for name in ("portfolio", "session", "what")}
        facts = self.bound(tables.confirmations, **key)
        self.put_audit(record.author, "confirmation", subject, content, facts=facts)
        return True
