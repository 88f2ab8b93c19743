"""A run as tables, one row per fact: what the lake stores and ``simulate`` writes.

Columns and units are the contract with every reader; ``SCHEMAS`` is its only definition.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.engine.book import (
    CASH,
    CASH_IN_LIEU,
    COMMISSIONS,
    DIVIDENDS,
    FLOWS,
    NAV,
    PEAK,
    REALISED,
    TRIPPED,
)
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.rebalance import Decision
from stocker_pipeline.engine.record import BREAKER_FACTOR, GROSS_FACTOR, LEVERAGE, SIGMA
from stocker_pipeline.engine.signals import bar_counts
from stocker_pipeline.engine.simulate import Run

MONEY = pa.decimal128(18, 4)
_KEY = [("session", pa.date32()), ("symbol", pa.string())]

SCHEMAS: dict[str, pa.Schema] = {
    "snapshots": pa.schema(
        [("session", pa.date32())]
        + [(name, MONEY) for name in ("nav", "cash", "positions_value", "peak_nav")]
        + [(name, pa.float64()) for name in ("drawdown", "gross_exposure", "net_exposure")]
        + [
            (name, MONEY)
            for name in ("realised", "unrealised", "dividends", "cash_in_lieu", "commissions")
        ]
        + [
            ("flows", MONEY),
            ("initial_capital", MONEY),
            ("tripped", pa.bool_()),
            ("positions_count", pa.int64()),
        ]
    ),
    "signals": pa.schema(
        [
            *_KEY,
            ("bars", pa.int64()),
            ("momentum", pa.float64()),
            ("direction", pa.int64()),
            ("vol", pa.float64()),
            ("weight", pa.float64()),
            ("reason", pa.string()),
        ]
    ),
    "targets": pa.schema(
        [
            *_KEY,
            ("x_raw", pa.float64()),
            ("sigma_p", pa.float64()),
            ("k", pa.float64()),
            ("single_capped", pa.bool_()),
            ("x_single", pa.float64()),
            ("gross_factor", pa.float64()),
            ("tripped", pa.bool_()),
            ("breaker_factor", pa.float64()),
            ("target", pa.float64()),
        ]
    ),
    "decisions": pa.schema(
        [
            *_KEY,
            ("decision", pa.string()),
            ("held", pa.int64()),
            ("desired", pa.int64()),
        ]
    ),
    "orders": pa.schema(
        [
            *_KEY,
            ("quantity", pa.int64()),
            ("reference_price", pa.float64()),
            ("decision", pa.string()),
            ("desired", pa.int64()),
            ("held", pa.int64()),
            ("delta", pa.int64()),
            ("filled", pa.int64()),
            ("status", pa.string()),
        ]
    ),
    "fills": pa.schema(
        [
            *_KEY,
            ("quantity", pa.int64()),
            ("price", MONEY),
            ("commission", MONEY),
            ("realised", MONEY),
        ]
    ),
    "positions": pa.schema(
        [
            *_KEY,
            ("quantity", pa.int64()),
            ("mark", pa.float64()),
            ("mark_age_sessions", pa.int64()),
            ("cost", MONEY),
            ("market_value", MONEY),
        ]
    ),
    "corporate_action_entries": pa.schema(
        [
            *_KEY,
            ("split_new", pa.int64()),
            ("split_old", pa.int64()),
            ("dividend", pa.float64()),
            ("shares_change", pa.int64()),
            ("cash", MONEY),
        ]
    ),
}

_DECISION_NAMES = np.full(max(Decision) + 1, None, dtype=object)
_DECISION_NAMES[list(Decision)] = [decision.name for decision in Decision]


def money_array(amounts_e4: np.ndarray) -> pa.Array:
    """int64 in 1/10,000 dollar as decimal(18,4), without a float in between."""
    amounts = np.ascontiguousarray(amounts_e4, np.int64)
    words = np.empty((len(amounts), 2), np.int64)
    words[:, 0] = amounts
    words[:, 1] = amounts >> 63
    return pa.Array.from_buffers(MONEY, len(amounts), [None, pa.py_buffer(words.tobytes())])


def e4_array(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """decimal(18,4) as int64 in 1/10,000 dollar; the inverse of ``money_array``."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if array.type != MONEY or array.null_count:
        raise TypeError(f"wanted {MONEY} without nulls; received {array.type}")
    words = np.frombuffer(array.buffers()[1], np.int64).reshape(-1, 2)
    return words[array.offset : array.offset + len(array), 0].copy()


def _text(names: np.ndarray, positions: np.ndarray) -> pa.Array:
    return pa.array(names).take(pa.array(positions))


def _table(name: str, columns: dict[str, object]) -> pa.Table:
    return pa.table(columns, schema=SCHEMAS[name])


def snapshots_table(run: Run) -> pa.Table:
    """One row per session: the book at its close; totals since the book's start."""
    totals = run.record.totals
    nav, value = totals[:, NAV], run.record.positions_value
    with np.errstate(divide="ignore", invalid="ignore"):
        gross = np.where(nav > 0, run.record.gross_value / nav, np.nan)
        net = np.where(nav > 0, value / nav, np.nan)
    return _table(
        "snapshots",
        {
            "session": run.panel.sessions[run.first : run.last + 1],
            "nav": money_array(nav),
            "cash": money_array(totals[:, CASH]),
            "positions_value": money_array(value),
            "peak_nav": money_array(totals[:, PEAK]),
            "drawdown": (totals[:, PEAK] - nav) / totals[:, PEAK],
            "gross_exposure": gross,
            "net_exposure": net,
            "realised": money_array(totals[:, REALISED]),
            "unrealised": money_array(value - run.record.positions_cost),
            "dividends": money_array(totals[:, DIVIDENDS]),
            "cash_in_lieu": money_array(totals[:, CASH_IN_LIEU]),
            "commissions": money_array(totals[:, COMMISSIONS]),
            "flows": money_array(totals[:, FLOWS]),
            "initial_capital": money_array(np.full(len(nav), run.opening.initial_e4)),
            "tripped": totals[:, TRIPPED].astype(bool),
            "positions_count": (run.record.quantity != 0).sum(axis=1),
        },
    )


def _keys(run: Run, rows: np.ndarray, columns: np.ndarray) -> dict[str, object]:
    return {
        "session": run.panel.sessions[rows],
        "symbol": _text(np.array(run.panel.symbols), columns),
    }


def targets_table(run: Run, weights: np.ndarray) -> pa.Table:
    """The factors of E10–E13 for every symbol that has a signal."""
    rows, columns = np.nonzero(~np.isnan(weights[run.first : run.last + 1]))
    record, factors = run.record, run.record.factors[rows]
    return _table(
        "targets",
        _keys(run, rows + run.first, columns)
        | {
            "x_raw": weights[rows + run.first, columns],
            "sigma_p": pa.array(factors[:, SIGMA], from_pandas=True),
            "k": factors[:, LEVERAGE],
            "single_capped": record.single_capped[rows, columns],
            "x_single": record.x_single[rows, columns],
            "gross_factor": factors[:, GROSS_FACTOR],
            "tripped": record.totals[rows, TRIPPED].astype(bool),
            "breaker_factor": factors[:, BREAKER_FACTOR],
            "target": record.target[rows, columns],
        },
    )


def decisions_table(run: Run, required_bars: int) -> pa.Table:
    """What was decided for every symbol and session, and why nothing was where nothing was."""
    record = run.record
    shape = record.decision.shape
    rows, columns = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    codes = record.decision[rows, columns].astype(np.int64)
    silent = codes == Decision.NO_FORECAST
    if silent.any():
        counts = bar_counts(run.panel.index)[np.maximum(rows + run.first - 1, 0), columns]
        codes[silent & (counts < required_bars)] = Decision.SHORT_HISTORY
    held = np.zeros_like(record.quantity)
    held[1:] = record.quantity[:-1]
    opening = run.opening.lots
    held_by = run.panel.columns_of([lot.symbol for lot in opening])
    np.add.at(held[0], held_by, np.array([lot.quantity for lot in opening], np.int64))
    entries, _ = run.entries.used()
    np.add.at(held, (entries[:, 0] - run.first, entries[:, 1]), entries[:, 4])
    return _table(
        "decisions",
        _keys(run, rows + run.first, columns)
        | {
            "decision": _text(_DECISION_NAMES, codes),
            "held": held[rows, columns],
            "desired": record.desired[rows, columns],
        },
    )


def orders_table(run: Run) -> pa.Table:
    """What was ordered after E19, cancelled and cut orders too."""
    rows, references = run.orders.used()
    quantity, filled = rows[:, 2], rows[:, 5]
    status = np.where(filled == quantity, 0, np.where(filled == 0, 2, 1))
    return _table(
        "orders",
        _keys(run, rows[:, 0], rows[:, 1])
        | {
            "quantity": quantity,
            "reference_price": references,
            "decision": _text(_DECISION_NAMES, rows[:, 6]),
            "desired": rows[:, 3],
            "held": rows[:, 4],
            "delta": rows[:, 3] - rows[:, 4],
            "filled": filled,
            "status": _text(np.array(["FILLED", "PARTIAL", "CANCELLED"]), status),
        },
    )


def fills_table(run: Run) -> pa.Table:
    """One row per fill; ``realised`` is before commission."""
    rows, _ = run.fills.used()
    return _table(
        "fills",
        _keys(run, rows[:, 0], rows[:, 1])
        | {
            "quantity": rows[:, 2],
            "price": money_array(rows[:, 3]),
            "commission": money_array(rows[:, 4]),
            "realised": money_array(rows[:, 5]),
        },
    )


def positions_table(run: Run) -> pa.Table:
    """Every position at every close; a position of zero has no row."""
    record = run.record
    rows, columns = np.nonzero(record.quantity)
    quantity, mark = record.quantity[rows, columns], record.mark[rows, columns]
    value = quantity * np.rint(mark * 1e4).astype(np.int64)
    return _table(
        "positions",
        _keys(run, rows + run.first, columns)
        | {
            "quantity": quantity,
            "mark": mark,
            "mark_age_sessions": record.mark_age[rows, columns],
            "cost": money_array(record.cost[rows, columns]),
            "market_value": money_array(value),
        },
    )


def entries_table(run: Run) -> pa.Table:
    """Splits and dividends as they were applied to the book."""
    rows, dividends = run.entries.used()
    return _table(
        "corporate_action_entries",
        _keys(run, rows[:, 0], rows[:, 1])
        | {
            "split_new": rows[:, 2],
            "split_old": rows[:, 3],
            "dividend": dividends,
            "shares_change": rows[:, 4],
            "cash": money_array(rows[:, 5]),
        },
    )


def _silence(panel: Panel, rows: np.ndarray, columns: np.ndarray, required: int) -> pa.Array:
    """Why a symbol has no signal at a row, as a Decision name; null where it has bars enough."""
    before = np.maximum(rows - 1, 0)
    counts = np.where(rows > 0, bar_counts(panel.index)[before, columns], 0)
    bar_missing = (rows == 0) | np.isnan(panel.index[before, columns])
    member = panel.market.member[rows if len(panel.market.member) > 1 else 0 * rows, columns]
    codes = np.select(
        [~member, counts == 0, bar_missing, counts < required],
        [
            Decision.NOT_IN_UNIVERSE,
            Decision.NOT_LISTED,
            Decision.NO_PREVIOUS_BAR,
            Decision.SHORT_HISTORY,
        ],
        Decision.NO_FORECAST,
    )
    return _text(_DECISION_NAMES, codes)


def signals_table(
    panel: Panel,
    weights: np.ndarray,
    momentum: np.ndarray | None,
    volatility: np.ndarray | None,
    *,
    first: int,
    last: int,
    window_bars: int,
    required_bars: int,
) -> pa.Table:
    """The strategy's signals of rows ``first`` … ``last``, one row per symbol.

    ``bars`` counts own bars in the window, ``direction`` is the sign of the view. A symbol without
    a signal has a null weight and a ``reason``.
    """
    symbols = len(panel.symbols)
    rows, columns = np.divmod(np.arange((last - first + 1) * symbols), symbols)
    rows = rows + first
    before = np.maximum(rows - 1, 0)
    weight = weights[rows, columns]
    silent = np.isnan(weight)

    def shown(values: np.ndarray | None) -> pa.Array:
        if values is None:
            return pa.nulls(len(rows), pa.float64())
        return pa.array(values[before, columns], mask=silent)

    direction = np.where(np.signbit(weight), -1, 1)
    if momentum is None:
        direction[weight == 0.0] = 0
    counts = np.where(rows > 0, bar_counts(panel.index)[before, columns], 0)
    reason = _silence(panel, rows, columns, required_bars)
    return _table(
        "signals",
        {
            "session": panel.sessions[rows],
            "symbol": _text(np.array(panel.symbols), columns),
            "bars": np.minimum(counts, window_bars).astype(np.int64),
            "momentum": shown(momentum),
            "direction": pa.array(direction, mask=silent),
            "vol": shown(volatility),
            "weight": pa.array(weight, mask=silent),
            "reason": pc.if_else(pa.array(silent), reason, pa.scalar(None, pa.string())),
        },
    )
