"""What the lake knows about a symbol's bars, and how that changed.

Belongs here: tables for a person who asks. Stays out: what a strategy sees (``market``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.bars import BARS_SCHEMA, PRICES
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, REFERENCE_BARS, VERDICTS
from stocker_pipeline.lake.versions import positions, row_keys, unequal
from stocker_pipeline.quality.gate import judge as gate
from stocker_pipeline.stages.judgement import (
    Judge,
    is_bar,
    left_out,
    live_actions,
    market_and_findings,
    refused_known,
)
from stocker_pipeline.stages.verdicts import BAR_KEY, settle

_NUMBERS = tuple(BARS_SCHEMA.names[2:])
_STATES = {"accept": "accepted", "replace": "replaced", "hold": "held"}

REVISIONS_SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("session", pa.date32()),
        ("field", pa.string()),
        ("before", pa.float64()),
        ("after", pa.float64()),
        ("source_before", pa.string()),
        ("source_after", pa.string()),
        ("known_at", pa.timestamp("us", "UTC")),
    ]
)
"""One number of a bar that was restated; ``after`` is null where the bar was withdrawn."""

VENDOR_DIFFERENCES_SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("session", pa.date32()),
        ("field", pa.string()),
        ("value", pa.float64()),
        ("reference", pa.float64()),
        ("difference_bps", pa.float64()),
        ("source", pa.string()),
        ("reference_source", pa.string()),
    ]
)
"""One number on which two sources differ; positive: the reference is higher. A ``value`` of null:
the lake has no such bar."""


@dataclass(frozen=True)
class BarHistory:
    """What is known about a symbol in a range of sessions.

    Attributes:
        bars: The columns of the table ``bars`` with verdicts applied, ``versions`` (how many the
            lake has of the bar) and ``state``: seen, accepted, replaced, held, quarantined or
            withdrawn.
        actions, findings: Rows of ``corporate_actions`` and ``findings``.
        verdicts: Every verdict given, superseded ones included.
        refused: Rows of ``refused_rows``: what the source sends and can be no bar or action, such
            as a spin-off.
    """

    bars: pa.Table
    actions: pa.Table
    findings: pa.Table
    verdicts: pa.Table
    refused: pa.Table


def history_of(
    lake: Lake,
    symbol: str,
    first: date | None = None,
    last: date | None = None,
    as_of: datetime | None = None,
    *,
    judge: Judge = gate,
) -> BarHistory:
    """Bars, actions, findings and verdicts of a symbol from ``first`` to ``last``.

    Args:
        as_of: As it was known, and decided, at this instant; None = now.
    """
    market, findings = market_and_findings(lake, judge, as_of=as_of)
    findings = _within(findings.filter(pc.equal(findings["symbol"], symbol)), first, last)
    span: dict[str, Any] = {"symbols": [symbol], "first": first, "last": last, "as_of": as_of}
    rows = market.read(BARS, **span)
    settled = settle(rows, market.read(VERDICTS, **span))
    state = np.where(np.asarray(is_bar(rows), bool), "seen", "withdrawn").astype(object)
    excluded = left_out(settled, findings)
    there = state == "seen"
    state[positions(excluded, rows, BAR_KEY)] = "quarantined"
    decided = settled.verdicts["verdict"].to_pylist()
    state[positions(settled.verdicts, rows, BAR_KEY)] = [_STATES[verdict] for verdict in decided]
    state[~there] = "withdrawn"
    (keys,), stored = row_keys([rows], BAR_KEY), market.read_versions(BARS, **span)
    counts = np.bincount(positions(stored, rows, BAR_KEY), minlength=len(keys))
    bars = settled.bars.append_column("versions", pa.array(counts, pa.int64()))
    return BarHistory(
        bars=bars.append_column("state", pa.array(state, pa.string())),
        actions=_within(live_actions(market, [symbol], last=last, as_of=as_of), first, last),
        findings=findings,
        verdicts=market.read_versions(VERDICTS, **span),
        refused=_within(refused_known(market, as_of, symbols=[symbol]), first, last),
    )


def revisions(
    lake: Lake,
    symbols: Sequence[str] | None = None,
    first: date | None = None,
    last: date | None = None,
) -> pa.Table:
    """Every number that a source restated: ``REVISIONS_SCHEMA``, by bar, version and field."""
    rows = lake.read_versions(BARS, symbols=symbols, first=first, last=last)
    (keys,) = row_keys([rows], BAR_KEY)
    after = np.flatnonzero(np.diff(keys) == 0) + 1
    new, old = rows.take(pa.array(after)), rows.take(pa.array(after - 1))
    parts, order = [], []
    for name in _NUMBERS:
        differs = np.flatnonzero(unequal(old[name], new[name]))
        chosen = pa.array(differs)
        order.append(differs)
        columns = {
            "symbol": new["symbol"],
            "session": new["session"],
            "field": pa.repeat(name, new.num_rows),
            "before": old[name],
            "after": new[name],
            "source_before": old["source"],
            "source_after": new["source"],
            "known_at": new["known_at"],
        }
        parts.append(pa.table(columns, schema=REVISIONS_SCHEMA).take(chosen))
    return pa.concat_tables(parts).take(pa.array(np.argsort(np.concatenate(order), kind="stable")))


def vendor_differences(
    lake: Lake,
    symbols: Sequence[str] | None = None,
    first: date | None = None,
    last: date | None = None,
    *,
    fields: Sequence[str] = PRICES,
    tolerance_bps: float = 1.0,
) -> pa.Table:
    """Current bars, as sent, against those of the reference sources: ``VENDOR_DIFFERENCES_SCHEMA``.

    Args:
        fields: Numbers to compare. Volumes differ between any two sources, and adjusted closes by
            the day they were made.
        tolerance_bps: Differences up to this are left out; a number that only one side has never.
    """
    span: dict[str, Any] = {"symbols": symbols, "first": first, "last": last}
    reference, bars = (_live(lake.read(dataset, **span)) for dataset in (REFERENCE_BARS, BARS))
    found = positions(reference, bars, BAR_KEY)
    ours = bars.take(pa.array(found, pa.int64(), mask=found < 0))
    parts, order = [], []
    for name in fields:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = reference[name].to_numpy() / ours[name].to_numpy()
            bps = (ratio - 1) * 1e4
        differs = unequal(ours[name], reference[name]) & ~(np.abs(bps) <= tolerance_bps)
        order.append(np.flatnonzero(differs))
        columns = {
            "symbol": reference["symbol"],
            "session": reference["session"],
            "field": pa.repeat(name, reference.num_rows),
            "value": ours[name],
            "reference": reference[name],
            "difference_bps": pa.array(bps, pa.float64(), mask=~np.isfinite(bps)),
            "source": ours["source"],
            "reference_source": reference["source"],
        }
        table = pa.table(columns, schema=VENDOR_DIFFERENCES_SCHEMA)
        parts.append(table.filter(pa.array(differs)))
    return pa.concat_tables(parts).take(pa.array(np.argsort(np.concatenate(order), kind="stable")))


def _live(rows: pa.Table) -> pa.Table:
    return rows.filter(is_bar(rows)).combine_chunks()


def _within(table: pa.Table, first: date | None, last: date | None) -> pa.Table:
    """Rows of the sessions asked for; a row without a session is always there."""
    session = table["session"]
    outside = pa.repeat(False, table.num_rows)
    if first is not None:
        outside = pc.or_(outside, pc.less(session, pa.scalar(first, pa.date32())))
    if last is not None:
        outside = pc.or_(outside, pc.greater(session, pa.scalar(last, pa.date32())))
    return table.filter(pc.invert(pc.fill_null(outside, False)))
