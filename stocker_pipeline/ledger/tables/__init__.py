"""The tables of the ledger, as SQLAlchemy Core sees them. Every row is a fact; none is changed.

Belongs here: columns, keys and the rules that one row can break. Stays out: rules between rows
(``triggers``, ``invariants``), and how a database gets from one form to the next (``migrations``).
"""

from stocker_pipeline.ledger.tables import (
    account_control,
    alerts,
    book,
    control,
    limits,
    orders,
    sessions,
)
from stocker_pipeline.ledger.tables.base import metadata

__all__ = [
    "account_control",
    "alerts",
    "book",
    "control",
    "limits",
    "metadata",
    "orders",
    "sessions",
]
