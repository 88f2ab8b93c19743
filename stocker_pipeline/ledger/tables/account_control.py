"""Control beyond one portfolio: what an account, or all of them, may send; leave to close a book.

What a portfolio may send is in ``control``. The strictest of the three scopes counts.
"""

from sqlalchemy import ForeignKey, Index

from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.ledger.tables.base import column, key, one_of, table, words
from stocker_pipeline.ledger.types import Day, Instant, Whole

ALL_ACCOUNTS = "*"
"""Stands in the column ``account`` for every account, those of later portfolios too."""

account_control = table(
    "account_control",
    # One count over every account: the latest number of two scopes is one number.
    key("epoch", Whole),
    words("account"),
    one_of("state", ControlState),
    words("author"),
    words("reason", most=2000),
    column("at", Instant),
    Index(None, "account"),
)

flattens = table(
    "flattens",
    words("portfolio", ForeignKey("portfolios.portfolio"), primary_key=True),
    key("session", Day),
    key("control_epoch", Whole),
    key("account_epoch", Whole),
    words("author"),
    words("reason", most=2000),
    column("at", Instant),
)
"""Leave to close a book at one open. Any later word about control takes it away."""
