"""Reading and replacing ranges of Delta tables. A table version is a data version."""

import re
from collections.abc import Iterable, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.domain.portfolio import SYMBOL_PATTERN
from stocker_pipeline.lake.schemas import DATASETS, Dataset

_PORTFOLIO_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
_COMMIT_ATTEMPTS = 5


class Lake:
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

    def version(self, dataset: Dataset) -> int | None:
        """The table's current version, None before its first write."""
        table = self._open(dataset)
        return None if table is None else table.version()

    def versions(self, datasets: Iterable[Dataset]) -> dict[str, int]:
        """Current versions by table name; −1 for a table that does not exist yet."""
        found = {dataset.name: self.version(dataset) for dataset in datasets}
        return {name: -1 if version is None else version for name, version in found.items()}

    def ensure_tables(self) -> None:
        """Create the tables that are missing, empty, so that every reader finds them all."""
        for dataset in DATASETS:
            if self._open(dataset) is None:
                self._create(dataset)

    def read(
        self,
        dataset: Dataset,
        *,
        portfolio: str | None = None,
        symbols: Sequence[str] | None = None,
        first: date | None = None,
        last: date | None = None,
        columns: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Rows of a range of sessions (both ends included), sorted by the table's key.

        Args:
            version: Read the table as of this version; None = now.
        """
        wanted = list(columns) if columns else dataset.schema.names
        table = self._open(dataset, version)
        if table is None:
            return pa.schema([dataset.schema.field(name) for name in wanted]).empty_table()
        condition = _condition(portfolio, symbols, first, last)
        rows = table.to_pyarrow_dataset().to_table(
            filter=condition, columns=list(dict.fromkeys([*wanted, *dataset.key]))
        )
        order = [(name, "ascending") for name in dataset.key]
        schema = pa.schema([dataset.schema.field(name) for name in wanted])
        return rows.sort_by(order).select(wanted).cast(schema)

    def replace(
        self,
        dataset: Dataset,
        rows: pa.Table,
        *,
        first: date,
        last: date | None = None,
        portfolio: str | None = None,
        symbols: Sequence[str] | None = None,
    ) -> int:
        """Put ``rows`` in place of a range of sessions, in one commit; returns the new version.

        Args:
            rows: Columns of the dataset, ``portfolio`` excepted, which is added.
            last: End of the range; None = everything from ``first`` on is replaced.

        Raises:
            InputRefused: A row lies outside the range or is there twice. Nothing was written.
        """
        if portfolio is not None:
            rows = rows.add_column(
                0, "portfolio", pa.array([portfolio] * rows.num_rows, pa.string())
            )
        rows = rows.select(dataset.schema.names).cast(dataset.schema)
        self._refuse_misplaced(dataset, rows, first, last)
        predicate = _predicate(portfolio, symbols, first, last)
        for attempt in range(_COMMIT_ATTEMPTS):
            table = self._open(dataset) or self._create(dataset)
            try:
                write_deltalake(table, rows, mode="overwrite", predicate=predicate)
                break
            except CommitFailedError:
                # Another portfolio's run committed between our read and our write.
                if attempt == _COMMIT_ATTEMPTS - 1:
                    raise
        version = self.version(dataset)
        assert version is not None
        return version

    def _refuse_misplaced(
        self, dataset: Dataset, rows: pa.Table, first: date, last: date | None
    ) -> None:
        sessions = rows["session"]
        if rows.num_rows:
            low, high = pc.min(sessions).as_py(), pc.max(sessions).as_py()
            if low < first or (last is not None and high > last):
                raise InputRefused(
                    f"sessions from {first} to {last or 'the end'}",
                    f"{low} to {high}",
                    where=f"rows for the table {dataset.name}",
                    remedy="Replace the range that the rows cover.",
                )
        groups = rows.group_by(list(dataset.key)).aggregate([([], "count_all")])
        if groups.num_rows != rows.num_rows:
            twice = groups.filter(pc.greater(groups["count_all"], 1)).slice(0, 1).to_pylist()[0]
            raise InputRefused(
                f"each {', '.join(dataset.key)} once",
                str({name: str(twice[name]) for name in dataset.key}),
                where=f"rows for the table {dataset.name}",
                remedy="Remove the repeated row.",
            )

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
        )


def _condition(
    portfolio: str | None, symbols: Sequence[str] | None, first: date | None, last: date | None
) -> pc.Expression | None:
    parts = []
    if portfolio is not None:
        parts.append(pc.field("portfolio") == portfolio)
    if symbols is not None:
        parts.append(pc.field("symbol").isin(list(symbols)))
    if first is not None:
        parts.append(pc.field("session") >= pa.scalar(first, pa.date32()))
    if last is not None:
        parts.append(pc.field("session") <= pa.scalar(last, pa.date32()))
    condition = None
    for part in parts:
        condition = part if condition is None else condition & part
    return condition


def _predicate(
    portfolio: str | None, symbols: Sequence[str] | None, first: date, last: date | None
) -> str:
    """The range as Delta's SQL; every name is checked first, for there is no way to bind it."""
    parts = [f"session >= CAST('{first.isoformat()}' AS DATE)"]
    if last is not None:
        parts.append(f"session <= CAST('{last.isoformat()}' AS DATE)")
    if portfolio is not None:
        parts.insert(0, f"portfolio = '{_plain(portfolio, _PORTFOLIO_PATTERN, 'portfolio')}'")
    if symbols is not None:
        names = ", ".join(f"'{_plain(name, SYMBOL_PATTERN, 'symbol')}'" for name in symbols)
        parts.append(f"symbol IN ({names})")
    return " AND ".join(parts)


def _plain(name: str, pattern: str, what: str) -> str:
    if not re.fullmatch(pattern.removesuffix("$"), name):
        raise ConfigurationRefused(
            f"a {what} that matches {pattern}", repr(name), where=what, remedy="Rename it."
        )
    return name
