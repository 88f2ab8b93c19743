"""The daily report of a paper portfolio as an asset below its snapshot: a page for each session.

Stays out: what is on the page (``stages.report_write``, ``analytics.day_page``).
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lean_imports import spare_pandas_and_scipy
from stocker_pipeline.orchestration.partitions import contiguous_range
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.report_files import url_of
from stocker_pipeline.stages.report_write import (
    PAGES_MAX,
    Written,
    write_daily_reports,
    write_weekly_review,
)
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline.strategies.portfolio import Portfolio

ASSET = "daily_report"
_DESCRIPTION = (
    "The session on one page, bad news first: profit by symbol, limits with headroom, what traded "
    "and why, the next ticket, costs, data. `stocker open` shows it. A run writes the last "
    f"{PAGES_MAX} sessions of its range; `stocker report` any other. A week's last session also "
    "leaves the review of the week."
)


def report_asset(
    name: str,
    portfolio: Portfolio,
    calendar: SessionCalendar,
    partitions: dg.PartitionsDefinition[Any],
) -> dg.AssetsDefinition:
    """The asset ``daily_report`` of one portfolio."""

    @dg.asset(
        key=[name, ASSET],
        deps=[dg.AssetKey([name, "portfolio_snapshot"])],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description=_DESCRIPTION,
        group_name=name,
        owners=["team:trading"],
        tags={"mode": portfolio.mode, "strategy": portfolio.strategy},
        kinds={"python", "html"},
    )
    def daily_report(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        venue: dg.ResourceParam[Venue],
    ) -> dg.MaterializeResult[Any]:
        spare_pandas_and_scipy()  # only now: strategies and other assets are loaded
        keys = list(context.partition_keys)
        start, end = contiguous_range(keys, calendar, where=f"portfolio {name}")
        reports = Settings().reports
        written = write_daily_reports(venue, lake, name, portfolio, reports, start, end)
        if end in written and week_ends_with(calendar, end):
            write_weekly_review(venue, lake, name, portfolio, reports, end)
        for session, metadata in report_metadata(written, reports).items():
            context.add_asset_metadata(metadata, partition_key=session.isoformat())
        return dg.MaterializeResult()

    return daily_report


def week_ends_with(calendar: SessionCalendar, session: date) -> bool:
    """Whether no later session lies in the same calendar week."""
    return calendar.next_session(session).isocalendar()[:2] != session.isocalendar()[:2]


def report_metadata(
    written: Mapping[date, Written], reports: Path
) -> Mapping[date, Mapping[str, Any]]:
    """Where each page is, and what it says first."""
    return {
        session: {
            "report": dg.MetadataValue.path(str(page.path)),
            "report_while_stocker_open_runs": dg.MetadataValue.url(url_of(reports, page.path)),
            "profit": page.profit_usd,
            "to_look_at": len(page.news),
            **({"look_at_first": "\n".join(page.news)} if page.news else {}),
        }
        for session, page in written.items()
    }
