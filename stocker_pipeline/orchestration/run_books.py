"""What one Dagster run of a backtest wrote: which versions of the lake's tables, with what changed.

Belongs here: reading a run's record. Stays out: reading the tables (``stages.report_compare``).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, PARTITION_NAME_TAG

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.stages.portfolios import named_portfolio, portfolio_names
from stocker_pipeline.stages.report_compare import RunBook

WRITTEN = "written_versions"
"""Metadata of the last snapshot of a run: table → version after it."""

_EVENTS_SEARCHED = 1000
"""Materialisations of that session that are looked through for the run's, the newest first."""


def run_book(opened: dg.DagsterInstance, run_id: str) -> RunBook:
    """A backtest as a run left it.

    Raises:
        InputRefused: There is no such run, it did not succeed, or it wrote no book of a backtest.
    """
    run = opened.get_run_by_id(run_id)
    if run is None or not run.is_success:
        received = "there is no such run" if run is None else f"its status is {run.status.value}"
        raise _refused(run_id, received)
    end = run.tags.get(ASSET_PARTITION_RANGE_END_TAG) or run.tags.get(PARTITION_NAME_TAG)
    written = {
        key.path[0]
        for key in run.asset_selection or ()
        if len(key.path) == 2 and key.path[1] == "portfolio_snapshot"
    }
    names = sorted(written & set(portfolio_names()))
    if len(names) != 1 or end is None:
        raise _refused(run_id, f"it wrote the books of {', '.join(names) or 'none'}")
    (name,) = names
    config: Any = run.run_config
    given = config.get("resources", {}).get("overrides", {}).get("config", {})
    overrides: dict[str, Any] = dict(given.get("parameters") or {})
    capital = given.get("initial_capital")
    portfolio = named_portfolio(name).with_overrides(
        overrides, initial_capital=capital, where=f"the run config of {run_id}"
    )
    if capital is not None:
        overrides["initial_capital"] = capital
    versions = _written(opened, name, end, run_id)
    return RunBook(f"{name} {run_id[:8]}", name, portfolio, versions, overrides)


def _written(opened: dg.DagsterInstance, name: str, session: str, run_id: str) -> Mapping[str, int]:
    found = opened.fetch_materializations(
        dg.AssetRecordsFilter(
            asset_key=dg.AssetKey([name, "portfolio_snapshot"]), asset_partitions=[session]
        ),
        limit=_EVENTS_SEARCHED,
    )
    for record in found.records:
        made = record.asset_materialization
        if record.run_id == run_id and made is not None and WRITTEN in made.metadata:
            value: Any = made.metadata[WRITTEN].value
            return dict(value)
    raise _refused(run_id, "its last snapshot does not say which versions it wrote")


def _refused(run_id: str, received: str) -> InputRefused:
    return InputRefused(
        "a run that backtested one portfolio to its end",
        received,
        where=f"run {run_id}",
        remedy="Take the id of such a run from the runs page, or name a portfolio.",
    )
