"""How the bar commands write their answers for a person: tables, questions, sentences.

Stays out: what to answer (``bars``), and JSON, which carries the tables as they are.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from stocker_pipeline.commands.answers import NUMBERS, Question, bar_text, cell_text
from stocker_pipeline.commands.output import (
    counted,
    escaped,
    instant_text,
    number_text,
    print_table,
    say,
)

ROWS_PRINTED = 200
"""Rows, or questions, that are printed; --json has them all."""

Row = Mapping[str, Any]

_SENTENCES = {
    "accept": "is right: it is traded on as it is",
    "hold": "is left out until another verdict",
}


def print_history(
    symbol: str,
    tables: Mapping[str, Sequence[Row]],
    known: Sequence[date],
    as_of: datetime | None,
) -> None:
    """What is known about a symbol's bars.

    Args:
        tables: Rows of ``BarHistory``: bars, actions, findings, verdicts, refused.
        known: Every session of which the lake has a bar.
    """
    bars = tables["bars"]
    then = "" if as_of is None else f", as of {instant_text(as_of)} UTC"
    print_table(
        f"{symbol}: bars{then}",
        [_bar_row(row) for row in bars],
        right=(*_HEADS.values(), "versions"),
    )
    print_table("Corporate actions", [_action_row(row) for row in tables["actions"]])
    print_table("Findings", [_finding_row(row) for row in tables["findings"]])
    print_table("Verdicts", [_verdict_row(row) for row in tables["verdicts"]])
    refused = [_refused_row(row) for row in tables["refused"][:ROWS_PRINTED]]
    print_table("Refused rows, neither bar nor action", refused)
    if not known:
        say(f"No bar of {escaped(symbol)} was known{then}.")
        return
    span = f"{known[0]} to {known[-1]}"
    states = Counter(row["state"] for row in bars)
    told = ", ".join(f"{number:,} {state}" for state, number in states.items()) or "none"
    say(f"{len(bars):,} of {counted(len(known), 'bar')}, {span}{then}: {told}")


def print_question(question: Question) -> None:
    """A bar that somebody has to look at: why, what was done, and what to type."""
    done = "left out of trading" if question.quarantined else "flagged, and traded on"
    if question.bar is None:
        done = "nothing to decide on: there is no bar"
    day = question.session or "unreadable date"
    say(f"[bold]{escaped(question.symbol)} {day}[/]  {done}")
    for row in question.findings:
        label = f"{row['rule']}, {row['severity']}, {row['treatment']}"
        say(f"  {label}: {escaped(row['evidence'])}")
        say(f"    bound: {escaped(row['threshold'])}")
    if question.bar is not None:
        bar = question.bar
        origin = f"{bar['source']}, known since {instant_text(bar['known_at'])} UTC"
        say(f"  as sent by {escaped(origin)}: {bar_text(bar)}")
    for answer in question.answers:
        say(f"  [dim]{escaped(answer.meaning)}[/]")
        say(f"    {escaped(answer.command)}")
    say("")


def print_review(questions: Sequence[Question], count: Mapping[str, int], *, flagged: bool) -> None:
    """Every question, and how many there are."""
    for question in questions[:ROWS_PRINTED]:
        print_question(question)
    if len(questions) > ROWS_PRINTED:
        rest = counted(len(questions) - ROWS_PRINTED, "more bar")
        say(f"… {rest} of {len(questions):,}; name symbols, or see all of them with --json\n")
    quarantined, others = count["quarantined_bars"], count["flagged_findings"]
    parts = [f"{counted(quarantined, 'quarantined bar')} open"]
    if others:
        where = "" if flagged else " (--all shows them)"
        parts.append(f"{counted(others, 'flagged finding')} open{where}")
    say("; ".join(parts) + ".")
    if any(question.answers for question in questions):
        say("Type the reason behind --reason; the verdict is kept with it for good.")


def print_verdict(verdict: Row, still_open: Sequence[Row]) -> None:
    """A verdict that stands, and what is still open about its symbol."""
    symbol, session, kind = verdict["symbol"], verdict["session"], verdict["verdict"]
    sentence = _SENTENCES.get(kind) or "is replaced"
    say(f"{escaped(symbol)} {session} {sentence}.")
    if kind == "replace":
        numbers = {name: verdict[f"replacement_{name}"] for name in NUMBERS}
        source = escaped(verdict["replacement_source"])
        say(f"  {bar_text(numbers)}, {source}")
    by = f"{verdict['author']}, {instant_text(verdict['decided_at'])} UTC: {verdict['reason']}"
    say(f"  {escaped(by)}")
    if not still_open:
        say(f"Nothing is open about {escaped(symbol)}.")
        return
    quarantined = [row for row in still_open if row["treatment"] == "quarantined"]
    flagged = len(still_open) - len(quarantined)
    print_table(f"Still open about {symbol}", [_finding_row(row) for row in quarantined])
    say(
        f"{counted(len(quarantined), 'quarantined finding')} and {flagged:,} flagged about "
        f"{escaped(symbol)} open: stocker bars review {escaped(symbol)}{' --all' * bool(flagged)}"
    )


def print_revisions(rows: Sequence[Row]) -> None:
    """Rows of ``REVISIONS_SCHEMA``, and how many there are of each number."""
    shown = [
        {
            "symbol": row["symbol"],
            "session": row["session"],
            "field": row["field"],
            "before": cell_text(row["field"], row["before"]),
            "after": cell_text(row["field"], row["after"]),
            "change": _change_text(row["before"], row["after"]),
            "source": _sources_text(row["source_before"], row["source_after"], " → "),
            "known since, UTC": instant_text(row["known_at"]),
        }
        for row in rows[:ROWS_PRINTED]
    ]
    print_table("Restated numbers", shown, right=("before", "after", "change"))
    _print_count(rows, "restated")


def print_differences(rows: Sequence[Row], compared: int, tolerance_bps: float) -> None:
    """Rows of ``VENDOR_DIFFERENCES_SCHEMA``, of so many reference bars compared."""
    if not compared:
        say("Nothing to compare with: the lake has no bars of a reference source here.")
        say("Set STOCKER_REFERENCE_PROVIDER and ingest.")
        return
    shown = [
        {
            "symbol": row["symbol"],
            "session": row["session"],
            "field": row["field"],
            "bar": cell_text(row["field"], row["value"]),
            "reference": cell_text(row["field"], row["reference"]),
            "bps": "no bar" if row["value"] is None else _bps_text(row["difference_bps"]),
            "sources": _sources_text(row["source"], row["reference_source"], " / "),
        }
        for row in rows[:ROWS_PRINTED]
    ]
    print_table("Differences", shown, right=("bar", "reference", "bps"))
    _print_count(rows, f"different by more than {tolerance_bps:g} bps")
    say(f"{counted(compared, 'reference bar')} compared.")


_HEADS = {name: name.replace("_", " ") for name in NUMBERS}


def _bar_row(row: Row) -> dict[str, Any]:
    numbers = {head: cell_text(name, row[name]) for name, head in _HEADS.items()}
    return {
        "session": row["session"],
        **numbers,
        "state": row["state"],
        "versions": row["versions"],
        "source": row["source"],
        "known since, UTC": instant_text(row["known_at"]),
    }


def _action_row(row: Row) -> dict[str, Any]:
    return {
        "ex-date": row["session"],
        "split": None if row["split"] == 1 else f"{row['split']:g} new for 1 old",
        "dividend": None if row["dividend"] == 0 else f"${number_text(row['dividend'])}",
        "source": row["source"],
        "known since, UTC": instant_text(row["known_at"]),
    }


def _finding_row(row: Row) -> dict[str, Any]:
    names = ("session", "rule", "severity", "treatment", "evidence")
    return {name: row[name] for name in names} | {"bound": row["threshold"]}


def _verdict_row(row: Row) -> dict[str, Any]:
    replaced = row["replacement_source"] is not None
    return {
        "session": row["session"],
        "verdict": row["verdict"],
        "author": row["author"],
        "reason": row["reason"],
        "replacement": f"close {number_text(row['replacement_close'])}, {row['replacement_source']}"
        if replaced
        else None,
        "decided, UTC": instant_text(row["decided_at"]),
    }


def _refused_row(row: Row) -> dict[str, Any]:
    names = ("session", "reason", "evidence", "source")
    return {name: row[name] for name in names} | {"known since, UTC": instant_text(row["known_at"])}


def _print_count(rows: Sequence[Row], what: str) -> None:
    """How many numbers of how many bars, and where the table ended."""
    if len(rows) > ROWS_PRINTED:
        say(
            f"… {counted(len(rows) - ROWS_PRINTED, 'more row')} of {len(rows):,}; name symbols or "
            "a range, or see all of them with --json"
        )
    bars = len({(row["symbol"], row["session"]) for row in rows})
    fields = Counter(row["field"] for row in rows)
    told = ", ".join(f"{name} {number:,}" for name, number in fields.most_common())
    end = f": {told}" if told else ""
    say(f"{counted(len(rows), 'number')} of {counted(bars, 'bar')} {what}{end}.")


def _change_text(before: float | None, after: float | None) -> str:
    if after is None:
        return "gone"
    return "" if not before else f"{after / before - 1:+.2%}"


def _bps_text(bps: float | None) -> str:
    return "" if bps is None else f"{bps:+,.1f}"


def _sources_text(one: str | None, other: str | None, joint: str) -> str:
    return one or "" if one == other else f"{one or 'none'}{joint}{other or 'none'}"
