"""``stocker runs``: the backtests that Dagster ran, to be found again and compared."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from stocker_pipeline.commands.output import AsJson, out, print_json, print_table


def runs(
    portfolio: Annotated[str | None, typer.Argument(help="A portfolio; without it all.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List runs of backtests: when, which sessions, what was changed, how they ended."""
    from stocker_pipeline.orchestration.run_books import ID_SHOWN, run_history
    from stocker_pipeline.orchestration.runs import instance, prepare_dagster_home
    from stocker_pipeline.settings import Settings
    from stocker_pipeline.stages.portfolios import named_portfolio

    if portfolio is not None:
        named_portfolio(portfolio)
    settings = Settings()
    prepare_dagster_home(settings)
    with instance(settings) as opened:
        found = run_history(opened, portfolio, limit=limit)
    if as_json:
        print_json([asdict(run) for run in found])
        return
    if not found:
        out.print("No backtest was run yet: stocker backtest PORTFOLIO, or the Dagster UI.")
        return
    rows = [
        {
            "run": run.run_id[:ID_SHOWN],
            "portfolio": run.portfolio,
            "begun, UTC": f"{run.created_at:%Y-%m-%d %H:%M}",
            "first": run.first,
            "last": run.last,
            "changed": _changes(run.overrides),
            "ended": run.status,
            "NAV, $": None if run.nav_usd is None else f"{run.nav_usd:,.2f}",
        }
        for run in found
    ]
    print_table("Backtests", rows, right=["NAV, $"])
    out.print("stocker compare takes these ids.")


def _changes(given: Any) -> str:
    flat = {**(given.get("parameters") or {})}
    flat |= {name: value for name, value in given.items() if name != "parameters"}
    return ", ".join(f"{name}={value}" for name, value in flat.items())
