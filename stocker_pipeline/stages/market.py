"""The lake's bars as the engine's panel, with history from the first bar on."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.engine.panel import Panel, panel_from_tables
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, CORPORATE_ACTIONS
from stocker_pipeline.strategies.portfolio import Portfolio


def panel_of(
    bars: pa.Table,
    actions: pa.Table | None,
    portfolio: Portfolio,
    last: date,
    *,
    where: str,
    also: Sequence[str] = (),
) -> Panel:
    """The portfolio's market from its first bar to ``last``.

    Args:
        also: Symbols held that are not in the universe any more.

    Raises:
        InputRefused: There is no bar at all, or the adjusted basis lacks adjusted closes.
    """
    symbols = tuple(sorted({*portfolio.universe, *also}))
    known = bars.filter(pc.is_in(bars["symbol"], value_set=pa.array(symbols, pa.string())))
    if known.num_rows == 0:
        raise InputRefused(
            f"at least one bar of {', '.join(symbols)} up to {last}",
            "none",
            where=where,
            remedy="Ingest the bars first (stocker ingest), or correct the universe.",
        )
    if portfolio.parameters.price_basis == "adjusted" and known["adj_close"].null_count:
        row = known.filter(pc.is_null(known["adj_close"])).slice(0, 1).to_pylist()[0]
        raise InputRefused(
            "an adjusted close on every bar (price_basis is adjusted)",
            f"none for {row['symbol']} at {row['session']}",
            where=where,
            remedy="Give adj_close, or use price_basis raw.",
        )
    earliest = pc.min(known["session"]).as_py()
    sessions = SessionCalendar.between(earliest, max(earliest, last)).sessions(earliest, last)
    return panel_from_tables(
        known,
        actions,
        sessions=sessions,
        universe=symbols,
        price_basis=portfolio.parameters.price_basis,
        with_returns=portfolio.parameters.target_vol is not None,
        member=_membership(symbols, set(portfolio.universe)),
    )


def _membership(symbols: Sequence[str], universe: set[str]) -> np.ndarray:
    """One row that says which columns the strategy may hold."""
    return np.array([[symbol in universe for symbol in symbols]])


def panel_from_lake(
    lake: Lake, portfolio: Portfolio, last: date, *, also: Sequence[str] = ()
) -> Panel:
    """``panel_of`` over what the lake holds now."""
    symbols = sorted({*portfolio.universe, *also})
    bars = lake.read(BARS, symbols=symbols, last=last)
    actions = lake.read(CORPORATE_ACTIONS, symbols=symbols, last=last)
    return panel_of(
        bars, actions, portfolio, last, where=f"the lake's table {BARS.name}", also=also
    )


def refuse_sessions_without_bars(panel: Panel, first: date, last: date) -> None:
    """A session on which not one symbol has a bar was not ingested; money needs its bars.

    Raises:
        InputRefused: Names the first such session and how many there are.
    """
    asked = SessionCalendar.between(first, last).sessions(first, last)
    seen = panel.sessions[~np.isnan(panel.market.close).all(axis=1)]
    absent = np.setdiff1d(asked, seen)
    if len(absent):
        raise InputRefused(
            f"bars on every session from {first} to {last}",
            f"none on {absent[0]}" + (f" and {len(absent) - 1} more" if len(absent) > 1 else ""),
            where=f"the lake's table {BARS.name}, which has {seen[0]} to {seen[-1]}",
            remedy="Ingest those sessions, or choose a range that the market covers.",
        )
