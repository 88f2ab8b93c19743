"""Markets and books written as text, so that a test reads like a statement."""

from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.engine.history import PriceHistory
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.engine.panel import Panel, panel_from_tables
from stocker_pipeline.engine.simulate import OpeningBook, Run, rules_of, simulate

FIRST_DAY = date(2020, 1, 2)


def sessions_from(first: date, count: int) -> np.ndarray:
    """``count`` sessions of XNYS from ``first`` on."""
    last = np.datetime64(first) + np.timedelta64(2 * count + 20, "D")
    return SessionCalendar.between(first, last.item()).sessions(first, last.item())[:count]


def market(text: str, actions: str = "", *, first: date = FIRST_DAY, basis: str = "raw") -> Panel:
    """A panel from one line a session: ``open/close`` or one price per symbol, ``-`` = no bar.

    The first line names the symbols. ``@volume`` may follow a price. Actions are lines of
    ``row symbol split dividend``, rows counted from 0.
    """
    lines = [line.split() for line in text.strip().splitlines()]
    symbols, sessions = lines[0], sessions_from(first, len(lines) - 1)
    rows = []
    for day, cells in zip(sessions, lines[1:], strict=True):
        for symbol, cell in zip(symbols, cells, strict=True):
            if cell == "-":
                continue
            prices, _, volume = cell.partition("@")
            opening, _, close = prices.partition("/")
            rows.append((symbol, day, float(opening), float(close or opening), volume or "1e9"))
    bars = pa.table(
        {
            "symbol": [row[0] for row in rows],
            "session": pa.array(np.array([row[1] for row in rows])),
            "open": [row[2] for row in rows],
            "close": [row[3] for row in rows],
            "volume": [float(row[4]) for row in rows],
            "adj_close": [row[3] for row in rows],
        }
    )
    events = [line.split() for line in actions.strip().splitlines()]
    table = pa.table(
        {
            "symbol": pa.array([event[1] for event in events], pa.string()),
            "session": pa.array(np.array([sessions[int(e[0])] for e in events], "datetime64[D]")),
            "split": pa.array([eval_ratio(event[2]) for event in events], pa.float64()),
            "dividend": pa.array([float(event[3]) for event in events], pa.float64()),
        }
    )
    return panel_from_tables(
        bars,
        table,
        sessions=sessions,
        universe=tuple(sorted(symbols)),
        price_basis=basis,
        with_returns=True,
    )


def eval_ratio(text: str) -> float:
    """``2:1`` or ``1.5`` as new shares per old."""
    new, _, old = text.partition(":")
    return float(new) / float(old or 1)


def free_of_charge(**changes: object) -> PortfolioParameters:
    """Parameters that do nothing: no costs, no scaling, no caps, no breaker, no buffer."""
    plain: dict[str, object] = {
        "target_vol": None,
        "single_cap": 10.0,
        "gross_cap": 10.0,
        "drawdown_trip": 1.0,
        "drawdown_recover": None,
        "buffer": 0.0,
        "min_notional": 0.0,
        "slippage_bps": 0.0,
        "commission_per_order": 0.0,
        "flips": "single",
    }
    return PortfolioParameters.model_validate(plain | changes)


def run(
    panel: Panel,
    weights: str,
    parameters: PortfolioParameters | None = None,
    *,
    capital: str = "1000",
    first: int = 1,
    flows: dict[int, str] | None = None,
    window: int = 252,
    opening: OpeningBook | None = None,
) -> Run:
    """Run a panel on weights written one line per row, ``.`` = no signal, from row ``first``."""
    lines = [line.split() for line in weights.strip().splitlines()]
    matrix = np.full(panel.index.shape, np.nan)
    for row, cells in enumerate(lines):
        matrix[first + row] = [np.nan if cell == "." else float(cell) for cell in cells]
    return simulate(
        panel,
        matrix,
        rules_of(parameters or free_of_charge(), window),
        opening or OpeningBook.of_cash(to_e4(Decimal(capital))),
        first=first,
        last=first + len(lines) - 1,
        flows_e4={row: to_e4(Decimal(amount)) for row, amount in (flows or {}).items()},
    )


def history(panel: Panel, first: int, last: int, book_start: int | None = None) -> PriceHistory:
    """What a strategy sees of a panel."""
    start = first if book_start is None else book_start
    return PriceHistory(panel.symbols, panel.index, panel.market.member, first, last, start)
