"""Splits and dividends from files of some layout.

A bar that is missing is a hole that everybody sees; an action that is missing makes holdings wrong
in silence. So a row of actions that cannot be used fails its symbol as well. Stays out: the basis
in which amounts are stated (``file_market``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from stocker_pipeline.domain.bars import PRICE_USD_MAX, SPLIT_DENOMINATOR_MAX
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.gateways.market_data.file_bars import RefusedRow
from stocker_pipeline.gateways.market_data.file_layouts import EventsFile, LaidOut
from stocker_pipeline.gateways.market_data.file_rows import FileRows, file_rows

_BOUNDS = {
    "split": (1 / SPLIT_DENOMINATOR_MAX, SPLIT_DENOMINATOR_MAX),
    "dividend": (0, PRICE_USD_MAX),
}
_NONE = {"split": 1.0, "dividend": 0.0}


@dataclass
class FileActions:
    """What the files say, by symbol.

    Attributes:
        splits: Symbol → ex-date → new shares per old share.
        dividends: Symbol → ex-date → dollars per share, in the files' basis.
        refused: Rows that cannot be used.
        failed: Symbol → the first row that makes its actions unbelievable.
    """

    splits: dict[str, dict[date, float]] = field(default_factory=dict)
    dividends: dict[str, dict[date, float]] = field(default_factory=dict)
    refused: list[RefusedRow] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Event:
    row: int
    kind: str
    value: float


def file_actions(files: LaidOut) -> FileActions:
    """The actions of the files.

    An identical event again is a duplicate and refused. Different dividends of one ex-date are
    added where the layout lists events, since a share may pay two; else, and for splits, the symbol
    fails.

    Raises:
        InputRefused: See ``file_rows``; or a kind of event that the layout does not name.
    """
    found = FileActions()
    layout = files.layout
    actions = layout.actions
    if actions is None or not files.actions:
        return found
    events = isinstance(actions, EventsFile)
    rows = file_rows(
        files.actions,
        actions.columns.model_dump(),
        texts=("action",) if events else (),
        date_format=layout.date_format,
        other_columns=layout.other_columns,
    )
    seen: dict[tuple[str, date, str], list[_Event]] = {}
    for event in _listed(rows, actions) if isinstance(actions, EventsFile) else _wide(rows):
        _add(found, seen, rows, event, adds=events)
    return found


def _listed(rows: FileRows, actions: EventsFile) -> Iterator[_Event]:
    kinds = {actions.dividend: "dividend", actions.split: "split"}
    for row, word in enumerate(rows.texts["action"]):
        if word in actions.ignored:
            continue
        if word not in kinds:
            raise InputRefused(
                f"one of the events {', '.join([*kinds, *actions.ignored])}",
                "an empty cell" if word is None else repr(word),
                where=f"{rows.place(row)}, column {actions.columns.action}",
                remedy="Name the word in mapping.yaml, under ignored if it is to be left out.",
            )
        yield _Event(row, kinds[word], float(rows.numbers["value"][row]))


def _wide(rows: FileRows) -> Iterator[_Event]:
    """Events of a table; an empty cell and 0 mean none, and so does a split of 1."""
    for kind in ("split", "dividend"):
        values = rows.numbers[kind]
        nothing = np.isnan(values) | (values == 0) | (values == _NONE[kind])
        # Without a date, a row that does nothing loses nothing; a number unread might do something.
        unread = [
            row for row, faults in rows.faults.items() if len(faults) > np.isnat(rows.days[row])
        ]
        nothing[unread] = kind != "split"  # such a row is refused once
        for row in np.flatnonzero(~nothing).tolist():
            yield _Event(row, kind, float(values[row]))


def _add(
    found: FileActions,
    seen: dict[tuple[str, date, str], list[_Event]],
    rows: FileRows,
    event: _Event,
    *,
    adds: bool,
) -> None:
    symbol = rows.names[rows.symbols[event.row]]
    day: date | None = rows.days[event.row].item()
    low, high = _BOUNDS[event.kind]
    place = rows.place(event.row)
    if event.row in rows.faults or day is None or not low <= event.value <= high:
        fault = f"{event.kind} {event.value!r}, wanted from {low:g} to {high:g}"
        evidence = f"{place}: {'; '.join(rows.faults.get(event.row, [fault]))}"
        found.refused.append((symbol, day, "unreadable", evidence))
        found.failed.setdefault(symbol, f"an action of it cannot be read: {evidence}")
        return
    before = seen.setdefault((symbol, day, event.kind), [])
    same = [one for one in before if one.value == event.value]
    if same or (before and not (adds and event.kind == "dividend")):
        other = (same or before)[0]
        evidence = (
            f"{place}: {event.kind} {event.value!r}, {other.value!r} in {rows.place(other.row)}"
        )
        found.refused.append((symbol, day, "duplicate", evidence))
        if not same:
            found.failed.setdefault(symbol, f"two different actions on {day}: {evidence}")
        return
    before.append(event)
    if event.value != _NONE[event.kind]:
        values = found.splits if event.kind == "split" else found.dividends
        of_symbol = values.setdefault(symbol, {})
        of_symbol[day] = of_symbol.get(day, 0.0) + event.value
