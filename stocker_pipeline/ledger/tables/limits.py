"""Orders that a pre-trade limit stopped, with its numbers."""

from sqlalchemy import ForeignKeyConstraint

from stocker_pipeline.ledger.tables.base import column, key, one_of, optional, table, words
from stocker_pipeline.ledger.tables.sessions import SYMBOL_LENGTH
from stocker_pipeline.ledger.types import Day, Instant, Ratio
from stocker_pipeline.risk.limits.facts import LimitStage

limit_rejections = table(
    "limit_rejections",
    words("portfolio", primary_key=True),
    key("session", Day),
    words("client_order_id", primary_key=True),
    words("limit_name", primary_key=True),
    one_of("stage", LimitStage, primary_key=True),
    words("symbol", most=SYMBOL_LENGTH),
    optional("measured", Ratio),
    column("bound", Ratio),
    words("unit"),
    words("sentence", most=1000),
    column("recorded_at", Instant),
    ForeignKeyConstraint(["portfolio", "session"], ["sessions.portfolio", "sessions.session"]),
)
