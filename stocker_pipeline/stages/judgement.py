"""What the quality gate finds in the lake's bars, and which of them are left out for it.

A history is judged as a strategy would see it, with the verdicts applied, and always the whole
market at once: some rules ask how wild a session was for all symbols. Belongs here: judging what
the lake holds, storing what was found, reading it again. Stays out: the rules themselves
(``quality``), and what a verdict does to a bar (``verdicts``).
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.lake.lake import Lake, TableMovedOn
from stocker_pipeline.lake.reader import Reader, Snapshot
from stocker_pipeline.lake.schemas import (
    BARS,
    CORPORATE_ACTIONS,
    FINDINGS,
    JUDGEMENTS,
    REFERENCE_BARS,
    REFUSED_ROWS,
    VERDICTS,
)
from stocker_pipeline.lake.versions import in_key_order, positions, row_keys
from stocker_pipeline.quality.findings import OTHER_SECURITY
from stocker_pipeline.stages.adjusted import on_one_basis
from stocker_pipeline.stages.verdicts import BAR_KEY, TRADED, Settled, bar_hashes, settle

EXCLUDED_SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("session", pa.date32()),
        ("rules", pa.string()),
        ("verdict", pa.string()),
        ("why", pa.string()),
    ]
)
"""Bars that are left out: the rules that fired, or the verdict ``hold``, and the evidence."""

_JUDGING_ATTEMPTS = 5
_JUDGED = (VERDICTS, REFUSED_ROWS, REFERENCE_BARS, BARS, CORPORATE_ACTIONS)
_OPENED = (JUDGEMENTS, FINDINGS, *_JUDGED)
"""The order of opening is the reverse of the order of writing: a judgement that names the versions
which are opened after it is of these, and so are the findings between."""


class Judge(Protocol):
    """The quality gate: a history in, findings out."""

    def __call__(
        self,
        bars: pa.Table,
        actions: pa.Table,
        *,
        calendar_last: date,
        reference: pa.Table | None = None,
        refused_rows: pa.Table | None = None,
    ) -> pa.Table:
        """Findings in the bars, which are sorted by (symbol, session) and none withdrawn."""


def live_bars(
    lake: Reader,
    symbols: Sequence[str] | None = None,
    *,
    last: date | None = None,
    as_of: datetime | None = None,
) -> pa.Table:
    """Current bars as the source sent them, withdrawn ones left out."""
    rows = lake.read(BARS, symbols=symbols, last=last, as_of=as_of)
    return rows.filter(is_bar(rows)).combine_chunks()


def live_actions(
    lake: Reader,
    symbols: Sequence[str] | None = None,
    *,
    last: date | None = None,
    as_of: datetime | None = None,
) -> pa.Table:
    """Current corporate actions, withdrawn ones left out."""
    rows = lake.read(CORPORATE_ACTIONS, symbols=symbols, last=last, as_of=as_of)
    return rows.filter(is_action(rows)).combine_chunks()


def is_bar(rows: pa.Table) -> pa.Array:
    """Whether a version of a bar has any number; one that has none says: withdrawn."""
    return _any([pc.is_valid(rows[name]) for name in TRADED])


def is_action(rows: pa.Table) -> pa.Array:
    """Whether a version of an action does anything; one that does not says: withdrawn."""
    return _any([pc.not_equal(rows["split"], 1.0), pc.not_equal(rows["dividend"], 0.0)])


def refused_known(
    lake: Reader, as_of: datetime | None = None, *, symbols: Sequence[str] | None = None
) -> pa.Table:
    """Rows of now that can be no bar or action; of them those that were known at an instant."""
    refused = lake.read(REFUSED_ROWS, symbols=symbols)
    if as_of is None:
        return refused
    known = pc.less_equal(refused["known_at"], pa.scalar(as_of, refused["known_at"].type))
    return refused.filter(known)


def judge_market(
    snapshot: Reader, judge: Judge, calendar_last: date, *, as_of: datetime | None = None
) -> pa.Table:
    """Findings in the whole market, with content and age of the bars judged.

    Args:
        calendar_last: The last session that is over and should have bars.
        as_of: Judge what was known, and decided, at this instant; of refused rows, those of now
            that were known then.
    """
    actions = live_actions(snapshot, as_of=as_of)
    sent = on_one_basis(live_bars(snapshot, as_of=as_of), actions)
    settled = settle(sent, snapshot.read(VERDICTS, as_of=as_of))
    bars = settled.bars.filter(pa.array(~settled.held)).combine_chunks()
    if bars.num_rows == 0:
        return FINDINGS.schema.empty_table()
    reference = _reference(snapshot, bars, as_of)
    refused = refused_known(snapshot, as_of)
    found = judge(
        bars,
        actions,
        calendar_last=calendar_last,
        reference=reference if reference.num_rows else None,
        refused_rows=refused.drop_columns(["source", "known_at"]) if refused.num_rows else None,
    )
    return _stamped(found, bars)


def store_findings(
    lake: Lake, judge: Judge, at: datetime, *, asked_last: date | None = None
) -> pa.Table:
    """Judge the whole market, replace the findings where they differ, and say on what they stand.

    Where another run stored findings meanwhile, which may stand on newer bars, everything is read
    and judged again.

    Args:
        at: When; it dates the judgement.
        asked_last: The last day that the source was asked for, if it was.
    """
    lake.ensure_tables((FINDINGS, JUDGEMENTS))
    for attempt in range(_JUDGING_ATTEMPTS):
        snapshot = lake.snapshot(_OPENED)
        due = _calendar_last(snapshot, at, asked_last=asked_last)
        if due is None:
            return FINDINGS.schema.empty_table()
        found = judge_market(snapshot, judge, due)
        try:
            if not found.equals(snapshot.read(FINDINGS)):
                lake.replace(FINDINGS, found, seen=snapshot.version(FINDINGS))
            break
        except TableMovedOn:
            if attempt == _JUDGING_ATTEMPTS - 1:
                raise
    row = {"judged_at": at, "calendar_last": due, **snapshot.versions(_JUDGED)}
    lake.append(JUDGEMENTS, pa.Table.from_pylist([row], schema=JUDGEMENTS.schema), at=at)
    return found


def market_and_findings(
    lake: Lake, judge: Judge, *, as_of: datetime | None = None
) -> tuple[Snapshot, pa.Table]:
    """The tables of the market at one moment, and the findings that stand on them.

    Findings are read where they are stored. They are made here where a run was killed between its
    bars and their findings, so that nothing is traded on that nobody looked at, and of the past.
    """
    snapshot = lake.snapshot(_OPENED)
    if as_of is None:
        row = dict.fromkeys(JUDGEMENTS.schema.names)
        row |= next(iter(snapshot.read(JUDGEMENTS).to_pylist()), {})
        if snapshot.versions(_JUDGED).items() <= row.items():
            return snapshot, snapshot.read(FINDINGS)
    due = _calendar_last(snapshot, as_of, known_by=as_of)
    if due is None:
        return snapshot, FINDINGS.schema.empty_table()
    return snapshot, judge_market(snapshot, judge, due, as_of=as_of)


def left_out(settled: Settled, findings: pa.Table) -> pa.Table:
    """Bars that a strategy does not see, and why: ``EXCLUDED_SCHEMA``, by (symbol, session).

    They are the bars held, the quarantined ones that no verdict accepts or replaces, and those
    before a hole that only another security explains, unless a verdict accepts the bar behind it.
    """
    undecided = findings.filter(pa.array(positions(findings, settled.verdicts, BAR_KEY) < 0))
    accepted = _chosen(settled.verdicts, "verdict", "accept")
    doubted = findings.filter(pa.array(positions(findings, accepted, BAR_KEY) < 0))
    held = _chosen(settled.verdicts, "verdict", "hold")
    causes = [(row, "", f"{row['author']}: {row['reason']}") for row in held.to_pylist()]
    quarantined = _chosen(undecided, "treatment", "quarantined")
    there = positions(quarantined, settled.bars, BAR_KEY) >= 0
    for row in quarantined.filter(pa.array(there)).to_pylist():
        causes.append((row, row["rule"], row["evidence"]))
    for finding in _chosen(doubted, "rule", OTHER_SECURITY).to_pylist():
        before = _chosen(settled.bars, "symbol", finding["symbol"]).select(BAR_KEY)
        before = before.filter(pc.less(before["session"], pa.scalar(finding["session"])))
        causes += [(row, OTHER_SECURITY, finding["evidence"]) for row in before.to_pylist()]
    rows: dict[tuple[str, date], dict[str, Any]] = {}
    for row, rule, why in causes:
        key = (row["symbol"], row["session"])
        entry = rows.setdefault(key, {"rules": {}, "why": {}, "verdict": row.get("verdict")})
        entry["rules"] |= dict.fromkeys([rule] if rule else [])
        entry["why"] |= dict.fromkeys([why or ""])
    return pa.Table.from_pylist(
        [
            {
                "symbol": symbol,
                "session": session,
                "rules": ", ".join(entry["rules"]),
                "verdict": entry["verdict"],
                "why": "; ".join(entry["why"]),
            }
            for (symbol, session), entry in sorted(rows.items())
        ],
        schema=EXCLUDED_SCHEMA,
    )


def _chosen(table: pa.Table, column: str, value: str) -> pa.Table:
    return table.filter(pc.equal(table[column], value))


def _any(masks: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    found = masks[0]
    for mask in masks[1:]:
        found = pc.or_(found, mask)
    return found


def _calendar_last(
    snapshot: Reader,
    at: datetime | None,
    *,
    known_by: datetime | None = None,
    asked_last: date | None = None,
) -> date | None:
    """The last session that should have bars; None = there is no bar.

    That is one which was asked for, now or before, or which has a bar, and is over at ``at``.
    """
    latest = pc.max(snapshot.read(BARS, columns=["session"], as_of=known_by)["session"]).as_py()
    if latest is None:
        return None
    expected = snapshot.read(JUDGEMENTS, as_of=known_by)["calendar_last"].to_pylist()
    latest = max([latest, *expected, *([asked_last] if asked_last else [])])
    now = at.date() if at else latest
    calendar = SessionCalendar.between(min(latest, now), max(latest, now))
    over = calendar.last_closed_session(at) if at else latest
    return min(calendar.session_on_or_before(latest), over)


def _reference(snapshot: Reader, bars: pa.Table, as_of: datetime | None) -> pa.Table:
    """Of each symbol the bars of one other source: the one that has most of them.

    A source that agrees with itself confirms nothing, so what it says of its own bars is left out.
    """
    rows = snapshot.read(REFERENCE_BARS, as_of=as_of)
    own = positions(rows, bars, (*BAR_KEY, "source")) >= 0
    rows = rows.filter(pc.and_(is_bar(rows), pa.array(~own))).combine_chunks()
    counts = rows.group_by(["symbol", "source"]).aggregate([([], "count_all")])
    order = [("symbol", "ascending"), ("count_all", "descending"), ("source", "ascending")]
    most = counts.sort_by(order).group_by("symbol", use_threads=False)
    chosen = most.aggregate([("source", "first")]).rename_columns(["symbol", "source"])
    return rows.filter(pa.array(positions(rows, chosen, ("symbol", "source")) >= 0))


def _stamped(found: pa.Table, bars: pa.Table) -> pa.Table:
    """Findings with hash and age of the bars that they are about, as they are stored."""
    at = positions(found, bars, BAR_KEY)
    there = pa.array(at[at >= 0])
    hashes = np.full(len(at), None, object)
    hashes[at >= 0] = bar_hashes(bars.take(there))
    place = pa.array(at, pa.int64(), mask=at < 0)
    stamped = found.append_column("bar_hash", pa.array(hashes, pa.string()))
    stamped = stamped.append_column("known_at", bars["known_at"].take(place))
    stamped = stamped.select(FINDINGS.schema.names).cast(FINDINGS.schema)
    stamped = in_key_order(stamped, FINDINGS)
    # What a rule says twice of one bar is stored once.
    (keys,) = row_keys([stamped], FINDINGS.key)
    first = np.diff(keys, prepend=-1) > 0
    return stamped.filter(pa.array(first)).combine_chunks()
