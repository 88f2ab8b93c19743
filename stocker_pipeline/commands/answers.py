"""The commands that answer an open finding, with what each of them leads to.

Belongs here: which verdicts the lake has the bars for. Stays out: checking and storing a verdict
(``stages.review``), which has the last word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.commands.output import number_text
from stocker_pipeline.domain.bars import BARS_SCHEMA, validated_bars
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, REFERENCE_BARS, Dataset
from stocker_pipeline.lake.versions import positions
from stocker_pipeline.quality.findings import OTHER_SECURITY
from stocker_pipeline.stages.verdicts import BAR_KEY, TRADED

NUMBERS = tuple(BARS_SCHEMA.names[2:])

Key = tuple[str, date | None]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """One verdict that can be given.

    Attributes:
        command: What to type, up to the reason, which is left to the person.
        meaning: What follows from it.
    """

    command: str
    meaning: str


@dataclass(frozen=True)
class Question:
    """A bar that somebody has to look at.

    Attributes:
        symbol, session: Which; a row with an unreadable date has no session.
        findings: Rows of ``findings`` about it.
        bar: The bar as its source sent it; None where there is none, and nothing to decide.
        answers: What can be said.
    """

    symbol: str
    session: date | None
    findings: Sequence[Row]
    bar: Row | None
    answers: Sequence[Answer]

    @property
    def quarantined(self) -> bool:
        """Whether the bar is left out for one of the findings."""
        return any(row["treatment"] == "quarantined" for row in self.findings)


def questions(lake: Lake, findings: pa.Table) -> list[Question]:
    """Open findings by bar, in their order, with the answers that each bar allows."""
    by_bar: dict[Key, list[Row]] = {}
    for row in findings.to_pylist():
        by_bar.setdefault((row["symbol"], row["session"]), []).append(row)
    current = {key: rows[0] for key, rows in _rows(lake, findings, BARS, versions=False).items()}
    versions = _rows(lake, findings, BARS, versions=True)
    reference = _rows(lake, findings, REFERENCE_BARS, versions=False)
    found = []
    for key, rows in by_bar.items():
        bar = current.get(key)
        answers = []
        if bar is not None:
            answers = _answers(bar, versions[key], reference.get(key, []), rows)
        found.append(Question(*key, rows, bar, answers))
    return found


def bar_text(bar: Row) -> str:
    """The numbers of a bar in a line."""
    parts = [f"{name} {cell_text(name, bar[name])}" for name in NUMBERS]
    return ", ".join(parts).replace("adj_close", "adjusted close")


def cell_text(name: str, value: float | None) -> str:
    """One number of a bar: shares without decimals, dollars with two to six."""
    return number_text(value, 0 if name == "volume" else 2)


def _rows(
    lake: Lake, findings: pa.Table, dataset: Dataset, *, versions: bool
) -> dict[Key, list[Row]]:
    """What a table has about the bars of the findings, withdrawn bars left out."""
    keys = findings.select(BAR_KEY).filter(pc.is_valid(findings["session"]))
    if keys.num_rows == 0:
        return {}
    days = pc.min_max(keys["session"]).as_py()
    read = lake.read_versions if versions else lake.read
    symbols = pc.unique(keys["symbol"]).to_pylist()
    rows = read(dataset, symbols=symbols, first=days["min"], last=days["max"])
    keys = keys.group_by(list(BAR_KEY)).aggregate([])
    about = rows.filter(pa.array(positions(rows, keys, BAR_KEY) >= 0))
    found: dict[Key, list[Row]] = {}
    for row in about.to_pylist():
        if any(row[name] is not None for name in TRADED):
            found.setdefault((row["symbol"], row["session"]), []).append(row)
    return found


def _answers(
    bar: Row, versions: Sequence[Row], reference: Sequence[Row], findings: Sequence[Row]
) -> list[Answer]:
    symbol, session = bar["symbol"], bar["session"]

    def answer(verdict: str, meaning: str, option: str = "") -> Answer:
        return Answer(f"stocker bars {verdict} {symbol} {session}{option} --reason", meaning)

    found = []
    if _is_sound(bar):
        others = any(row["rule"] == OTHER_SECURITY for row in findings)
        meaning = "the bar is right as it is" + (", and so are those before the hole" * others)
        found.append(answer("accept", meaning))
    sources = {row["source"] for row in versions}
    for row in versions:
        if _can_replace(bar, row):
            option = f" --version {row['known_at'].isoformat()}"
            found.append(answer("replace", f"as {row['source']} had it: {bar_text(row)}", option))
    for row in reference:
        if _can_replace(bar, row):
            given = {name: row[name] for name in NUMBERS if row[name] is not None}
            numbers = (f" --{name.replace('_', '-')} {value}" for name, value in given.items())
            option = f" --source {row['source']}"
            # A name that versions bear too would not say which of the bars is meant.
            option = "".join(numbers) if row["source"] in sources else option
            found.append(answer("replace", f"as {row['source']} has it: {bar_text(row)}", option))
    return [*found, answer("hold", "leave it out until another verdict")]


def _can_replace(bar: Row, row: Row) -> bool:
    return any(row[name] != bar[name] for name in NUMBERS) and _is_sound(row)


def _is_sound(row: Row) -> bool:
    """Whether the numbers keep the rules of bars, without which no verdict lets them be traded."""
    table = pa.Table.from_pylist([dict(row)], schema=BARS_SCHEMA)
    try:
        validated_bars(table, where="bar")
    except InputRefused:
        return False
    return True
