"""What Dagster's runs of backtests wrote: which versions of the lake's tables, with what changed.

Belongs here: reading the records of runs. Stays out: reading tables (``stages.report_compare``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, partial
from itertools import islice
from typing import Any

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.stages.portfolios import named_portfolio, portfolio_names
from stocker_pipeline.stages.report_compare import RunBook

WRITTEN = "written_versions"
"""Metadata of the last snapshot of a run: table → version after it."""

_EVENTS_SEARCHED = 1000
"""Materialisations of that session that are looked through for the run's, the newest first."""
_RUNS_AT_ONCE = 100
_ID_LENGTH = 36
ID_SHOWN = 8
"""Digits of an id that are shown, and that tell a run from the others."""


@dataclass(frozen=True)
class BacktestRun:
    """A run that wrote, or was to write, the book of a backtest.

    Attributes:
        status: Dagster's word, such as SUCCESS or FAILURE.
        first, last: The sessions asked for, YYYY-MM-DD.
        overrides: What differed from the YAML: parameters, initial_capital, restart.
        nav_usd, drawdown: At the last session; None where the run did not get there.
    """

    run_id: str
    portfolio: str
    status: str
    created_at: datetime
    first: str
    last: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    nav_usd: float | None = None
    drawdown: float | None = None


def run_history(
    opened: dg.DagsterInstance, portfolio: str | None = None, *, limit: int = 20
) -> list[BacktestRun]:
    """Runs of backtests, the newest first.

    Args:
        portfolio: None = of every portfolio.
    """
    found = (run for run in _backtest_runs(opened) if portfolio in (None, run.portfolio))
    said = cache(partial(_said_of_ends, opened))
    return [
        replace(run, nav_usd=end.get("nav"), drawdown=end.get("drawdown"))
        for run in islice(found, limit)
        for end in (said(run.portfolio, run.last).get(run.run_id, {}),)
    ]


def _backtest_runs(opened: dg.DagsterInstance) -> Iterator[BacktestRun]:
    cursor: str | None = None
    while records := opened.get_run_records(limit=_RUNS_AT_ONCE, cursor=cursor):
        cursor = records[-1].dagster_run.run_id
        for record in records:
            run, end = record.dagster_run, _last_session(record.dagster_run)
            for name in _backtests_of(run) if end else ():
                yield BacktestRun(
                    run.run_id,
                    name,
                    run.status.value,
                    record.create_timestamp.astimezone(UTC),
                    run.tags.get(ASSET_PARTITION_RANGE_START_TAG) or str(end),
                    str(end),
                    _given(run),
                )


def run_book(opened: dg.DagsterInstance, run_id: str) -> RunBook:
    """A backtest as a run left it.

    Args:
        run_id: The whole id, or its beginning where only one run of a backtest begins so.

    Raises:
        InputRefused: There is no such run, it did not succeed, or it wrote no book of a backtest.
    """
    run = opened.get_run_by_id(_whole_id(opened, run_id))
    if run is None or not run.is_success:
        received = "there is no such run" if run is None else f"its status is {run.status.value}"
        raise _refused(run_id, received)
    end, names = _last_session(run), _backtests_of(run)
    if len(names) != 1 or end is None:
        raise _refused(run_id, f"it wrote the books of {', '.join(names) or 'none'}")
    (name,) = names
    given = _given(run)
    overrides: dict[str, Any] = dict(given.get("parameters") or {})
    capital = given.get("initial_capital")
    portfolio = named_portfolio(name).with_overrides(
        overrides, initial_capital=capital, where=f"the run config of {run_id}"
    )
    if capital is not None:
        overrides["initial_capital"] = capital
    said = _said_of_ends(opened, name, end).get(run.run_id, {})
    if WRITTEN not in said:
        raise _refused(run_id, "its last snapshot does not say which versions it wrote")
    versions = dict(said[WRITTEN])
    return RunBook(f"{name} {run.run_id[:ID_SHOWN]}", name, portfolio, versions, overrides)


def _whole_id(opened: dg.DagsterInstance, text: str) -> str:
    if len(text) >= _ID_LENGTH:
        return text
    found = {run.run_id for run in _backtest_runs(opened) if run.run_id.startswith(text)}
    if len(found) > 1:
        raise _refused(text, f"{len(found)} runs begin so: {', '.join(sorted(found))}")
    return next(iter(found), text)


def _backtests_of(run: dg.DagsterRun) -> list[str]:
    """Portfolios whose book in the lake a run writes."""
    written = {
        key.path[0]
        for key in run.asset_selection or ()
        if len(key.path) == 2 and key.path[1] == "portfolio_snapshot"
    }
    return sorted(
        name
        for name in written & set(portfolio_names())
        if named_portfolio(name).mode == "backtest"
    )


def _last_session(run: dg.DagsterRun) -> str | None:
    return run.tags.get(ASSET_PARTITION_RANGE_END_TAG) or run.tags.get(PARTITION_NAME_TAG)


def _given(run: dg.DagsterRun) -> Mapping[str, Any]:
    """The run config of the overrides: what was given, and nothing else."""
    config: Any = run.run_config
    given = config.get("resources", {}).get("overrides", {}).get("config", {})
    return {name: value for name, value in given.items() if value}


def _said_of_ends(
    opened: dg.DagsterInstance, name: str, session: str
) -> Mapping[str, Mapping[str, Any]]:
    """Run → metadata of its snapshot of a session; a run that did not get there has none."""
    found = opened.fetch_materializations(
        dg.AssetRecordsFilter(
            asset_key=dg.AssetKey([name, "portfolio_snapshot"]), asset_partitions=[session]
        ),
        limit=_EVENTS_SEARCHED,
    )
    # The newest first: where a run was resumed, its last word counts.
    said: dict[str, Mapping[str, Any]] = {}
    for record in found.records:
        made = record.asset_materialization
        if made is not None and record.run_id not in said:
            said[record.run_id] = {name: value.value for name, value in made.metadata.items()}
    return said


def _refused(run_id: str, received: str) -> InputRefused:
    return InputRefused(
        "a run that backtested one portfolio to its end",
        received,
        where=f"run {run_id}",
        remedy="Take the id of such a run from stocker runs, or name a portfolio.",
    )
