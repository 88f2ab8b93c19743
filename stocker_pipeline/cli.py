"""The command ``stocker``. Parses, calls a stage or a run, prints; decides nothing.

Exit codes: 0 done, 1 a run failed, 2 wrong usage, 3 input refused, 4 configuration refused,
5 the book refuses the request, 6 a stage waits: the same again later, 7 a check found something:
a rule of the ledger that does not hold, or an open break, 8 it is stopped and something is left to
do, such as an order that could not be taken back. With ``--json`` the answer is one JSON
document on standard output.
"""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stocker_pipeline.commands import control, operate, paper_book
from stocker_pipeline.commands.alerts import alerts_app
from stocker_pipeline.commands.audit import audit_app
from stocker_pipeline.commands.bars import bars_app
from stocker_pipeline.commands.cash import cash_app
from stocker_pipeline.commands.compare import compare
from stocker_pipeline.commands.dagster_runs import finish, run
from stocker_pipeline.commands.database import db_app, doctor
from stocker_pipeline.commands.demo import demo
from stocker_pipeline.commands.ingest import ingest
from stocker_pipeline.commands.marts import marts
from stocker_pipeline.commands.metrics import metrics
from stocker_pipeline.commands.monitor import monitor
from stocker_pipeline.commands.open import open_pages
from stocker_pipeline.commands.output import (
    AsJson,
    Day,
    err,
    escaped,
    out,
    parsed_day,
    print_json,
)
from stocker_pipeline.commands.override import override_app
from stocker_pipeline.commands.paper import day, replay
from stocker_pipeline.commands.report import (
    print_metrics,
    print_tear_sheet,
    report,
    write_tear_sheet,
)
from stocker_pipeline.commands.runs import runs as list_runs
from stocker_pipeline.commands.spared_imports import spared_imports
from stocker_pipeline.commands.universe import universe_app
from stocker_pipeline.domain.errors import InputRefused, StockerError
from stocker_pipeline.redaction import clean_streams, install

if TYPE_CHECKING:
    from stocker_pipeline.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(ingest)
app.command()(day)
app.command()(replay)
for asked in (
    paper_book.status,
    paper_book.ticket,
    paper_book.explain,
    paper_book.positions,
    paper_book.orders,
    paper_book.fills,
    operate.reconcile,
    operate.confirm,
    control.kill,
    control.reduce,
    control.arm,
    control.flatten,
    doctor,
    monitor,
    metrics,
    report,
    compare,
    marts,
    demo,
):
    app.command()(asked)
app.command("open")(open_pages)
app.command("runs")(list_runs)
app.add_typer(bars_app, name="bars")
app.add_typer(universe_app, name="universe")
app.add_typer(cash_app, name="cash")
app.add_typer(override_app, name="override")
app.add_typer(db_app, name="db")
app.add_typer(audit_app, name="audit")
app.add_typer(alerts_app, name="alerts")

Capital = Annotated[float | None, typer.Option(help="Cash at the first session, dollars.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Override a parameter.")
]


def main() -> None:
    """Entry point: an error of ours is a sentence and an exit code, not a traceback."""
    install()
    with clean_streams():
        try:
            app()
        except StockerError as error:
            err.print(f"[bold red]refused[/] {escaped(str(error))}", soft_wrap=True)
            sys.exit(error.exit_code)
        finally:
            # Typer put its own hook for tracebacks in the place of the one that cleans them.
            install()


@app.command()
def simulate(
    bars: Annotated[Path, typer.Option(help="Parquet or CSV of bars.")],
    portfolio: Annotated[str, typer.Option(help="Portfolio, strategy or YAML file.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    actions: Annotated[Path | None, typer.Option(help="Parquet or CSV of actions.")] = None,
    start: Day = None,
    end: Day = None,
    initial_capital: Capital = None,
    assignments: Assignments = None,
    universe: Annotated[str | None, typer.Option(help="Symbols, comma-separated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a backtest from files to files: the same engine, without Dagster and the lake."""
    with spared_imports():
        from stocker_pipeline.analytics.metrics import performance_metrics
        from stocker_pipeline.analytics.wording import metrics_values
        from stocker_pipeline.stages.portfolios import parsed_overrides
        from stocker_pipeline.stages.report import record_of
        from stocker_pipeline.stages.simulate import Request, simulate_files, write_simulation
    result = simulate_files(
        Request(
            bars=bars,
            actions=actions,
            portfolio=portfolio,
            start=parsed_day(start, "--start"),
            end=parsed_day(end, "--end"),
            initial_capital=initial_capital,
            universe=tuple(part.strip() for part in universe.split(",")) if universe else None,
            parameters=parsed_overrides(assignments or []),
        )
    )
    record = record_of(result.portfolio, result.tables, result.bars, result.actions)
    metrics = performance_metrics(record)
    written = write_simulation(result.tables, metrics, out_dir)
    if as_json:
        print_json({"metrics": metrics_values(metrics), "written": [str(p) for p in written]})
    else:
        print_metrics(metrics, f"{portfolio}, {record.sessions[0]} to {record.sessions[-1]}")
        out.print(f"{len(written)} files in {out_dir}", soft_wrap=True)


@app.command()
def backtest(
    portfolio: str,
    start: Day = None,
    end: Day = None,
    initial_capital: Capital = None,
    assignments: Assignments = None,
    output: Annotated[Path | None, typer.Option(help="Tear sheet to write.")] = None,
    resume: Annotated[
        bool, typer.Option("--continue", help="Continue the book instead of a new one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Backfill a portfolio as one Dagster run; a new book begins at --start."""
    from stocker_pipeline.orchestration import runs
    from stocker_pipeline.stages.portfolios import named_portfolio, parsed_overrides

    settings, shipped = _settings(), named_portfolio(portfolio)
    parameters = parsed_overrides(assignments or [])
    effective = shipped.with_overrides(
        parameters, initial_capital=initial_capital, where="--set and --initial-capital"
    )
    sessions = _lake_range(settings, shipped.universe, start, end)
    overrides: dict[str, Any] = {"parameters": parameters, "restart": not resume}
    if initial_capital is not None:
        overrides["initial_capital"] = initial_capital
    outcome = run(
        settings,
        runs.portfolio_assets(portfolio),
        sessions,
        {"overrides": overrides},
        f"trading {portfolio}",
        quiet=as_json,
    )
    if not outcome.success:
        finish(outcome, {}, as_json=as_json)
    target = output or settings.reports / f"{portfolio}.html"
    given = {name: found for name, found in overrides.items() if name != "restart" and found}
    sheet = write_tear_sheet(settings, portfolio, effective, target, given)
    print_tear_sheet(sheet, as_json, run_id=outcome.run_id)


@app.command()
def sessions(
    start: Annotated[str, typer.Argument(metavar="START")],
    end: Annotated[str, typer.Argument(metavar="END")],
    as_json: AsJson = False,
) -> None:
    """List the exchange's sessions between two dates, with half days."""
    from stocker_pipeline.domain.session import SessionCalendar, parsed_date

    first, last = parsed_date(start, where="START"), parsed_date(end, where="END")
    calendar = SessionCalendar.between(first, last)
    rows = [
        {
            "session": str(day),
            "half_day": calendar.is_half_day(day),
            "closes_at": calendar.closes_at(day).isoformat(),
        }
        for day in calendar.sessions(first, last).tolist()
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        out.print(f"{row['session']}{'  half day' if row['half_day'] else ''}")
    out.print(f"{len(rows)} sessions")


def _settings() -> "Settings":
    """The settings of the environment; ``simulate`` has none and does not load their reader."""
    from stocker_pipeline.settings import Settings

    return Settings()


def _lake_range(
    settings: "Settings", universe: list[str], start: str | None, end: str | None
) -> tuple[date, date]:
    """The range asked for; what is left open is what the lake has."""
    import pyarrow.compute as pc

    from stocker_pipeline.lake.lake import Lake
    from stocker_pipeline.stages.judgement import live_bars

    known = live_bars(Lake(settings.lake_root), universe)["session"]
    if len(known) == 0:
        raise InputRefused(
            f"bars of {', '.join(universe)}",
            "none",
            where="the lake",
            remedy="Run stocker ingest first.",
        )
    return (
        parsed_day(start, "--start") or pc.min(known).as_py(),
        parsed_day(end, "--end") or pc.max(known).as_py(),
    )
