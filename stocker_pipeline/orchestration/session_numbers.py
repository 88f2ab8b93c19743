"""Numbers of each session of a backtest, which the UI plots over partitions.

Dagster's own method for adding metadata checks and copies everything that was added before, at each
call: a range of thousands of sessions would take longer than its backtest. Here a range is added at
once. The names that are used are private to Dagster 1.13, and held by a test.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from dagster._core.execution.context.metadata_logging import (
    AssetMetadataHandle,
    OutputMetadataAccumulator,
)

BySession = Mapping[str, Mapping[str, Any]]
"""Session as ISO text → name → number."""


def add_by_session(context: dg.AssetExecutionContext, asset: dg.AssetKey, found: BySession) -> None:
    """Add metadata of many partitions of an asset, before anything else is said of them."""
    step = context.get_step_execution_context()
    added: dict[Any, Mapping[str, Any]] = {
        AssetMetadataHandle(asset_key=asset, partition_key=session): dict(numbers)
        for session, numbers in found.items()
    }
    before = step._metadata_accumulator.per_output_metadata
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata={**before, **added})


def numbers_by_session(tables: Mapping[str, pa.Table]) -> BySession:
    """What is plotted of each session, all of it on the snapshot.

    ``implementation_shortfall_bps`` is what fills cost against the price that they were decided on,
    commissions left out, of the value traded at that price; positive is a loss (Perold, "The
    Implementation Shortfall", 1988). It is there where something was filled.

    Args:
        tables: ``snapshots``, ``orders`` and ``fills`` of a run.
    """
    snapshots = tables["snapshots"]
    sessions = [session.isoformat() for session in snapshots["session"].to_pylist()]
    orders, fills = _counts(tables["orders"]), _counts(tables["fills"])
    shortfall = _shortfall_bps(tables["orders"], tables["fills"])
    columns = [_array(snapshots, name).tolist() for name in _SHOWN]
    return {
        session: {
            **dict(zip(_SHOWN, values, strict=True)),
            "orders": orders.get(session, 0),
            "fills": fills.get(session, 0),
            **(
                {"implementation_shortfall_bps": shortfall[session]} if session in shortfall else {}
            ),
        }
        for session, *values in zip(sessions, *columns, strict=True)
    }


_SHOWN = ("nav", "drawdown", "gross_exposure")


def _shortfall_bps(orders: pa.Table, fills: pa.Table) -> Mapping[str, float]:
    priced = fills.select(["session", "symbol", "quantity", "price"]).join(
        orders.select(["session", "symbol", "reference_price"]), ["session", "symbol"]
    )
    quantity = priced["quantity"].to_numpy()
    price, reference = (_array(priced, name) for name in ("price", "reference_price"))
    days = priced["session"].to_numpy().astype("datetime64[D]")
    unique, at = np.unique(days, return_inverse=True)
    lost = np.bincount(at, quantity * (price - reference), len(unique))
    decided = np.bincount(at, abs(quantity) * reference, len(unique))
    known = np.isfinite(lost) & (decided > 0)
    bps = lost[known] / decided[known] * 1e4
    return dict(zip(unique[known].astype(str).tolist(), bps.tolist(), strict=True))


def _counts(table: pa.Table) -> Mapping[str, int]:
    counted = pc.value_counts(table["session"])
    return {row["values"].isoformat(): row["counts"] for row in counted.to_pylist()}


def _array(table: pa.Table, name: str) -> np.ndarray:
    return table[name].cast(pa.float64()).to_numpy()
