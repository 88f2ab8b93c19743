"""The outbox: alerts, tries to deliver them, acknowledgements, and why nothing more is sent."""

from sqlalchemy import Column, ForeignKey, Index

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
from stocker_pipeline.ledger.types import Day, Flag, Instant, Whole
from stocker_pipeline.risk.alerts import Severity

PURPOSES = ("alert", "escalation", "acknowledgement")
ENDS = ("delivered", "folded", "acknowledged", "recovered", "escalated")

alerts = table(
    "alerts",
    Column("id", Whole, primary_key=True),
    words("portfolio", null=True),
    optional("session", Day),
    one_of("severity", Severity),
    words("code"),
    words("subject", least=0, most=200),
    column("recovers", Flag),
    words("text", most=LONG_TEXT),
    column("recorded_at", Instant),
    Index(None, "portfolio", "session", "code"),
    Index(None, "code", "subject"),
)

alert_deliveries = table(
    "alert_deliveries",
    key("alert_id", Whole, ForeignKey("alerts.id")),
    words("channel", primary_key=True),
    one_of("purpose", PURPOSES, primary_key=True),
    key("round", Whole),
    key("attempt", Whole),
    words("message_id"),
    column("at", Instant),
    column("delivered", Flag),
    words("detail", most=2000),
    check("counted", "round >= 0 AND attempt >= 1"),
)

alert_acknowledgements = table(
    "alert_acknowledgements",
    key("alert_id", Whole, ForeignKey("alerts.id")),
    words("author"),
    words("reason", most=2000),
    column("at", Instant),
)

alert_ends = table(
    "alert_ends",
    key("alert_id", Whole, ForeignKey("alerts.id")),
    one_of("how", ENDS),
    words("reason", most=2000),
    column("at", Instant),
)

alert_turns = table(
    "alert_turns",
    key("token", Whole),
    words("host", most=255),
    column("pid", Whole),
    words("process_started", least=0, most=200),
    column("taken_at", Instant),
    column("expires_at", Instant),
)

alert_turn_ends = table(
    "alert_turn_ends",
    key("token", Whole, ForeignKey("alert_turns.token")),
    column("at", Instant),
    words("how"),
)
