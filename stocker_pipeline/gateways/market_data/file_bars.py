"""Bars from files of some layout: the rows that can be bars, and why the others cannot.

Stays out: prices that are wrong, which ``quality`` judges, and their basis (``file_market``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.bars import BARS_SCHEMA, PRICES
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.domain.xnys import EARLIEST, LATEST
from stocker_pipeline.gateways.market_data.duplicates import settled
from stocker_pipeline.gateways.market_data.file_layouts import LaidOut
from stocker_pipeline.gateways.market_data.file_rows import FileRows, file_rows

RefusedRow = tuple[str, date | None, str, str]
"""Symbol, session, reason and evidence, as ``REFUSED_ROWS_SCHEMA``."""

_TRADED = (*PRICES, "volume")
_KEPT, _UNREADABLE, _NOT_A_SESSION, _NO_NUMBERS, _DUPLICATE = range(5)
_REASONS = ("", "unreadable", "not_a_session", "no_numbers", "duplicate")


@dataclass(frozen=True)
class FileBars:
    """Bars sorted by symbol and session, unique.

    Attributes:
        names: Symbols of the files, sorted; one whose rows were all refused is there too.
        symbols: Each bar's symbol as its place among ``names``, ascending.
        days: datetime64[D], sessions.
        numbers: Open, high, low, close, volume and adj_close, float64; NaN = unknown.
    """

    names: list[str]
    symbols: np.ndarray
    days: np.ndarray
    numbers: dict[str, np.ndarray]

    def rows(self, symbol: str) -> slice:
        """The bars of one symbol; none where it is not there."""
        if symbol not in self.names:
            return slice(0, 0)
        place = self.names.index(symbol)
        low, high = np.searchsorted(self.symbols, [place, place + 1])
        return slice(int(low), int(high))

    def table(self) -> pa.Table:
        """The same as ``BARS_SCHEMA``."""
        symbols = pa.DictionaryArray.from_arrays(
            pa.array(self.symbols, pa.int32()), pa.array(self.names, pa.string())
        )
        columns = [symbols.cast(pa.string()), pa.array(self.days, pa.date32())]
        # from_pandas: NaN becomes null.
        columns += [
            pa.array(self.numbers[field.name], pa.float64(), from_pandas=True)
            for field in list(BARS_SCHEMA)[2:]
        ]
        return pa.Table.from_arrays(columns, schema=BARS_SCHEMA)


def file_bars(files: LaidOut) -> tuple[FileBars, list[RefusedRow]]:
    """The bars of the files and the rows that are none.

    Raises:
        InputRefused: See ``file_rows``; or the files have no row.
    """
    layout = files.layout
    rows = file_rows(
        files.bars,
        layout.bars.columns.model_dump(),
        optional=layout.bars.optional,
        date_format=layout.date_format,
        other_columns=layout.other_columns,
    )
    if not len(rows.days):
        raise InputRefused(
            "at least one bar",
            "no rows",
            where=", ".join(str(path) for path in files.bars)[:500],
            remedy="Give the file that holds the bars.",
        )
    volume = rows.numbers["volume"] * layout.volume_unit_shares
    rows = replace(rows, numbers={**rows.numbers, "volume": volume})
    verdict = _unfit(rows)
    order, doubles = _sorted_and_unique(rows, verdict)
    bars = FileBars(
        rows.names,
        rows.symbols[order],
        rows.days[order],
        {name: values[order] for name, values in rows.numbers.items()},
    )
    return bars, [_refused(rows, row, verdict, doubles) for row in np.flatnonzero(verdict).tolist()]


def _unfit(rows: FileRows) -> np.ndarray:
    """Per row ``_KEPT``, or the first reason for which it cannot be a bar."""
    verdict = np.full(len(rows.days), _KEPT)
    verdict[np.logical_and.reduce([np.isnan(rows.numbers[name]) for name in _TRADED])] = _NO_NUMBERS
    verdict[~_are_sessions(rows.days)] = _NOT_A_SESSION
    verdict[list(rows.faults)] = _UNREADABLE
    return verdict


def _are_sessions(days: np.ndarray) -> np.ndarray:
    known = (days >= np.datetime64(EARLIEST)) & (days <= np.datetime64(LATEST))
    if known.any():
        inside = days[known]
        calendar = SessionCalendar.between(inside.min().item(), inside.max().item())
        known[known] = calendar.are_sessions(inside)
    return known


def _sorted_and_unique(rows: FileRows, verdict: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """Rows to keep in the order of bars, and of each duplicate the evidence.

    ``verdict`` is marked where a row is one of several of its session that is not kept.
    """
    fit = np.flatnonzero(verdict == _KEPT)
    order = fit[np.lexsort((rows.days[fit], rows.symbols[fit]))]  # stable: files' order in pairs
    symbols, days = rows.symbols[order], rows.days[order]
    again = np.zeros(len(order), dtype=bool)
    again[1:] = (np.diff(symbols) == 0) & (days[1:] == days[:-1])
    evidence: dict[int, str] = {}
    starts = np.flatnonzero(~again)
    for group in np.split(order, starts[1:]) if again.any() else []:
        if len(group) > 1:
            sent = group.tolist()
            numbers = [[float(values[row]) for values in rows.numbers.values()] for row in sent]
            texts = [f"{rows.place(row)}: {_values(rows, row)}" for row in sent]
            for place, text in settled(numbers, texts).refused:
                evidence[sent[place]] = text
    verdict[list(evidence)] = _DUPLICATE
    return order[verdict[order] == _KEPT], evidence


def _refused(rows: FileRows, row: int, verdict: np.ndarray, doubles: dict[int, str]) -> RefusedRow:
    day: date | None = rows.days[row].item()
    reason = _REASONS[verdict[row]]
    if reason == "unreadable":
        why = "; ".join(rows.faults[row])
    elif reason == "not_a_session":
        why = f"{day} ({day:%A}) is no session of XNYS; {_values(rows, row)}"
    elif reason == "no_numbers":
        why = "no open, high, low, close and volume"
    else:
        return rows.names[rows.symbols[row]], day, reason, doubles[row]
    return rows.names[rows.symbols[row]], day, reason, f"{rows.place(row)}: {why}"


def _values(rows: FileRows, row: int) -> str:
    numbers: Sequence[tuple[str, float]] = [
        (name, float(values[row])) for name, values in rows.numbers.items()
    ]
    return ", ".join(f"{name} {value!r}" for name, value in numbers if not np.isnan(value))
