"""The DuckDB file that dbt writes: opening it to read, and who is in the way.

DuckDB lets one process write a file, or several read it, never both. Stays out: what is in it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stocker_pipeline.domain.errors import InputRefused, StockerError

if TYPE_CHECKING:
    import duckdb


class WarehouseBusy(StockerError):
    """Another process has the file open. Nothing was read or written; try again when it is done."""


@contextmanager
def opened_warehouse(path: Path) -> Iterator["duckdb.DuckDBPyConnection"]:
    """The marts, to read.

    Raises:
        InputRefused: There are no marts yet.
        WarehouseBusy: They are being written at this moment.
    """
    refuse_missing(path)
    with _connected(path, read_only=True) as connection:
        yield connection


def refuse_missing(path: Path) -> None:
    """Nothing, where there are marts.

    Raises:
        InputRefused: There are none yet.
    """
    if not path.exists():
        raise InputRefused(
            "marts that were built",
            "no file",
            where=str(path),
            remedy="Build them: stocker marts, or the job marts in the Dagster UI.",
        )


def refuse_in_use(path: Path) -> None:
    """Nothing, where the file can be written now; a file that is not there can be.

    Raises:
        WarehouseBusy: Another process reads or writes it.
    """
    if path.exists():
        with _connected(path, read_only=False):
            pass


@contextmanager
def _connected(path: Path, *, read_only: bool) -> Iterator["duckdb.DuckDBPyConnection"]:
    import duckdb

    try:
        connection = duckdb.connect(path, read_only=read_only)
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise
        raise _busy(path, str(error), "read" if read_only else "write") from error
    try:
        yield connection
    finally:
        connection.close()


def _busy(path: Path, said: str, verb: str) -> WarehouseBusy:
    holder = re.search(r"held in (\S+).*?\(PID (\d+)\)", said)
    who = f"process {holder[2]} ({Path(holder[1]).name})" if holder else "another process"
    return WarehouseBusy(
        f"the warehouse to {verb}, which no other process may have open meanwhile",
        f"a file that {who} has open",
        where=str(path),
        remedy="Wait until that process is done, or end it: a build of marts, a notebook or a"
        " database browser. To look at the marts while they are rebuilt, open a copy of the file.",
    )
