"""A paper book beside its backtest twin: the same rules on the bars that are known now.

Writes the lake's table ``parity``, one row per settled session. Stays out: how a gap is split.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.parity import Attribution, Gap, GapCause, SymbolDay, Trade
from stocker_pipeline.engine.book import NAV
from stocker_pipeline.engine.log import (
    FILL_COMMISSION,
    FILL_PRICE,
    FILL_QUANTITY,
    FILL_SESSION,
    FILL_SYMBOL,
)
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.simulate import OpeningBook, Run, rules_of, simulate
from stocker_pipeline.engine.tables import money_array
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import PARITY
from stocker_pipeline.ledger import Ledger, Reader
from stocker_pipeline.ledger.records import DecisionRow, SessionKind, SnapshotRow
from stocker_pipeline.stages.forecast import forecast_rows
from stocker_pipeline.stages.market import read_panel
from stocker_pipeline.strategies.portfolio import Portfolio

_NONE = Trade()


@dataclass(frozen=True)
class Parity:
    """A comparison over the life of a book.

    Attributes:
        version: Of the lake's table; None where there was nothing to compare.
    """

    gaps: Sequence[Gap]
    version: int | None


def compare(ledger: Ledger, lake: Lake, name: str, portfolio: Portfolio) -> Parity:
    """Compare a paper book with its twin over every settled session, and store the result."""
    snapshots = ledger.read(lambda r: r.snapshots(name))
    if not snapshots:
        return Parity((), None)
    last = snapshots[-1].session
    held = {lot.symbol for lot in ledger.read(lambda r: r.lots(name))}
    panel = read_panel(lake, portfolio, last, also=sorted(held)).panel
    twin = twin_of(ledger, panel, name, portfolio, snapshots)
    gaps = list(ledger.read(lambda r: list(_gaps(r, name, snapshots, twin))))
    return Parity(gaps, lake.replace(PARITY, _table(gaps), portfolio=name))


def twin_of(
    ledger: Ledger,
    panel: Panel,
    name: str,
    portfolio: Portfolio,
    snapshots: Sequence[SnapshotRow],
) -> Run:
    """The backtest of the book's own sessions, capital and cash flows."""
    first = panel.row_of(snapshots[0].session)
    last = panel.row_of(snapshots[-1].session)
    forecast, _ = forecast_rows(portfolio.rule(), panel, first=first, last=last, book_start=first)

    def flows(reader: Reader) -> dict[int, int]:
        return {
            panel.row_of(row.session): moved
            for row in snapshots
            if (moved := reader.flows_e4(name, row.session))
        }

    return simulate(
        panel,
        forecast.weights,
        rules_of(portfolio.parameters, portfolio.rule().window_bars),
        OpeningBook.of_cash(snapshots[0].initial_capital_e4),
        first=first,
        last=last,
        flows_e4=ledger.read(flows),
    )


def _gaps(reader: Reader, name: str, snapshots: Sequence[SnapshotRow], twin: Run) -> Iterator[Gap]:
    paper = _paper_trades(reader, name)
    twins = _twin_trades(twin)
    splits = _splits(twin)
    walk = Attribution()
    for at, snapshot in enumerate(snapshots):
        session = snapshot.session
        record = reader.session(name, session)
        decided = record is not None and record.kind is SessionKind.DECIDED
        decisions = {row.symbol: row for row in reader.decisions(name, session)}
        stopped = {found.symbol for found in reader.limit_rejections(name, session)}
        days = []
        for j, symbol in enumerate(twin.panel.symbols):
            mark = float(twin.record.mark[at, j])
            if np.isnan(mark):
                continue
            key = (session, symbol)
            ours, theirs = paper.get(key, _NONE), twins.get(key, _NONE)
            new, old, dividend = splits.get((twin.first + at, j), (1, 1, 0))
            days.append(
                SymbolDay(
                    symbol,
                    int(np.rint(mark * 1e4)),
                    ours,
                    theirs,
                    GapCause.OVERRIDES
                    if symbol in stopped
                    else _cause(decided, decisions.get(symbol), ours, theirs),
                    new,
                    old,
                    dividend,
                )
            )
        twin_nav = int(twin.record.totals[at, NAV])
        yield walk.session(session, snapshot.nav_e4, twin_nav, days)


def _cause(decided: bool, row: DecisionRow | None, ours: Trade, theirs: Trade) -> GapCause:
    """Why a symbol was traded differently in a session."""
    if not decided or row is None:
        return GapCause.MISSED_TRADES
    if row.overridden_by:
        return GapCause.OVERRIDES
    if row.ordered == theirs.quantity:
        return GapCause.MISSED_TRADES
    if row.ordered != ours.quantity and ours.quantity:
        return GapCause.TIMING
    return GapCause.DATA


def _paper_trades(reader: Reader, name: str) -> dict[tuple[date, str], Trade]:
    found: dict[tuple[date, str], Trade] = {}
    for booked in reader.executions(name):
        fill = booked.execution
        key = (fill.session, fill.symbol)
        before = found.get(key, _NONE)
        found[key] = Trade(
            before.quantity + fill.quantity,
            before.notional_e4 + fill.quantity * fill.price_e4,
            before.commission_e4 + fill.commission_e4,
        )
    return found


def _twin_trades(twin: Run) -> dict[tuple[date, str], Trade]:
    rows, _ = twin.fills.used()
    return {
        (
            twin.panel.sessions[row[FILL_SESSION]].item(),
            twin.panel.symbols[row[FILL_SYMBOL]],
        ): Trade(
            int(row[FILL_QUANTITY]),
            int(row[FILL_QUANTITY] * row[FILL_PRICE]),
            int(row[FILL_COMMISSION]),
        )
        for row in rows
    }


def _splits(twin: Run) -> Mapping[tuple[int, int], tuple[int, int, int]]:
    """(row, column) → new shares, old shares and dividend per share of the session."""
    market = twin.panel.market
    found: dict[tuple[int, int], tuple[int, int, int]] = {}
    for t in range(twin.first, twin.last + 1):
        for e in range(market.event_start[t], market.event_start[t + 1]):
            key = (t, int(market.event_symbol[e]))
            new, old, dividend = found.get(key, (1, 1, 0))
            found[key] = (
                new * int(market.event_new[e]),
                old * int(market.event_old[e]),
                dividend + int(np.rint(market.event_dividend[e] * 1e4)),
            )
    return found


def _table(gaps: Sequence[Gap]) -> pa.Table:
    def money(values: list[int]) -> pa.Array:
        return money_array(np.array(values, np.int64))

    columns = {
        "session": pa.array([gap.session for gap in gaps], pa.date32()),
        "nav": money([gap.nav_e4 for gap in gaps]),
        "backtest_nav": money([gap.twin_nav_e4 for gap in gaps]),
        "gap": money([gap.gap_e4 for gap in gaps]),
    }
    columns |= {
        f"gap_{cause.value}": money([gap.causes[cause] for gap in gaps]) for cause in GapCause
    }
    return pa.table(columns)
