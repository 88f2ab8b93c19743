"""``stocker report``: the pages of a portfolio, written from what it has done so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from stocker_pipeline.commands.output import AsJson, out, parsed_day, print_json, shown_path
from stocker_pipeline.commands.spared_imports import spared_imports
from stocker_pipeline.domain.errors import BookRefused, InputRefused

if TYPE_CHECKING:
    from stocker_pipeline.analytics.day_values import DayReport
    from stocker_pipeline.settings import Settings
    from stocker_pipeline.stages.report import Report
    from stocker_pipeline.strategies.portfolio import Portfolio


_HEAVY = ("stocker_pipeline.stages.report_backtest", "stocker_pipeline.stages.report_day")
"""What the functions below import: a page is asked for at a glance, and half of it was loading."""


def report(
    portfolio: str,
    session: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The report of this session alone.")
    ] = None,
    week: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The review of the week of this day.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Page to write.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a session (the last one); of a backtest its tear sheet too."""
    with spared_imports():
        for module in _HEAVY:
            import_module(module)
        from stocker_pipeline.settings import Settings
        from stocker_pipeline.stages.portfolios import named_portfolio

    settings, chosen = Settings(), named_portfolio(portfolio)
    on, of_week = parsed_day(session, "--session"), parsed_day(week, "--week")
    if on is not None and of_week is not None:
        raise InputRefused(
            "--session or --week", "both", where="stocker report", remedy="Leave one out."
        )
    if of_week is not None:
        _finish(write_week(settings, portfolio, chosen, of_week, output), as_json)
    elif on is not None or chosen.mode == "paper":
        _finish(write_day(settings, portfolio, chosen, on, output), as_json)
    else:
        page = output or settings.reports / f"{portfolio}.html"
        print_tear_sheet(write_tear_sheet(settings, portfolio, chosen, page), as_json)


def write_day(
    settings: "Settings",
    name: str,
    portfolio: "Portfolio",
    session: date | None = None,
    output: Path | None = None,
) -> dict[str, Any]:
    """Write the report of a session; what a program reads about it."""
    from stocker_pipeline.analytics.day_numbers import bad_news, profits_of
    from stocker_pipeline.analytics.day_page import day_page
    from stocker_pipeline.lake.lake import Lake
    from stocker_pipeline.stages.report_backtest import day_of_backtest
    from stocker_pipeline.stages.report_day import day_of_book
    from stocker_pipeline.stages.report_files import daily_path, write_page

    lake = Lake(settings.lake_root)
    if portfolio.mode == "paper":
        day = day_of_book(_venue(settings), lake, name, portfolio, session)
    else:
        day = day_of_backtest(lake, name, portfolio, session)
    page = write_page(output or daily_path(settings.reports, name, day.session), day_page(day))
    profits = profits_of(day)
    return _answer([day], page) | {
        "session": day.session,
        "outcome": day.outcome or None,
        "profit_by_symbol": {row.symbol: row.profit_e4 / 1e4 for row in profits.rows},
        "look_at": bad_news(day, profits),
    }


def write_week(
    settings: "Settings", name: str, portfolio: "Portfolio", day: date, output: Path | None = None
) -> dict[str, Any]:
    """Write the review of the calendar week of a day, and the reports of its sessions.

    Raises:
        BookRefused: No session of that week is done.
    """
    from stocker_pipeline.analytics.day_page import day_page
    from stocker_pipeline.analytics.week_page import week_page
    from stocker_pipeline.lake.lake import Lake
    from stocker_pipeline.stages.report_backtest import days_of_backtest, done_between
    from stocker_pipeline.stages.report_day import days_of_book, settled_between
    from stocker_pipeline.stages.report_files import daily_path, weekly_path, write_page

    lake, monday = Lake(settings.lake_root), day - timedelta(days=day.weekday())
    sunday = monday + timedelta(days=6)
    paper = portfolio.mode == "paper"
    if paper:
        sessions = settled_between(_venue(settings), name, monday, sunday)
    else:
        sessions = done_between(lake, name, monday, sunday)
    if not sessions:
        raise BookRefused(
            "a week with at least one session done",
            f"none from {monday} to {sunday}",
            where=f"portfolio {name}",
            remedy="Name a day of another week.",
        )
    if paper:
        days = days_of_book(_venue(settings), lake, name, portfolio, sessions)
    else:
        days = days_of_backtest(lake, name, portfolio, sessions)
    if output is None:
        for one in days:
            write_page(daily_path(settings.reports, name, one.session), day_page(one))
    page = write_page(
        output or weekly_path(settings.reports, name, sessions[-1]),
        week_page(days, links=output is None),
    )
    return _answer(days, page) | {"sessions": sessions}


@dataclass(frozen=True)
class TearSheet:
    """A tear sheet that was written, and the page of its last session.

    Attributes:
        numbers: The metrics as a file.
    """

    name: str
    made: "Report"
    page: Path
    numbers: Path
    last_session: Path


def write_tear_sheet(
    settings: "Settings",
    name: str,
    portfolio: "Portfolio",
    target: Path,
    overrides: Mapping[str, Any] | None = None,
) -> TearSheet:
    """Write the tear sheet of a backtest and the report of its last session."""
    from stocker_pipeline.lake.lake import Lake
    from stocker_pipeline.stages.report import report_from_lake, write_report

    made = report_from_lake(Lake(settings.lake_root), name, portfolio, overrides)
    page, numbers = write_report(made, target)
    day = write_day(settings, name, portfolio)
    return TearSheet(name, made, page, numbers, day["report"])


def print_tear_sheet(sheet: TearSheet, as_json: bool, *, run_id: str | None = None) -> None:
    """Print the metrics, and where the pages are."""
    from stocker_pipeline.analytics.wording import metrics_values

    if as_json:
        answer = {
            "report": sheet.page,
            "metrics_file": sheet.numbers,
            "run_id": run_id,
            "daily": sheet.last_session,
        }
        print_json(answer | {"metrics": metrics_values(sheet.made.metrics)})
        return
    print_metrics(sheet.made.metrics, f"{sheet.name}: {sheet.made.facts['sessions']}")
    out.print(f"tear sheet    {shown_path(sheet.page)}", soft_wrap=True)
    out.print(f"last session  {shown_path(sheet.last_session)}", soft_wrap=True)


def print_metrics(metrics: Any, title: str) -> None:
    """Metrics as a table."""
    from stocker_pipeline.analytics.wording import metrics_table

    table = Table("", "", title=title, title_justify="left", show_header=False, box=None)
    for row in metrics_table(metrics):
        table.add_row(row.label, row.value)
    out.print(table)


def _answer(days: "list[DayReport]", page: Path) -> dict[str, Any]:
    last = days[-1]
    return {
        "portfolio": last.portfolio,
        "kind": last.kind,
        "nav": last.book.nav_e4 / 1e4,
        "profit": sum(day.book.profit_e4 for day in days) / 1e4,
        "fills": sum(len(day.fills) for day in days),
        "report": page,
    }


def _finish(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    for line in answer.get("look_at", ()):
        out.print(line, style="red", soft_wrap=True, markup=False)
    out.print(
        f"{answer['portfolio']}: {answer['profit']:+,.2f} dollars, NAV {answer['nav']:,.2f}, "
        f"{answer['fills']} fills",
        soft_wrap=True,
    )
    out.print(f"report  {shown_path(answer['report'])}", soft_wrap=True)


def _venue(settings: "Settings") -> Any:
    from stocker_pipeline.stages.trading import Venue

    return Venue(settings.env, settings.ledger, settings.accounts)
