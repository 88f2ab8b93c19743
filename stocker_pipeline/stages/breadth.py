"""Market breadth of a range of sessions, into the lake. What it counts: ``analytics.breadth``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.analytics.breadth import market_breadth
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, BREADTH
from stocker_pipeline.quality.gate import judge as gate
from stocker_pipeline.stages.judgement import Judge
from stocker_pipeline.stages.market import current_bars


@dataclass(frozen=True)
class BreadthStored:
    """What was stored.

    Attributes:
        rows: The rows written, one per session.
        symbols: Symbols that have a bar on some session up to the last one.
        without_bars: Sessions of the range on which no symbol has one; their rows are zeros.
        read: Table versions that it was computed from.
        version: The table's version after the write.
    """

    rows: pa.Table
    symbols: int
    without_bars: int
    read: Mapping[str, int]
    version: int


def store_breadth(
    lake: Lake,
    first: date,
    last: date,
    *,
    symbols: Sequence[str] | None = None,
    judge: Judge = gate,
) -> BreadthStored:
    """Compute the breadth of ``first`` … ``last`` and put it in place of what was there.

    All history before the range is read, because a window of 252 bars of a symbol with gaps has no
    bound in sessions. The same bars give the same rows, whatever range they are computed in.

    Args:
        symbols: Whose bars count; None = those of every symbol of the lake.

    Raises:
        InputRefused: There is no bar up to ``last``.
    """
    bars, actions, _, read = current_bars(lake, symbols, last, judge=judge)
    if bars.num_rows == 0:
        raise InputRefused(
            f"at least one bar up to {last}",
            "none",
            where=f"the lake's table {BARS.name}",
            remedy="Ingest the bars first (stocker ingest).",
        )
    rows = market_breadth(bars, actions, first, last)
    version = lake.replace(BREADTH, rows, first=first, last=last)
    return BreadthStored(
        rows=rows,
        symbols=pc.count_distinct(bars["symbol"]).as_py(),
        without_bars=pc.sum(pc.equal(rows["symbols"], 0)).as_py() or 0,
        read=read,
        version=version,
    )
