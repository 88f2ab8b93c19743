"""Orders: intents, what was sent, what was learnt, and the executions.

The one mutable column of the ledger is ``order_intents.state``: the state of the last event, which
a trigger keeps and nobody else may set.
"""

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text

from stocker_pipeline.domain.orders import WORKING, OrderState
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
from stocker_pipeline.ledger.tables.sessions import ENVIRONMENTS, SYMBOL_LENGTH
from stocker_pipeline.ledger.types import Day, Instant, Money, Ratio, Whole

LEGS = ("rebalance", "limit", "flatten")
BROKER_ID_LENGTH = 128
_CLIENT_ID_LENGTH = 48

_working = text("state IN (" + ", ".join(f"'{state}'" for state in sorted(WORKING)) + ")")

order_intents = table(
    "order_intents",
    words("client_order_id", most=_CLIENT_ID_LENGTH, primary_key=True),
    one_of("environment", ENVIRONMENTS),
    words("account"),
    words("portfolio"),
    column("session", Day),
    words("symbol", most=SYMBOL_LENGTH),
    one_of("leg", LEGS),
    column("revision", Whole),
    column("quantity", Whole),
    column("reference_price", Ratio),
    words("decision"),
    words("payload_hash"),
    words("config_hash", ForeignKey("config_versions.config_hash")),
    column("lease_token", Whole),
    column("committed_at", Instant),
    one_of("state", OrderState),
    ForeignKeyConstraint(["portfolio", "session"], ["sessions.portfolio", "sessions.session"]),
    ForeignKeyConstraint(["portfolio", "lease_token"], ["leases.portfolio", "leases.token"]),
    UniqueConstraint("portfolio", "session", "symbol", "leg", "revision"),
    check("quantity_not_zero", "quantity <> 0"),
    check("revision_counted", "revision >= 0"),
)
Index(
    "one_working_order",
    order_intents.c.portfolio,
    order_intents.c.session,
    order_intents.c.symbol,
    unique=True,
    sqlite_where=_working,
    postgresql_where=_working,
)
Index("working_orders", order_intents.c.portfolio, sqlite_where=_working, postgresql_where=_working)

order_attempts = table(
    "order_attempts",
    words(
        "client_order_id",
        ForeignKey("order_intents.client_order_id"),
        most=_CLIENT_ID_LENGTH,
        primary_key=True,
    ),
    key("attempt", Whole),
    column("kill_epoch", Whole),
    column("lease_token", Whole),
    words("code_version", most=200),
    words("config_hash", ForeignKey("config_versions.config_hash")),
    column("committed_at", Instant),
)

order_events = table(
    "order_events",
    words(
        "client_order_id",
        ForeignKey("order_intents.client_order_id"),
        most=_CLIENT_ID_LENGTH,
        primary_key=True,
    ),
    key("sequence", Whole),
    words("kind"),
    one_of("state", OrderState),
    words("broker_order_id", most=BROKER_ID_LENGTH, null=True),
    optional("filled_quantity", Whole),
    words("reason", least=0, most=2000),
    words("raw", least=0, most=LONG_TEXT),
    column("recorded_at", Instant),
)

executions = table(
    "executions",
    words("broker", primary_key=True),
    words("account", primary_key=True),
    words("execution_id", most=BROKER_ID_LENGTH, primary_key=True),
    words("portfolio", ForeignKey("portfolios.portfolio")),
    column("session", Day),
    words(
        "client_order_id",
        ForeignKey("order_intents.client_order_id"),
        most=_CLIENT_ID_LENGTH,
        null=True,
    ),
    words("broker_order_id", least=0, most=BROKER_ID_LENGTH),
    words("symbol", most=SYMBOL_LENGTH),
    column("quantity", Whole),
    column("price", Money),
    column("commission", Money),
    column("cumulative_quantity", Whole),
    column("executed_at", Instant),
    column("booked_at", Instant),
    Index(None, "client_order_id"),
    Index(None, "portfolio", "session"),
    check("quantity_not_zero", "quantity <> 0"),
    check("price_not_negative", "price >= 0"),
)

suspense = table(
    "suspense",
    words("broker", primary_key=True),
    words("account", primary_key=True),
    words("execution_id", most=BROKER_ID_LENGTH, primary_key=True),
    words("portfolio", null=True),
    column("session", Day),
    words("client_order_id", most=BROKER_ID_LENGTH, null=True),
    words("broker_order_id", least=0, most=BROKER_ID_LENGTH),
    words("symbol", most=SYMBOL_LENGTH),
    column("quantity", Whole),
    column("price", Money),
    column("commission", Money),
    column("cumulative_quantity", Whole),
    column("executed_at", Instant),
    words("why", most=2000),
    column("recorded_at", Instant),
    check("quantity_not_zero", "quantity <> 0"),
)

suspense_ends = table(
    "suspense_ends",
    words("broker", primary_key=True),
    words("account", primary_key=True),
    words("execution_id", most=BROKER_ID_LENGTH, primary_key=True),
    words("resolution"),
    words("author"),
    words("reason", most=2000),
    column("at", Instant),
    ForeignKeyConstraint(
        ["broker", "account", "execution_id"],
        ["suspense.broker", "suspense.account", "suspense.execution_id"],
    ),
)
