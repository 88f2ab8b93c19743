"""Targets, orders, fills and snapshots of a range of sessions of a backtest.

One loop over the sessions, because each depends on the book of the one before. What the range
replaces, and everything after it, is gone before the first new row is written; a session counts as
done only with its snapshot, and snapshots are written last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.engine.outage import RESTRAINTS, Outage, outages
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.rebalance import Restraint
from stocker_pipeline.engine.simulate import OpeningBook, Run, rules_of, simulate
from stocker_pipeline.engine.tables import (
    decisions_table,
    entries_table,
    fills_table,
    orders_table,
    positions_table,
    snapshots_table,
    targets_table,
)
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import (
    BOOK_DATASETS,
    SIGNALS,
    SNAPSHOTS,
)
from stocker_pipeline.stages.books import Opening, opening_book
from stocker_pipeline.stages.forecast import parameters_hash, signal_parameters
from stocker_pipeline.stages.market import read_panel
from stocker_pipeline.strategies.portfolio import Portfolio


@dataclass(frozen=True)
class Traded:
    """What a range of sessions left behind.

    Attributes:
        tables: The rows written, by table name.
        read, written: Table versions before and after.
        removed_sessions: Sessions after the range that were done before and are not any more.
        outages: Sessions whose orders the policy ``data_outage`` restrained; none under ``hold``.
    """

    tables: Mapping[str, pa.Table]
    read: Mapping[str, int]
    written: Mapping[str, int]
    removed_sessions: int
    outages: Sequence[Outage] = ()


def run_tables(run: Run, weights: np.ndarray, required_bars: int) -> dict[str, pa.Table]:
    """Every table of a run, by name."""
    return {
        "targets": targets_table(run, weights),
        "decisions": decisions_table(run, required_bars),
        "orders": orders_table(run),
        "fills": fills_table(run),
        "corporate_action_entries": entries_table(run),
        "positions": positions_table(run),
        "snapshots": snapshots_table(run),
    }


def run_book(
    panel: Panel,
    portfolio: Portfolio,
    weights: np.ndarray,
    book: OpeningBook,
    *,
    first: int,
    last: int,
) -> Run:
    """The engine over rows ``first`` … ``last`` with the portfolio's parameters."""
    rules = rules_of(portfolio.parameters, portfolio.rule().window_bars)
    return simulate(panel, weights, rules, book, first=first, last=last)


def trade(
    lake: Lake, name: str, portfolio: Portfolio, opening: Opening, first: date, last: date
) -> Traded:
    """Trade the sessions ``first`` … ``last`` on the stored signals and store their book.

    Raises:
        BookRefused: Signals are missing or were made with other parameters.
    """
    book = opening_book(lake, name, portfolio, opening)
    panel, market = read_panel(lake, portfolio, last, also=[lot.symbol for lot in book.lots])
    weights, signals = _stored_weights(lake, name, portfolio, panel, first, last)
    start, end = panel.row_of(first), panel.row_of(last)
    run = run_book(panel, portfolio, weights, book, first=start, last=end)
    tables = run_tables(run, weights, portfolio.rule().required_bars)
    removed = _invalidate(lake, name, opening.replaces_from, last)
    written = {}
    for dataset in BOOK_DATASETS:
        written[dataset.name] = lake.replace(
            dataset, tables[dataset.name], first=opening.replaces_from, portfolio=name
        )
    restrained = _restrained(panel, portfolio, start, end)
    return Traded(tables, market | signals, written, removed, restrained)


def _restrained(panel: Panel, portfolio: Portfolio, first: int, last: int) -> Sequence[Outage]:
    parameters = portfolio.parameters
    restraint = RESTRAINTS[parameters.data_outage]
    if restraint is Restraint.NONE:
        return ()
    return outages(panel, first, last, parameters.data_outage_tolerance, restraint)


def _invalidate(lake: Lake, name: str, first: date, last: date) -> int:
    """Take away the snapshots of what will be replaced; returns how many lay after ``last``."""
    done = lake.read(SNAPSHOTS, portfolio=name, first=first, columns=["session"])["session"]
    if len(done):
        lake.replace(
            SNAPSHOTS,
            SNAPSHOTS.schema.empty_table().drop_columns("portfolio"),
            first=first,
            portfolio=name,
        )
    return int(pc.sum(pc.greater(done, pa.scalar(last, pa.date32()))).as_py() or 0)


def _stored_weights(
    lake: Lake, name: str, portfolio: Portfolio, panel: Panel, first: date, last: date
) -> tuple[np.ndarray, dict[str, int]]:
    """The weights of a range, and the version of the table that they were read from."""
    (version,) = lake.versions([SIGNALS]).values()
    known = version if version >= 0 else None
    rows = lake.read(SIGNALS, portfolio=name, first=first, last=last, version=known)
    start, end = panel.row_of(first), panel.row_of(last)
    expected: dict[str, Any] = signal_parameters(portfolio)
    digest = parameters_hash(expected)
    sessions = rows["session"].to_numpy().astype("datetime64[D]")
    missing = np.setdiff1d(panel.sessions[start : end + 1], sessions)
    other = [value for value in pc.unique(rows["parameters_hash"]).to_pylist() if value != digest]
    if len(missing) or other:
        raise BookRefused(
            f"signals of every session from {first} to {last}, made with {expected}",
            f"none for {missing[0]} and {len(missing) - 1} more"
            if len(missing)
            else f"signals made with other parameters (hash {other[0]}, not {digest})",
            where=f"portfolio {name}, the lake's table {SIGNALS.name}",
            remedy="Materialise the signals of the range in the same run, with the same overrides.",
        )
    weights = np.full((len(panel.sessions), len(panel.symbols)), np.nan)
    columns = pc.index_in(rows["symbol"], value_set=pa.array(panel.symbols, pa.string()))
    weights[np.searchsorted(panel.sessions, sessions), columns.to_numpy().astype(int)] = rows[
        "weight"
    ].to_numpy()
    return weights, {SIGNALS.name: version}
