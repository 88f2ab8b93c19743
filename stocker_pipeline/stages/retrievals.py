"""The log of what sources answered: one row per symbol and question, with a hash of what was sent.

The hash is of the rows as the provider handed them on, before anything was compared, judged or
left out: two answers with the same hash said the same. Stays out: the rows themselves.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from stocker_pipeline.gateways.market_data.provider import MarketData
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, CORPORATE_ACTIONS, RETRIEVALS
from stocker_pipeline.stages.withdrawals import Range

_ORIGIN = {"symbol", "source", "known_at"}


def keep_retrievals(
    lake: Lake, answers: Mapping[str, tuple[str, MarketData]], symbols: Sequence[str], asked: Range
) -> None:
    """Write what was answered about each symbol, where it is not what was answered before.

    Args:
        answers: ``provider`` or ``reference`` → its name and its answer after ``believed``.
    """
    rows = [
        {"role": role, **row}
        for role, (source, data) in answers.items()
        for row in _rows(source, data, symbols, asked)
    ]
    lake.append(RETRIEVALS, pa.Table.from_pylist(rows, schema=RETRIEVALS.schema), at=asked.at)


def _rows(
    source: str, data: MarketData, symbols: Sequence[str], asked: Range
) -> Iterator[dict[str, Any]]:
    """One row per symbol; where bars came its source is theirs. What failed has no hash."""
    tables = (data.bars, data.actions, data.refused_rows)
    parts = [_by_symbol(table) for table in tables]
    for symbol in sorted(set(symbols)):
        sent = [
            part.get(symbol, table.slice(0, 0)) for part, table in zip(parts, tables, strict=True)
        ]
        bars, failed = sent[0], symbol in data.failed
        yield {
            "symbol": symbol,
            "source": bars["source"][0].as_py() if bars.num_rows else source,
            "first_session": asked.first,
            "last_session": asked.last,
            "outcome": "failed" if failed else "bars" if bars.num_rows else "missing",
            "reason": data.failed.get(symbol) or data.missing.get(symbol),
            **dict(zip(("bars", "actions", "refused_rows"), map(len, sent), strict=True)),
            "source_hash": None if failed else content_hash(sent),
            "known_at": asked.at,
        }


def content_hash(tables: Sequence[pa.Table]) -> str:
    """SHA-256 in hex of the rows of tables, whoever sent them and whenever."""
    digest = hashlib.sha256()
    for table in tables:
        for name in table.column_names:
            if name not in _ORIGIN:
                digest.update(f"\x1e{name}\x1e".encode())
                digest.update(_bytes(table[name]))
    return digest.hexdigest()


def known_since(lake: Lake, first: date, last: date) -> dict[date, datetime]:
    """Of each session the instant since which all that is known of it is known.

    It moves when a bar or action of the session is new, restated or withdrawn, and only then: the
    same content has the same instant, however often it was fetched.
    """
    found: dict[date, datetime] = {}
    for dataset in (BARS, CORPORATE_ACTIONS):
        rows = lake.read(dataset, first=first, last=last, columns=["session", "known_at"])
        latest = rows.group_by("session").aggregate([("known_at", "max")])
        for day, at in zip(
            *(latest[name].to_pylist() for name in latest.column_names), strict=True
        ):
            found[day] = max(at, found.get(day, at))
    return found


def _by_symbol(table: pa.Table) -> dict[str, pa.Table]:
    """The rows of each symbol, in their order."""
    return dict(_slices(table.sort_by("symbol")))


def _slices(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    if table.num_rows == 0:
        return
    codes = table["symbol"].combine_chunks().dictionary_encode().indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    for start, end in zip(starts, np.append(starts[1:], len(codes)), strict=True):
        yield table["symbol"][int(start)].as_py(), table.slice(int(start), int(end - start))


def _bytes(column: pa.ChunkedArray) -> Any:
    if pa.types.is_floating(column.type):
        # One NaN for every unknown, one zero: equal numbers have equal bytes.
        numbers = column.to_numpy().astype("<f8") + 0.0
        numbers[np.isnan(numbers)] = np.nan
        return numbers.tobytes()
    return "\x1f".join(map(str, column.to_pylist())).encode()
