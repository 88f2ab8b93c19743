"""Writes of portfolios, configurations, sessions, decisions and outcomes."""

from collections.abc import Sequence
from datetime import date

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.ledger.facts import insert_fact, insert_facts
from stocker_pipeline.ledger.records import (
    DecisionRow,
    OutcomeRecord,
    PortfolioRecord,
    SessionRecord,
)
from stocker_pipeline.ledger.tables import sessions as tables
from stocker_pipeline.ledger.writes_audit import AuditWrites

_SYSTEM = "stocker"


class SessionWrites(AuditWrites):
    """Adds to the tables in ``tables.sessions``. True = written now, False = it was there."""

    def put_portfolio(self, record: PortfolioRecord) -> bool:
        """Add a portfolio; the first one says to which environment the database belongs.

        Raises:
            ConfigurationRefused: The database belongs to another environment.
            LedgerConflict: The portfolio is there with another broker, account or capital.
        """
        owner = self.environment()
        if owner is None:
            insert_fact(
                self.connection,
                tables.environment,
                {"singleton": 1, "name": record.environment, "recorded_at": self.now},
            )
        elif owner != record.environment:
            raise ConfigurationRefused(
                f"a portfolio of the environment {owner}, to which this database belongs",
                f"portfolio {record.portfolio} of {record.environment}",
                where="ledger",
                remedy="Give each environment a database of its own.",
            )
        row = {
            "portfolio": record.portfolio,
            "environment": record.environment,
            "broker": record.broker,
            "account": record.account,
            "initial_capital": record.initial_capital_e4,
            "book_start": record.book_start,
            "created_at": self.now,
        }
        return insert_fact(self.connection, tables.portfolios, row, ignoring={"created_at"})

    def put_config(self, config_hash: str, content: str) -> bool:
        """Keep a configuration under its hash."""
        row = {"config_hash": config_hash, "content": content, "created_at": self.now}
        if not insert_fact(self.connection, tables.config_versions, row, ignoring={"created_at"}):
            return False
        facts = self.bound(tables.config_versions, config_hash=config_hash)
        self.put_audit(_SYSTEM, "config_version", config_hash, {}, facts=facts)
        return True

    def open_session(self, record: SessionRecord) -> bool:
        """Begin a session, once: on which configuration and data it is decided.

        Raises:
            LedgerConflict: It was begun on others.
            LeaseLost: Without the portfolio's live lease.
        """
        row = {
            "portfolio": record.portfolio,
            "session": record.session,
            "opened_at": self.now,
            "lease_token": self._token(record.portfolio),
            "config_hash": record.config_hash,
            "data_versions": dict(record.data_versions),
            "code_version": record.code_version,
            "kind": record.kind,
        }
        return insert_fact(
            self.connection,
            tables.sessions,
            row,
            ignoring={"opened_at", "lease_token", "code_version"},
        )

    def put_decisions(self, portfolio: str, session: date, rows: Sequence[DecisionRow]) -> int:
        """Add what was decided for each symbol; return how many rows are new.

        Raises:
            LedgerConflict: Something else was decided.
        """
        place = {"portfolio": portfolio, "session": session}
        facts = [{**vars(row), **place} for row in rows]
        return insert_facts(self.connection, tables.decisions, facts)

    def put_outcome(self, record: OutcomeRecord) -> bool:
        """Say how a session ended, once. The words of the reason may differ, its code may not."""
        row = {
            "portfolio": record.portfolio,
            "session": record.session,
            "outcome": record.outcome,
            "reason_code": record.reason_code,
            "reason": record.reason,
            "recorded_at": self.now,
        }
        ignoring = {"reason", "recorded_at"}
        if not insert_fact(self.connection, tables.session_outcomes, row, ignoring=ignoring):
            return False
        key = {"portfolio": record.portfolio, "session": record.session}
        facts = self.bound(tables.session_outcomes, **key)
        content = {"outcome": str(record.outcome), "reason_code": record.reason_code}
        subject = f"{record.portfolio}/{record.session}"
        self.put_audit(_SYSTEM, "outcome", subject, content, facts=facts)
        return True
