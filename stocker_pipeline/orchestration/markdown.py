"""Tables and pictures as Dagster's pages show them: Markdown. Stays out: what is in them."""

import base64
from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Collection[str] = ()
) -> dg.MarkdownMetadataValue:
    """A table; words of a person, a file or a broker do not break it.

    Args:
        right: Columns of numbers.
    """
    rule = "".join("---:|" if column in right else "---|" for column in columns)
    lines = ["| " + " | ".join(columns) + " |", "|" + rule]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def picture(png: bytes, label: str) -> dg.MarkdownMetadataValue:
    """A PNG inside the text, so that no file can go missing."""
    encoded = base64.b64encode(png).decode()
    return dg.MetadataValue.md(f"![{label}](data:image/png;base64,{encoded})")


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
