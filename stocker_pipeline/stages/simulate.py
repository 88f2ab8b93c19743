"""A backtest from two files to a folder of files: the same engine, no Dagster, no lake."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stocker_pipeline.analytics.metrics import Metrics
from stocker_pipeline.analytics.wording import metrics_json
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.engine.simulate import OpeningBook
from stocker_pipeline.gateways.market_data.files import read_actions, read_bars
from stocker_pipeline.stages.forecast import forecast_rows
from stocker_pipeline.stages.market import panel_of
from stocker_pipeline.stages.portfolios import portfolio_data
from stocker_pipeline.stages.trade import run_book, run_tables
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from


@dataclass(frozen=True)
class Request:
    """What to simulate; None = the file's or the portfolio's own.

    A portfolio whose universe is a mapping keeps it; for any other the universe is every symbol of
    the bars. ``universe`` replaces either by a plain list.
    """

    bars: Path
    actions: Path | None
    portfolio: str
    start: date | None = None
    end: date | None = None
    initial_capital: float | None = None
    universe: tuple[str, ...] | None = None
    parameters: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Simulation:
    """A finished simulation.

    Attributes:
        tables: snapshots, signals, targets, decisions, orders, fills, positions and
            corporate_action_entries, by name.
        bars, actions: The checked input, for benchmarks.
    """

    portfolio: Portfolio
    tables: Mapping[str, pa.Table]
    bars: pa.Table
    actions: pa.Table | None


def simulate_files(request: Request) -> Simulation:
    """Check the input, run the engine, return the tables. Writes nothing.

    Raises:
        InputRefused, ConfigurationRefused: Names file, row, column or key, value and bound.
    """
    bars = read_bars(request.bars)
    actions = read_actions(request.actions) if request.actions else None
    portfolio = _portfolio(request, bars)
    return simulate_market(
        bars, actions, portfolio, start=request.start, end=request.end, where=request.bars.name
    )


def simulate_market(
    bars: pa.Table,
    actions: pa.Table | None,
    portfolio: Portfolio,
    *,
    start: date | None = None,
    end: date | None = None,
    where: str,
) -> Simulation:
    """Run the engine over checked bars, from capital alone. Writes nothing.

    Args:
        bars: The schema of the table ``bars``; of other symbols too.
        actions: The schema of ``corporate_actions``; None = none.
        start, end: Sessions; None = the first and the last bar of the universe.
        where: What the bars are called in an error.

    Raises:
        InputRefused: A symbol has no bar, or a date is outside of them.
    """
    known = bars.filter(pc.is_in(bars["symbol"], value_set=pa.array(portfolio.universe)))
    _refuse_absent(portfolio, known, where)
    start, end = _range(start, end, known)
    known = known.filter(pc.less_equal(known["session"], pa.scalar(end, pa.date32())))
    panel = panel_of(known, actions, portfolio, end, where=where)
    first, last = (panel.row_of(day) for day in (start, end))
    rule = portfolio.rule()
    forecast, signals = forecast_rows(rule, panel, first=first, last=last, book_start=first)
    book = OpeningBook.of_cash(to_e4(portfolio.initial_capital))
    run = run_book(panel, portfolio, forecast.weights, book, first=first, last=last)
    tables = run_tables(run, forecast.weights, rule.required_bars)
    heard = signals.filter(pc.is_valid(signals["weight"])).drop_columns("reason")
    return Simulation(portfolio, {"signals": heard, **tables}, known, actions)


def write_simulation(tables: Mapping[str, pa.Table], metrics: Metrics, out: Path) -> list[Path]:
    """One Parquet file per table and ``metrics.json``; each appears whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in tables.items():
        path = out / f"{name}.parquet"
        partial = path.with_suffix(".partial")
        pq.write_table(table, partial)
        written.append((partial, path))
    path = out / "metrics.json"
    partial = path.with_suffix(".partial")
    partial.write_text(metrics_json(metrics), encoding="utf-8")
    written.append((partial, path))
    for partial, path in written:
        os.replace(partial, path)
    return [path for _, path in written]


def _portfolio(request: Request, bars: pa.Table) -> Portfolio:
    symbols = None if request.universe is None else list(request.universe)
    data, where = portfolio_data(request.portfolio, symbols)
    given = dict(data)
    if symbols is None and not isinstance(given.get("universe"), Mapping):
        given["universe"] = sorted(pc.unique(bars["symbol"]).to_pylist())
    given["parameters"] = {**(given.get("parameters") or {}), **(request.parameters or {})}
    if request.initial_capital is not None:
        given["initial_capital"] = request.initial_capital
    return portfolio_from(given, where=where)


def _refuse_absent(portfolio: Portfolio, bars: pa.Table, where: str) -> None:
    absent = sorted(set(portfolio.universe) - set(pc.unique(bars["symbol"]).to_pylist()))
    if absent:
        raise InputRefused(
            "bars of every symbol of the universe",
            f"none of {', '.join(absent)}",
            where=where,
            remedy="Add their bars, or leave them out of the universe.",
        )


def _range(start: date | None, end: date | None, bars: pa.Table) -> tuple[date, date]:
    earliest, latest = pc.min(bars["session"]).as_py(), pc.max(bars["session"]).as_py()
    start, end = start or earliest, end or latest
    calendar = SessionCalendar.between(earliest, latest)
    for name, day in (("--start", start), ("--end", end)):
        if not earliest <= day <= latest:
            raise InputRefused(
                f"a session from {earliest} to {latest}, the first and last bar",
                str(day),
                where=name,
                remedy="Choose a date that the bars cover.",
            )
        calendar.require(day, where=name)
    if start > end:
        raise InputRefused(
            f"--start at or before --end {end}", str(start), where="--start", remedy="Swap them."
        )
    return start, end
