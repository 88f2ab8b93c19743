"""What a run leaves in the Dagster UI: pictures, tables and versions, on its last session.

Metadata is stored once for every session of a range, so what is said of each is kept to the
overrides. Metadata of single sessions would cost more than the backfill: adding it copies all of
what was added before.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.analytics.benchmarks import benchmark_navs
from stocker_pipeline.analytics.pictures import equity_picture, signals_picture
from stocker_pipeline.analytics.record import days_of
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import SNAPSHOTS
from stocker_pipeline.orchestration.markdown import picture, table
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

_ROWS_SHOWN = 100


def signals_metadata(result: Forecasted) -> Mapping[str, Any]:
    """Counts, reasons and versions of a forecast, and each symbol's, for its last session."""
    return {
        "signals_of_session": _signal_table(result.last),
        "signals": result.signals,
        "without_signal": dict(result.silent),
        "read_versions": dict(result.read),
        "written_version": result.version,
    }


def signals_pictured(result: Forecasted) -> Mapping[str, Any]:
    """Momentum against volatility on the last session."""
    label = "Momentum against volatility"
    return {"momentum_and_volatility": picture(signals_picture(result.last), label)}


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
    bars, actions, *_ = current_bars(lake, portfolio.universe, final)
    book = lake.read(SNAPSHOTS, portfolio=name)
    navs = benchmark_navs(
        book,
        bars,
        actions,
        universe=portfolio.universe,
        member=members_on(portfolio, bars, days_of(book)),
        price_basis=portfolio.parameters.price_basis,
    )
    return {
        "nav": float(snapshots["nav"][-1].as_py()),
        "drawdown": snapshots["drawdown"][-1].as_py(),
        "gross_exposure": snapshots["gross_exposure"][-1].as_py(),
        "equity_and_drawdown": picture(equity_picture(book, navs), "NAV and drawdown"),
        "positions": table(
            ("symbol", "quantity", "mark", "market value"),
            [
                (
                    row["symbol"],
                    f"{row['quantity']:,}",
                    f"{row['mark']:,.2f}",
                    f"{row['market_value']:,.2f}",
                )
                for row in held.to_pylist()
            ],
            right=("quantity", "mark", "market value"),
        ),
        "sessions_of_run": snapshots.num_rows,
        "sessions_removed_after_run": result.removed_sessions,
    }


def _signal_table(signals: pa.Table) -> dg.MarkdownMetadataValue:
    """The largest weights first; a page of three thousand symbols is read by nobody."""
    found = sorted(signals.to_pylist(), key=lambda row: (-abs(row["weight"] or 0), row["symbol"]))
    rows: list[tuple[str, ...]] = [
        (
            row["symbol"],
            _number(row["momentum"], "+.2%"),
            _number(row["vol"], ".2%"),
            _number(row["direction"], "+d"),
            _number(row["weight"], "+.4f"),
            row["reason"] or "",
        )
        for row in found[:_ROWS_SHOWN]
    ]
    if len(found) > _ROWS_SHOWN:
        rows.append((f"{len(found) - _ROWS_SHOWN:,} more, in the lake", *[""] * 5))
    columns = ("symbol", "momentum", "volatility a year", "direction", "weight", "why none")
    return table(columns, rows, right=columns[1:-1])


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
