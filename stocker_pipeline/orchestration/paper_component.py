"""A paper portfolio as a group of assets: the day's stages, chosen by what a run selects.

``targets`` and ``orders`` are the open stage, ``fills`` alone collects, ``portfolio_snapshot`` is
the close stage; all four of a past session are its whole day. Stays out: what the stages do.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import dagster as dg

from stocker_pipeline.domain.session import SessionCalendar, SystemClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lean_imports import spare_pandas_and_scipy
from stocker_pipeline.orchestration.asset_specs import portfolio_spec
from stocker_pipeline.orchestration.fills_sensor import fills_sensor
from stocker_pipeline.orchestration.monitor_sensors import monitor_sensors
from stocker_pipeline.orchestration.paper_metadata import (
    parity_metadata,
    session_metadata,
    tomorrow_metadata,
)
from stocker_pipeline.orchestration.partitions import (
    contiguous_range,
    session_calendar,
    session_partitions,
)
from stocker_pipeline.orchestration.portfolio_metadata import signals_metadata
from stocker_pipeline.orchestration.report_asset import ASSET as REPORT
from stocker_pipeline.orchestration.report_asset import report_asset
from stocker_pipeline.orchestration.schedules import Tick, each_session, session_schedule
from stocker_pipeline.settings import Environment, Settings
from stocker_pipeline.stages.books import Opening
from stocker_pipeline.stages.day import StageReport
from stocker_pipeline.stages.forecast import forecast
from stocker_pipeline.stages.parity import compare
from stocker_pipeline.stages.trading import Stage, Venue, run_stages
from stocker_pipeline.strategies.portfolio import Portfolio

PAPER_ASSETS = {
    "targets": "Weights before the open, each factor beside it; stored in the ledger.",
    "orders": "Whole-share orders decided before the open and sent once, with the reason of each.",
    "fills": "Executions as the broker reported them, each booked once.",
    "portfolio_snapshot": "The book at the close, settled and reconciled with the broker.",
}
_STAGE_OF = {
    "targets": Stage.OPEN,
    "orders": Stage.OPEN,
    "fills": Stage.FILLS,
    "portfolio_snapshot": Stage.CLOSE,
}
_PARITY = (
    "The book beside its backtest twin on the bars known now; a gap is split into data, timing, "
    "price, overrides, missed trades and rounding."
)
_RETRIES = 16
_RETRY_SECONDS = 300
"""Sixteen times five minutes: from 08:00 to the end of the window at 09:20."""


class StageWaits(Exception):
    """A stage of the day could not go on yet; the run may be repeated."""

    def __init__(self, report: StageReport) -> None:
        super().__init__(
            f"{report.stage} stage of {report.session} waits ({report.waits}): {report.reason}"
        )


class _Days(NamedTuple):
    """The sessions that the assets of a portfolio are partitioned by."""

    calendar: SessionCalendar
    partitions: dg.PartitionsDefinition[Any]

    def started(self, context: dg.AssetExecutionContext, name: str) -> tuple[date, date]:
        """The first and the last session of the run."""
        spare_pandas_and_scipy()  # only now: strategies and other assets are loaded
        keys = list(context.partition_keys)
        start, end = contiguous_range(keys, self.calendar, where=f"portfolio {name}")
        return start, end


def paper_definitions(name: str, portfolio: Portfolio) -> dg.Definitions:
    """Assets, jobs and schedules of one paper portfolio over the sessions of the exchange."""
    first, today = Settings().first_session, SystemClock().now().date()
    days = _Days(session_calendar(first, today), session_partitions(first, today))
    return dg.Definitions(
        assets=[
            _signals(name, portfolio, days),
            _book(name, portfolio, days),
            _parity(name, portfolio, days),
            report_asset(name, portfolio, days.calendar, days.partitions),
        ],
        sensors=[fills_sensor(name), *monitor_sensors(name, portfolio)],
        **_day_of(name),
    )


def _signals(name: str, portfolio: Portfolio, days: _Days) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"{name}__signals",
        specs=[
            portfolio_spec(
                name,
                "signals",
                portfolio,
                ["raw_bars", "corporate_actions"],
                _thinks(portfolio),
            )
        ],
        partitions_def=days.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def signals(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        venue: dg.ResourceParam[Venue],
    ) -> dg.MaterializeResult[Any]:
        start, end = days.started(context, name)
        with venue.ledger() as ledger:
            book = ledger.read(lambda r: r.portfolio(name))
        opening = Opening(book.book_start if book else start, None, start)
        # Before the open there is no bar of the session itself.
        result = forecast(
            lake,
            name,
            portfolio,
            opening,
            start,
            end,
            bars_through=days.calendar.previous_session(end),
        )
        context.add_asset_metadata(signals_metadata(result), partition_key=end.isoformat())
        return dg.MaterializeResult()

    return signals


def _book(name: str, portfolio: Portfolio, days: _Days) -> dg.AssetsDefinition:
    before = dict(zip(PAPER_ASSETS, ["signals", *PAPER_ASSETS], strict=False))

    @dg.multi_asset(
        name=f"{name}__book",
        specs=[
            portfolio_spec(name, asset, portfolio, [[name, before[asset]]], text, in_ledger=True)
            for asset, text in PAPER_ASSETS.items()
        ],
        can_subset=True,
        partitions_def=days.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description=portfolio.description or f"The paper book of {name}.",
        pool=f"book_{name}",
    )
    def book(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        venue: dg.ResourceParam[Venue],
    ) -> Any:
        chosen = [a for a in PAPER_ASSETS if dg.AssetKey([name, a]) in context.selected_asset_keys]
        start, end = days.started(context, name)
        sessions = days.calendar.sessions(start, end).tolist()
        reports = list(_run(venue, name, portfolio, lake, sessions, chosen))
        settled = [report.session for report in reports]
        metadata = session_metadata(venue, name, portfolio, settled)
        for asset in chosen:
            for session, found in metadata[asset].items():
                context.add_asset_metadata(found, [name, asset], session.isoformat())
            if asset == "portfolio_snapshot" and start == end:
                found = tomorrow_metadata(venue, name, portfolio, lake, end)
                context.add_asset_metadata(found, [name, asset], end.isoformat())
            yield dg.MaterializeResult(asset_key=[name, asset])

    return book


def _parity(name: str, portfolio: Portfolio, days: _Days) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"{name}__parity",
        specs=[portfolio_spec(name, "parity", portfolio, [[name, "portfolio_snapshot"]], _PARITY)],
        partitions_def=days.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def parity(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        venue: dg.ResourceParam[Venue],
    ) -> dg.MaterializeResult[Any]:
        _, end = days.started(context, name)
        with venue.ledger() as ledger:
            found = compare(ledger, lake, name, portfolio)
        context.add_asset_metadata(parity_metadata(found), partition_key=end.isoformat())
        return dg.MaterializeResult()

    return parity


def _run(
    venue: Venue,
    name: str,
    portfolio: Portfolio,
    lake: Lake,
    sessions: Sequence[Any],
    chosen: Sequence[str],
) -> Any:
    """Reports of the sessions; a stage that waits asks for a retry.

    Raises:
        RetryRequested: A stage waits.
    """
    for report in run_stages(
        venue, name, portfolio, lake, sessions, {_STAGE_OF[asset] for asset in chosen}
    ):
        if report.waits:
            raise dg.RetryRequested(_RETRIES, _RETRY_SECONDS) from StageWaits(report)
        yield report


def _day_of(name: str) -> Mapping[str, Any]:
    """The open and the close stage as jobs, and their schedules."""
    opening = dg.define_asset_job(
        f"{name}__open_session",
        selection=[dg.AssetKey([name, asset]) for asset in ("signals", "targets", "orders")],
        description="Signals, targets and orders of a session, before its open.",
    )
    closing = dg.define_asset_job(
        f"{name}__close_session",
        selection=[
            dg.AssetKey(key)
            for key in (
                ["raw_bars"],
                ["corporate_actions"],
                [name, "fills"],
                [name, "portfolio_snapshot"],
                [name, "parity"],
                [name, REPORT],
            )
        ],
        description="Bars, fills, the settled book and the report of a session, after its close.",
    )
    environments: tuple[Environment, ...] = ("paper", "live")
    return {
        "jobs": [opening, closing],
        "schedules": [
            session_schedule(
                f"{name}__open_session",
                job=opening,
                cron="0 8 * * *",
                environments=environments,
                decide=each_session,
                description="08:00 of each session: decide and send before the window closes.",
            ),
            session_schedule(
                f"{name}__close_session",
                job=closing,
                cron="30 14,17 * * *",
                environments=environments,
                decide=at_the_close,
                description="17:30 of each session, 14:30 on a half day: collect and settle.",
            ),
        ],
    }


def at_the_close(tick: Tick) -> tuple[Any, ...] | str:
    """The tick's own date, at the hour that belongs to its close."""
    sessions = each_session(tick)
    if isinstance(sessions, str):
        return sessions
    afternoon = "14:30" if tick.calendar.is_half_day(tick.day) else "17:30"
    due = f"{tick.scheduled_in_new_york:%H:%M}"
    if due != afternoon:
        return f"{tick.day} is settled at {afternoon}; this is the tick of {due}"
    return sessions


def _thinks(portfolio: Portfolio) -> str:
    return f"What {portfolio.strategy} thinks before the open, from bars up to the session before."
