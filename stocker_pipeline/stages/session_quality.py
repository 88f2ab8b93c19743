"""How good the bars of each session are, counted for the checks that a person or a gate reads.

Stays out: judging bars (``quality``), and what a failed check does (``orchestration``).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import FINDINGS, VERDICTS
from stocker_pipeline.stages.judgement import left_out, live_bars
from stocker_pipeline.stages.verdicts import settle

ARRIVAL_RULES = frozenset({"missing_session", "no_recent_bar", "duplicate", "calendar_mismatch"})
"""Findings about bars that are not there or should not be; the others are about their numbers."""
USABLE_SHARE_MIN = 0.5
"""With fewer usable bars than this share a session tells more about its source than its market."""
GONE_AFTER_SESSIONS = 5
"""A symbol that has had no bar for longer is taken for delisted, not for late."""


@dataclass(frozen=True)
class SessionQuality:
    """One session's bars.

    Attributes:
        expected: Symbols that had a bar not long before, or later on.
        arrived: Of those, symbols with a bar.
        usable: Of those, symbols whose bar is traded on.
        arrival_findings, number_findings: Rows of the table ``findings``.
        excluded: Rows of bars that are left out, with the reason.
    """

    session: date
    expected: int
    arrived: int
    usable: int
    arrival_findings: Sequence[Mapping[str, Any]]
    number_findings: Sequence[Mapping[str, Any]]
    excluded: Sequence[Mapping[str, Any]]

    @property
    def complete(self) -> bool:
        """Whether every bar that was expected is there."""
        return self.arrived >= self.expected and not self.arrival_findings

    @property
    def trusted(self) -> bool:
        """Whether every bar is traded on."""
        return not self.excluded

    @property
    def tradable(self) -> bool:
        """Whether enough bars are there and trusted for money to follow them."""
        return self.expected > 0 and self.usable >= USABLE_SHARE_MIN * self.expected


def quality_by_session(
    lake: Lake, symbols: Sequence[str], first: date, last: date
) -> list[SessionQuality]:
    """Each session from ``first`` to ``last``, in order, over the symbols given."""
    sessions = SessionCalendar.between(first, last).sessions(first, last)
    bars = live_bars(lake, symbols)
    findings = lake.read(FINDINGS, symbols=symbols)
    excluded = left_out(settle(bars, lake.read(VERDICTS, symbols=symbols)), findings)
    expected, arrived = _counts(bars, sessions)
    by_session = _rows_by_session(findings, first, last)
    out = _rows_by_session(excluded, first, last)
    return [
        SessionQuality(
            session=day,
            expected=int(expected[row]),
            arrived=int(arrived[row]),
            usable=int(arrived[row]) - len(out[day]),
            arrival_findings=[r for r in by_session[day] if r["rule"] in ARRIVAL_RULES],
            number_findings=[r for r in by_session[day] if r["rule"] not in ARRIVAL_RULES],
            excluded=out[day],
        )
        for row, day in enumerate(sessions.tolist())
    ]


def _counts(bars: pa.Table, sessions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bars expected and arrived per session."""
    size = len(sessions)
    if bars.num_rows == 0:
        return np.zeros(size, np.int64), np.zeros(size, np.int64)
    days = bars["session"].to_numpy().astype("datetime64[D]")
    codes = bars["symbol"].combine_chunks().dictionary_encode().indices.to_numpy()
    inside = (days >= sessions[0]) & (days <= sessions[-1])
    arrived = np.bincount(np.searchsorted(sessions, days[inside]), minlength=size)
    # Sorted by (symbol, session): a symbol's first and last bar are where the code changes.
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    ends = np.append(starts[1:], len(codes)) - 1
    change = np.zeros(size + 1, np.int64)
    np.add.at(change, np.searchsorted(sessions, days[starts]), 1)
    stop = np.searchsorted(sessions, days[ends], side="right")
    stop[days[ends] >= sessions[0]] += GONE_AFTER_SESSIONS
    np.add.at(change, np.minimum(stop, size), -1)
    return np.cumsum(change)[:size], arrived


def _rows_by_session(
    table: pa.Table, first: date, last: date
) -> defaultdict[date, list[dict[str, Any]]]:
    rows: defaultdict[date, list[dict[str, Any]]] = defaultdict(list)
    for row in table.to_pylist():
        if row["session"] is not None and first <= row["session"] <= last:
            rows[row["session"]].append(row)
    return rows
