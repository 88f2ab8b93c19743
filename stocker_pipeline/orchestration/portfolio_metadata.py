"""What a run leaves in the Dagster UI: pictures, tables and versions, on its last session.

Metadata is stored once for every session of a range, so what is said of each is kept to the
overrides. Metadata of single sessions would cost more than the backfill: adding it copies all of
what was added before.
"""

import base64
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.analytics.benchmarks import benchmark_navs
from stocker_pipeline.analytics.pictures import equity_picture
from stocker_pipeline.analytics.record import days_of
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import SNAPSHOTS
from stocker_pipeline.orchestration.resources import OverridesResource
from stocker_pipeline.stages.forecast import Forecasted
from stocker_pipeline.stages.market import current_bars, members_on
from stocker_pipeline.stages.trade import Traded
from stocker_pipeline.strategies.portfolio import Portfolio

_TABLES = {
    "targets": "targets",
    "orders": "orders",
    "fills": "fills",
    "portfolio_snapshot": "snapshots",
}
"""Asset → the table it writes."""


def signals_metadata(result: Forecasted) -> Mapping[str, Any]:
    """Counts, reasons and versions of a forecast, for its last session."""
    return {
        "signals": result.signals,
        "without_signal": dict(result.silent),
        "read_versions": dict(result.read),
        "written_version": result.version,
    }


def book_metadata(
    result: Traded, lake: Lake, name: str, portfolio: Portfolio
) -> Mapping[str, Mapping[str, Any]]:
    """What each asset of the book gets on the last session of a run."""
    found: dict[str, Mapping[str, Any]] = {
        asset: {
            "rows_of_run": result.tables[table].num_rows,
            "read_versions": dict(result.read),
            "written_version": result.written[table],
        }
        for asset, table in _TABLES.items()
    }
    if result.outages:
        found["orders"] = {
            **found["orders"],
            "data_outages": len(result.outages),
            "data_outage_last": result.outages[-1].reason,
        }
    found["portfolio_snapshot"] = {
        **found["portfolio_snapshot"],
        # All tables of the book, so that it can be read again as this run left it.
        "written_versions": dict(result.written),
        **_summary(result, lake, name, portfolio),
    }
    return found


def overridden(overrides: OverridesResource) -> Mapping[str, Any]:
    """For every session of a run: the numbers that differ from the YAML; empty where none do."""
    given = overrides.as_metadata()
    return {"overrides": given} if given else {}


def _summary(result: Traded, lake: Lake, name: str, portfolio: Portfolio) -> Mapping[str, Any]:
    snapshots, positions = result.tables["snapshots"], result.tables["positions"]
    final = snapshots["session"][-1].as_py()
    held = positions.filter(pc.equal(positions["session"], final))
    bars, actions, _ = current_bars(lake, portfolio.universe, final)
    book = lake.read(SNAPSHOTS, portfolio=name)
    navs = benchmark_navs(
        book,
        bars,
        actions,
        universe=portfolio.universe,
        member=members_on(portfolio, bars, days_of(book)),
        price_basis=portfolio.parameters.price_basis,
    )
    picture = equity_picture(book, navs)
    encoded = base64.b64encode(picture).decode()
    return {
        "nav": float(snapshots["nav"][-1].as_py()),
        "drawdown": snapshots["drawdown"][-1].as_py(),
        "gross_exposure": snapshots["gross_exposure"][-1].as_py(),
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
