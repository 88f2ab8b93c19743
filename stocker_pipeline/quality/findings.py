"""What the gate answers: one row per rule that a bar, a hole or a refused row broke."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Severity = Literal["info", "warning", "error"]
Treatment = Literal["quarantined", "flagged"]

FINDINGS_SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("session", pa.date32()),
        ("rule", pa.string()),
        ("severity", pa.string()),
        ("evidence", pa.string()),
        ("threshold", pa.string()),
        ("treatment", pa.string()),
    ]
)
"""Sorted by symbol, session, rule. ``session`` is null only for a row whose date was unreadable.

``quarantined``: nobody may trade on the bar of (symbol, session) until a person has looked at it.
``flagged``: it is used, and a person should know.
"""

OTHER_SECURITY = "other_security_before"


@dataclass(frozen=True)
class Finding:
    """One row of the answer."""

    symbol: str
    session: date | None
    rule: str
    severity: Severity
    evidence: str
    threshold: str
    treatment: Treatment


def findings_table(findings: Sequence[Finding]) -> pa.Table:
    """``FINDINGS_SCHEMA``, sorted by symbol, session, rule; a null session comes first."""
    ordered = sorted(
        findings, key=lambda row: (row.symbol, row.session or date.min, row.rule, row.evidence)
    )
    columns = [
        pa.array([getattr(row, field.name) for row in ordered], field.type)
        for field in FINDINGS_SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=FINDINGS_SCHEMA)


def quarantined_bars(findings: pa.Table) -> pa.Table:
    """The bars to leave out: columns symbol, session, sorted, each once."""
    rows = findings.filter(pc.equal(findings["treatment"], "quarantined"))
    rows = rows.filter(pc.is_valid(rows["session"])).select(["symbol", "session"])
    bars = rows.group_by(["symbol", "session"]).aggregate([])
    return bars.sort_by([("symbol", "ascending"), ("session", "ascending")])


def history_starts(findings: pa.Table) -> dict[str, date]:
    """Symbol → first session of the security that carries the ticker now.

    Only symbols whose file holds a long hole; bars before that session are not this symbol's
    history, and no return should be taken across it.
    """
    rows = findings.filter(pc.equal(findings["rule"], OTHER_SECURITY))
    latest = rows.group_by("symbol").aggregate([("session", "max")])
    return dict(zip(latest["symbol"].to_pylist(), latest["session_max"].to_pylist(), strict=True))


def dollars(price: float) -> str:
    """A price for a person: at least two decimals, at most six."""
    if not np.isfinite(price):
        return "no number"
    whole, _, decimals = f"{price:,.6f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def percent(log_ratio: float) -> str:
    """A log ratio as a signed percentage change."""
    return f"{np.expm1(log_ratio):+.2%}"
