"""What a person's verdict does to a bar. Tables in, tables out.

Stays out: what may be decided (``review``), and what the gate says (``judgement``).
"""

import hashlib
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.bars import PRICES
from stocker_pipeline.lake.versions import positions

TRADED = (*PRICES, "volume")
"""The numbers of a bar that a hash covers. Not the adjusted close: every later dividend restates
it, and nothing about the bar has changed."""

BAR_KEY = ("symbol", "session")


class Settled(NamedTuple):
    """Bars as verdicts leave them.

    Attributes:
        bars: Replaced bars carry the replacement's numbers and source, known since the decision.
        held: For each bar, whether it is held back; bool.
        verdicts: The verdicts that apply, by (symbol, session).
    """

    bars: pa.Table
    held: np.ndarray
    verdicts: pa.Table


def bar_hashes(bars: pa.Table) -> list[str]:
    """Sixteen hex digits per bar that change when a price or the volume does."""
    numbers = np.column_stack([bars[name].to_numpy() for name in TRADED]).astype("<f8")
    numbers[np.isnan(numbers)] = np.nan
    return [hashlib.sha256(row.tobytes()).hexdigest()[:16] for row in numbers + 0.0]


def settle(bars: pa.Table, verdicts: pa.Table) -> Settled:
    """Apply the latest verdicts to current bars.

    ``accept`` and ``replace`` hold for the content that was judged: a restated bar is a new
    question. ``hold`` stays whatever the source says, until another verdict: it doubts the bar, not
    the number, and to leave a bar out is the safe side.
    """
    held = np.zeros(bars.num_rows, bool)
    found = positions(verdicts, bars, BAR_KEY)
    there = np.flatnonzero(found >= 0)
    verdicts, found = verdicts.take(pa.array(there)), found[there]
    if len(found) == 0:
        return Settled(bars, held, verdicts)
    kind = np.array(verdicts["verdict"].to_pylist(), object)
    same = np.array(bar_hashes(bars.take(pa.array(found)))) == np.array(
        verdicts["bar_hash"].to_pylist(), object
    )
    applies = same | (kind == "hold")
    held[found[applies & (kind == "hold")]] = True
    replaced = applies & (kind == "replace")
    changed = _with_replacements(bars, verdicts.filter(pa.array(replaced)), found[replaced])
    return Settled(changed, held, verdicts.filter(pa.array(applies)))


def _with_replacements(bars: pa.Table, verdicts: pa.Table, rows: np.ndarray) -> pa.Table:
    """The bars with the numbers of ``replace`` verdicts at ``rows``, which ascend."""
    if len(rows) == 0:
        return bars
    judged = verdicts["judged_adj_close"].to_numpy()
    current = bars["adj_close"].take(pa.array(rows)).to_numpy()
    adjusted = verdicts["replacement_adj_close"].to_numpy()
    # A dividend after the decision scales every earlier adjusted close alike.
    scale = np.ones(len(rows))
    np.divide(current, judged, out=scale, where=(judged > 0) & (current > 0))
    values = {name: verdicts[f"replacement_{name}"] for name in (*TRADED, "source")}
    values["adj_close"] = pa.array(adjusted * scale, pa.float64(), from_pandas=True)
    values["known_at"] = verdicts["decided_at"]
    at = np.zeros(bars.num_rows, bool)
    at[rows] = True
    mask = pa.array(at)
    for name, new in values.items():
        new = new.combine_chunks() if isinstance(new, pa.ChunkedArray) else new
        old = bars[name].combine_chunks()
        place = bars.schema.get_field_index(name)
        bars = bars.set_column(place, bars.schema.field(name), pc.replace_with_mask(old, mask, new))
    return bars
