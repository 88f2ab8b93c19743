"""Reading ranges of Delta tables, now or as of an instant."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.lake.schemas import Dataset
from stocker_pipeline.lake.versions import in_key_order, latest


class Reader(ABC):
    """What can be asked of tables, wherever ``_open`` finds them."""

    def version(self, dataset: Dataset) -> int | None:
        """The table's current version, None before its first write."""
        table = self._open(dataset)
        return None if table is None else table.version()

    def versions(self, datasets: Iterable[Dataset]) -> dict[str, int]:
        """Current versions by table name; −1 for a table that does not exist yet."""
        found = {dataset.name: self.version(dataset) for dataset in datasets}
        return {name: -1 if version is None else version for name, version in found.items()}

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
        as_of: datetime | None = None,
    ) -> pa.Table:
        """Rows of a range of sessions (both ends included), sorted by the table's key.

        Args:
            version: Read the table as of this table version; None = now.
            as_of: Of a table of versions, read what was known at this instant; None = everything.

        Returns:
            Of a table of versions the latest one of each row, which may say that the row was
            withdrawn.
        """
        condition = range_condition(dataset, portfolio, symbols, first, last, as_of)
        rows = self._scan(self._open(dataset, version), dataset, condition, columns)
        current = latest if dataset.versioned_by else in_key_order
        rows = current(rows, dataset)
        return rows.select(list(columns) if columns else dataset.schema.names)

    def read_versions(
        self,
        dataset: Dataset,
        *,
        symbols: Sequence[str] | None = None,
        first: date | None = None,
        last: date | None = None,
        as_of: datetime | None = None,
    ) -> pa.Table:
        """Every version that a table of versions has, sorted by its key; see ``read``."""
        condition = range_condition(dataset, None, symbols, first, last, as_of)
        return in_key_order(self._scan(self._open(dataset), dataset, condition, None), dataset)

    def _scan(
        self,
        table: DeltaTable | None,
        dataset: Dataset,
        condition: pc.Expression | None,
        columns: Sequence[str] | None,
    ) -> pa.Table:
        """Stored rows with at least these columns and the key, in no order."""
        wanted = {*(columns or dataset.schema.names), *dataset.key}
        names = [name for name in dataset.schema.names if name in wanted]
        schema = pa.schema([dataset.schema.field(name) for name in names])
        if table is None:
            return schema.empty_table()
        files = table.to_pyarrow_dataset()
        there = [name for name in names if name in files.schema.names]
        absent = [name for name in names if name not in there]
        _refuse_old_layout(table, dataset, absent)
        rows = files.to_table(filter=condition, columns=there)
        for name in absent:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, schema.field(name).type))
        try:
            return rows.select(names).cast(schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise _other_layout(table, f"columns of other types: {error}") from error

    @abstractmethod
    def _open(self, dataset: Dataset, version: int | None = None) -> DeltaTable | None:
        """The table, at a version where one is given; None where it does not exist."""


def _refuse_old_layout(table: DeltaTable, dataset: Dataset, absent: Sequence[str]) -> None:
    """A column that was added since is null in old rows; without its key a row is nobody's."""
    keys = [name for name in absent if name in dataset.key]
    if keys:
        raise _other_layout(table, f"no column {', '.join(keys)}")


def _other_layout(table: DeltaTable, received: str) -> InputRefused:
    return InputRefused(
        "a table of this version of Stocker, or of one before with fewer columns",
        received,
        where=table.table_uri,
        remedy="Read it with the version of Stocker that wrote it, or ingest into a new lake.",
    )


class Snapshot(Reader):
    """Tables as they were when each was opened; what is written later is not seen."""

    def __init__(self, tables: Mapping[str, DeltaTable | None]) -> None:
        self._tables = tables

    def _open(self, dataset: Dataset, version: int | None = None) -> DeltaTable | None:
        if version is not None:
            raise ValueError("a snapshot is of one version; ask the lake for another")
        return self._tables[dataset.name]


def range_condition(
    dataset: Dataset,
    portfolio: str | None,
    symbols: Sequence[str] | None,
    first: date | None,
    last: date | None,
    as_of: datetime | None,
) -> pc.Expression | None:
    """A filter of rows for ``read``; None = every row."""
    parts = []
    if portfolio is not None:
        parts.append(pc.field("portfolio") == portfolio)
    if symbols is not None:
        parts.append(pc.field("symbol").isin(pa.array(list(symbols), pa.string())))
    if first is not None:
        parts.append(pc.field("session") >= pa.scalar(first, pa.date32()))
    if last is not None:
        parts.append(pc.field("session") <= pa.scalar(last, pa.date32()))
    if as_of is not None:
        if dataset.versioned_by is None or as_of.tzinfo is None:
            raise ValueError(
                f"wanted an instant with a time zone and a table of versions; received {as_of} "
                f"and the table {dataset.name}"
            )
        instant = pa.scalar(as_of, dataset.schema.field(dataset.versioned_by).type)
        parts.append(pc.field(dataset.versioned_by) <= instant)
    condition = None
    for part in parts:
        condition = part if condition is None else condition & part
    return condition
