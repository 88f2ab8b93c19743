"""What each symbol stands for: rows of a source into the lake, and the least that bars say.

A row that says what the lake says already is not written again. Belongs here: storing and reading
instruments. Stays out: asking a vendor or a file (``gateways.market_data``), and what is traded.

``tradable`` and ``shortable`` are null where no source said anything: null means not known. A
simulation reads neither. Whoever sends orders to a broker does: without a row, or with null, a long
order is the broker's to refuse, and a short position is not opened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.session import Clock, SessionCalendar
from stocker_pipeline.engine.outage import STILL_TRADED_SESSIONS
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import INSTRUMENTS
from stocker_pipeline.quality.gate import judge as gate
from stocker_pipeline.stages.judgement import Judge
from stocker_pipeline.stages.market import current_bars

FROM_BARS = "bars"
"""The source of a row that no source sent."""


@dataclass(frozen=True)
class InstrumentsStored:
    """What was stored.

    Attributes:
        received: Rows of the source.
        new, changed: Those of them that were not known, or known otherwise.
        derived: Rows written from bars, for symbols that no source has sent a row for.
        unknown: Symbols with bars that no source has sent a row for, sorted.
        version: The table's version after the write.
    """

    received: int
    new: int
    changed: int
    derived: int
    unknown: tuple[str, ...]
    version: int


def store_instruments(
    lake: Lake, rows: pa.Table, clock: Clock, *, judge: Judge = gate
) -> InstrumentsStored:
    """Append what the rows say otherwise than the lake; then what bars say of all other symbols.

    A symbol that a source does not name any more keeps its row: vendors leave out what was
    delisted, and its history is still here.

    Args:
        rows: The columns of the table ``instruments``, each symbol once; may be empty.
        clock: Dates rows derived from bars, and rows that contradict newer ones.

    Raises:
        InputRefused: A symbol is there twice. Nothing was written.
    """
    at = clock.now()
    written = lake.append(INSTRUMENTS, rows, at=at)
    derived = _from_bars(lake, judge, at)
    appended = lake.append(INSTRUMENTS, derived, at=at)
    version = lake.version(INSTRUMENTS)
    if version is None:
        lake.ensure_tables((INSTRUMENTS,))
        version = lake.version(INSTRUMENTS)
    assert version is not None
    return InstrumentsStored(
        received=rows.num_rows,
        new=int((~written.known).sum()),
        changed=int(written.known.sum()),
        derived=appended.rows.num_rows,
        unknown=tuple(derived["symbol"].to_pylist()),
        version=version,
    )


def instruments_of(
    lake: Lake, symbols: Sequence[str] | None = None, as_of: datetime | None = None
) -> pa.Table:
    """The current row of each symbol, sorted by it; a symbol that is not known has none.

    Args:
        symbols: None = every one.
        as_of: What was known at this instant; None = now.
    """
    return lake.read(INSTRUMENTS, symbols=symbols, as_of=as_of)


def _from_bars(lake: Lake, judge: Judge, at: datetime) -> pa.Table:
    """A row for every symbol with bars and without a row of a source.

    ``last_session`` is null while the symbol is traded, as in rows of sources, so that a new bar is
    no new version.
    """
    bars = current_bars(lake, judge=judge).bars
    known = instruments_of(lake)
    named = known.filter(pc.not_equal(known["source"], FROM_BARS))["symbol"]
    spans = (
        bars.filter(pc.invert(pc.is_in(bars["symbol"], value_set=named.combine_chunks())))
        .group_by("symbol")
        .aggregate([("session", "min"), ("session", "max")])
        .sort_by("symbol")
    )
    if spans.num_rows == 0:
        return INSTRUMENTS.schema.empty_table()
    last, newest = spans["session_max"].to_numpy(), pc.max(bars["session"]).as_py()
    earliest = last.min().item()
    sessions = SessionCalendar.between(earliest, newest).sessions(earliest, newest)
    age = len(sessions) - 1 - np.searchsorted(sessions, last)
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        "symbol": spans["symbol"],
        "first_session": spans["session_min"],
        "last_session": pa.array(last, pa.date32(), mask=age <= STILL_TRADED_SESSIONS),
        "source": pa.repeat(FROM_BARS, spans.num_rows),
        "known_at": pa.repeat(
            pa.scalar(at, INSTRUMENTS.schema.field("known_at").type), spans.num_rows
        ),
    }
    return pa.table(
        [
            columns.get(field.name, pa.nulls(spans.num_rows, field.type))
            for field in INSTRUMENTS.schema
        ],
        schema=INSTRUMENTS.schema,
    )
