"""What the UI shows about an ingest: what came, from where, and what was refused."""

from typing import Any

import dagster as dg
import pyarrow as pa

from stocker_pipeline.stages.ingest import Brought, Ingested

_ROWS_SHOWN = 50


def bars_metadata(result: Ingested) -> dict[str, Any]:
    """Of ``raw_bars``, on the last session of a run."""
    reference = {
        "reference_rows_new": result.reference.new,
        "reference_missing": dict(result.reference_missing),
        "reference_failed": dict(result.reference_failed),
    }
    return {
        **_rows(result.bars),
        **_origin(result),
        "rows_by_source": dict(result.answered),
        "refused_rows": dict(result.refused_rows),
        **_refused(result.refused),
        "findings": dict(result.findings),
        "quarantined_bars": result.quarantined,
        **(reference if result.reference.fetched else {}),
    }


def actions_metadata(result: Ingested) -> dict[str, Any]:
    """Of ``corporate_actions``, on the last session of a run."""
    return {**_rows(result.actions), **_origin(result)}


def _rows(brought: Brought) -> dict[str, Any]:
    return {
        "rows_of_run": brought.fetched,
        "rows_new": brought.new,
        "rows_changed": brought.changed,
        "rows_withdrawn": brought.withdrawn,
    }


def _origin(result: Ingested) -> dict[str, Any]:
    return {
        "source": result.source,
        "missing": _reasons(result.missing),
        "failed": _reasons(result.failed),
        "written_versions": dict(result.versions),
    }


def _refused(rows: pa.Table) -> dict[str, Any]:
    """Rows that are no bars and no actions: spin-offs and mergers, live rows, unreadable cells."""
    if rows.num_rows == 0:
        return {}
    records = [
        dg.TableRecord({name: str(value or "") for name, value in row.items()})
        for row in rows.slice(0, _ROWS_SHOWN).to_pylist()
    ]
    more = rows.num_rows - len(records)
    shown = {"refused": dg.MetadataValue.table(records)}
    return shown | ({"refused_not_shown": more} if more else {})


def _reasons(reasons: Any) -> Any:
    rows = [dg.TableRecord({"symbol": name, "reason": reasons[name]}) for name in sorted(reasons)]
    return dg.MetadataValue.table(rows) if rows else "none"
