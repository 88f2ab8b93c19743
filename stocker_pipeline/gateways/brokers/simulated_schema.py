"""The tables of a simulated account's file.

Money is INTEGER in 1/10,000 dollar, shares are INTEGER, dates and instants are ISO text.
``VERSION`` rises with every change: an older file is refused, for a simulated account is opened
anew, not migrated.
"""

from typing import Final

VERSION: Final = 1
TABLES: Final = (
    """CREATE TABLE account (
        one INTEGER PRIMARY KEY CHECK (one = 1), number TEXT NOT NULL,
        initial_cash_e4 INTEGER NOT NULL, cash_e4 INTEGER NOT NULL, last_session TEXT NOT NULL,
        blocked TEXT NOT NULL DEFAULT '') STRICT""",
    """CREATE TABLE orders (
        sequence INTEGER PRIMARY KEY, broker_order_id TEXT NOT NULL UNIQUE,
        client_order_id TEXT UNIQUE, symbol TEXT NOT NULL,
        quantity INTEGER NOT NULL CHECK (quantity <> 0), session TEXT NOT NULL,
        status TEXT NOT NULL, filled_quantity INTEGER NOT NULL DEFAULT 0,
        submitted_at TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
        CHECK (abs(filled_quantity) <= abs(quantity) AND filled_quantity * quantity >= 0)
        ) STRICT""",
    "CREATE INDEX orders_by_session ON orders (session)",
    "CREATE INDEX orders_open ON orders (symbol) WHERE status = 'accepted'",
    """CREATE TABLE executions (
        sequence INTEGER PRIMARY KEY, execution_id TEXT NOT NULL UNIQUE,
        broker_order_id TEXT NOT NULL, client_order_id TEXT, symbol TEXT NOT NULL,
        quantity INTEGER NOT NULL CHECK (quantity <> 0), price_e4 INTEGER NOT NULL,
        commission_e4 INTEGER NOT NULL, cumulative_quantity INTEGER NOT NULL,
        session TEXT NOT NULL, executed_at TEXT NOT NULL) STRICT""",
    """CREATE TABLE positions (
        symbol TEXT PRIMARY KEY, quantity INTEGER NOT NULL CHECK (quantity <> 0),
        mark REAL NOT NULL) STRICT""",
    """CREATE TABLE cash_moves (
        sequence INTEGER PRIMARY KEY, session TEXT NOT NULL, kind TEXT NOT NULL,
        symbol TEXT NOT NULL DEFAULT '', amount_e4 INTEGER NOT NULL, reference TEXT UNIQUE,
        booked INTEGER NOT NULL) STRICT""",
    "CREATE INDEX cash_waiting ON cash_moves (session) WHERE booked = 0",
    """CREATE TABLE instructions (
        client_order_id TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (client_order_id, kind)) STRICT""",
)
