"""Tables of bars and actions as the dense arrays that the kernels read (ENGINE E3–E5).

A panel has one row per session of the calendar and one column per symbol, NaN where there is no
bar. Building it is the only place where dates and names become positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.bars import split_fraction
from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.engine.market import Market
from stocker_pipeline.engine.signals import log_returns, total_return_index


@dataclass(frozen=True)
class Panel:
    """A market ready for the engine.

    Attributes:
        symbols: Column names.
        sessions: Row dates, datetime64[D].
        index: Signal series (E4, or the adjusted close of E5), NaN = no bar.
        market: What the kernels read.
    """

    symbols: tuple[str, ...]
    sessions: np.ndarray
    index: np.ndarray
    market: Market

    def row_of(self, session: date) -> int:
        """The row of a session that the panel has."""
        wanted = np.datetime64(session, "D")
        row = int(np.searchsorted(self.sessions, wanted))
        if row == len(self.sessions) or self.sessions[row] != wanted:
            raise KeyError(f"{session} is no session of the panel")
        return row

    def columns_of(self, symbols: Sequence[str]) -> np.ndarray:
        """Column of each symbol, int64.

        Raises:
            BookRefused: The panel has no column for one of them.
        """
        if not symbols:
            return np.zeros(0, np.int64)
        column = {symbol: j for j, symbol in enumerate(self.symbols)}
        absent = sorted(set(symbols) - column.keys())
        if absent:
            raise BookRefused(
                f"symbols of the panel ({len(self.symbols)} of them)",
                ", ".join(absent),
                where="the engine",
                remedy="Build the panel with every symbol that is held or filled.",
            )
        return np.array([column[symbol] for symbol in symbols], np.int64)


@dataclass(frozen=True)
class Events:
    """Corporate actions in the order in which they take effect, with their row and column."""

    start: np.ndarray
    symbol: np.ndarray
    new: np.ndarray
    old: np.ndarray
    dividend: np.ndarray


def panel_from_tables(
    bars: pa.Table,
    actions: pa.Table | None,
    *,
    sessions: np.ndarray,
    universe: tuple[str, ...],
    price_basis: str,
    with_returns: bool,
    member: np.ndarray | None = None,
) -> Panel:
    """Arrays of the universe's bars and actions.

    Args:
        bars: symbol, session, open, close, volume and, on the adjusted basis, adj_close.
        actions: symbol, session, split, dividend; a date that is no session takes effect on the
            next one. Ignored on the adjusted basis.
        sessions: Every session of the calendar from the first bar on, ascending, datetime64[D].
        universe: Symbols, one column each; bars and actions of others are left out.
        price_basis: ``raw`` or ``adjusted`` (E5).
        with_returns: Whether E10 will need the log returns.
        member: Universe membership per session, ``[sessions, symbols]``; None = always.
    """
    columns = _Columns(bars, sessions, universe)
    close = columns.matrix("close")
    open_ = columns.matrix("open")
    events = _events(actions if price_basis == "raw" else None, sessions, universe)
    if price_basis == "adjusted":
        adjusted = columns.matrix("adj_close")
        open_ *= adjusted / close
        close = adjusted
        index = adjusted
    else:
        index = total_return_index(
            close, events.start, events.symbol, events.new / events.old, events.dividend
        )
    seen = ~np.isnan(close)
    market = Market(
        open=open_,
        close=close,
        volume=columns.matrix("volume"),
        returns=log_returns(index) if with_returns else np.zeros((0, len(universe))),
        event_start=events.start,
        event_symbol=events.symbol,
        event_new=events.new,
        event_old=events.old,
        event_dividend=events.dividend,
        member=np.ones((1, len(universe)), bool) if member is None else member,
        first_bar=np.where(seen.any(axis=0), seen.argmax(axis=0), len(sessions)),
    )
    return Panel(universe, sessions, index, market)


def bar_matrix(
    bars: pa.Table, sessions: np.ndarray, universe: tuple[str, ...], name: str
) -> np.ndarray:
    """One column of bars as ``[sessions, symbols]``, NaN where there is no bar or no number."""
    return _Columns(bars, sessions, universe).matrix(name)


class _Columns:
    """Positions of a table's rows in the panel, found once for all columns."""

    def __init__(self, bars: pa.Table, sessions: np.ndarray, universe: tuple[str, ...]) -> None:
        self._shape = (len(sessions), len(universe))
        column = pc.index_in(bars["symbol"], value_set=pa.array(universe, pa.string()))
        keep = pc.is_valid(column).combine_chunks()
        self._bars = bars if pc.all(keep).as_py() else bars.filter(keep)
        chosen = column.drop_null().to_numpy()
        dates = self._bars["session"].to_numpy().astype("datetime64[D]")
        self._flat = np.searchsorted(sessions, dates) * len(universe) + chosen

    def matrix(self, name: str) -> np.ndarray:
        values = np.full(self._shape, np.nan)
        if name in self._bars.column_names:
            values.reshape(-1)[self._flat] = self._bars[name].to_numpy()
        return values


def _events(actions: pa.Table | None, sessions: np.ndarray, universe: tuple[str, ...]) -> Events:
    """Actions of the universe by row, then symbol, then their own date (E4)."""
    if actions is None or actions.num_rows == 0:
        empty = np.zeros(0, np.int64)
        return Events(np.zeros(len(sessions) + 1, np.int64), empty, empty, empty, np.zeros(0))
    column = pc.index_in(actions["symbol"], value_set=pa.array(universe, pa.string()))
    symbol = column.fill_null(-1).to_numpy().astype(np.int64)
    dates = actions["session"].to_numpy().astype("datetime64[D]")
    row = np.searchsorted(sessions, dates)
    # Before the first session of the panel nothing is held and no series has begun.
    keep = (symbol >= 0) & (row < len(sessions)) & (dates >= sessions[0])
    order = np.lexsort((dates, symbol, row))
    order = order[keep[order]]
    ratios = [split_fraction(value) for value in actions["split"].to_numpy()[order]]
    return Events(
        start=np.searchsorted(row[order], np.arange(len(sessions) + 1)).astype(np.int64),
        symbol=symbol[order],
        new=np.array([ratio.numerator for ratio in ratios], np.int64),
        old=np.array([ratio.denominator for ratio in ratios], np.int64),
        dividend=actions["dividend"].to_numpy()[order].astype(np.float64),
    )
