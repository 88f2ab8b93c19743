"""What an asset says of itself in the UI: whose it is, what it is made with, its table's columns.

Stays out: what a run says of it (``*_metadata``), and the assets themselves.
"""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from stocker_pipeline.lake.columns import meaning_of
from stocker_pipeline.lake.schemas import (
    BARS,
    BREADTH,
    CORPORATE_ACTIONS,
    FILLS,
    INSTRUMENTS,
    ORDERS,
    PARITY,
    SIGNALS,
    SNAPSHOTS,
    TARGETS,
    Dataset,
)
from stocker_pipeline.strategies.portfolio import Portfolio

MARKET_DATA_OWNERS: Final = ["team:market-data"]
TRADING_OWNERS: Final = ["team:trading"]
MARKET_GROUP: Final = "market"
_TABLES: Mapping[str, Dataset] = {
    "raw_bars": BARS,
    "corporate_actions": CORPORATE_ACTIONS,
    "instruments": INSTRUMENTS,
    "breadth": BREADTH,
    "signals": SIGNALS,
    "targets": TARGETS,
    "orders": ORDERS,
    "fills": FILLS,
    "portfolio_snapshot": SNAPSHOTS,
    "parity": PARITY,
}
"""Asset → the table of the lake that it writes."""


def table_schema(dataset: Dataset) -> dg.TableSchema:
    """Columns of a table with what each means; a key is said to be one."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                field.name,
                str(field.type),
                description=meaning_of(dataset, field.name),
                constraints=dg.TableColumnConstraints(nullable=field.name not in dataset.key),
            )
            for field in dataset.schema
        ]
    )


def lake_metadata(asset: str) -> Mapping[str, Any]:
    """Name and columns of the table that the asset writes.

    Not as Dagster's own ``table_name``: it takes two portfolios in one table for one asset.
    """
    dataset = _TABLES[asset]
    return {"lake_table": dataset.name, "dagster/column_schema": table_schema(dataset)}


def market_spec(asset: str, description: str) -> dict[str, Any]:
    """What every asset of the market says, as arguments of a spec or an asset."""
    return {
        "group_name": MARKET_GROUP,
        "description": description,
        "owners": MARKET_DATA_OWNERS,
        "kinds": {"deltalake"},
        "metadata": lake_metadata(asset),
    }


def portfolio_spec(
    name: str,
    asset: str,
    portfolio: Portfolio,
    deps: list[Any],
    description: str,
    *,
    in_ledger: bool = False,
) -> dg.AssetSpec:
    """An asset of a portfolio.

    Args:
        in_ledger: Whether its rows are in the ledger; then a stage may leave it out of a run.
    """
    return dg.AssetSpec(
        [name, asset],
        deps=deps,
        description=description,
        group_name=name,
        owners=TRADING_OWNERS,
        tags={"mode": portfolio.mode, "strategy": portfolio.strategy},
        kinds={"python", "sql" if in_ledger else "deltalake"},
        metadata={} if in_ledger else lake_metadata(asset),
        skippable=in_ledger,
    )
