"""Bring bars and corporate actions of a range of sessions into the lake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from stocker_pipeline.gateways.market_data.provider import MarketDataProvider
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, CORPORATE_ACTIONS


@dataclass(frozen=True)
class Ingested:
    """What an ingest brought.

    Attributes:
        bars, actions: Rows now in the lake for the range.
        missing: Symbol → why there is nothing of it.
        versions: Table versions after the write.
    """

    source: str
    bars: int
    actions: int
    missing: Mapping[str, str]
    versions: Mapping[str, int]


def ingest(
    provider: MarketDataProvider, lake: Lake, symbols: Sequence[str], first: date, last: date
) -> Ingested:
    """Replace the range ``first`` … ``last`` of ``symbols`` with what the provider has.

    The same range twice leaves the same rows; the table gets a new version only where they differ.
    """
    data = provider.fetch(symbols, first, last)
    written = {}
    for dataset, rows in ((CORPORATE_ACTIONS, data.actions), (BARS, data.bars)):
        rows = rows.append_column("source", pa.array([provider.name] * rows.num_rows, pa.string()))
        rows = rows.select(dataset.schema.names).cast(dataset.schema)
        present = lake.read(dataset, symbols=symbols, first=first, last=last)
        rows = rows.sort_by([(name, "ascending") for name in dataset.key])
        if not rows.equals(present):
            lake.replace(dataset, rows, first=first, last=last, symbols=symbols)
        written[dataset.name] = rows.num_rows
    return Ingested(
        source=provider.name,
        bars=written[BARS.name],
        actions=written[CORPORATE_ACTIONS.name],
        missing=dict(data.missing),
        versions=lake.versions((BARS, CORPORATE_ACTIONS)),
    )
