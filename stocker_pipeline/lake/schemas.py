"""Which tables the lake has, their columns and their keys."""

from dataclasses import dataclass

import pyarrow as pa

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA
from stocker_pipeline.engine.tables import MONEY, SCHEMAS
from stocker_pipeline.quality.findings import FINDINGS_SCHEMA

_INSTANT = pa.timestamp("us", "UTC")
_ORIGIN = (pa.field("source", pa.string()), pa.field("known_at", _INSTANT))


@dataclass(frozen=True)
class Dataset:
    """One Delta table.

    Attributes:
        name: Folder and, in dbt, source name.
        schema: Columns in order. ``portfolio``, where there is one, is the partition column.
        key: Columns that identify a row.
        versioned_by: The column of the key that tells the versions of one thing apart, an instant.
            Such a table is only ever appended to; the latest version is the current one. None = a
            row is replaced in place.
        origin: Columns that say where a row comes from. Two versions that differ in nothing else
            are the same.
    """

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    versioned_by: str | None = None
    origin: tuple[str, ...] = ()

    @property
    def per_portfolio(self) -> bool:
        """Whether rows belong to a portfolio."""
        return self.key[0] == "portfolio"

    @property
    def identity(self) -> tuple[str, ...]:
        """The key without what tells versions apart."""
        return tuple(name for name in self.key if name != self.versioned_by)

    @property
    def content(self) -> tuple[str, ...]:
        """What one version says."""
        return tuple(name for name in self.schema.names if name not in {*self.key, *self.origin})


BARS = Dataset(
    "bars",
    pa.schema([*BARS_SCHEMA, *_ORIGIN]),
    ("symbol", "session", "known_at"),
    versioned_by="known_at",
    origin=("source",),
)
"""Every version of every bar. All numbers null: the source withdrew the bar."""

CORPORATE_ACTIONS = Dataset(
    "corporate_actions",
    pa.schema([*ACTIONS_SCHEMA, *_ORIGIN]),
    ("symbol", "session", "known_at"),
    versioned_by="known_at",
    origin=("source",),
)
"""Every version of every action. Split 1 and dividend 0: the source withdrew the action."""

REFERENCE_BARS = Dataset(
    "reference_bars",
    BARS.schema,
    ("symbol", "session", "source", "known_at"),
    versioned_by="known_at",
)
"""What other sources say of the same bars, to compare with; nothing is traded on these."""

REFUSED_ROWS = Dataset(
    "refused_rows",
    pa.schema(
        [
            ("symbol", pa.string()),
            ("session", pa.date32()),
            ("reason", pa.string()),
            ("evidence", pa.string()),
            *_ORIGIN,
        ]
    ),
    ("symbol", "session", "reason", "evidence"),
)
"""Rows that the source sends at present and that cannot be bars at all."""

RETRIEVALS = Dataset(
    "retrievals",
    pa.schema(
        [
            ("symbol", pa.string()),
            ("source", pa.string()),
            ("first_session", pa.date32()),
            ("last_session", pa.date32()),
            ("role", pa.string()),
            ("outcome", pa.string()),
            ("reason", pa.string()),
            ("bars", pa.int64()),
            ("actions", pa.int64()),
            ("refused_rows", pa.int64()),
            ("source_hash", pa.string()),
            ("known_at", _INSTANT),
        ]
    ),
    ("symbol", "source", "first_session", "last_session", "role", "known_at"),
    versioned_by="known_at",
)
"""What a source answered about a symbol in the range asked for: outcome bars, missing or failed,
with the reason; counts of rows; and the SHA-256 of what it sent, null where that is not believed.
Role: provider or reference. The same answer to the same question is there once."""

FINDINGS = Dataset(
    "findings",
    pa.schema([*FINDINGS_SCHEMA, ("bar_hash", pa.string()), ("known_at", _INSTANT)]),
    ("symbol", "session", "rule", "evidence"),
)
"""What the quality gate found in the current history of a symbol, with the content it judged and
since when that is known; both null where the finding is about a bar that is not there."""

JUDGEMENTS = Dataset(
    "judgements",
    pa.schema(
        [
            ("judged_at", _INSTANT),
            ("calendar_last", pa.date32()),
            *[
                pa.field(name, pa.int64())
                for name in (
                    "bars",
                    "corporate_actions",
                    "reference_bars",
                    "refused_rows",
                    "verdicts",
                )
            ],
        ]
    ),
    ("judged_at",),
    versioned_by="judged_at",
)
"""When the gate last judged a lake that had changed, up to which session it expected bars, and at
which versions the tables were: findings stand on these. −1: there was no such table."""

VERDICTS = Dataset(
    "verdicts",
    pa.schema(
        [
            ("symbol", pa.string()),
            ("session", pa.date32()),
            ("verdict", pa.string()),
            ("bar_hash", pa.string()),
            ("author", pa.string()),
            ("reason", pa.string()),
            ("decided_at", _INSTANT),
            *[pa.field(f"replacement_{name}", pa.float64()) for name in BARS_SCHEMA.names[2:]],
            ("replacement_source", pa.string()),
            ("judged_adj_close", pa.float64()),
        ]
    ),
    ("symbol", "session", "decided_at"),
    versioned_by="decided_at",
)
"""What a person decided about a bar: accept, replace or hold; the latest one counts. The
replacement is null unless the verdict is replace."""

INSTRUMENTS = Dataset(
    "instruments",
    pa.schema(
        [
            ("symbol", pa.string()),
            ("name", pa.string()),
            ("asset_class", pa.string()),
            ("exchange", pa.string()),
            ("currency", pa.string()),
            ("sector", pa.string()),
            ("first_session", pa.date32()),
            ("last_session", pa.date32()),
            ("tradable", pa.bool_()),
            ("shortable", pa.bool_()),
            *_ORIGIN,
        ]
    ),
    ("symbol", "known_at"),
    versioned_by="known_at",
    origin=("source",),
)
"""What a symbol stands for, every version of it."""

BREADTH = Dataset(
    "breadth",
    pa.schema(
        [
            ("session", pa.date32()),
            ("advancing", pa.int64()),
            ("declining", pa.int64()),
            ("unchanged", pa.int64()),
            ("new_highs_252", pa.int64()),
            ("new_lows_252", pa.int64()),
            ("above_200_share", pa.float64()),
            ("symbols", pa.int64()),
        ]
    ),
    ("session",),
)
"""How many symbols rose, fell and stood at an extreme of 252 sessions; the share of those above
their average of 200 sessions, 0 to 1."""

MARKET_DATASETS = (BARS, CORPORATE_ACTIONS, VERDICTS, FINDINGS)
"""What decides which bars a strategy sees."""


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

PARITY = Dataset(
    "parity",
    pa.schema(
        [
            ("portfolio", pa.string()),
            ("session", pa.date32()),
            *[
                pa.field(name, MONEY)
                for name in (
                    "nav",
                    "backtest_nav",
                    "gap",
                    "gap_data",
                    "gap_timing",
                    "gap_price",
                    "gap_overrides",
                    "gap_missed_trades",
                    "gap_rounding",
                )
            ],
        ]
    ),
    ("portfolio", "session"),
)
"""A paper book beside the backtest of its own sessions; the parts of a gap sum to it."""

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

DATASETS = (
    *MARKET_DATASETS,
    JUDGEMENTS,
    REFERENCE_BARS,
    REFUSED_ROWS,
    RETRIEVALS,
    INSTRUMENTS,
    BREADTH,
    SIGNALS,
    *BOOK_DATASETS,
    PARITY,
)
