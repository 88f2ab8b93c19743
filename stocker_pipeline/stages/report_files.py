"""Where pages of reports lie, and how they get there: each appears whole or not at all."""

import os
from datetime import date
from pathlib import Path
from urllib.parse import quote

DAILY, WEEKLY, COMPARISONS = "daily", "weekly", "compare"
OPEN_HOST, OPEN_PORT = "127.0.0.1", 8750
"""Where ``stocker open`` serves them, unless it is told otherwise."""


def tear_sheet_path(reports: Path, name: str) -> Path:
    """The tear sheet of a backtest."""
    return reports / f"{name}.html"


def daily_path(reports: Path, name: str, session: date) -> Path:
    """The report of one session."""
    return reports / DAILY / name / f"{session.isoformat()}.html"


def weekly_path(reports: Path, name: str, session: date) -> Path:
    """The review of the ISO week that a session lies in, such as ``2013-W03``."""
    year, week, _ = session.isocalendar()
    return reports / WEEKLY / name / f"{year}-W{week:02d}.html"


def url_of(reports: Path, page: Path) -> str:
    """The address of a page while ``stocker open`` runs."""
    where = quote(page.relative_to(reports).as_posix())
    return f"http://{OPEN_HOST}:{OPEN_PORT}/reports/{where}"


def write_page(path: Path, text: str) -> Path:
    """Write a page under its name in one step, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
    return path
