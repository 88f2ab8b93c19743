"""Bars and corporate actions: their columns, and what makes a table of them acceptable.

A table that breaks a rule is refused whole, naming file, row, column, value and bound. Stays out:
whether a plausible price is a true one.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.portfolio import SYMBOL_PATTERN
from stocker_pipeline.domain.session import SessionCalendar

BARS_SCHEMA = pa.schema(
    [("symbol", pa.string()), ("session", pa.date32())]
    + [(name, pa.float64()) for name in ("open", "high", "low", "close", "volume", "adj_close")]
)
ACTIONS_SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("session", pa.date32()),
        ("split", pa.float64()),
        ("dividend", pa.float64()),
    ]
)
SPLIT_LIMIT = 1000.0
"""A split of more than this many new shares for one, or of fewer than its inverse, is no split."""
_RANGE_TOLERANCE = 1e-6
"""Open and close may leave high–low by this fraction: prices stored as float32 carry that much."""
_PRICES = ("open", "high", "low", "close")
_SYMBOL = re.compile(SYMBOL_PATTERN.removesuffix("$"))
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class _Checked:
    """A table under inspection: knows its origin and how to name a row."""

    def __init__(self, table: pa.Table, where: str, first_row: int) -> None:
        self.table, self.where, self.first_row = table, where, first_row

    def refuse(self, bad: np.ndarray, column: str, bound: str, value: object = None) -> None:
        """Refuse the table where ``bad`` is true anywhere; names the first row and the count."""
        rows = np.flatnonzero(bad)
        if not len(rows):
            return
        row = int(rows[0])
        shown = self.table[column][row].as_py() if value is None else value
        more = f" ({len(rows)} rows in all)" if len(rows) > 1 else ""
        raise InputRefused(
            f"{column}: {bound}",
            f"{shown!r}" if not isinstance(shown, date) else str(shown),
            where=f"{self.where}, row {row + self.first_row}, column {column}{more}",
            remedy="Correct or remove the row; nothing was changed.",
        )


def validated_bars(table: pa.Table, *, where: str, first_row: int = 1) -> pa.Table:
    """The same bars with the schema's types, sorted by symbol and session.

    Args:
        table: Columns symbol, session, open, high, low, close, volume and optionally adj_close.
        where: File or source, for messages.
        first_row: Number of the first data row in that file.

    Raises:
        InputRefused: The first row that breaks a rule.
    """
    _refuse_columns(table, where, BARS_SCHEMA.names[:-1], BARS_SCHEMA.names)
    if table.num_rows == 0:
        raise InputRefused("at least one bar", "none", where=where, remedy="Give bars.")
    checked = _keyed(table, where, first_row)
    columns = {name: _numbers(checked, name) for name in table.column_names[2:] if name}
    for name in _PRICES:
        checked.refuse(~(np.isfinite(columns[name]) & (columns[name] > 0)), name,
                       "a finite price above 0 (leave out the row where there is no bar)")
    high, low = columns["high"], columns["low"]
    checked.refuse(high < low, "high", "at or above low")
    for name in ("open", "close"):
        price = columns[name]
        outside = (price > high * (1 + _RANGE_TOLERANCE)) | (price < low * (1 - _RANGE_TOLERANCE))
        checked.refuse(outside, name, "between low and high")
    volume = columns["volume"]
    checked.refuse(np.isinf(volume) | (volume < 0), "volume", "0 or more shares")
    if "adj_close" in columns:
        adjusted = columns["adj_close"]
        checked.refuse(np.isinf(adjusted) | (adjusted <= 0), "adj_close", "a finite price above 0")
    _refuse_non_sessions(checked)
    return _finished(checked, columns, BARS_SCHEMA)


def validated_actions(table: pa.Table, *, where: str, first_row: int = 1) -> pa.Table:
    """The same corporate actions with the schema's types, sorted; none at all is fine.

    Raises:
        InputRefused: The first row that breaks a rule.
    """
    _refuse_columns(table, where, ACTIONS_SCHEMA.names, ACTIONS_SCHEMA.names)
    checked = _keyed(table, where, first_row)
    columns = {name: _numbers(checked, name) for name in ("split", "dividend")}
    split, dividend = columns["split"], columns["dividend"]
    inside = np.isfinite(split) & (split >= 1 / SPLIT_LIMIT) & (split <= SPLIT_LIMIT)
    checked.refuse(~inside, "split", f"new shares per old, 1/{SPLIT_LIMIT:.0f} to {SPLIT_LIMIT:.0f}")
    checked.refuse(~(np.isfinite(dividend) & (dividend >= 0)), "dividend", "0 dollars or more")
    return _finished(checked, columns, ACTIONS_SCHEMA)


def _refuse_columns(
    table: pa.Table, where: str, required: Sequence[str], known: Sequence[str]
) -> None:
    missing = [name for name in required if name not in table.column_names]
    unknown = [name for name in table.column_names if name not in known]
    repeated = len(set(table.column_names)) != len(table.column_names)
    if missing or unknown or repeated:
        raise InputRefused(
            f"the columns {', '.join(required)}"
            + (", and adj_close if there is one" if len(known) > len(required) else ""),
            f"{', '.join(table.column_names)}"
            + (f" (unknown: {', '.join(unknown)})" if unknown else "")
            + (f" (missing: {', '.join(missing)})" if missing else ""),
            where=where,
            remedy="Rename, add or remove columns; nothing was changed.",
        )


def _keyed(table: pa.Table, where: str, first_row: int) -> _Checked:
    """Symbols and sessions in their types, in order, each pair once."""
    table = table.select([name for name in (*BARS_SCHEMA.names, "split", "dividend")
                          if name in table.column_names])
    checked = _Checked(table, where, first_row)
    symbols = _symbols(checked)
    sessions = _sessions(checked)
    checked.table = table.set_column(0, "symbol", symbols).set_column(1, "session", sessions)
    codes = symbols.dictionary_encode()
    ranks = np.argsort(np.argsort(np.array(codes.dictionary.to_pylist(), dtype=object)))
    rank = ranks[codes.indices.to_numpy(zero_copy_only=False)] if len(codes) else np.zeros(0, int)
    days = sessions.cast(pa.int32()).to_numpy(zero_copy_only=False).astype(np.int64)
    by_symbol = rank.astype(np.int64) * 10_000_000 + days
    by_session = days * 10_000_000 + rank
    order = by_symbol if _disorder(by_symbol) <= _disorder(by_session) else by_session
    step = np.diff(order)
    after = np.concatenate([[False], step == 0])
    checked.refuse(after, "session", "each symbol and session once")
    pairs, first_seen = np.unique(by_symbol, return_index=True)
    if len(pairs) != len(by_symbol):
        repeated = np.ones(len(by_symbol), bool)
        repeated[first_seen] = False
        checked.refuse(repeated, "session", "each symbol and session once")
    checked.refuse(
        np.concatenate([[False], step < 0]),
        "session",
        "rows sorted by symbol and session, or by session and symbol",
    )
    return checked


def _disorder(order: np.ndarray) -> int:
    return int(np.count_nonzero(np.diff(order) < 0))


def _symbols(checked: _Checked) -> pa.Array:
    column = _combined(checked.table["symbol"])
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
            or pa.types.is_string_view(column.type) or len(column) == 0):
        checked.refuse(np.ones(len(column), bool), "symbol", f"text that matches {SYMBOL_PATTERN}")
    column = column.cast(pa.string())
    wrong = {name for name in pc.unique(column).to_pylist()
             if name is None or not _SYMBOL.fullmatch(name)}
    if wrong:
        bad = np.array([name in wrong for name in column.to_pylist()])
        row = int(np.flatnonzero(bad)[0])
        checked.refuse(bad, "symbol", f"text that matches {SYMBOL_PATTERN}",
                       column[row].as_py() or "nothing")
    return column


def _sessions(checked: _Checked) -> pa.Array:
    column = _combined(checked.table["session"])
    kind = column.type
    if len(column) == 0:
        return pa.array([], pa.date32())
    null = column.is_null().to_numpy(zero_copy_only=False)
    checked.refuse(null, "session", "a date", "nothing")
    if pa.types.is_date(kind):
        return column.cast(pa.date32())
    if pa.types.is_timestamp(kind):
        checked.refuse(np.full(len(column), kind.tz is not None), "session",
                       "a date without time zone")
        days = column.cast(pa.timestamp("ns")).to_numpy(zero_copy_only=False)
        checked.refuse(days != days.astype("datetime64[D]"), "session", "a date, time 00:00")
        return pa.array(days.astype("datetime64[D]"))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = column.to_pylist()
        checked.refuse(np.array([not _is_date(text) for text in texts]), "session",
                       "a date as YYYY-MM-DD")
        return pa.array(np.array(texts, dtype="datetime64[D]"))
    checked.refuse(np.ones(len(column), bool), "session", f"a date, not {kind}")
    raise AssertionError("unreachable: every row was refused")


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _numbers(checked: _Checked, name: str) -> np.ndarray:
    """A column as float64, NaN for null; text is refused even where it looks like a number."""
    column = _combined(checked.table[name])
    kind = column.type
    numeric = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    if not numeric and not pa.types.is_null(kind):
        checked.refuse(np.ones(len(column), bool), name, f"a number, not {kind}")
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)


def _combined(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(column.chunks)


def _refuse_non_sessions(checked: _Checked) -> None:
    days = checked.table["session"].to_numpy().astype("datetime64[D]")
    first, last = days.min().item(), days.max().item()
    calendar = SessionCalendar.between(first, last)
    known = calendar.sessions(first, last)
    position = np.minimum(np.searchsorted(known, days), max(len(known) - 1, 0))
    wrong = (known[position] != days) if len(known) else np.ones(len(days), bool)
    if wrong.any():
        day = days[np.flatnonzero(wrong)[0]].item()
        bound = (f"a session of XNYS (nearest: {calendar.previous_session(day)}, "
                 f"{calendar.next_session(day)})")
        checked.refuse(wrong, "session", bound, f"{day} ({day:%A})")


def _finished(
    checked: _Checked, columns: dict[str, np.ndarray], schema: pa.Schema
) -> pa.Table:
    keys = {name: checked.table[name] for name in ("symbol", "session")}
    rows: Callable[[str], pa.Array] = lambda name: (
        pa.array(columns[name], from_pandas=True) if name in columns
        else pa.nulls(checked.table.num_rows, pa.float64())
    )
    built = pa.table({**keys, **{name: rows(name) for name in schema.names[2:]}}, schema=schema)
    return built.sort_by([("symbol", "ascending"), ("session", "ascending")])
