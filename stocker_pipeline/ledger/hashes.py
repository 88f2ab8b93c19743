"""Hashes that the ledger stores: of an order's payload and of an audit entry."""

import hashlib
from datetime import UTC

from stocker_pipeline.domain.orders import OrderIntent
from stocker_pipeline.ledger.control_records import AuditEntry
from stocker_pipeline.ledger.types import canonical_json

FIRST_HASH = "0" * 64
"""What the first audit entry follows."""


def payload_hash(intent: OrderIntent) -> str:
    """Of what is sent under the order's id: under one id there is only ever one payload."""
    key = intent.key
    content = [key.symbol, intent.quantity, "market", "opg", key.session.isoformat()]
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def audit_hash(previous: str, entry: AuditEntry) -> str:
    """Of an entry and the hash before it."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    content = [entry.sequence, at, entry.actor, entry.action, entry.subject, dict(entry.content)]
    return hashlib.sha256(f"{previous or FIRST_HASH}{canonical_json(content)}".encode()).hexdigest()
