"""``stocker demo``: the sample market, two backtests, the marts, and every page about them."""

import io
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from stocker_pipeline.commands.dagster_runs import finish, opened, progress
from stocker_pipeline.commands.output import out, shown_path
from stocker_pipeline.commands.report import write_and_print

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
    assets = (*runs.MARKET_ASSETS, *runs.portfolio_assets(PORTFOLIO))
    steps: list[tuple[Any, Any, str]] = [
        (assets, sessions, f"{PORTFOLIO}: bars to snapshots, one run"),
        (runs.portfolio_assets(COMPARED), sessions, COMPARED),
        (None, None, "dbt marts"),
    ]
    with opened(settings) as (definitions, instance):
        for chosen, covered, label in steps:
            keys = chosen or runs.warehouse_assets(definitions)
            overrides = {"restart": True} if covered else {}
            # dbt prints a line per test; the UI keeps them all.
            with progress(label, quiet=False), redirect_stdout(io.StringIO()):
                outcome = runs.run_assets(
                    definitions,
                    instance,
                    keys,
                    sessions=covered,
                    overrides=overrides,
                    sources=sources if keys is assets else None,
                )
            if not outcome.success:
                finish(outcome, {}, as_json=False)
    write_pages(settings)
    out.print(f"\nDone in {time.monotonic() - began:.0f} s. Next:")
    out.print("  [bold]stocker open[/]   the pages, in the browser", soft_wrap=True)
    out.print("  [bold]make ui[/]        the Dagster UI on http://127.0.0.1:3000", soft_wrap=True)


def write_pages(settings: "Settings") -> None:
    """Tear sheet and last session of both backtests, and their comparison."""
    from stocker_pipeline.commands.compare import write_comparison
    from stocker_pipeline.stages.portfolios import named_portfolio

    for portfolio in (COMPARED, PORTFOLIO):
        target = settings.reports / f"{portfolio}.html"
        write_and_print(
            settings,
            portfolio,
            named_portfolio(portfolio),
            target,
            False,
            quiet=portfolio != PORTFOLIO,
        )
    _, page = write_comparison(settings, [PORTFOLIO, COMPARED])
    out.print(f"comparison    {shown_path(page)}", soft_wrap=True)
