"""What watches over the book: reconciliations, breaks, control, overrides, audit."""

from sqlalchemy import Column, ForeignKey, Index

from stocker_pipeline.ledger.control_records import (
    BreakKind,
    ControlState,
    OverrideKind,
)
from stocker_pipeline.ledger.tables.base import (
    check,
    column,
    key,
    one_of,
    optional,
    table,
    words,
)
from stocker_pipeline.ledger.tables.sessions import SYMBOL_LENGTH
from stocker_pipeline.ledger.types import Day, Flag, Instant, JsonText, Money, Ratio, Whole


def _number(name: str) -> "Column[int]":
    return Column(name, Whole, primary_key=True)


reconciliations = table(
    "reconciliations",
    _number("id"),
    words("portfolio", ForeignKey("portfolios.portfolio")),
    column("session", Day),
    words("stage"),
    column("ran_at", Instant),
    column("clean", Flag),
    optional("broker_cash", Money),
    column("ledger_cash", Money),
    column("discrepancies", JsonText),
    column("lease_token", Whole),
    Index(None, "portfolio", "session"),
)

breaks = table(
    "breaks",
    _number("id"),
    words("portfolio", ForeignKey("portfolios.portfolio")),
    one_of("kind", BreakKind),
    words("symbol", least=0, most=SYMBOL_LENGTH),
    words("expected", least=0, most=2000),
    words("observed", least=0, most=2000),
    column("opened_by", Whole, ForeignKey("reconciliations.id")),
    column("opened_at", Instant),
    Index(None, "portfolio"),
)

break_ends = table(
    "break_ends",
    key("break_id", Whole, ForeignKey("breaks.id")),
    one_of("how", ("cleared", "adopted")),
    words("author"),
    words("reason", most=2000),
    column("at", Instant),
)

control_state = table(
    "control_state",
    words("portfolio", ForeignKey("portfolios.portfolio"), primary_key=True),
    key("epoch", Whole),
    one_of("state", ControlState),
    words("author"),
    words("reason", most=2000),
    column("at", Instant),
)

overrides = table(
    "overrides",
    _number("id"),
    words("portfolio", ForeignKey("portfolios.portfolio")),
    words("symbol", most=SYMBOL_LENGTH, null=True),
    one_of("kind", OverrideKind),
    optional("value", Ratio),
    words("author"),
    words("reason", most=2000),
    column("from_session", Day),
    optional("until_session", Day),
    column("recorded_at", Instant),
    Index(None, "portfolio"),
    check("in_order", "until_session IS NULL OR until_session >= from_session"),
    check(
        "value_given",
        "(kind IN ('multiplier', 'max_weight', 'max_shares')) = (value IS NOT NULL)",
    ),
)

override_ends = table(
    "override_ends",
    key("override_id", Whole, ForeignKey("overrides.id")),
    words("author"),
    words("reason", most=2000),
    column("at", Instant),
)

confirmations = table(
    "confirmations",
    words("portfolio", ForeignKey("portfolios.portfolio"), primary_key=True),
    key("session", Day),
    words("what", most=200, primary_key=True),
    words("author"),
    words("reason", most=2000),
    column("at", Instant),
)

audit_log = table(
    "audit_log",
    key("sequence", Whole),
    column("at", Instant),
    words("actor"),
    words("action"),
    words("subject", most=200),
    column("content", JsonText),
    words("previous_hash", least=64, most=64),
    words("hash", least=64, most=64),
)
