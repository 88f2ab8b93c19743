"""``stocker demo``: the sample market, two backtests, the marts, and every page about them."""

import io
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stocker_pipeline.commands.dagster_runs import finish, opened, progress
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

    def run(chosen: Any, label: str, **resources: Any) -> None:
        # dbt prints a line per test; the UI keeps them all.
        with progress(label, quiet=False), redirect_stdout(io.StringIO()):
            outcome = runs.run_assets(definitions, instance, chosen, **resources)
        if not outcome.success:
            finish(outcome, {}, as_json=False)

    with opened(settings) as (definitions, instance):
        assets = (*runs.MARKET_ASSETS, *runs.portfolio_assets(PORTFOLIO))
        label = f"{PORTFOLIO}: bars to snapshots, one run"
        book: dict[str, Any] = {"sessions": sessions, "overrides": {"restart": True}}
        run(assets, label, sources=sources, **book)
        run(runs.portfolio_assets(COMPARED), COMPARED, **book)
        with ThreadPoolExecutor(1) as beside:
            # dbt is another process, and the pages need no mart.
            pages = beside.submit(write_pages, settings)
            marts = runs.warehouse_assets(definitions)
            run(marts, "marts by dbt, and the pages", sessions=None)
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
