"""``stocker demo``: the sample market, two backtests, the marts, and every page about them."""

import io
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stocker_pipeline.commands.dagster_runs import definitions_for, finish, opened, progress
from stocker_pipeline.commands.output import out, shown_path
from stocker_pipeline.commands.report import TearSheet, print_tear_sheet, write_tear_sheet

if TYPE_CHECKING:
    from stocker_pipeline.settings import Settings

PORTFOLIO, COMPARED = "trend_backtest", "buy_and_hold_backtest"


def demo() -> None:
    """Ingest the sample market, backtest the shipped portfolios, build marts and pages."""
    from stocker_pipeline.gateways.market_data.sample import (
        FIRST_SESSION,
        LAST_SESSION,
        SampleMarket,
    )
    from stocker_pipeline.orchestration import runs
    from stocker_pipeline.settings import Settings

    settings, began = Settings(), time.monotonic()
    sessions, sources = (FIRST_SESSION, LAST_SESSION), {"providers": [SampleMarket.name]}
    book: dict[str, Any] = {"sessions": sessions, "overrides": {"restart": True}}

    def run(assets: Any, **how: Any) -> None:
        _refuse_failed(runs.run_assets(definitions, instance, assets, **how))

    with opened(settings) as (definitions, instance), _another_process() as beside:
        beside.submit(_load)
        with progress("sample market: bars and corporate actions", quiet=False):
            run(runs.MARKET_ASSETS, sessions=sessions, sources=sources)
        with progress(f"{PORTFOLIO} in one run, {COMPARED} beside it", quiet=False):
            compared = beside.submit(_backtest, COMPARED, book)
            run(runs.portfolio_assets(PORTFOLIO), **book)
            _refuse_failed(compared.result())
        # The pages need no mart. dbt prints a line per test; the UI keeps them all.
        with progress("marts by dbt, and the pages", quiet=False), redirect_stdout(io.StringIO()):
            pages = beside.submit(write_pages, settings)
            run(runs.warehouse_assets(definitions), sessions=None)
            sheet, comparison = pages.result()
    print_tear_sheet(sheet, False)
    out.print(f"comparison    {shown_path(comparison)}", soft_wrap=True)
    out.print(f"\nDone in {time.monotonic() - began:.0f} s. Next:")
    out.print("  [bold]stocker open[/]   the pages, in the browser", soft_wrap=True)
    out.print("  [bold]make ui[/]        the Dagster UI on http://127.0.0.1:3000", soft_wrap=True)


def write_pages(settings: "Settings") -> tuple[TearSheet, Path]:
    """Write tear sheet and last session of both backtests, and their comparison; print nothing."""
    from stocker_pipeline.commands.compare import write_comparison
    from stocker_pipeline.stages.portfolios import named_portfolio

    for portfolio in (COMPARED, PORTFOLIO):
        target = settings.reports / f"{portfolio}.html"
        sheet = write_tear_sheet(settings, portfolio, named_portfolio(portfolio), target)
    return sheet, write_comparison(settings, [PORTFOLIO, COMPARED])[1]


def _refuse_failed(outcome: Any) -> None:
    if not outcome.success:
        finish(outcome, {}, as_json=False)


def _another_process() -> ProcessPoolExecutor:
    # As the UI does it: each run has a worker. Not a fork, which would share open databases.
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


@lru_cache(maxsize=1)
def _definitions() -> Any:
    from stocker_pipeline.settings import Settings

    return definitions_for(Settings())


def _load() -> None:
    """Load in the other process what takes seconds, while this one is at work."""
    _definitions()


def _backtest(portfolio: str, book: Mapping[str, Any]) -> Any:
    """A backtest in the other process: its ``RunOutcome``."""
    from stocker_pipeline.orchestration import runs
    from stocker_pipeline.settings import Settings

    with runs.instance(Settings()) as instance:
        return runs.run_assets(_definitions(), instance, runs.portfolio_assets(portfolio), **book)
