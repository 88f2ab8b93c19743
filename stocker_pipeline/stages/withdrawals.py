"""What a source does not send any more, and from which point on that is not believed.

A vendor takes back a bar now and then. An answer that was cut short looks the same, only larger,
and would leave nothing of a history but marks that say "withdrawn". So a symbol whose answer takes
back more than a few rows has failed: nothing of it is changed until a person says that it is so.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.gateways.market_data.provider import MarketData
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, CORPORATE_ACTIONS, REFERENCE_BARS, Dataset
from stocker_pipeline.lake.versions import positions
from stocker_pipeline.stages.judgement import is_action, is_bar
from stocker_pipeline.stages.verdicts import BAR_KEY

WITHDRAWN_MAX = 5
"""Rows of a symbol that one answer may take back, however long its history is."""
WITHDRAWN_SHARE_MAX = 0.01
"""The same as a part of what the source sent before for the range; one row may always go."""
SESSION_SHARE_MAX = 0.5
"""Part of the symbols that may lose the same session: a source that drops a day was cut short."""
_SYMBOLS_OF_A_SESSION = 3
"""With fewer symbols a session says nothing about the answer as a whole."""


@dataclass(frozen=True)
class Range:
    """What was asked for, and when.

    Attributes:
        first, last: Dates, both included.
        at: The instant that dates what is withdrawn.
    """

    first: date
    last: date
    at: datetime


def said(dataset: Dataset, data: MarketData) -> pa.Table:
    """The rows of an answer that say something, in the columns of the table."""
    sent = data.actions if dataset is CORPORATE_ACTIONS else data.bars
    return sent.select(dataset.schema.names).filter(_says_something(dataset, sent))


def withdrawn(lake: Lake, dataset: Dataset, data: MarketData, asked: Range) -> pa.Table:
    """Versions that say "withdrawn" of what the source sent before and does not send now.

    Only of symbols that it answered with bars, and only of rows that came from the same source. A
    row that it sent in a form that cannot be read was sent: it stays as it was.
    """
    present, gone = _present_and_gone(lake, dataset, data, asked)
    rows = present.filter(pa.array(gone))
    of_actions = dataset is CORPORATE_ACTIONS
    nothing = {"split": 1.0, "dividend": 0.0} if of_actions else dict.fromkeys(dataset.content)
    for name, value in {**nothing, "known_at": asked.at}.items():
        column = dataset.schema.field(name)
        blank = pa.repeat(pa.scalar(value, column.type), rows.num_rows)
        rows = rows.set_column(dataset.schema.get_field_index(name), column, blank)
    return rows


def believed(
    lake: Lake, data: MarketData, asked: Range, *, of_reference: bool = False
) -> MarketData:
    """The answer, in which symbols that take back too much have failed.

    Args:
        of_reference: The answer is that of the source to compare with.
    """
    doubts: dict[str, str] = {}
    for dataset in (REFERENCE_BARS,) if of_reference else (BARS, CORPORATE_ACTIONS):
        present, gone = _present_and_gone(lake, dataset, data, asked)
        found = _too_many(dataset, present, gone)
        if dataset is not CORPORATE_ACTIONS:
            found = {**_cut_sessions(present, gone), **found}
        doubts = {**found, **doubts}
    if not doubts:
        return data
    names = pa.array(sorted(doubts), pa.string())

    def without(table: pa.Table) -> pa.Table:
        return table.filter(pc.invert(pc.is_in(table["symbol"], value_set=names))).combine_chunks()

    failed = {**data.failed, **doubts}
    return replace(
        data,
        bars=without(data.bars),
        actions=without(data.actions),
        failed=MappingProxyType({symbol: failed[symbol] for symbol in sorted(failed)}),
    )


def _present_and_gone(
    lake: Lake, dataset: Dataset, data: MarketData, asked: Range
) -> tuple[pa.Table, np.ndarray]:
    """Rows that this source sent before for the range, and which of them it lacks now."""
    answered = pc.unique(data.bars["symbol"]).to_pylist()
    names = ("symbol", "source")
    speakers = pa.concat_tables([table.select(names) for table in (data.bars, data.actions)])
    speakers = speakers.group_by(list(names)).aggregate([])
    present = lake.read(dataset, symbols=answered, first=asked.first, last=asked.last)
    present = present.filter(_says_something(dataset, present))
    speaks = positions(present, speakers, names) >= 0
    present = present.filter(pa.array(speaks)).combine_chunks()
    kept = positions(present, said(dataset, data), dataset.identity) >= 0
    refused = data.refused_rows.select(BAR_KEY).group_by(list(BAR_KEY)).aggregate([])
    unreadable = positions(present, refused, BAR_KEY) >= 0
    return present, ~(kept | unreadable)


def _too_many(dataset: Dataset, present: pa.Table, gone: np.ndarray) -> dict[str, str]:
    """Symbols of which more is gone than a source takes back, and the sentence that says so."""
    what = "actions" if dataset is CORPORATE_ACTIONS else "bars"
    lost = present.filter(pa.array(gone))
    sent = _count(present["symbol"])
    doubts = {}
    for symbol, number in _count(lost["symbol"]).items():
        bound = max(1, min(WITHDRAWN_MAX, int(sent[symbol] * WITHDRAWN_SHARE_MAX)))
        if number > bound:
            rows = lost.filter(pc.equal(lost["symbol"], symbol))
            doubts[symbol] = _sentence(
                rows,
                f"{number:,} of the {sent[symbol]:,} {what} that it sent before",
                f"more than {bound} at once",
            )
    return doubts


def _cut_sessions(present: pa.Table, gone: np.ndarray) -> dict[str, str]:
    """Symbols that lose a session which most symbols lose."""
    lost = present.filter(pa.array(gone))
    sent = _count(present["session"])
    cut = {
        day: number
        for day, number in _count(lost["session"]).items()
        if sent[day] >= _SYMBOLS_OF_A_SESSION and number > sent[day] * SESSION_SHARE_MAX
    }
    rows = lost.filter(pc.is_in(lost["session"], value_set=pa.array(list(cut), pa.date32())))
    doubts = {}
    for row in rows.to_pylist():
        day = row["session"]
        doubts[row["symbol"]] = (
            f"{row['source']} lacks {day}, which it sent before, for {cut[day]:,} of "
            f"{sent[day]:,} symbols; {_NOT_TAKEN}"
        )
    return doubts


_NOT_TAKEN = "that is not taken for withdrawn unless --accept-withdrawals says so"


def _sentence(rows: pa.Table, what: str, bound: str) -> str:
    days = pc.min_max(rows["session"]).as_py()
    source = rows["source"][0].as_py()
    return f"{source} lacks {what}, {days['min']} to {days['max']}; {bound}: {_NOT_TAKEN}"


def _count(column: pa.ChunkedArray) -> dict[Any, int]:
    return {row["values"]: row["counts"] for row in pc.value_counts(column).to_pylist()}


def _says_something(dataset: Dataset, rows: pa.Table) -> pa.Array:
    return (is_action if dataset is CORPORATE_ACTIONS else is_bar)(rows)
