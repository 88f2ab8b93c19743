"""What a run leaves in the Dagster UI. Small: metadata is repeated for every partition of a range.

Numbers of one session go to that session's partition; the picture, the tables and the versions go
to the last partition only.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.analytics.pictures import equity_picture
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, CORPORATE_ACTIONS
from stocker_pipeline.orchestration.resources import OverridesResource
from stocker_pipeline.stages.forecast import Forecasted
from stocker_pipeline.stages.report import record_of
from stocker_pipeline.stages.trade import Traded
from stocker_pipeline.strategies.portfolio import Portfolio


def signals_metadata(result: Forecasted, overrides: OverridesResource) -> Mapping[str, Any]:
    """Counts, reasons and versions of a forecast."""
    return {
        "signals": result.signals,
        "without_signal": dict(result.silent),
        "read_versions": dict(result.read),
        "written_version": result.version,
        **_overridden(overrides),
    }


def book_metadata(
    result: Traded, overrides: OverridesResource
) -> Mapping[str, Mapping[str, Any]]:
    """Metadata of each asset of the book, the same for all sessions of the run."""
    tables = {
        "targets": "targets",
        "orders": "orders",
        "fills": "fills",
        "portfolio_snapshot": "snapshots",
    }
    return {
        asset: {
            "rows_of_run": result.tables[table].num_rows,
            "read_versions": dict(result.read),
            "written_version": result.written[table],
            **_overridden(overrides),
        }
        for asset, table in tables.items()
    }


def session_metadata(
    result: Traded, overrides: OverridesResource, lake: Lake, portfolio: Portfolio
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Partition key and metadata of every snapshot; the last one also gets the pictures."""
    snapshots = result.tables["snapshots"]
    columns = snapshots.select(["session", "nav", "drawdown", "gross_exposure"]).to_pydict()
    last = snapshots.num_rows - 1
    for row, session in enumerate(columns["session"]):
        metadata: dict[str, Any] = {
            "nav": float(columns["nav"][row]),
            "drawdown": columns["drawdown"][row],
            "gross_exposure": columns["gross_exposure"][row],
        }
        if row == last:
            metadata |= _summary(result, lake, portfolio)
        yield session.isoformat(), metadata


def _summary(result: Traded, lake: Lake, portfolio: Portfolio) -> Mapping[str, Any]:
    snapshots, positions = result.tables["snapshots"], result.tables["positions"]
    final = snapshots["session"][-1].as_py()
    held = positions.filter(pc.equal(positions["session"], final))
    bars = lake.read(BARS, symbols=portfolio.universe, last=final)
    actions = lake.read(CORPORATE_ACTIONS, symbols=portfolio.universe, last=final)
    picture = equity_picture(record_of(portfolio, result.tables, bars, actions))
    encoded = base64.b64encode(picture).decode()
    return {
        "equity_and_drawdown": dg.MetadataValue.md(
            f"![NAV and drawdown](data:image/png;base64,{encoded})"
        ),
        "positions": dg.MetadataValue.md(_markdown(held)),
        "sessions_of_run": snapshots.num_rows,
        "sessions_removed_after_run": result.removed_sessions,
    }


def _markdown(positions: pa.Table) -> str:
    rows = ["| symbol | quantity | mark | market value |", "|---|---:|---:|---:|"]
    rows += [
        f"| {row['symbol']} | {row['quantity']:,} | {row['mark']:,.2f} "
        f"| {row['market_value']:,.2f} |"
        for row in positions.to_pylist()
    ]
    return "\n".join(rows)


def _overridden(overrides: OverridesResource) -> Mapping[str, Any]:
    given = overrides.as_metadata()
    return {"overrides": given} if given else {}
