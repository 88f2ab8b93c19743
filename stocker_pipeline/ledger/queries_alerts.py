"""The outbox as records: alerts, tries to deliver them, who acknowledged them, what is not done."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Select, and_, func, select

from stocker_pipeline.ledger.queries import Queries, Row
from stocker_pipeline.ledger.tables.alerts import (
    alert_acknowledgements,
    alert_deliveries,
    alert_ends,
    alerts,
)
from stocker_pipeline.risk.alerts import (
    Acknowledgement,
    Alert,
    Condition,
    Delivery,
    Ended,
    Severity,
)


class AlertQueries(Queries):
    """Reads of the tables in ``tables.alerts``."""

    def alerts(self, portfolio: str | None = None, after_id: int = 0) -> list[Alert]:
        """Alerts after an id, oldest first."""
        query = select(alerts).where(alerts.c.id > after_id).order_by(alerts.c.id)
        if portfolio is not None:
            query = query.where(alerts.c.portfolio == portfolio)
        return [_alert(row) for row in self._all(query)]

    def alert(self, alert_id: int) -> Alert | None:
        """One alert."""
        row = self._one(select(alerts).where(alerts.c.id == alert_id))
        return None if row is None else _alert(row)

    def pending_alerts(self) -> list[Alert]:
        """Alerts about which something is still to be sent or decided, oldest first."""
        return [_alert(row) for row in self._all(_without_end(select(alerts)))]

    def alert_history(self, conditions: Collection[Condition]) -> list[Alert]:
        """Every alert of the portfolios and codes of these conditions, oldest first."""
        wanted = {(item.portfolio, item.code) for item in conditions}
        query = select(alerts).where(alerts.c.code.in_({code for _, code in wanted}))
        found = [_alert(row) for row in self._all(query.order_by(alerts.c.id))]
        return [alert for alert in found if (alert.portfolio, alert.code) in wanted]

    def alert_deliveries(self, alert_ids: Collection[int] | None = None) -> list[Delivery]:
        """Tries to deliver, in the order of their instants; None = all."""
        table = alert_deliveries
        query = select(table).order_by(table.c.at, table.c.alert_id, table.c.attempt)
        if alert_ids is not None:
            query = query.where(table.c.alert_id.in_(alert_ids))
        return [Delivery(**row) for row in self._all(query)]

    def alert_acknowledgements(
        self, alert_ids: Collection[int] | None = None
    ) -> list[Acknowledgement]:
        """Who took note of which alert; None = of all."""
        table = alert_acknowledgements
        query = select(table).order_by(table.c.alert_id)
        if alert_ids is not None:
            query = query.where(table.c.alert_id.in_(alert_ids))
        return [Acknowledgement(**row) for row in self._all(query)]

    def alert_ends(self, alert_ids: Collection[int] | None = None) -> list[Ended]:
        """Why nothing more is sent about an alert; None = all."""
        query = select(alert_ends).order_by(alert_ends.c.alert_id)
        if alert_ids is not None:
            query = query.where(alert_ends.c.alert_id.in_(alert_ids))
        return [Ended(**row) for row in self._all(query)]

    def undelivered_alerts(self) -> list[Alert]:
        """Alerts that no channel has taken and that are not over, oldest first."""
        taken = select(alert_deliveries.c.alert_id).where(alert_deliveries.c.delivered)
        query = _without_end(select(alerts)).where(alerts.c.id.not_in(taken))
        return [_alert(row) for row in self._all(query)]

    def last_deliveries(self) -> dict[str, Delivery]:
        """Channel → the last try through it."""
        table = alert_deliveries
        latest = (
            select(table.c.channel, func.max(table.c.at).label("at"))
            .group_by(table.c.channel)
            .subquery()
        )
        query = select(table).join(
            latest, and_(table.c.channel == latest.c.channel, table.c.at == latest.c.at)
        )
        return {row["channel"]: Delivery(**row) for row in self._all(query)}

    def last_heard(self, code: str) -> datetime | None:
        """When a channel last took an alert of this code."""
        table = alert_deliveries
        query = (
            select(func.max(table.c.at).label("at"))
            .join(alerts, alerts.c.id == table.c.alert_id)
            .where(table.c.delivered, alerts.c.code == code)
        )
        row = self._one(query)
        return None if row is None else row["at"]

    def open_alerts(self, portfolio: str | None = None) -> list[Alert]:
        """Alerts that are neither acknowledged nor recovered nor a repetition, INFO left out."""
        found = self.alerts(portfolio)
        acknowledged = {item.alert_id for item in self.alert_acknowledgements()}
        folded = {item.alert_id for item in self.alert_ends() if item.how == "folded"}
        over: set[Condition] = set()
        answer = []
        for alert in reversed(found):
            if alert.recovers:
                over.add(alert.condition)
            elif (
                alert.severity is not Severity.INFO
                and alert.condition not in over
                and alert.alert_id not in acknowledged | folded
            ):
                answer.append(alert)
        return answer[::-1]

    def raised(self, condition: Condition) -> Alert | None:
        """The last alert of a condition where it is raised and not recovered."""
        row = self._one(
            select(alerts)
            .where(
                alerts.c.code == condition.code,
                alerts.c.subject == condition.subject,
                alerts.c.portfolio.is_not_distinct_from(condition.portfolio),
            )
            .order_by(alerts.c.id.desc())
            .limit(1)
        )
        return None if row is None or row["recovers"] else _alert(row)


def _without_end(query: Select) -> Select:
    return (
        query.outerjoin(alert_ends, alert_ends.c.alert_id == alerts.c.id)
        .where(alert_ends.c.alert_id.is_(None))
        .order_by(alerts.c.id)
    )


def _alert(row: Row) -> Alert:
    values = dict(row)
    number, severity = values.pop("id"), Severity(values.pop("severity"))
    return Alert(alert_id=number, severity=severity, **values)
