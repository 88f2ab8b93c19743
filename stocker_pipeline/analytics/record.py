"""The track record: the tables of one portfolio that analytics reads, checked once.

Checks of bars and actions as data belong to the stages that ingest them; here only what analytics
itself relies on is checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.returns import time_weighted_returns, wealth_index
from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused

PriceBasis = Literal["raw", "adjusted"]

_SNAPSHOT_COLUMNS = ("session", "nav", "initial_capital", "flows", "commissions")
_EXPOSURE_COLUMNS = ("gross_exposure", "net_exposure")
_FILL_COLUMNS = ("session", "symbol", "quantity", "price", "commission")
_POSITION_COLUMNS = ("session", "symbol", "quantity", "cost", "market_value")
_BAR_COLUMNS = ("symbol", "session", "open", "close")
_ACTION_COLUMNS = ("symbol", "session", "split", "dividend")


@dataclass(frozen=True, eq=False)
class TrackRecord:
    """One portfolio's book from its first session on.

    Attributes:
        snapshots: One row per session, ascending. Money is in dollars; ``flows`` and
            ``commissions`` are totals since the book's start.
        fills: Executions; ``quantity`` signed, ``price`` in dollars per share.
        positions: Holdings at each close; ``cost`` and ``market_value`` in dollars, signed.
        bars: Raw prices. With them slippage and the buy-and-hold benchmark are known.
        corporate_actions: Splits and dividends by ex-date. Needed as soon as a held symbol splits.
        universe: Symbols of the buy-and-hold benchmark; empty = every symbol of ``bars``.
        member: Whether a symbol of ``universe`` may be held on a session, bool, one row for ever or
            ``[sessions, symbols]``; None = always.
        target_vol: Annual volatility that the strategy aimed at, as a fraction; None = no target.
        price_basis: ``adjusted`` reads prices by ENGINE E5 and ignores corporate actions.

    Raises:
        InputRefused: A column is missing, sessions are not ascending, or a fill or position lies
            on a session without a snapshot.
        ConfigurationRefused: ``target_vol`` or ``price_basis`` is out of its bounds.
    """

    snapshots: pa.Table
    fills: pa.Table
    positions: pa.Table
    bars: pa.Table | None = None
    corporate_actions: pa.Table | None = None
    universe: tuple[str, ...] = ()
    member: np.ndarray | None = None
    target_vol: float | None = None
    price_basis: PriceBasis = "raw"

    def __post_init__(self) -> None:
        require_columns(self.snapshots, _SNAPSHOT_COLUMNS + _EXPOSURE_COLUMNS, "snapshots")
        require_columns(self.fills, _FILL_COLUMNS, "fills")
        require_columns(self.positions, _POSITION_COLUMNS, "positions")
        if self.bars is not None:
            require_columns(self.bars, _BAR_COLUMNS, "bars")
        if self.corporate_actions is not None:
            require_columns(self.corporate_actions, _ACTION_COLUMNS, "corporate_actions")
        if self.price_basis not in ("raw", "adjusted"):
            raise ConfigurationRefused(
                "'raw' or 'adjusted'",
                repr(self.price_basis),
                where="price_basis of the track record",
                remedy="Give the price basis that the book was run with.",
            )
        if self.target_vol is not None and not 0 < self.target_vol < np.inf:
            raise ConfigurationRefused(
                "a volatility above 0, or null for no target",
                str(self.target_vol),
                where="target_vol of the track record",
                remedy="Give the annual volatility as a fraction, 0.10 for 10%.",
            )
        _require_ascending(self.sessions)
        for name, table in (("fills", self.fills), ("positions", self.positions)):
            _require_known_sessions(days_of(table), self.sessions, name)

    @cached_property
    def sessions(self) -> np.ndarray:
        """Sessions of the record, datetime64[D], ascending."""
        return days_of(self.snapshots)

    @cached_property
    def nav(self) -> np.ndarray:
        """Net asset value at each close, dollars, float64."""
        return floats_of(self.snapshots, "nav")

    @cached_property
    def flows(self) -> np.ndarray:
        """Deposits less withdrawals since the book's start, dollars, float64."""
        return floats_of(self.snapshots, "flows")

    @cached_property
    def initial_capital(self) -> float:
        """Dollars before the first session; 0.0 for a record without sessions."""
        capital = floats_of(self.snapshots, "initial_capital")
        return float(capital[0]) if len(capital) else 0.0

    @cached_property
    def returns(self) -> np.ndarray:
        """Time-weighted return of each session as a fraction."""
        return time_weighted_returns(self.nav, self.flows, self.initial_capital)

    @cached_property
    def grown_capital(self) -> np.ndarray:
        """Dollars that the initial capital became at each close, flows taken out."""
        if not np.any(self.flows != 0):
            return self.nav
        return self.initial_capital * wealth_index(self.returns)[1:]

    @cached_property
    def split_table(self) -> pa.Table | None:
        """Corporate actions as the book applied them: none on the adjusted basis (E5)."""
        return self.corporate_actions if self.price_basis == "raw" else None

    def session_rows(self, table: pa.Table) -> np.ndarray:
        """Row of ``snapshots`` that each row of ``table`` belongs to."""
        return np.searchsorted(self.sessions, days_of(table))


def require_columns(table: pa.Table, columns: Sequence[str], name: str) -> None:
    """Refuse a table that lacks one of ``columns``.

    Raises:
        InputRefused: Names the missing columns.
    """
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise InputRefused(
            f"the columns {', '.join(columns)}",
            f"a table without {', '.join(missing)}",
            where=f"{name} given to analytics",
            remedy="Read the whole table from the lake or ledger.",
        )


def days_of(table: pa.Table) -> np.ndarray:
    """Column ``session`` as datetime64[D]."""
    column = table["session"]
    if column.null_count:
        raise InputRefused(
            "a date in every row",
            f"{column.null_count} empty",
            where="column session given to analytics",
            remedy="A row without a session belongs to no day; remove or repair it.",
        )
    days = column.cast(pa.date32()).cast(pa.int32()).to_numpy()
    return days.astype("datetime64[D]")


def floats_of(table: pa.Table, column: str) -> np.ndarray:
    """A numeric column as float64; empty cells become NaN."""
    return table[column].cast(pa.float64()).to_numpy()


def e4_of(table: pa.Table, column: str) -> np.ndarray:
    """A money column as int64 in 1/10,000 dollar, exact up to 100 billion dollars."""
    return np.rint(floats_of(table, column) * 10_000).astype(np.int64)


def integers_of(table: pa.Table, column: str) -> np.ndarray:
    """A column of share counts as int64."""
    return table[column].cast(pa.int64()).to_numpy()


def symbols_of(table: pa.Table) -> np.ndarray:
    """Column ``symbol`` as an array of text."""
    return np.asarray(table["symbol"].cast(pa.string()).to_pylist(), dtype=object)


def coded_symbols(table: pa.Table) -> tuple[np.ndarray, list[str]]:
    """Column ``symbol`` as codes into an alphabetical list of names."""
    encoded = table["symbol"].cast(pa.string()).combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    return rank[codes] if len(names) else np.empty(0, np.int64), [names[i] for i in order]


def _require_ascending(sessions: np.ndarray) -> None:
    late = np.flatnonzero(sessions[1:] <= sessions[:-1])
    if len(late):
        row = int(late[0]) + 1
        raise InputRefused(
            "one row per session, in order of session",
            f"{sessions[row]} after {sessions[row - 1]}",
            where=f"snapshots given to analytics, row {row}",
            remedy="Sort by session; a session that appears twice needs its book settled first.",
        )


def _require_known_sessions(days: np.ndarray, sessions: np.ndarray, name: str) -> None:
    unknown = np.flatnonzero(~np.isin(days, sessions))
    if len(unknown):
        raise InputRefused(
            "rows of sessions that have a snapshot",
            f"{days[unknown[0]]} and {len(unknown) - 1} more rows without one",
            where=f"{name} given to analytics, row {int(unknown[0])}",
            remedy="Read snapshots, fills and positions over the same range of sessions.",
        )
