"""What lies in the folder of reports, as an index page lists it; and which file an address names.

An address is only ever answered with a file of a known kind inside the folder it belongs to: no
folder is listed, and no ``..``, link or drive leads out. Stays out: the server (``commands.open``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from stocker_pipeline.analytics.page import rendered
from stocker_pipeline.stages.report_files import COMPARISONS, DAILY, WEEKLY
from stocker_pipeline.stages.warehouse_docs import DOCS_FILES, WarehouseDocs

REPORTS_AT, DOCS_AT = "/reports/", "/dbt/"
KINDS: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
"""Endings that are answered, and what they are."""

_TITLES = {
    "": "Tear sheets",
    DAILY: "Daily reports",
    WEEKLY: "Weekly reviews",
    COMPARISONS: "Comparisons",
    "universe": "Reviews of the universe",
    "bars": "Bars",
}


@dataclass(frozen=True)
class Link:
    """A page: what it is called, and its address."""

    label: str
    address: str


@dataclass(frozen=True)
class Shelf:
    """Pages of one kind; of a portfolio where it has a name."""

    title: str
    links: tuple[Link, ...]


def shelves_of(reports: Path) -> list[Shelf]:
    """Every page under the folder of reports, by kind and portfolio, dates newest first."""
    pages: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(reports.rglob("*")) if reports.is_dir() else []:
        parts = path.relative_to(reports).parts
        if path.suffix not in (".html", ".txt") or not path.is_file():
            continue
        kind = parts[0] if len(parts) > 1 else ""
        pages.setdefault((kind, "/".join(parts[1:-1])), []).append(path)
    order = {kind: number for number, kind in enumerate(_TITLES)}
    shelves = []
    for (kind, group), found in sorted(
        pages.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0])
    ):
        title = _TITLES.get(kind, kind) + (f": {group}" if group else "")
        newest_first = sorted(found, reverse=kind in (DAILY, WEEKLY, "universe"))
        links = tuple(
            Link(
                path.stem.replace("__", " · "),
                REPORTS_AT + quote(path.relative_to(reports).as_posix()),
            )
            for path in newest_first
        )
        shelves.append(Shelf(title, links))
    return shelves


def index_page(reports: Path, docs: WarehouseDocs) -> str:
    """The index as text."""
    shelves = shelves_of(reports)
    return rendered(
        "index.html.j2", shelves=shelves, docs=DOCS_AT if docs.possible else "", shown=30
    )


def file_at(address: str, reports: Path, docs: WarehouseDocs) -> Path | None:
    """The file that the path of an address names; None where it names none that may be read.

    Raises:
        StockerError: The tables' documentation cannot be made.
    """
    path = unquote(address.split("?", 1)[0].split("#", 1)[0])
    if path.startswith(REPORTS_AT):
        return _inside(reports, path.removeprefix(REPORTS_AT))
    if path.startswith(DOCS_AT):
        return docs.file(path.removeprefix(DOCS_AT) or DOCS_FILES[0])
    return None


def _inside(root: Path, relative: str) -> Path | None:
    """A file below ``root``, links followed before it is judged where it lies."""
    if "\x00" in relative or "\\" in relative:
        return None
    try:
        found, base = (root / relative).resolve(), root.resolve()
        allowed = found.is_relative_to(base) and found.suffix in KINDS and found.is_file()
    except (OSError, ValueError):
        return None
    return found if allowed else None
