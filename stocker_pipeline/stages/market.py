"""The lake's bars as a strategy sees them, and as the engine's panel from the first bar on.

Stays out: which bars are doubtful, and what was decided about them (``judgement``).
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.engine.panel import Panel, panel_from_tables
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, MARKET_DATASETS, VERDICTS
from stocker_pipeline.lake.versions import positions
from stocker_pipeline.quality.gate import judge as gate
from stocker_pipeline.stages.adjusted import on_one_basis
from stocker_pipeline.stages.judgement import (
    Judge,
    left_out,
    live_actions,
    live_bars,
    market_and_findings,
)
from stocker_pipeline.stages.verdicts import BAR_KEY, settle
from stocker_pipeline.strategies.portfolio import Portfolio


class CurrentBars(NamedTuple):
    """What a strategy sees, and what it does not.

    Attributes:
        bars: The schema of the table ``bars``, sorted by (symbol, session).
        actions: The schema of ``corporate_actions``, sorted likewise.
        excluded: ``EXCLUDED_SCHEMA``: bars that the source sent and that are left out.
        versions: Of the tables ``MARKET_DATASETS`` that this was read from, by name; −1 = none.
    """

    bars: pa.Table
    actions: pa.Table
    excluded: pa.Table
    versions: dict[str, int]


class ReadPanel(NamedTuple):
    """A portfolio's market, and the versions of the lake's tables that it was read from."""

    panel: Panel
    versions: dict[str, int]


def current_bars(
    lake: Lake,
    symbols: Sequence[str] | None = None,
    last: date | None = None,
    as_of: datetime | None = None,
    *,
    judge: Judge = gate,
) -> CurrentBars:
    """The latest versions with verdicts applied, without quarantined, held and withdrawn bars.

    Their adjusted closes are on one basis, see ``adjusted``.

    Args:
        symbols: None = every symbol of the lake.
        last: The last session; None = every one.
        as_of: See what was known, and decided, at this instant, judged on nothing else; None =
            now. Either way bars are judged on the whole history known, not only up to ``last``.
    """
    market, findings = market_and_findings(lake, judge, as_of=as_of)
    bars = live_bars(market, symbols, last=last, as_of=as_of)
    actions = live_actions(market, symbols, last=last, as_of=as_of)
    verdicts = market.read(VERDICTS, symbols=symbols, last=last, as_of=as_of)
    settled = settle(on_one_basis(bars, actions), verdicts)
    excluded = left_out(settled, findings)
    bars = settled.bars
    if excluded.num_rows:
        out = positions(bars, excluded, BAR_KEY) >= 0
        bars = bars.filter(pa.array(~out)).combine_chunks()
    return CurrentBars(bars, actions, excluded, market.versions(MARKET_DATASETS))


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
        member=portfolio.membership.member(symbols, sessions, known),
    )


def members_on(portfolio: Portfolio, bars: pa.Table, sessions: np.ndarray) -> np.ndarray:
    """Membership of a book's sessions as ``panel_of`` decided it; bool, columns ``universe``.

    Args:
        bars: Those of the panel: from the first one on, not from the first of ``sessions``.
        sessions: datetime64[D], ascending.

    Returns:
        One row for ever where the universe is a plain list, else ``[sessions, symbols]``.
    """
    symbols = portfolio.universe
    if portfolio.membership.is_plain or bars.num_rows == 0 or len(sessions) == 0:
        return np.ones((1, len(symbols)), bool)
    earliest, last = pc.min(bars["session"]).as_py(), sessions[-1].item()
    known = SessionCalendar.between(earliest, last).sessions(earliest, last)
    return portfolio.membership.member(symbols, known, bars)[np.searchsorted(known, sessions)]


def read_panel(
    lake: Lake,
    portfolio: Portfolio,
    last: date,
    *,
    also: Sequence[str] = (),
    as_of: datetime | None = None,
) -> ReadPanel:
    """``panel_of`` over what the lake holds now, or held at ``as_of``: ``current_bars``."""
    symbols = sorted({*portfolio.universe, *also})
    bars, actions, excluded, versions = current_bars(lake, symbols, last, as_of)
    if bars.num_rows == 0 and excluded.num_rows:
        raise InputRefused(
            f"at least one bar of {', '.join(symbols)} up to {last} that may be traded on",
            f"{excluded.num_rows} bars, all left out: {excluded['why'][0]}",
            where=f"the lake's table {BARS.name}",
            remedy="Decide on the bars that are quarantined or held, or choose a later range.",
        )
    where = f"the lake's table {BARS.name}"
    return ReadPanel(panel_of(bars, actions, portfolio, last, where=where, also=also), versions)


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
            remedy=(
                "Ingest those sessions, decide on their bars where all are quarantined, or choose "
                "a range that the market covers."
            ),
        )
