"""Which tables the lake has, their columns and their keys."""

from dataclasses import dataclass

import pyarrow as pa

from stocker_pipeline.engine.tables import SCHEMAS


@dataclass(frozen=True)
class Dataset:
    """One Delta table.

    Attributes:
        name: Folder and, in dbt, source name.
        schema: Columns in order. ``portfolio``, where there is one, is the partition column.
        key: Columns that identify a row.
    """

    name: str
    schema: pa.Schema
    key: tuple[str, ...]

    @property
    def per_portfolio(self) -> bool:
        """Whether rows belong to a portfolio."""
        return self.key[0] == "portfolio"


BARS = Dataset(
    "bars",
    pa.schema(
        [("symbol", pa.string()), ("session", pa.date32())]
        + [(name, pa.float64()) for name in ("open", "high", "low", "close", "volume")]
        + [("adj_close", pa.float64()), ("source", pa.string())]
    ),
    ("symbol", "session"),
)
CORPORATE_ACTIONS = Dataset(
    "corporate_actions",
    pa.schema(
        [
            ("symbol", pa.string()),
            ("session", pa.date32()),
            ("split", pa.float64()),
            ("dividend", pa.float64()),
            ("source", pa.string()),
        ]
    ),
    ("symbol", "session"),
)


def _of_portfolio(name: str, *key: str, extra: tuple[tuple[str, pa.DataType], ...] = ()) -> Dataset:
    schema = pa.schema([("portfolio", pa.string()), *SCHEMAS[name], *extra])
    return Dataset(name, schema, ("portfolio", "session", *key))


SIGNALS = _of_portfolio("signals", "symbol", extra=(("parameters_hash", pa.string()),))
TARGETS = _of_portfolio("targets", "symbol")
DECISIONS = _of_portfolio("decisions", "symbol")
ORDERS = _of_portfolio("orders", "symbol")
FILLS = _of_portfolio("fills", "symbol")
CORPORATE_ACTION_ENTRIES = _of_portfolio("corporate_action_entries", "symbol")
POSITIONS = _of_portfolio("positions", "symbol")
SNAPSHOTS = _of_portfolio("snapshots")

BOOK_DATASETS = (
    TARGETS,
    DECISIONS,
    ORDERS,
    FILLS,
    CORPORATE_ACTION_ENTRIES,
    POSITIONS,
    SNAPSHOTS,
)
"""What a run of sessions writes, in the order of writing. A session is done when its snapshot is
there, so snapshots come last."""

DATASETS = (BARS, CORPORATE_ACTIONS, SIGNALS, *BOOK_DATASETS)
