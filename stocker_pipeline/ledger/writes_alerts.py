"""Writes of the outbox: alerts, tries to deliver them, acknowledgements, and whose turn it is."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import cast

from sqlalchemy import select

from stocker_pipeline.ledger.facts import insert_fact, insert_into
from stocker_pipeline.ledger.processes import Holder, is_dead, this_process
from stocker_pipeline.ledger.tables import alerts as tables
from stocker_pipeline.ledger.writes_control import ControlWrites
from stocker_pipeline.redaction import redacted
from stocker_pipeline.risk.alerts import Alert, Delivery, Ended


class AlertWrites(ControlWrites):
    """Adds to the tables in ``tables.alerts``."""

    def put_alert(self, alert: Alert) -> int:
        """Add a line for a person; return its number.

        The same words about the same session are one alert: a stage that is run again after a
        kill does not page twice. After its recovery a condition is news again.
        """
        alert = replace(alert, text=redacted(alert.text))
        if alert.session is not None:
            there = self._said(alert)
            if there is not None:
                return there
        row = {
            "portfolio": alert.portfolio,
            "session": alert.session,
            "severity": alert.severity,
            "code": alert.code,
            "subject": alert.subject,
            "recovers": alert.recovers,
            "text": alert.text,
            "recorded_at": self.now,
        }
        return self._numbered(tables.alerts, row)

    def put_alert_delivery(self, delivery: Delivery) -> bool:
        """Add what a channel answered. The instant is of the transaction."""
        row = {**vars(delivery), "detail": redacted(delivery.detail), "at": self.now}
        return insert_fact(self.connection, tables.alert_deliveries, row, ignoring={"at", "detail"})

    def acknowledge_alert(self, alert_id: int, *, author: str, reason: str) -> bool:
        """A person took note: nothing more is sent about it."""
        row = {"alert_id": alert_id, "author": author, "reason": reason, "at": self.now}
        ignoring = {"author", "reason", "at"}
        if not insert_fact(self.connection, tables.alert_acknowledgements, row, ignoring=ignoring):
            return False
        self.put_audit(author, "alert_acknowledged", str(alert_id), {"reason": reason})
        return True

    def end_alerts(self, ends: Iterable[Ended]) -> int:
        """Say why nothing more is sent about alerts; return how many are new."""
        written = 0
        for end in ends:
            row = {**vars(end), "at": self.now}
            ignoring = {"how", "reason", "at"}
            written += insert_fact(self.connection, tables.alert_ends, row, ignoring=ignoring)
        return written

    def take_alert_turn(self, ttl: timedelta) -> int | str:
        """The right to deliver, as a token; or a sentence that says who is at it."""
        turns, ends = tables.alert_turns, tables.alert_turn_ends
        last = self._one(
            select(turns, ends.c.how)
            .select_from(turns.outerjoin(ends, ends.c.token == turns.c.token))
            .order_by(turns.c.token.desc())
            .limit(1)
        )
        token = 1
        if last is not None:
            token = cast(int, last["token"]) + 1
            if last["how"] is None:
                holder = Holder(last["host"], last["pid"], last["process_started"])
                dead = is_dead(holder)
                if not dead and self.now < last["expires_at"]:
                    return (
                        f"process {holder.pid} on {holder.host} delivers since "
                        f"{last['taken_at']:%H:%M:%S} UTC"
                    )
                self.end_alert_turn(last["token"], how="dead" if dead else "expired")
        me = this_process()
        row = {
            "token": token,
            "host": me.host,
            "pid": me.pid,
            "process_started": me.started,
            "taken_at": self.now,
            "expires_at": self.now + ttl,
        }
        self.connection.execute(insert_into(turns), row)
        return token

    def end_alert_turn(self, token: int, *, how: str = "done") -> bool:
        """Give the turn to whoever comes next."""
        row = {"token": token, "how": how, "at": self.now}
        return insert_fact(self.connection, tables.alert_turn_ends, row, ignoring={"how", "at"})

    def _said(self, alert: Alert) -> int | None:
        """The number of an equal alert of the session, where nothing contrary came after it."""
        table = tables.alerts
        rows = self._all(
            select(table.c.id, table.c.recovers, table.c.text)
            .where(
                table.c.portfolio == alert.portfolio,
                table.c.session == alert.session,
                table.c.code == alert.code,
                table.c.subject == alert.subject,
            )
            .order_by(table.c.id.desc())
        )
        for row in rows:
            if row["recovers"] != alert.recovers:
                return None
            if row["text"] == alert.text:
                return int(row["id"])
        return None
