"""How many there are of what: counted by the database, for whoever asks often."""

from sqlalchemy import func, select

from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.ledger.queries import Queries
from stocker_pipeline.ledger.tables.alerts import alerts
from stocker_pipeline.ledger.tables.orders import order_intents
from stocker_pipeline.ledger.tables.sessions import session_outcomes
from stocker_pipeline.risk.alerts import Severity


class CountQueries(Queries):
    """Counts over the tables of a book."""

    def order_counts(self, portfolio: str) -> dict[OrderState, int]:
        """Orders of a portfolio by the state they are in; states without one are left out."""
        table = order_intents
        query = select(table.c.state, func.count().label("count")).group_by(table.c.state)
        rows = self._all(query.where(table.c.portfolio == portfolio))
        return {OrderState(row["state"]): int(row["count"]) for row in rows}

    def outcome_counts(self, portfolio: str) -> dict[SessionOutcome, int]:
        """Sessions of a portfolio by how they ended; outcomes without one are left out."""
        table = session_outcomes
        query = select(table.c.outcome, func.count().label("count")).group_by(table.c.outcome)
        rows = self._all(query.where(table.c.portfolio == portfolio))
        return {SessionOutcome(row["outcome"]): int(row["count"]) for row in rows}

    def alert_counts(self) -> dict[tuple[str | None, Severity], int]:
        """Alerts that were ever written, by portfolio (None = of none) and severity."""
        columns = (alerts.c.portfolio, alerts.c.severity)
        query = select(*columns, func.count().label("count")).group_by(*columns)
        return {
            (row["portfolio"], Severity(row["severity"])): int(row["count"])
            for row in self._all(query)
        }
