"""What dbt reads beside the lake: the ledger's tables, and what portfolios are set to.

A plugin of dbt-duckdb, named in dbt_project/profiles.yml; dbt loads it in its own process. Its
stock plugin for SQL would read each table at another moment, make an empty file where no ledger
is, and let money through floats. Stays out: what is made of the tables (dbt_project).
"""

from functools import cached_property
from typing import Any

import pyarrow as pa
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import SourceConfig

from stocker_pipeline.domain.errors import StockerError
from stocker_pipeline.domain.session import SystemClock
from stocker_pipeline.ledger.export import exported_tables
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.portfolios import named_portfolio, portfolio_names

_PORTFOLIOS = pa.schema(
    [
        ("portfolio", pa.string()),
        ("mode", pa.string()),
        ("strategy", pa.string()),
        ("description", pa.string()),
        ("symbols_count", pa.int64()),
        ("target_vol", pa.float64()),
        ("problem", pa.string()),
    ]
)


class Plugin(BasePlugin):
    """Gives dbt a source by its schema, ``ledger`` or ``settings``, and its table."""

    def load(self, source_config: SourceConfig) -> pa.Table:
        """The rows of one source."""
        if source_config.schema == "settings":
            return portfolios_table()
        return self._ledger[source_config.identifier]

    @cached_property
    def _ledger(self) -> dict[str, pa.Table]:
        # All tables of one moment: a book that is closed meanwhile is there wholly or not at all.
        return exported_tables(Settings().ledger, clock=SystemClock())


def portfolios_table() -> pa.Table:
    """What each portfolio's YAML says now; ``problem`` says why where it cannot be read."""
    return pa.Table.from_pylist([_row(name) for name in portfolio_names()], schema=_PORTFOLIOS)


def _row(name: str) -> dict[str, Any]:
    try:
        found = named_portfolio(name)
    except StockerError as error:
        # A value that only Dagster fills in, for one; the marts of the other books do not wait.
        return {"portfolio": name, "problem": str(error)}
    return {
        "portfolio": name,
        "mode": found.mode,
        "strategy": found.strategy,
        "description": found.description,
        "symbols_count": len(found.universe),
        "target_vol": getattr(found.parameters, "target_vol", None),
    }
