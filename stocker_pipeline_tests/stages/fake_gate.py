"""A quality gate with three plain rules, for tests of the stages around it."""

from datetime import date

import pyarrow as pa

from stocker_pipeline.lake.schemas import FINDINGS

FOUND = pa.schema([FINDINGS.schema.field(name) for name in FINDINGS.schema.names[:7]])
SPIKE_ABOVE = 1_000.0


def judge(
    bars: pa.Table,
    actions: pa.Table,
    *,
    calendar_last: date,
    reference: pa.Table | None = None,
    refused_rows: pa.Table | None = None,
) -> pa.Table:
    """A close above 1,000 is quarantined, a volume of zero is flagged, a refused row is told."""
    found = []
    for row in bars.to_pylist():
        if row["close"] is not None and row["close"] > SPIKE_ABOVE:
            found.append(_finding(row, "spike", "error", f"close {row['close']}", "quarantined"))
        if row["volume"] == 0:
            found.append(_finding(row, "no_volume", "warning", "volume 0", "flagged"))
    for row in refused_rows.to_pylist() if refused_rows is not None else []:
        found.append(_finding(row, "refused_row", "info", row["evidence"], "flagged"))
    for row in reference.to_pylist() if reference is not None else []:
        found.append(_finding(row, "reference", "info", row["source"], "flagged"))
    return pa.Table.from_pylist(found, schema=FOUND)


def find_nothing(bars: pa.Table, actions: pa.Table, **others: object) -> pa.Table:
    """Everything is fine."""
    return FOUND.empty_table()


def _finding(row: dict, rule: str, severity: str, evidence: str, treatment: str) -> dict:
    return {
        "symbol": row["symbol"],
        "session": row["session"],
        "rule": rule,
        "severity": severity,
        "evidence": evidence,
        "threshold": "a bound",
        "treatment": treatment,
    }
