"""The rows of files laid out somehow, with what cannot be read of them noted row by row.

Belongs here: which columns are wanted, and how a cell becomes a date or a number. A fault of the
table as a whole (columns, types, symbols) is refused. Stays out: which rows make bars
(``file_market``) and whether their prices are right.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.cells import Rule, Source, date_cells, number_cells, refuse_broken
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.portfolio import SYMBOL_PATTERN
from stocker_pipeline.gateways.market_data.files import raw_table

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[Nn][Aa][Nn]$"
_SYMBOL = "symbol"
_SESSION = "session"


@dataclass(frozen=True)
class FileRows:
    """Rows of one or more files, in the files' order.

    Attributes:
        symbols: Each row's symbol as its place among ``names``.
        names: Symbols, sorted.
        days: datetime64[D]; NaT = unreadable.
        numbers: Column → float64; NaN = empty or unreadable.
        texts: Column → text; None = empty.
        faults: Row → each cell of it that cannot be read.
        files: Of each file its name, the number of its first row, and which of our rows that is.
    """

    symbols: np.ndarray
    names: list[str]
    days: np.ndarray
    numbers: Mapping[str, np.ndarray]
    texts: Mapping[str, list[str | None]]
    faults: Mapping[int, list[str]]
    files: Sequence[tuple[str, int, int]]

    def place(self, row: int) -> str:
        """Where a row is, for messages: file and row."""
        name, first_row, start = next(file for file in reversed(self.files) if file[2] <= row)
        return f"{name}, row {first_row + row - start}"


def file_rows(
    paths: Sequence[Path],
    columns: Mapping[str, str | None],
    *,
    texts: Collection[str] = (),
    optional: Collection[str] = (),
    date_format: str,
    other_columns: str,
) -> FileRows:
    """Read files of one layout.

    Args:
        columns: Our name → the file's; None = not there. ``symbol`` None: the file's own name.
        texts: Those of our names that hold words; all but symbol and session are numbers else.
        optional: Those of our names whose column may be absent; they are then NaN.
        date_format: Of dates written as text.
        other_columns: ``refused`` | ``ignored``.

    Raises:
        InputRefused: A file cannot be read, lacks a column or has one twice, or has one of another
            kind than wanted; a symbol is not of the form that symbols have.
    """
    parts = [_read(path, columns, texts, optional, date_format, other_columns) for path in paths]
    starts = np.cumsum([0, *(len(part.days) for part in parts)]).tolist()
    symbols = pa.chunked_array([part.symbols for part in parts], pa.string())
    encoded = symbols.combine_chunks().dictionary_encode()
    found = encoded.dictionary.to_pylist()
    names = sorted(found)
    place = {name: i for i, name in enumerate(names)}
    rank = np.array([place[name] for name in found], dtype=np.int64)
    return FileRows(
        symbols=rank[encoded.indices.to_numpy()] if len(found) else np.empty(0, np.int64),
        names=names,
        days=np.concatenate([part.days for part in parts]),
        numbers={
            name: np.concatenate([part.numbers[name] for part in parts])
            for name in parts[0].numbers
        },
        texts={name: [cell for part in parts for cell in part.texts[name]] for name in texts},
        faults={
            row + start: fault
            for part, start in zip(parts, starts[:-1], strict=True)
            for row, fault in part.faults.items()
        },
        files=[
            (path.name, part.first_row, start)
            for path, part, start in zip(paths, parts, starts[:-1], strict=True)
        ],
    )


@dataclass(frozen=True)
class _Part:
    """The rows of one file."""

    first_row: int
    symbols: pa.Array
    days: np.ndarray
    numbers: dict[str, np.ndarray]
    texts: dict[str, list[str | None]]
    faults: dict[int, list[str]]


def _read(
    path: Path,
    columns: Mapping[str, str | None],
    texts: Collection[str],
    optional: Collection[str],
    date_format: str,
    other_columns: str,
) -> _Part:
    wanted = {ours: theirs for ours, theirs in columns.items() if theirs is not None}
    table, first_row = raw_table(path, wanted.values())
    source = Source(str(path), first_row)
    _refuse_columns(table, wanted, optional, other_columns, source)
    faults: dict[int, list[str]] = {}
    numbers: dict[str, np.ndarray] = {}
    for ours in columns:
        if ours in (_SYMBOL, _SESSION, *texts):
            continue
        if wanted.get(ours) in table.column_names:
            numbers[ours] = _numbers(table, wanted[ours], source, faults)
        else:
            numbers[ours] = np.full(table.num_rows, np.nan)
    return _Part(
        first_row,
        _symbols(table, wanted.get(_SYMBOL), path, source),
        _days(table, wanted[_SESSION], date_format, source, faults),
        numbers,
        {ours: _one_array(table, wanted[ours]).cast(pa.string()).to_pylist() for ours in texts},
        faults,
    )


def _refuse_columns(
    table: pa.Table,
    wanted: Mapping[str, str],
    optional: Collection[str],
    other_columns: str,
    source: Source,
) -> None:
    names = table.column_names
    required = [theirs for ours, theirs in wanted.items() if ours not in optional]
    unknown = [repr(name) for name in names if name not in wanted.values()]
    faults = {
        "missing": [name for name in required if name not in names],
        "there more than once": sorted(
            {name for name in names if names.count(name) > 1 and name in wanted.values()}
        ),
        "unknown": unknown if other_columns == "refused" else [],
    }
    received = "; ".join(f"{', '.join(them)} {how}" for how, them in faults.items() if them)
    if received:
        raise InputRefused(
            f"the columns {', '.join(wanted.values())}",
            received,
            where=f"{source.where}, column names",
            remedy="Correct the columns, or name them in a mapping.yaml beside the file.",
        )


def _symbols(table: pa.Table, column: str | None, path: Path, source: Source) -> pa.Array:
    if column is None:
        symbols = pa.repeat(pa.scalar(path.stem, pa.string()), table.num_rows)
    else:
        symbols = _one_array(table, column)
        if not (_is_text(symbols.type) or len(symbols) == symbols.null_count):
            raise InputRefused(
                "symbols as text",
                f"a column of type {symbols.type}",
                where=f"{source.where}, column {column}",
                remedy="Convert the column before writing the file.",
            )
        symbols = symbols.cast(pa.string())
    encoded = symbols.dictionary_encode()
    unfit = [re.fullmatch(SYMBOL_PATTERN, name) is None for name in encoded.dictionary.to_pylist()]
    broken = symbols.is_null().to_numpy(zero_copy_only=False)
    if any(unfit):
        bad = np.flatnonzero(unfit)
        broken = broken | np.isin(encoded.indices.fill_null(-1).to_numpy(), bad)
    rule = Rule(
        column or "names of files",
        f"a symbol that matches {SYMBOL_PATTERN.strip('^$')}",
        broken,
        lambda row: repr(symbols[row].as_py()) if symbols[row].is_valid else "an empty cell",
        "Write it in capitals, at most ten characters, as the exchange does.",
    )
    refuse_broken([rule], source)
    return symbols


def _days(
    table: pa.Table, name: str, date_format: str, source: Source, faults: dict[int, list[str]]
) -> np.ndarray:
    """Dates of the format given; date columns are what they are."""
    column = _one_array(table, name)
    if pa.types.is_integer(column.type):  # such as 20040102
        column = column.cast(pa.string())
    if not _is_text(column.type):
        return _typed_days(table, name, source, faults)
    encoded = column.cast(pa.string()).dictionary_encode()
    known = [_day(text, date_format) for text in encoded.dictionary.to_pylist()]
    days = np.array([*known, None], dtype="datetime64[D]")  # None, the last, is an empty cell
    found: np.ndarray = days[encoded.indices.fill_null(len(known)).to_numpy()]
    for row in np.flatnonzero(np.isnat(found)).tolist():
        _note(faults, row, name, column[row].as_py(), f"wanted a date as {date_format}")
    return found


def _typed_days(
    table: pa.Table, name: str, source: Source, faults: dict[int, list[str]]
) -> np.ndarray:
    column = _one_array(table, name)
    empty = column.is_null().to_numpy(zero_copy_only=False)
    if empty.all():
        days = np.full(len(column), np.datetime64("NaT", "D"))
    else:
        filled = column.fill_null(column.drop_null()[0])
        days = date_cells(pa.table({name: filled}), name, source).copy()
        days[empty] = np.datetime64("NaT", "D")
    for row in np.flatnonzero(empty).tolist():
        _note(faults, row, name, None, "wanted a date")
    return days


@lru_cache(maxsize=50_000)
def _day(text: str, date_format: str) -> date | None:
    try:
        return datetime.strptime(text, date_format).date()  # noqa: DTZ007
    except ValueError:
        return None


def _numbers(
    table: pa.Table, name: str, source: Source, faults: dict[int, list[str]]
) -> np.ndarray:
    """Numbers, NaN where there is none; a text or an infinity in a row is noted."""
    column = _one_array(table, name)
    unreadable = np.zeros(len(column), dtype=bool)
    if _is_text(column.type):
        column = column.cast(pa.string())
        readable = pc.match_substring_regex(column, _NUMBER)
        unreadable = pc.invert(readable).fill_null(False).to_numpy(zero_copy_only=False)
        texts = pc.if_else(readable, column, pa.scalar(None, pa.string()))
        numbers = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    else:
        numbers = number_cells(table, name, source)
    infinite = np.isinf(numbers)
    for row in np.flatnonzero(unreadable | infinite).tolist():
        _note(faults, row, name, column[row].as_py(), "wanted a finite number")
    return np.where(infinite, np.nan, numbers)


def _note(faults: dict[int, list[str]], row: int, name: str, value: object, wanted: str) -> None:
    received = "an empty cell" if value is None else repr(value)[:80]
    faults.setdefault(row, []).append(f"column {name}: {wanted}, received {received}")


def _one_array(table: pa.Table, name: str) -> pa.Array:
    """A column as one array, without dictionary."""
    column = table[name].combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # as which a column without rows may come back
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()
