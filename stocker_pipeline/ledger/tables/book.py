"""The book: cash, corporate actions, snapshots, positions, lots, and how far a source was read.

A session can be settled again as a higher version, when a late fill arrives; the older rows stay.
What counts is the rows whose version is that of the session's latest snapshot.
"""

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, text

from stocker_pipeline.ledger.records import FlowKind
from stocker_pipeline.ledger.tables.base import check, column, key, one_of, optional, table, words
from stocker_pipeline.ledger.tables.orders import BROKER_ID_LENGTH
from stocker_pipeline.ledger.tables.sessions import SYMBOL_LENGTH
from stocker_pipeline.ledger.types import Day, Flag, Instant, Money, Ratio, Whole

EXECUTION_KINDS = ("trade", "commission")
ACTION_KINDS = ("dividend", "cash_in_lieu")
_by_execution = text("execution_id IS NOT NULL")
_by_action = text("kind IN ('dividend', 'cash_in_lieu')")
_by_person = text("reference IS NOT NULL")

cash_entries = table(
    "cash_entries",
    Column("id", Whole, primary_key=True),
    words("portfolio", ForeignKey("portfolios.portfolio")),
    column("session", Day),
    one_of("kind", (*EXECUTION_KINDS, *ACTION_KINDS, *FlowKind)),
    words("symbol", most=SYMBOL_LENGTH, null=True),
    column("amount", Money),
    column("version", Whole),
    words("broker", null=True),
    words("account", null=True),
    words("execution_id", most=BROKER_ID_LENGTH, null=True),
    words("reference", most=200, null=True),
    words("author"),
    words("reason", least=0, most=2000),
    column("recorded_at", Instant),
    ForeignKeyConstraint(
        ["broker", "account", "execution_id"],
        ["executions.broker", "executions.account", "executions.execution_id"],
    ),
    check("execution_named", "(kind IN ('trade', 'commission')) = (execution_id IS NOT NULL)"),
    check(
        "reference_given",
        "(kind IN ('deposit', 'withdrawal', 'adjustment')) = (reference IS NOT NULL)",
    ),
    check("action_symbol", "kind NOT IN ('dividend', 'cash_in_lieu') OR symbol IS NOT NULL"),
    check("version_of_actions", "(kind IN ('dividend', 'cash_in_lieu')) = (version > 0)"),
    check("deposit_positive", "kind <> 'deposit' OR amount > 0"),
    check("withdrawal_negative", "kind <> 'withdrawal' OR amount < 0"),
    Index(None, "portfolio", "session"),
)
Index(
    "one_entry_per_execution",
    *(cash_entries.c[name] for name in ("broker", "account", "execution_id", "kind")),
    unique=True,
    sqlite_where=_by_execution,
    postgresql_where=_by_execution,
)
Index(
    "one_entry_per_action",
    *(cash_entries.c[name] for name in ("portfolio", "symbol", "session", "kind", "version")),
    unique=True,
    sqlite_where=_by_action,
    postgresql_where=_by_action,
)
Index(
    "one_entry_per_reference",
    cash_entries.c.portfolio,
    cash_entries.c.reference,
    unique=True,
    sqlite_where=_by_person,
    postgresql_where=_by_person,
)

snapshots = table(
    "snapshots",
    words("portfolio", ForeignKey("portfolios.portfolio"), primary_key=True),
    key("session", Day),
    key("version", Whole),
    column("nav", Money),
    column("cash", Money),
    column("positions_value", Money),
    column("peak_nav", Money),
    optional("drawdown", Ratio),
    optional("gross_exposure", Ratio),
    optional("net_exposure", Ratio),
    column("realised", Money),
    column("unrealised", Money),
    column("dividends", Money),
    column("cash_in_lieu", Money),
    column("commissions", Money),
    column("flows", Money),
    column("initial_capital", Money),
    column("tripped", Flag),
    column("positions_count", Whole),
    words("reason", least=0, most=2000),
    column("lease_token", Whole),
    column("recorded_at", Instant),
    ForeignKeyConstraint(["portfolio", "lease_token"], ["leases.portfolio", "leases.token"]),
    check("nav_is_cash_and_positions", "nav = cash + positions_value"),
    check(
        "nav_explained",
        "nav = initial_capital + flows + realised + unrealised + dividends + cash_in_lieu"
        " - commissions",
    ),
)

_SNAPSHOT_KEY = ["portfolio", "session", "version"]
_SNAPSHOT = [f"snapshots.{name}" for name in _SNAPSHOT_KEY]

corporate_action_entries = table(
    "corporate_action_entries",
    words("portfolio", primary_key=True),
    key("session", Day),
    key("version", Whole),
    words("symbol", most=SYMBOL_LENGTH, primary_key=True),
    key("sequence", Whole),
    column("split_new", Whole),
    column("split_old", Whole),
    column("dividend", Ratio),
    column("shares_change", Whole),
    column("cash", Money),
    column("dividend_cash", Money),
    ForeignKeyConstraint(_SNAPSHOT_KEY, _SNAPSHOT),
    check("split_positive", "split_new > 0 AND split_old > 0"),
)

positions = table(
    "positions",
    words("portfolio", primary_key=True),
    key("session", Day),
    key("version", Whole),
    words("symbol", most=SYMBOL_LENGTH, primary_key=True),
    column("quantity", Whole),
    column("mark", Ratio),
    column("mark_age_sessions", Whole),
    column("cost", Money),
    column("market_value", Money),
    ForeignKeyConstraint(_SNAPSHOT_KEY, _SNAPSHOT),
    check("quantity_not_zero", "quantity <> 0"),
    check("mark_age_counted", "mark_age_sessions >= 0"),
)

lots = table(
    "lots",
    words("portfolio", primary_key=True),
    key("session", Day),
    key("version", Whole),
    words("symbol", most=SYMBOL_LENGTH, primary_key=True),
    key("ordinal", Whole),
    column("quantity", Whole),
    column("cost", Money),
    ForeignKeyConstraint(_SNAPSHOT_KEY, _SNAPSHOT),
    check("none_left", "quantity <> 0 OR (ordinal = 0 AND cost = 0)"),
    Index(None, "portfolio", "symbol", "session", "version"),
)

cursors = table(
    "cursors",
    words("scope", most=200, primary_key=True),
    words("name", primary_key=True),
    key("sequence", Whole),
    words("value", least=0, most=2000),
    column("recorded_at", Instant),
)
