"""What more than one group of commands needs: how to read an option, how to print an answer.

Imports nothing of ours but paths and errors at the top: ``stocker --help`` loads this module.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.paths import PROJECT_ROOT

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Day = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD")]
From = Annotated[
    str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First session, included.")
]
To = Annotated[
    str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last session, included.")
]

_EMPTY = "–"
_WIDEST = 10_000
"""Characters in a line of a file, so that no cell is folded there."""


def parsed_day(text: str | None, where: str) -> date | None:
    """The date of an option that may be left out.

    Raises:
        InputRefused: It is no date as YYYY-MM-DD.
    """
    from stocker_pipeline.domain.session import parsed_date

    return None if text is None else parsed_date(text, where=where)


def required_day(text: str, where: str) -> date:
    """The date of an option that must be given.

    Raises:
        InputRefused: It is no date as YYYY-MM-DD.
    """
    from stocker_pipeline.domain.session import parsed_date

    return parsed_date(text, where=where)


def dollars_e4(text: str, where: str, *, least: int | None = None) -> int:
    """Dollars as 1/10,000 dollar, exactly as they are written.

    Args:
        least: The smallest amount that is taken; None = any.

    Raises:
        InputRefused: It is no number, has more than four decimals, or is below ``least``.
    """
    bound = "" if least is None else f", {least} or more"
    try:
        amount = Decimal(text.replace(",", "")) * 10_000
        if amount.is_finite() and amount == int(amount) and (least is None or amount >= least):
            return int(amount)
    except ArithmeticError:
        pass
    raise InputRefused(
        f"dollars with at most four decimals{bound}",
        repr(text),
        where=where,
        remedy="Write it like 2500 or 12.34.",
    )


def parsed_range(first: str | None, last: str | None) -> tuple[date | None, date | None]:
    """The dates of ``--from`` and ``--to``; None where one is left out.

    Raises:
        InputRefused: One is no date, or the first is after the last.
    """
    start, end = parsed_day(first, "--from"), parsed_day(last, "--to")
    if start is not None and end is not None and start > end:
        raise InputRefused(
            "a first session that is not after the last",
            f"{start} to {end}",
            where="--from and --to",
            remedy="Exchange or correct the dates.",
        )
    return start, end


def parsed_instant(text: str | None, where: str) -> datetime | None:
    """The instant of an option that may be left out, in UTC.

    Raises:
        InputRefused: It is no ISO 8601 instant with a time zone.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InputRefused(
        "an instant with its time zone, in ISO 8601",
        repr(text),
        where=where,
        remedy="Write it like 2024-01-15T21:30:00Z or 2024-01-15T16:30:00-05:00.",
    )


def print_json(value: Any) -> None:
    """One JSON document on standard output; dates and instants as ISO text, paths as text."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, default=_plain)
    sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """A sentence with rich's markup; in one line, which only a terminal folds."""
    out.print(text, soft_wrap=True)


def escaped(text: str) -> str:
    """Text that rich prints as it is, whatever brackets it holds."""
    return escape(text)


def shown_path(path: Path) -> str:
    """A path for a person: from the project's root on where it is inside."""
    return str(path.relative_to(PROJECT_ROOT)) if path.is_relative_to(PROJECT_ROOT) else str(path)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 bar``, ``2 bars``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def number_text(value: float | None, decimals: int = 2) -> str:
    """A number with at least so many decimals and at most six; a dash where it is not known."""
    if value is None:
        return _EMPTY
    whole, _, rest = f"{value:,.6f}".partition(".")
    rest = rest.rstrip("0").ljust(decimals, "0")
    return f"{whole}.{rest}" if rest else whole


def instant_text(value: datetime | None) -> str:
    """An instant to the second, in UTC; a dash where there is none."""
    return _EMPTY if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def new_york_text(value: datetime) -> str:
    """An instant to the second, as clocks in New York show it."""
    from stocker_pipeline.domain.session import NEW_YORK

    return f"{value.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S %Z}"


def shown_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows as a person reads them: numbers rounded, instants in New York, yes and no."""

    def text(value: Any) -> Any:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, float):
            return number_text(value, 2)
        return new_york_text(value) if isinstance(value, datetime) else value

    return [{name.replace("_", " "): text(value) for name, value in row.items()} for row in rows]


def print_table(
    title: str, rows: Sequence[Mapping[str, Any]], *, right: Iterable[str] = ()
) -> None:
    """Rows as a table, headed by their keys; nothing where there are no rows.

    What is written into a file or pipe has one line per row, however long.

    Args:
        right: Columns of numbers.
    """
    if not rows:
        return
    aligned = set(right)
    heading = Text(title, style="bold")
    table = Table(title=heading, title_justify="left", box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(
            Text(name), justify="right" if name in aligned else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(_EMPTY if cell is None else str(cell)) for cell in row.values()))
    if out.is_terminal:
        out.print(table)
    else:
        Console(file=out.file, highlight=False, width=_WIDEST).print(table)


def _plain(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"wanted a value that JSON has, a date or a path; received {value!r}")
