"""What a person has still to look at, and the verdicts they give.

Belongs here: listing findings without an answer, checking and storing a verdict. Stays out: what a
verdict does to a bar (``judgement``).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.bars import BARS_SCHEMA, validated_bars
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import Clock, SystemClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, REFERENCE_BARS, VERDICTS
from stocker_pipeline.lake.versions import positions
from stocker_pipeline.quality.gate import judge as gate
from stocker_pipeline.stages.judgement import (
    Judge,
    is_bar,
    live_bars,
    market_and_findings,
    store_findings,
)
from stocker_pipeline.stages.verdicts import BAR_KEY, bar_hashes, settle

KINDS = ("accept", "replace", "hold")
BY_HAND = "by hand"
"""The source of a replacement that a person typed."""

_NUMBERS = tuple(BARS_SCHEMA.names[2:])

Replacement = str | datetime | Mapping[str, float | None]
"""Where a replacement comes from: the name of a source, the instant since when another version of
the bar is known, or its numbers."""


@dataclass(frozen=True)
class Decided:
    """A verdict that was stored.

    Attributes:
        verdict: The row of the table ``verdicts``.
        open_findings: What is still open about the symbol, in the columns of ``open_findings``.
    """

    verdict: Mapping[str, Any]
    open_findings: pa.Table


def open_findings(
    lake: Lake,
    symbols: Sequence[str] | None = None,
    *,
    treatment: str | None = None,
    judge: Judge = gate,
) -> pa.Table:
    """Findings about which nobody has decided, in the columns of the table ``findings``.

    A verdict answers for every finding about the content that it judged.

    Args:
        treatment: ``quarantined`` or ``flagged`` only; None = both.
    """
    market, findings = market_and_findings(lake, judge)
    if symbols is not None:
        findings = findings.filter(pc.is_in(findings["symbol"], pa.array(symbols, pa.string())))
    if treatment is not None:
        findings = findings.filter(pc.equal(findings["treatment"], treatment))
    verdicts = settle(live_bars(market, symbols), market.read(VERDICTS, symbols=symbols)).verdicts
    return findings.filter(pa.array(positions(findings, verdicts, BAR_KEY) < 0)).combine_chunks()


def decide(
    lake: Lake,
    symbol: str,
    session: date,
    verdict: str,
    *,
    author: str,
    reason: str,
    clock: Clock | None = None,
    replacement: Replacement | None = None,
    judge: Judge = gate,
) -> Decided:
    """Store a verdict about the bar as it stands, and judge the symbol again.

    ``accept``: the bar is right, whatever the rules say. ``replace``: other numbers are. ``hold``:
    leave the bar out until another verdict, even where no rule fires.

    Args:
        replacement: Of ``replace`` only. Numbers that are left out stay as they are; the adjusted
            close is then unknown where the close changes.

    Raises:
        InputRefused: There is no such bar, nothing to decide, no author or reason, or the bar that
            would be traded on breaks a rule of bars. Nothing was written.
    """
    where = f"verdict on {symbol} {session}"
    _refuse_unfounded(verdict, author, reason, replacement, where)
    bar = _bar(lake, symbol, session, where)
    row: dict[str, Any] = {
        "symbol": symbol,
        "session": session,
        "verdict": verdict,
        "bar_hash": bar_hashes(bar)[0],
        "author": author.strip(),
        "reason": reason.strip(),
        "decided_at": (clock or SystemClock()).now(),
    }
    if verdict == "accept":
        _refuse_nothing_to_accept(lake, symbol, session, judge, where)
        _checked(bar.to_pylist()[0], f"{where}, the bar to accept")
    if replacement is not None:
        values, source = _replacement(lake, bar, replacement, where)
        row |= {f"replacement_{name}": values[name] for name in _NUMBERS}
        row |= {"replacement_source": source, "judged_adj_close": bar["adj_close"][0].as_py()}
    rows = pa.Table.from_pylist([row], schema=VERDICTS.schema)
    stored = lake.append(VERDICTS, rows, at=row["decided_at"]).rows
    store_findings(lake, judge, row["decided_at"])
    return Decided(
        verdict=stored.to_pylist()[0] if stored.num_rows else row,
        open_findings=open_findings(lake, [symbol], judge=judge),
    )


def _refuse_unfounded(
    verdict: str, author: str, reason: str, replacement: Replacement | None, where: str
) -> None:
    if verdict not in KINDS:
        raise InputRefused(
            f"one of the verdicts {', '.join(KINDS)}",
            repr(verdict),
            where=where,
            remedy="accept keeps the bar, replace gives other numbers, hold leaves it out.",
        )
    for name, text in (("author", author), ("reason", reason)):
        if not text.strip():
            raise InputRefused(
                f"the {name} of the verdict in words",
                "nothing",
                where=where,
                remedy="Say who decides and why: it is kept with the bar for good.",
            )
    if (verdict == "replace") != (replacement is not None):
        raise InputRefused(
            "a replacement with the verdict replace, and with no other",
            f"{verdict} {'without' if replacement is None else 'with'} a replacement",
            where=where,
            remedy="Name a source, the instant of another version, or numbers, to replace a bar.",
        )


def _bar(lake: Lake, symbol: str, session: date, where: str) -> pa.Table:
    rows = lake.read(BARS, symbols=[symbol], first=session, last=session)
    bar = rows.filter(is_bar(rows))
    if bar.num_rows == 0:
        received = "a bar that its source withdrew" if rows.num_rows else "no such bar"
        raise InputRefused(
            "a bar that the lake has",
            received,
            where=where,
            remedy="Look at the symbol's bars around that session; ingest the session if it is not "
            "there.",
        )
    return bar


def _refuse_nothing_to_accept(
    lake: Lake, symbol: str, session: date, judge: Judge, where: str
) -> None:
    findings = open_findings(lake, [symbol], judge=judge)
    found = pc.equal(findings["session"], pa.scalar(session, pa.date32()))
    decided = lake.read(VERDICTS, symbols=[symbol], first=session, last=session)
    if not pc.any(found).as_py() and decided.num_rows == 0:
        raise InputRefused(
            "a bar with a finding, or with a verdict to take back",
            "nothing to judge",
            where=where,
            remedy="The bar is traded on as it is; hold it or replace it if it is wrong.",
        )


def _replacement(
    lake: Lake, bar: pa.Table, replacement: Replacement, where: str
) -> tuple[dict[str, float | None], str]:
    """Checked numbers of the replacement, and its source."""
    judged = bar.to_pylist()[0]
    if isinstance(replacement, Mapping):
        values, source = _typed(judged, replacement, where), BY_HAND
    else:
        found = _stored(lake, judged, replacement, where)
        values, source = {name: found[name] for name in _NUMBERS}, found["source"]
    checked = _checked({**judged, **values}, f"{where}, the replacement from {source}")
    same = all(checked[name] == judged[name] for name in _NUMBERS)
    if same:
        raise InputRefused(
            "a replacement that differs from the bar",
            "the same numbers",
            where=where,
            remedy="Accept the bar if it is right.",
        )
    return {name: checked[name] for name in _NUMBERS}, source


def _typed(
    judged: Mapping[str, Any], given: Mapping[str, float | None], where: str
) -> dict[str, float | None]:
    unknown = sorted(set(given) - set(_NUMBERS))
    if unknown or not given:
        raise InputRefused(
            f"some of the numbers {', '.join(_NUMBERS)}",
            ", ".join(unknown) or "none",
            where=where,
            remedy="Give the numbers that are wrong; the others stay as they are.",
        )
    values = {name: given.get(name, judged[name]) for name in _NUMBERS}
    if "adj_close" not in given and values["close"] != judged["close"]:
        values["adj_close"] = None
    return values


def _stored(
    lake: Lake, judged: Mapping[str, Any], wanted: str | datetime, where: str
) -> dict[str, Any]:
    """The bar that another source sent, or another version of the same bar."""
    symbol, session = judged["symbol"], judged["session"]
    day: dict[str, Any] = {"symbols": [symbol], "first": session, "last": session}
    reference = lake.read(REFERENCE_BARS, **day)
    versions = lake.read_versions(BARS, **day)
    candidates = [
        row
        for table in (versions, reference)
        for row in table.filter(is_bar(table)).to_pylist()
        if any(row[name] != judged[name] for name in _NUMBERS)
    ]
    column = "source" if isinstance(wanted, str) else "known_at"
    fitting = [row for row in candidates if row[column] == wanted]
    if not fitting:
        there = sorted(f"{row['source']} ({row['known_at'].isoformat()})" for row in candidates)
        raise InputRefused(
            f"another bar of that session in the lake: {', '.join(there) or 'there is none'}",
            str(wanted),
            where=where,
            remedy="Name one of them by its source or its instant, or give the numbers.",
        )
    return max(fitting, key=lambda row: row["known_at"])


def _checked(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The one bar as ``validated_bars`` leaves it."""
    for name in _NUMBERS:
        value = row[name]
        if value is not None and not (isinstance(value, int | float) and math.isfinite(value)):
            raise InputRefused(
                f"a finite number as {name}",
                repr(value),
                where=where,
                remedy="Give a number, or leave it out where it is not known.",
            )
    table = pa.Table.from_pylist(
        [{name: row[name] for name in BARS_SCHEMA.names}], schema=BARS_SCHEMA
    )
    return dict(validated_bars(table, where=where).to_pylist()[0])
