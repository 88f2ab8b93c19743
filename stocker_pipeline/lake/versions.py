"""Versions of rows: which one is current, and which rows say something new. Tables in, tables out.

Belongs here: comparing rows by key, without reading or writing. Stays out: what the columns mean.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.lake.schemas import Dataset

_INSTANT = pa.timestamp("us", "UTC")


def row_keys(tables: Sequence[pa.Table], names: Sequence[str]) -> list[np.ndarray]:
    """One int64 per row of each table: ordered, and equal, exactly as the columns ``names`` are.

    The numbers compare within one call only. Null comes first.
    """
    keys = np.zeros(sum(table.num_rows for table in tables), np.int64)
    for name in names:
        chunks = [chunk for table in tables for chunk in table[name].chunks]
        values = _ranks(pa.chunked_array(chunks, tables[0][name].type))
        if len(values) == 0:
            continue
        values = values - values.min()
        span = int(values.max()) + 1
        if span * (int(keys.max()) + 1) >= 2**62:
            keys = np.unique(keys, return_inverse=True)[1].astype(np.int64)
            values = np.unique(values, return_inverse=True)[1].astype(np.int64)
            span = int(values.max()) + 1
        keys = keys * span + values
    return np.split(keys, np.cumsum([table.num_rows for table in tables])[:-1])


def _ranks(column: pa.ChunkedArray) -> np.ndarray:
    """A column as int64 in the same order; null is below everything."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        encoded = column.combine_chunks().dictionary_encode()
        names = encoded.dictionary.to_pylist()
        place = {name: i for i, name in enumerate(sorted(names))}
        ranks = np.array([*(place[name] for name in names), -1], np.int64)
        return ranks[encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)]
    whole = column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
    return whole.cast(pa.int64()).fill_null(np.iinfo(np.int32).min).to_numpy().astype(np.int64)


def positions(rows: pa.Table, among: pa.Table, names: Sequence[str]) -> np.ndarray:
    """For each of ``rows`` the row of ``among`` with the same ``names``, −1 where there is none.

    Args:
        among: Each combination of ``names`` once.
    """
    if among.num_rows == 0 or rows.num_rows == 0:
        return np.full(rows.num_rows, -1, np.int64)
    wanted, known = row_keys([rows, among], names)
    order = np.argsort(known, kind="stable")
    found = order[np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)]
    return np.where(known[found] == wanted, found, -1)


def in_key_order(table: pa.Table, dataset: Dataset) -> pa.Table:
    """The rows sorted by the table's key."""
    (keys,) = row_keys([table], dataset.key)
    if (np.diff(keys) >= 0).all():
        return table
    return table.take(pa.array(np.argsort(keys, kind="stable")))


def latest(table: pa.Table, dataset: Dataset) -> pa.Table:
    """The latest version of everything, sorted by identity."""
    (keys,) = row_keys([table], dataset.identity)
    if (np.diff(keys) > 0).all():
        return table
    order = np.lexsort((_instants(table, dataset), keys))
    last = np.append(keys[order][1:] != keys[order][:-1], True)
    return table.take(pa.array(order[last]))


def news(
    rows: pa.Table, current: pa.Table, dataset: Dataset, at: datetime
) -> tuple[pa.Table, np.ndarray]:
    """The rows that say something else than the current versions, and whether there was one.

    A new version is known later than the one it follows, so that what was read as of a time before
    is read so for ever: a row that claims to be as old as the version it contradicts is dated
    ``at``, or just behind that version.
    """
    found = positions(rows, current, dataset.identity)
    kept = np.flatnonzero((found < 0) | _differs(rows, current, dataset.content, found))
    fresh, found = rows.take(pa.array(kept)), found[kept]
    known = found >= 0
    if known.any():
        claimed, before = _instants(fresh, dataset), np.zeros(len(found), np.int64)
        before[known] = _instants(current, dataset)[found[known]]
        dated = np.maximum(before + 1, pa.scalar(at, _INSTANT).value)
        stamps = np.where(known & (claimed <= before), dated, claimed)
        place = fresh.schema.get_field_index(str(dataset.versioned_by))
        kind = fresh.schema.field(place).type
        fresh = fresh.set_column(
            place, fresh.schema.field(place), pa.array(stamps, pa.int64()).cast(kind)
        )
    return fresh, known


def _differs(
    rows: pa.Table, current: pa.Table, names: Sequence[str], found: np.ndarray
) -> np.ndarray:
    there = np.flatnonzero(found >= 0)
    left, right = rows.take(pa.array(there)), current.take(pa.array(found[there]))
    other = np.zeros(len(there), bool)
    for name in names:
        other |= unequal(left[name], right[name])
    differs = np.zeros(rows.num_rows, bool)
    differs[there] = other
    return differs


def unequal(left: pa.ChunkedArray, right: pa.ChunkedArray) -> np.ndarray:
    """Where two columns differ; null equals null only."""
    same = pc.fill_null(pc.equal(left, right), False)
    both_null = pc.and_(pc.is_null(left), pc.is_null(right))
    return ~np.asarray(pc.or_(same, both_null))


def _instants(table: pa.Table, dataset: Dataset) -> np.ndarray:
    return table[str(dataset.versioned_by)].cast(_INSTANT).cast(pa.int64()).to_numpy()
