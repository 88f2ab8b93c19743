"""The daily reports that a run leaves in the folder of reports, and what it says about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from stocker_pipeline.analytics.day_numbers import bad_news, profits_of
from stocker_pipeline.analytics.day_page import day_page
from stocker_pipeline.analytics.week_page import week_page
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.stages.report_day import days_of_book, settled_between
from stocker_pipeline.stages.report_files import daily_path, weekly_path, write_page
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline.strategies.portfolio import Portfolio

PAGES_MAX = 21
"""Pages of one run, the last sessions; a longer replay writes the others on demand."""


@dataclass(frozen=True)
class Written:
    """One page, and what it says first.

    Attributes:
        profit_usd: Change of NAV without deposits and withdrawals.
    """

    path: Path
    news: Sequence[str]
    profit_usd: float


def write_daily_reports(
    venue: Venue,
    lake: Lake,
    name: str,
    portfolio: Portfolio,
    reports: Path,
    first: date,
    last: date,
) -> Mapping[date, Written]:
    """Write the reports of the settled sessions of a range, at most the last 21 of them.

    Raises:
        BookRefused: The book has not begun.
    """
    sessions = settled_between(venue, name, first, last)[-PAGES_MAX:]
    if not sessions:
        return {}
    return {
        day.session: Written(
            write_page(daily_path(reports, name, day.session), day_page(day)),
            bad_news(day, profits_of(day)),
            day.book.profit_e4 / 1e4,
        )
        for day in days_of_book(venue, lake, name, portfolio, sessions)
    }


def write_weekly_review(
    venue: Venue, lake: Lake, name: str, portfolio: Portfolio, reports: Path, session: date
) -> Path:
    """Write the review of the calendar week that a settled session lies in.

    Raises:
        BookRefused: The book has not begun.
    """
    monday = session - timedelta(days=session.weekday())
    sessions = settled_between(venue, name, monday, monday + timedelta(days=6))
    days = days_of_book(venue, lake, name, portfolio, sessions)
    for day in days:
        page = daily_path(reports, name, day.session)
        if not page.exists():
            write_page(page, day_page(day))
    return write_page(weekly_path(reports, name, session), week_page(days, links=True))
