"""Tables written down as text, so that a test reads like a statement.

The first line names columns, each further line is a row. Columns that are not named get a value
that does not matter: no flows, no commissions, no positions.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.record import TrackRecord

MONEY = pa.decimal128(18, 4)

_SNAPSHOTS = {
    "nav": MONEY,
    "cash": MONEY,
    "gross_exposure": pa.float64(),
    "net_exposure": pa.float64(),
    "realised": MONEY,
    "unrealised": MONEY,
    "dividends": MONEY,
    "cash_in_lieu": MONEY,
    "commissions": MONEY,
    "flows": MONEY,
    "initial_capital": MONEY,
    "tripped": pa.bool_(),
}
_FILLS = {"symbol": pa.string(), "quantity": pa.int64(), "price": MONEY, "commission": MONEY}
_POSITIONS = {
    "symbol": pa.string(),
    "quantity": pa.int64(),
    "cost": MONEY,
    "market_value": MONEY,
}
_BARS = {
    "symbol": pa.string(),
    "open": pa.float64(),
    "close": pa.float64(),
    "adj_close": pa.float64(),
}
_ACTIONS = {"symbol": pa.string(), "split": pa.float64(), "dividend": pa.float64()}


def snapshots_from_text(text: str, initial_capital: str = "100") -> pa.Table:
    """Snapshots; at least ``session`` and ``nav``."""
    return _table(text, _SNAPSHOTS, {"initial_capital": initial_capital})


def fills_from_text(text: str) -> pa.Table:
    """Fills; at least ``session``, ``symbol``, ``quantity`` and ``price``."""
    return _table(text, _FILLS)


def positions_from_text(text: str) -> pa.Table:
    """Positions; at least ``session``, ``symbol`` and ``quantity``."""
    return _table(text, _POSITIONS)


def bars_from_text(text: str) -> pa.Table:
    """Bars; at least ``symbol``, ``session``, ``open`` and ``close``."""
    return _table(text, _BARS)


def actions_from_text(text: str) -> pa.Table:
    """Corporate actions; a split left out is 1, a dividend left out is 0."""
    return _table(text, _ACTIONS, {"split": "1"})


def record_from_text(
    snapshots: str,
    *,
    fills: str = "session symbol quantity price",
    positions: str = "session symbol quantity",
    initial_capital: str = "100",
    **others: Any,
) -> TrackRecord:
    """A record from its three tables as text; bars and actions as tables, the rest as it is."""
    return TrackRecord(
        snapshots_from_text(snapshots, initial_capital),
        fills_from_text(fills),
        positions_from_text(positions),
        **others,
    )


def record_of_navs(navs: np.ndarray, flows: np.ndarray | None = None, **others: Any) -> TrackRecord:
    """A record of weekdays from 2020-01-01 on that starts with 100 dollars and holds nothing."""
    days = sessions_from(date(2020, 1, 1), len(navs))
    columns = {"session": pa.array(days, pa.date32())}
    values: dict[str, Any] = {
        "nav": navs,
        "flows": np.zeros(len(navs)) if flows is None else flows,
        "initial_capital": np.full(len(navs), 100.0),
    }
    for name, kind in _SNAPSHOTS.items():
        numbers = values.get(name, np.zeros(len(navs)))
        columns[name] = pa.array(numbers).cast(pa.bool_() if kind == pa.bool_() else pa.float64())
    empty = {"fills": fills_from_text("session symbol quantity price")}
    empty["positions"] = positions_from_text("session symbol quantity")
    return TrackRecord(pa.table(columns), **(empty | others))


def sessions_from(first: date, count: int) -> list[date]:
    """Weekdays in order."""
    days: list[date] = []
    day = first
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return days


def _table(
    text: str, kinds: dict[str, pa.DataType], defaults: dict[str, str] | None = None
) -> pa.Table:
    lines = [line.split() for line in text.strip().splitlines() if line.strip()]
    names, rows = lines[0], lines[1:]
    unknown = set(names) - kinds.keys() - {"session"}
    assert not unknown, f"no such columns: {unknown}"
    assert all(len(row) == len(names) for row in rows), "a row of another length than the header"
    columns = {
        "session": pa.array(
            [date.fromisoformat(r[names.index("session")]) for r in rows], pa.date32()
        )
    }
    for name, kind in kinds.items():
        default = (defaults or {}).get(name, "0")
        cells = [row[names.index(name)] if name in names else default for row in rows]
        columns[name] = pa.array([_value(cell, kind) for cell in cells], kind)
    return pa.table(columns)


def _value(cell: str, kind: pa.DataType) -> Any:
    if cell == "-":
        return None
    if kind == MONEY:
        return Decimal(cell)
    if kind == pa.bool_():
        return cell in ("yes", "1")
    return {pa.int64(): int, pa.float64(): float, pa.string(): str}[kind](cell)
