"""Portfolios, sessions, decisions and outcomes, as records."""

from datetime import date

from sqlalchemy import BindParameter, bindparam, select

from stocker_pipeline.domain.orders import SessionOutcome
from stocker_pipeline.ledger.queries import Queries, Row, in_range
from stocker_pipeline.ledger.records import (
    DecisionRow,
    OutcomeRecord,
    PortfolioRecord,
    SessionKind,
    SessionRecord,
)
from stocker_pipeline.ledger.tables import sessions as tables
from stocker_pipeline.ledger.tables.sessions import (
    decisions,
    portfolios,
    session_outcomes,
    sessions,
)

_PORTFOLIO: BindParameter[str] = bindparam("portfolio")
_SESSION: BindParameter[date] = bindparam("session")
# Statements are made once: making one costs more than asking it.
_one_portfolio = select(portfolios).where(portfolios.c.portfolio == _PORTFOLIO)
_one_session = select(sessions).where(
    sessions.c.portfolio == _PORTFOLIO, sessions.c.session == _SESSION
)
_one_outcome = select(session_outcomes).where(
    session_outcomes.c.portfolio == _PORTFOLIO, session_outcomes.c.session == _SESSION
)
_decisions = (
    select(decisions)
    .where(decisions.c.portfolio == _PORTFOLIO, decisions.c.session == _SESSION)
    .order_by(decisions.c.symbol)
)


class SessionQueries(Queries):
    """Reads of the tables in ``tables.sessions``."""

    def environment(self) -> str | None:
        """Which environment the database belongs to; None before the first portfolio."""
        row = self._one(select(tables.environment.c.name))
        return None if row is None else str(row["name"])

    def portfolio(self, name: str) -> PortfolioRecord | None:
        """A portfolio as it was opened."""
        row = self._one(_one_portfolio, portfolio=name)
        return None if row is None else _portfolio(row)

    def portfolios(self) -> list[PortfolioRecord]:
        """Every portfolio of the database, by name."""
        return [_portfolio(row) for row in self._all(select(portfolios).order_by("portfolio"))]

    def config(self, config_hash: str) -> str | None:
        """The configuration of this hash, as it was stored."""
        configs = tables.config_versions
        row = self._one(select(configs.c.content).where(configs.c.config_hash == config_hash))
        return None if row is None else str(row["content"])

    def session(self, portfolio: str, session: date) -> SessionRecord | None:
        """A session that was opened."""
        row = self._one(_one_session, portfolio=portfolio, session=session)
        return None if row is None else _session(row)

    def sessions(
        self, portfolio: str, first: date | None = None, last: date | None = None
    ) -> list[SessionRecord]:
        """Sessions that were opened, ascending."""
        query = select(sessions).where(sessions.c.portfolio == portfolio)
        query = in_range(query, sessions, first, last).order_by(sessions.c.session)
        return [_session(row) for row in self._all(query)]

    def latest_session(self, portfolio: str) -> SessionRecord | None:
        """The last session that was opened."""
        query = select(sessions).where(sessions.c.portfolio == portfolio)
        row = self._one(query.order_by(sessions.c.session.desc()).limit(1))
        return None if row is None else _session(row)

    def outcome(self, portfolio: str, session: date) -> OutcomeRecord | None:
        """How a session ended; None where it has not."""
        row = self._one(_one_outcome, portfolio=portfolio, session=session)
        return None if row is None else _outcome(row)

    def outcomes(
        self, portfolio: str, first: date | None = None, last: date | None = None
    ) -> list[OutcomeRecord]:
        """How sessions ended, ascending."""
        query = select(session_outcomes).where(session_outcomes.c.portfolio == portfolio)
        query = in_range(query, session_outcomes, first, last)
        return [_outcome(row) for row in self._all(query.order_by(session_outcomes.c.session))]

    def open_sessions(self, portfolio: str) -> list[date]:
        """Sessions that were opened and have no outcome, ascending."""
        ended = select(session_outcomes.c.session).where(
            session_outcomes.c.portfolio == sessions.c.portfolio,
            session_outcomes.c.session == sessions.c.session,
        )
        query = select(sessions.c.session).where(sessions.c.portfolio == portfolio, ~ended.exists())
        return [row["session"] for row in self._all(query.order_by(sessions.c.session))]

    def decisions(self, portfolio: str, session: date) -> list[DecisionRow]:
        """What was decided for every symbol of a session, by symbol."""
        rows = self._all(_decisions, portfolio=portfolio, session=session)
        return [_decision(row) for row in rows]

    def decision(self, portfolio: str, session: date, symbol: str) -> DecisionRow | None:
        """What was decided for one symbol."""
        query = _decisions.where(decisions.c.symbol == symbol)
        row = self._one(query, portfolio=portfolio, session=session)
        return None if row is None else _decision(row)


def _portfolio(row: Row) -> PortfolioRecord:
    values = dict(row)
    return PortfolioRecord(initial_capital_e4=values.pop("initial_capital"), **values)


def _session(row: Row) -> SessionRecord:
    return SessionRecord(**{**row, "kind": SessionKind(row["kind"])})


def _outcome(row: Row) -> OutcomeRecord:
    return OutcomeRecord(**{**row, "outcome": SessionOutcome(row["outcome"])})


def _decision(row: Row) -> DecisionRow:
    values = dict(row)
    del values["portfolio"], values["session"]
    return DecisionRow(**values)
