"""Bars and corporate actions from one Parquet or CSV file, refused whole where a row is wrong.

This is what a simulation of a file reads. Stays out: a source of market data whose prices may be
wrong (``file_market``), which shares only ``raw_table``.
"""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from stocker_pipeline.domain.bars import (
    ACTIONS_SCHEMA,
    BARS_SCHEMA,
    validated_actions,
    validated_bars,
)
from stocker_pipeline.domain.cells import Source, numbers_from_text
from stocker_pipeline.domain.errors import InputRefused

_PARQUET, _CSV = (".parquet", ".pq"), (".csv",)
ENDINGS = (*_PARQUET, *_CSV)
_HEADER_LINES = 1
_UNNAMED_INDEX = "__index_level_"
"""How pandas names an index without a name when it writes Parquet."""


def read_bars(path: Path | str) -> pa.Table:
    """The bars of a file as ``BARS_SCHEMA``, sorted by (symbol, session).

    In a CSV, line 1 holds the column names, and messages count lines; an empty volume or adj_close
    is unknown. In a Parquet file row 1 is the first row.

    Raises:
        InputRefused: The file cannot be read, or breaks a rule of ``validated_bars``.
    """
    return _read(Path(path), BARS_SCHEMA, validated_bars)


def read_actions(path: Path | str) -> pa.Table:
    """The corporate actions of a file as ``ACTIONS_SCHEMA``; it may have no rows.

    Raises:
        InputRefused: The file cannot be read, or breaks a rule of ``validated_actions``.
    """
    return _read(Path(path), ACTIONS_SCHEMA, validated_actions)


def raw_table(path: Path, texts: Iterable[str]) -> tuple[pa.Table, int]:
    """A file as it is, and the number of its first row in messages.

    Args:
        path: ``.parquet``, ``.pq`` or ``.csv``.
        texts: Columns of a CSV to read as text, so that nothing is guessed about them; an empty
            cell is null.

    Raises:
        InputRefused: The file cannot be read as a table.
    """
    kind = path.suffix.lower()
    if kind not in ENDINGS:
        _refuse(path, f"a file named {path.name}")
    if path.is_dir():
        _refuse(path, "a directory")
    try:
        if path.stat().st_size == 0:
            _refuse(path, "a file of zero bytes")
        if kind in _CSV:
            return _csv_table(path, texts), 1 + _HEADER_LINES
        return _parquet_table(path), 1
    except FileNotFoundError:
        _refuse(path, "no such file")
    except (OSError, pa.ArrowException) as error:
        _refuse(path, f"a file that cannot be read as {kind[1:]} ({_first_line(error)})")


def _read(path: Path, schema: pa.Schema, validated: Callable[..., pa.Table]) -> pa.Table:
    table, first_row = raw_table(path, schema.names)
    if path.suffix.lower() in _CSV:
        table = _with_numbers(table, schema, Source(str(path), first_row))
    return validated(table, where=str(path), first_row=first_row)


def _parquet_table(path: Path) -> pa.Table:
    # Not read_table: it would take columns from folder names such as symbol=AAPL.
    with pq.ParquetFile(path) as file:
        return _without_row_labels(file.read(), path)


def _csv_table(path: Path, texts: Iterable[str]) -> pa.Table:
    ragged: list[pa.csv.InvalidRow] = []

    def note(row: pa.csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    # Blank lines at the end are harmless; any other would shift the line numbers of messages.
    content = path.read_bytes().rstrip(b"\r\n") + b"\n"
    if not content.strip():
        _refuse(path, "a file of blank lines")
    table = pa.csv.read_csv(
        io.BytesIO(content),
        # Only a single thread counts lines.
        read_options=pa.csv.ReadOptions(use_threads=False),
        parse_options=pa.csv.ParseOptions(ignore_empty_lines=False, invalid_row_handler=note),
        convert_options=pa.csv.ConvertOptions(
            column_types={name: pa.string() for name in texts},
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    if ragged:
        row = ragged[0]
        raise InputRefused(
            f"{row.expected_columns} cells in each line, as in line 1",
            f"{row.actual_columns} cells in {row.text!r} (the first of {len(ragged)} such lines)",
            where=f"{path}, row {row.number}",
            remedy="Correct the line, or remove it.",
        )
    return table


def _with_numbers(table: pa.Table, schema: pa.Schema, source: Source) -> pa.Table:
    """The texts of a CSV with numbers as float64; here errors can name the line."""
    for field in schema:
        if pa.types.is_floating(field.type) and table.column_names.count(field.name) == 1:
            place = table.column_names.index(field.name)
            numbers = numbers_from_text(table, field.name, source)
            table = table.set_column(place, field.name, numbers)
    return table


def _without_row_labels(table: pa.Table, path: Path) -> pa.Table:
    """Without the integer labels that pandas adds when a table was sorted or filtered.

    They say nothing about the market. An index of anything else may be the dates, so it stays.
    """
    for name in table.column_names:
        if name.startswith(_UNNAMED_INDEX):
            if not pa.types.is_integer(table.schema.field(name).type):
                raise InputRefused(
                    "columns with names",
                    f"the pandas index without a name, of type {table.schema.field(name).type}",
                    where=f"{path}, column {name}",
                    remedy='Name it before writing: df.index.name = "session" (or "symbol").',
                )
            table = table.drop_columns([name])
    return table


def _refuse(path: Path, received: str) -> NoReturn:
    raise InputRefused(
        f"a readable file that ends in {', '.join(ENDINGS)}",
        received,
        where=str(path),
        remedy="Check the path, and write the file again if it is damaged.",
    )


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
