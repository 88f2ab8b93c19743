"""Bars and corporate actions from a user's Parquet or CSV file."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from stocker_pipeline.domain.bars import validated_actions, validated_bars
from stocker_pipeline.domain.errors import InputRefused

_INDEX_PREFIX = "__index_level_"
"""Pandas stores an unnamed index under such a column; it is no data of the user's."""


def read_bars(path: Path) -> pa.Table:
    """Checked bars: symbol, session, open, high, low, close, volume[, adj_close].

    Raises:
        InputRefused: The file cannot be read, or the first row that breaks a rule.
    """
    return _checked(path, validated_bars)


def read_actions(path: Path) -> pa.Table:
    """Checked corporate actions: symbol, session, split, dividend.

    Raises:
        InputRefused: The file cannot be read, or the first row that breaks a rule.
    """
    return _checked(path, validated_actions)


def _checked(path: Path, validate: Callable[..., pa.Table]) -> pa.Table:
    table, first_row = _read(path)
    names = [name for name in table.column_names if not name.startswith(_INDEX_PREFIX)]
    return validate(table.select(names), where=str(path), first_row=first_row)


def _read(path: Path) -> tuple[pa.Table, int]:
    """The file's table, and the number its first data row has for a reader."""
    if not path.is_file():
        received = "a directory" if path.is_dir() else "nothing there"
        raise InputRefused(
            "a Parquet or CSV file", received, where=str(path), remedy="Correct the path."
        )
    if path.stat().st_size == 0:
        raise InputRefused(
            "a file with rows", "an empty file", where=str(path), remedy="Write it again."
        )
    try:
        if path.suffix.lower() == ".csv":
            # The header is line 1 of a CSV.
            return pacsv.read_csv(path), 2
        return pq.ParquetFile(path).read(), 1
    except (pa.ArrowInvalid, pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputRefused(
            "a readable Parquet or CSV file",
            str(error).splitlines()[0],
            where=str(path),
            remedy="Write it again, or correct the path.",
        ) from None
