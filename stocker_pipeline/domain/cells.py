"""Read the columns of a table that somebody else wrote, and refuse its first wrong cell by name.

Belongs here: which column types stand for text, dates and numbers, and how a wrong cell is named.
Stays out: which values are right (``bars``), and how a file becomes a table.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import parsed_date

_FIRST_DAY, _LAST_DAY = np.datetime64("0001-01-01"), np.datetime64("9999-12-31")
_UNITS_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


@dataclass(frozen=True)
class Source:
    """What a table was read from, for naming its cells.

    Attributes:
        where: The file or table, as its reader knows it.
        first_row: The number of the table's first row: 1, or 2 where row 1 is a header line.
    """

    where: str
    first_row: int = 1

    def cell(self, row: int, column: str) -> str:
        """Where a cell is; ``row`` counts from 0 in the table."""
        return f"{self.where}, row {self.first_row + row}, column {column}"


@dataclass(frozen=True)
class Rule:
    """A bound on a column, and the rows that break it.

    Attributes:
        column: The column to name.
        wanted: The bound in full words.
        broken: Per row whether it is broken; bool.
        received: The text of the value in a row.
        remedy: What to do.
    """

    column: str
    wanted: str
    broken: np.ndarray
    received: Callable[[int], str]
    remedy: str


def refuse_broken(rules: Sequence[Rule], source: Source) -> None:
    """Refuse the first row that breaks any rule, and say how many rows break one.

    Raises:
        InputRefused: Names file, row, column, value and bound. Where one row breaks several
            rules, the first of them in the order given.
    """
    broken = [rule for rule in rules if rule.broken.any()]
    if not broken:
        return
    count = int(np.logical_or.reduce([rule.broken for rule in broken]).sum())
    worst = min(broken, key=lambda rule: int(rule.broken.argmax()))
    row = int(worst.broken.argmax())
    more = "the only wrong row" if count == 1 else f"the first of {count:,} wrong rows"
    raise InputRefused(
        worst.wanted,
        f"{worst.received(row)} ({more})",
        where=source.cell(row, worst.column),
        remedy=worst.remedy,
    )


def refuse_columns(
    table: pa.Table, schema: pa.Schema, source: Source, *, optional: Sequence[str] = ()
) -> None:
    """Refuse a table whose columns are not those of ``schema``; their order is free.

    Raises:
        InputRefused: Columns are missing, unknown or there twice; all of them are named.
    """
    required = [name for name in schema.names if name not in optional]
    wanted = f"the columns {', '.join(required)}"
    if optional:
        wanted += f" and, if known, {', '.join(optional)}"
    names = table.column_names
    faults = {
        "missing": [name for name in required if name not in names],
        "unknown": [repr(name) for name in names if name not in schema.names],
        "there more than once": sorted({name for name in names if names.count(name) > 1}),
    }
    received = "; ".join(f"{', '.join(them)} {how}" for how, them in faults.items() if them)
    if received:
        raise InputRefused(
            wanted,
            received,
            where=f"{source.where}, column names",
            remedy="Rename, add or remove the columns; names are lower case.",
        )


def text_cells(table: pa.Table, name: str, source: Source) -> pa.Array:
    """A column of text without empty cells, as one array of strings.

    Raises:
        InputRefused: The column holds something else, or a cell is empty.
    """
    column = _one_array(table, name)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if len(column) and not (_is_text(kind) or pa.types.is_null(kind)):
        _refuse_type(column, name, "text", source)
    column = column.cast(pa.string())
    refuse_broken([_empty(column, name, "text")], source)
    return column


def date_cells(table: pa.Table, name: str, source: Source) -> np.ndarray:
    """A column of dates without empty cells, as datetime64[D].

    Dates, ISO texts, and timestamps at midnight that claim no time zone are dates.

    Raises:
        InputRefused: A cell is empty, or is anything else.
    """
    column = _one_array(table, name)
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if len(column) == 0 or pa.types.is_null(kind):
        refuse_broken([_empty(column, name, "a date")], source)
        return np.empty(0, dtype="datetime64[D]")
    if _is_text(kind):
        return _dates_from_text(column.cast(pa.string()), name, source)
    refuse_broken([_empty(column, name, "a date")], source)
    if pa.types.is_date32(kind):
        return _days(column.view(pa.int32()).to_numpy().astype(np.int64), name, source)
    if pa.types.is_date64(kind):
        return _whole_days(column, name, _UNITS_PER_DAY["ms"], source)
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return _whole_days(column, name, _UNITS_PER_DAY[kind.unit], source)
    _refuse_type(
        column,
        name,
        "dates: a date column, ISO text (2004-01-02) or timestamps at midnight without time zone",
        source,
    )


def number_cells(table: pa.Table, name: str, source: Source) -> np.ndarray:
    """A column of numbers as float64; an empty cell is NaN.

    Raises:
        InputRefused: The column holds something else; text is never read as a number.
    """
    column = _one_array(table, name)
    kind = column.type
    if len(column) == 0 or pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        _refuse_type(column, name, "numbers", source)
    # Integers beyond 2^53 lose their last digits here, as in every float64 column.
    return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def numbers_from_text(table: pa.Table, name: str, source: Source) -> pa.Array:
    """A column of text, such as of a CSV, as float64; an empty cell is null.

    Raises:
        InputRefused: A cell is no number.
    """
    column = _one_array(table, name)
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        refuse_broken([_no_number(column, name)], source)
        raise


def _one_array(table: pa.Table, name: str) -> pa.Array:
    column = table[name].combine_chunks()
    # Without rows, combine_chunks may hand back a ChunkedArray.
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()


def _empty(column: pa.Array, name: str, what: str) -> Rule:
    return Rule(
        name,
        f"{what} in every row",
        column.is_null().to_numpy(zero_copy_only=False),
        lambda row: "an empty cell",
        "Fill the cell, or leave the row out.",
    )


def _no_number(column: pa.Array, name: str) -> Rule:
    return Rule(
        name,
        "a number, such as 1234.5",
        np.array([value is not None and not _is_number(value) for value in column.to_pylist()]),
        lambda row: f"the text {column[row].as_py()!r}",
        "Write plain digits with a decimal point, without separators or units.",
    )


def _is_number(text: str) -> bool:
    try:
        pa.scalar(text).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _dates_from_text(column: pa.Array, name: str, source: Source) -> np.ndarray:
    refuse_broken([_empty(column, name, "a date")], source)
    encoded = column.dictionary_encode()
    days: list[date | None] = []
    for text in encoded.dictionary.to_pylist():
        try:
            days.append(parsed_date(text, where=source.where))
        except InputRefused:
            days.append(None)
    codes = encoded.indices.to_numpy()
    unreadable = np.array([day is None for day in days])[codes]
    rule = Rule(
        name,
        "a date as YYYY-MM-DD",
        unreadable,
        lambda row: f"the text {column[row].as_py()!r}",
        "Write it like 2004-01-02.",
    )
    refuse_broken([rule], source)
    return np.array(days, dtype="datetime64[D]")[codes]


def _whole_days(column: pa.Array, name: str, units_per_day: int, source: Source) -> np.ndarray:
    ticks = column.view(pa.int64()).to_numpy(zero_copy_only=False)
    days, within = np.divmod(ticks, units_per_day)
    rule = Rule(
        name,
        "a date, or a timestamp at midnight",
        within != 0,
        lambda row: str(pc.cast(column.slice(row, 1), pa.string())[0]),
        "Write the trading date alone; a daily bar has no time of day.",
    )
    refuse_broken([rule], source)
    return _days(days, name, source)


def _days(since_1970: np.ndarray, name: str, source: Source) -> np.ndarray:
    days = since_1970.astype("datetime64[D]")
    rule = Rule(
        name,
        f"a date from {_FIRST_DAY} to {_LAST_DAY}",
        (days < _FIRST_DAY) | (days > _LAST_DAY),
        lambda row: f"the day {since_1970[row]:,} days from 1970-01-01",
        "Correct the date; its unit may have been mistaken when the file was written.",
    )
    refuse_broken([rule], source)
    return days


def _refuse_type(column: pa.Array, name: str, wanted: str, source: Source) -> NoReturn:
    if _is_text(column.type):
        refuse_broken([_no_number(column, name)], source)
    row = int(column.is_valid().to_numpy(zero_copy_only=False).argmax())
    try:
        value = re.sub(r"\s+", " ", repr(column[row].as_py()))[:80]
    except (OverflowError, ValueError):  # such as a timestamp in the year 100,000
        value = "a value out of range"
    raise InputRefused(
        wanted,
        f"{value}, in a column of type {column.type}",
        where=source.cell(row, name),
        remedy="Convert the whole column before writing the file.",
    )
