"""What cannot be recomputed: orders, fills, cash, lots, snapshots and control of paper and live.

Facts are added and never changed; states are folded from them, and the database itself keeps the
rules, on SQLite and on PostgreSQL alike. Belongs here: tables, transactions, leases, invariants,
backups. Stays out: what to decide, what to send, and everything that can be computed again (lake).
"""

from stocker_pipeline.ledger.errors import (
    CommitUnclear,
    LeaseHeld,
    LeaseLost,
    LedgerBusy,
    LedgerConflict,
    LedgerRefused,
    LedgerUnavailable,
)
from stocker_pipeline.ledger.leases import Lease
from stocker_pipeline.ledger.ledger import Ledger
from stocker_pipeline.ledger.reader import Reader
from stocker_pipeline.ledger.writer import Writer

__all__ = [
    "CommitUnclear",
    "Lease",
    "LeaseHeld",
    "LeaseLost",
    "Ledger",
    "LedgerBusy",
    "LedgerConflict",
    "LedgerRefused",
    "LedgerUnavailable",
    "Reader",
    "Writer",
]
