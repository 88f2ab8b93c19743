"""Appending to and replacing ranges of Delta tables. A table version is a data version."""

import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.domain.portfolio import SYMBOL_PATTERN
from stocker_pipeline.lake.reader import Reader, Snapshot, range_condition
from stocker_pipeline.lake.schemas import DATASETS, Dataset
from stocker_pipeline.lake.versions import latest, news

_PORTFOLIO_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
_COMMIT_ATTEMPTS = 10
_AS_SEEN = CommitProperties(max_commit_retries=0)
"""Commit only behind the version that was read. Delta itself would put an append behind whatever
another writer appended meanwhile, even the same rows."""
_KEEP_VERSIONS = PostCommitHookProperties(cleanup_expired_logs=False)
"""Delta drops the log of versions older than 30 days at every hundredth commit, and nobody could
read them again. A backtest names the versions it stands on, so they stay."""
_FILES_MAX = 32
"""A day adds a file, and every read opens all of them: 1 ms each, a second after a year."""


class TableMovedOn(Exception):
    """Another writer committed since the version that a replacement was computed from."""


class Appended(NamedTuple):
    """What an append wrote.

    Attributes:
        rows: The new versions.
        known: For each row, whether there was a version of it before; bool.
    """

    rows: pa.Table
    known: np.ndarray


class Lake(Reader):
    """The tables under one root: a local directory or an object-store address.

    Args:
        root: Directory, or ``s3://bucket/prefix``.
        storage_options: Passed to the object store; empty for a local directory.
    """

    def __init__(self, root: str, storage_options: dict[str, str] | None = None) -> None:
        self.root = root.rstrip("/")
        self._options = storage_options or {}

    def uri(self, dataset: Dataset) -> str:
        """Where a table lives."""
        return f"{self.root}/{dataset.name}"

    def snapshot(self, datasets: Iterable[Dataset]) -> Snapshot:
        """The tables as they are now, opened in the order given."""
        return Snapshot({dataset.name: self._open(dataset) for dataset in datasets})

    def ensure_tables(self, datasets: Iterable[Dataset] = DATASETS) -> None:
        """Create the tables that are missing, empty, so that every reader finds them all."""
        for dataset in datasets:
            if self._open(dataset) is None:
                self._create(dataset)

    def append(self, dataset: Dataset, rows: pa.Table, *, at: datetime) -> Appended:
        """Add those of ``rows`` that say something else than the current versions, in one commit.

        What another writer added meanwhile is read before every attempt, so that a version is
        never there twice.

        Args:
            dataset: A table of versions.
            at: The instant that dates a row which contradicts a version as new as itself.

        Raises:
            InputRefused: A row is there twice. Nothing was written.
        """
        rows = rows.select(dataset.schema.names).cast(dataset.schema).combine_chunks()
        _refuse_repeated(dataset, rows, dataset.identity)
        if rows.num_rows == 0:
            return Appended(rows, np.zeros(0, bool))
        condition = _condition_around(dataset, rows)
        for attempt in range(_COMMIT_ATTEMPTS):
            table = self._open(dataset) or self._create(dataset)
            current = latest(self._scan(table, dataset, condition, None), dataset)
            fresh = Appended(*news(rows, current, dataset, at))
            if fresh.rows.num_rows == 0:
                return fresh
            try:
                write_deltalake(
                    table,
                    fresh.rows,
                    mode="append",
                    commit_properties=_AS_SEEN,
                    **_how(table, dataset),
                )
                break
            except CommitFailedError:
                if attempt == _COMMIT_ATTEMPTS - 1:
                    raise
        _join_small_files(table)
        return fresh

    def replace(
        self,
        dataset: Dataset,
        rows: pa.Table,
        *,
        first: date | None = None,
        last: date | None = None,
        portfolio: str | None = None,
        symbols: Collection[str] | None = None,
        seen: int | None = None,
    ) -> int:
        """Put ``rows`` in place of a range, in one commit; returns the new version.

        Without a range that is the whole table.

        Args:
            dataset: A table without versions.
            rows: Columns of the dataset, ``portfolio`` excepted, which is added.
            first: Begin of the range of sessions; None = from the first one on.
            last: End of the range; None = everything from ``first`` on is replaced.
            symbols: Whose rows; None = those of every symbol.
            seen: Write only where the table is still at this version; None = whatever it is at.

        Raises:
            InputRefused: A row lies outside the range or is there twice. Nothing was written.
            TableMovedOn: The table is not at ``seen`` any more. Nothing was written.
        """
        if portfolio is not None:
            rows = rows.add_column(
                0, "portfolio", pa.array([portfolio] * rows.num_rows, pa.string())
            )
        elif dataset.per_portfolio:
            raise ValueError(f"wanted whose rows of {dataset.name} to replace; received no name")
        rows = rows.select(dataset.schema.names).cast(dataset.schema)
        if first is not None:
            _refuse_misplaced(dataset, rows, first, last)
        _refuse_repeated(dataset, rows, dataset.key)
        predicate = _predicate(portfolio, symbols, first, last)
        for attempt in range(_COMMIT_ATTEMPTS):
            table = self._open(dataset) or self._create(dataset)
            if seen is not None and table.version() != seen:
                raise TableMovedOn(f"{dataset.name} is at {table.version()}, not at {seen}")
            try:
                write_deltalake(
                    table,
                    rows,
                    mode="overwrite",
                    predicate=predicate,
                    commit_properties=None if seen is None else _AS_SEEN,
                    **_how(table, dataset),
                )
                break
            except CommitFailedError:
                # Another run committed between our read and our write.
                if attempt == _COMMIT_ATTEMPTS - 1:
                    raise
        _join_small_files(table)
        # Delta moves the object on with what it commits; to open it again reads the log again.
        return table.version()

    def _open(self, dataset: Dataset, version: int | None = None) -> DeltaTable | None:
        try:
            return DeltaTable(self.uri(dataset), version=version, storage_options=self._options)
        except TableNotFoundError:
            return None

    def _create(self, dataset: Dataset) -> DeltaTable:
        return DeltaTable.create(
            self.uri(dataset),
            dataset.schema,
            mode="ignore",
            partition_by=["portfolio"] if dataset.per_portfolio else None,
            storage_options=self._options,
            configuration={"delta.enableExpiredLogCleanup": "false"},
        )


def _join_small_files(table: DeltaTable) -> None:
    """Put the rows of many files into one, as a version with the same rows.

    The files stay where they are: versions before are read from them.
    """
    if len(table.file_uris()) <= _FILES_MAX:
        return
    # Left to the next write where another writer came in between.
    with suppress(CommitFailedError):
        table.optimize.compact(post_commithook_properties=_KEEP_VERSIONS)


def _how(table: DeltaTable, dataset: Dataset) -> dict[str, Any]:
    """How every write is done: versions stay, and a column that the table lacks is added to it."""
    stored = {field.name for field in table.schema().fields}
    lacking = not stored.issuperset(dataset.schema.names)
    merged = {"schema_mode": "merge"} if lacking else {}
    return {"post_commithook_properties": _KEEP_VERSIONS, **merged}


def _refuse_misplaced(dataset: Dataset, rows: pa.Table, first: date, last: date | None) -> None:
    if rows.num_rows == 0:
        return
    low, high = pc.min_max(rows["session"]).as_py().values()
    if low < first or (last is not None and high > last):
        raise InputRefused(
            f"sessions from {first} to {last or 'the end'}",
            f"{low} to {high}",
            where=f"rows for the table {dataset.name}",
            remedy="Replace the range that the rows cover.",
        )


def _refuse_repeated(dataset: Dataset, rows: pa.Table, names: Sequence[str]) -> None:
    if not names:
        return
    groups = rows.group_by(list(names)).aggregate([([], "count_all")])
    if groups.num_rows != rows.num_rows:
        twice = groups.filter(pc.greater(groups["count_all"], 1)).slice(0, 1).to_pylist()[0]
        raise InputRefused(
            f"each {', '.join(names)} once",
            str({name: str(twice[name]) for name in names}),
            where=f"rows for the table {dataset.name}",
            remedy="Remove the repeated row.",
        )


def _condition_around(dataset: Dataset, rows: pa.Table) -> pc.Expression | None:
    """A range that holds every version of ``rows``."""
    symbols = first = last = None
    if "symbol" in dataset.identity:
        symbols = pc.unique(rows["symbol"]).to_pylist()
    if "session" in dataset.identity:
        first, last = pc.min_max(rows["session"]).as_py().values()
    return range_condition(dataset, None, symbols, first, last, None)


def _predicate(
    portfolio: str | None,
    symbols: Collection[str] | None,
    first: date | None,
    last: date | None,
) -> str | None:
    """The range as Delta's SQL; every name is checked first, for there is no way to bind it."""
    parts = []
    if portfolio is not None:
        parts.append(f"portfolio = '{_plain(portfolio, _PORTFOLIO_PATTERN, 'portfolio')}'")
    if first is not None:
        parts.append(f"session >= CAST('{first.isoformat()}' AS DATE)")
    if last is not None:
        parts.append(f"session <= CAST('{last.isoformat()}' AS DATE)")
    if symbols is not None:
        names = ", ".join(f"'{_plain(name, SYMBOL_PATTERN, 'symbol')}'" for name in symbols)
        parts.append(f"symbol IN ({names})")
    return " AND ".join(parts) or None


def _plain(name: str, pattern: str, what: str) -> str:
    if not re.fullmatch(pattern.removesuffix("$"), name):
        raise ConfigurationRefused(
            f"a {what} that matches {pattern}", repr(name), where=what, remedy="Rename it."
        )
    return name
