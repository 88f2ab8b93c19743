"""Signals: what the strategy thinks, from prices up to the session before."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.engine.history import PriceHistory
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.tables import signals_table
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import SIGNALS
from stocker_pipeline.stages.books import Opening
from stocker_pipeline.stages.market import read_panel, refuse_sessions_without_bars
from stocker_pipeline.strategies.base import Forecast, Strategy
from stocker_pipeline.strategies.portfolio import Portfolio


@dataclass(frozen=True)
class Forecasted:
    """What a forecast of a range left behind.

    Attributes:
        signals: How many rows have one.
        silent: Reason → rows without one.
        last: The rows of the last session, by symbol.
    """

    signals: int
    silent: Mapping[str, int]
    read: Mapping[str, int]
    version: int
    last: pa.Table


def signal_parameters(portfolio: Portfolio) -> dict[str, Any]:
    """The parameters that signals depend on: the strategy's own, the basis and the universe."""
    sizing_only = set(PortfolioParameters.model_fields) - {"price_basis"}
    own = portfolio.parameters.model_dump(mode="json", exclude=sizing_only)
    universe = portfolio.membership.model_dump(mode="json")
    return {"strategy": portfolio.strategy, "universe": universe, **own}


def parameters_hash(parameters: Mapping[str, Any]) -> str:
    """Twelve hex digits that change when a parameter does."""
    text = json.dumps(parameters, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def forecast_rows(
    rule: Strategy[Any], panel: Panel, *, first: int, last: int, book_start: int
) -> tuple[Forecast, pa.Table]:
    """Weights of rows ``first`` … ``last`` of a panel, and the same as a table."""
    history = PriceHistory(panel.symbols, panel.index, panel.market.member, first, last, book_start)
    forecast = rule.forecast_range(history)
    table = signals_table(
        panel,
        forecast.weights,
        forecast.momentum,
        forecast.volatility,
        first=first,
        last=last,
        window_bars=rule.window_bars,
        required_bars=rule.required_bars,
    )
    return forecast, table


def forecast(
    lake: Lake,
    name: str,
    portfolio: Portfolio,
    opening: Opening,
    first: date,
    last: date,
    *,
    bars_through: date | None = None,
) -> Forecasted:
    """Compute and store the signals of ``first`` … ``last``; other sessions keep theirs.

    Args:
        bars_through: The last session that must have bars; None = ``last``.

    Raises:
        InputRefused: A session of the range has no bar at all.
    """
    panel, read = read_panel(lake, portfolio, last)
    through = last if bars_through is None else bars_through
    if first <= through:
        refuse_sessions_without_bars(panel, first, through)
    rule = portfolio.rule()
    _, rows = forecast_rows(
        rule,
        panel,
        first=panel.row_of(first),
        last=panel.row_of(last),
        book_start=panel.row_of(opening.book_start),
    )
    digest = parameters_hash(signal_parameters(portfolio))
    stamped = rows.append_column("parameters_hash", pa.array([digest] * rows.num_rows))
    version = lake.replace(SIGNALS, stamped, first=first, last=last, portfolio=name)
    reasons = rows["reason"].drop_null().value_counts().to_pylist()
    silent = {item["values"]: item["counts"] for item in reasons}
    return Forecasted(
        signals=rows.num_rows - rows["reason"].drop_null().length(),
        silent=dict(sorted(silent.items())),
        read=read,
        version=version,
        last=rows.filter(pc.equal(rows["session"], last)),
    )
