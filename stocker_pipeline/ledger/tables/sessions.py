"""Portfolios, their leases, sessions, decisions and outcomes."""

from sqlalchemy import ForeignKey, ForeignKeyConstraint

from stocker_pipeline.domain.orders import SessionOutcome
from stocker_pipeline.ledger.records import SessionKind
from stocker_pipeline.ledger.tables.base import (
    LONG_TEXT,
    check,
    column,
    key,
    one_of,
    optional,
    table,
    words,
)
from stocker_pipeline.ledger.types import Day, Flag, Instant, JsonText, Money, Ratio, Whole

ENVIRONMENTS = ("dev", "paper", "live")
SYMBOL_LENGTH = 24
LEASE_ENDS = ("released", "dead", "expired")

environment = table(
    "environment",
    key("singleton", Whole),
    one_of("name", ENVIRONMENTS),
    column("recorded_at", Instant),
    check("one_row", "singleton = 1"),
)

portfolios = table(
    "portfolios",
    words("portfolio", primary_key=True),
    one_of("environment", ENVIRONMENTS),
    words("broker"),
    words("account"),
    column("initial_capital", Money),
    column("book_start", Day),
    column("created_at", Instant),
    check("capital_positive", "initial_capital > 0"),
)

config_versions = table(
    "config_versions",
    words("config_hash", primary_key=True),
    words("content", least=2, most=1_000_000),
    column("created_at", Instant),
)

leases = table(
    "leases",
    words("portfolio", ForeignKey("portfolios.portfolio"), primary_key=True),
    key("token", Whole),
    column("session", Day),
    words("stage"),
    words("host", least=0, most=255),
    column("pid", Whole),
    words("process_started", least=0, most=200),
    column("acquired_at", Instant),
    column("expires_at", Instant),
    check("token_rises", "token >= 1"),
)

lease_ends = table(
    "lease_ends",
    words("portfolio", primary_key=True),
    key("token", Whole),
    column("ended_at", Instant),
    one_of("how", LEASE_ENDS),
    ForeignKeyConstraint(["portfolio", "token"], ["leases.portfolio", "leases.token"]),
)

sessions = table(
    "sessions",
    words("portfolio", ForeignKey("portfolios.portfolio"), primary_key=True),
    key("session", Day),
    column("opened_at", Instant),
    column("lease_token", Whole),
    words("config_hash", ForeignKey("config_versions.config_hash")),
    column("data_versions", JsonText),
    words("code_version", most=200),
    one_of("kind", SessionKind),
    ForeignKeyConstraint(["portfolio", "lease_token"], ["leases.portfolio", "leases.token"]),
)

decisions = table(
    "decisions",
    words("portfolio", primary_key=True),
    key("session", Day),
    words("symbol", most=SYMBOL_LENGTH, primary_key=True),
    column("bars", Whole),
    optional("momentum", Ratio),
    optional("direction", Whole),
    optional("vol", Ratio),
    optional("weight", Ratio),
    words("signal_reason", null=True),
    optional("sigma_p", Ratio),
    optional("k", Ratio),
    optional("single_capped", Flag),
    optional("x_single", Ratio),
    optional("gross_factor", Ratio),
    optional("tripped", Flag),
    optional("breaker_factor", Ratio),
    optional("target", Ratio),
    column("held", Whole),
    column("desired", Whole),
    words("decision"),
    optional("reference_price", Ratio),
    column("ordered", Whole),
    words("overridden_by", most=1000, null=True),
    ForeignKeyConstraint(["portfolio", "session"], ["sessions.portfolio", "sessions.session"]),
    check("direction_sign", "direction IN (-1, 0, 1)"),
    check("bars_counted", "bars >= 0"),
)

session_outcomes = table(
    "session_outcomes",
    words("portfolio", ForeignKey("portfolios.portfolio"), primary_key=True),
    key("session", Day),
    one_of("outcome", SessionOutcome),
    words("reason_code"),
    words("reason", least=0, most=LONG_TEXT),
    column("recorded_at", Instant),
)
