"""``stocker day`` and ``stocker replay``: days of a paper book without waiting for the clock."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stocker_pipeline.commands.dagster_runs import finish, run
from stocker_pipeline.commands.output import AsJson, err, out, parsed_day, print_json
from stocker_pipeline.domain.errors import ConfigurationRefused

if TYPE_CHECKING:
    from stocker_pipeline.settings import Settings
    from stocker_pipeline.stages.trading import Venue
    from stocker_pipeline.strategies.portfolio import Portfolio

WAITS_EXIT_CODE = 6
"""A stage could not go on yet: the same command again, later, is right."""


def day(
    portfolio: str,
    session: Annotated[str, typer.Option(help="The session, YYYY-MM-DD.")],
    stage: Annotated[str | None, typer.Option(help="open, fills or close; none = the day.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the day of one session, or one stage of it; a stage that is done changes nothing."""
    from stocker_pipeline.stages.trading import Stage, run_stages

    stages = {Stage.OPEN, Stage.CLOSE} if stage is None else {_stage(stage)}
    venue, chosen, lake = venue_of(portfolio)
    on = parsed_day(session, "--session")
    assert on is not None
    (report,) = run_stages(venue, portfolio, chosen, lake, [on], stages)
    if as_json:
        print_json(
            {
                "portfolio": portfolio,
                "session": str(report.session),
                "stage": report.stage,
                "outcome": report.outcome,
                "waits": report.waits,
                "reason": report.reason,
            }
        )
    elif report.waits:
        err.print(f"[yellow]waits[/] {report.waits}: {report.reason}", soft_wrap=True)
    else:
        ended = f"{report.outcome}: {report.reason}" if report.outcome else "done, not settled yet"
        out.print(f"{portfolio} {report.session} {report.stage}: {ended}", soft_wrap=True)
    if report.waits:
        raise typer.Exit(WAITS_EXIT_CODE)


def replay(
    portfolio: str,
    first: Annotated[str, typer.Option("--from", help="The first session, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="The last session, YYYY-MM-DD.")],
    record: Annotated[
        bool, typer.Option(help="Show the sessions in the Dagster UI afterwards.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Trade many days on paper at full speed, on historical bars; the same again goes on."""
    from stocker_pipeline.domain.session import SessionCalendar

    settings = settings_of()
    if settings.env != "dev":
        raise ConfigurationRefused(
            "STOCKER_ENV dev, where time may be moved",
            settings.env,
            where="stocker replay",
            remedy="A book of paper or live lives in real time: its schedules run it.",
        )
    start, end = parsed_day(first, "--from"), parsed_day(last, "--to")
    assert start is not None
    assert end is not None
    sessions: list[date] = SessionCalendar.between(start, end).sessions(start, end).tolist()
    outcomes = _walk(portfolio, sessions, quiet=as_json)
    answer = _summary(portfolio, outcomes)
    if not as_json:
        _print_summary(portfolio, answer)
    if record:
        from stocker_pipeline.orchestration import runs

        recorded = run(
            settings,
            runs.paper_assets(portfolio),
            (sessions[0], sessions[-1]),
            {},
            "recording the sessions in Dagster",
            quiet=as_json,
        )
        finish(recorded, answer, as_json=as_json)
    elif as_json:
        print_json(answer)


def _walk(portfolio: str, sessions: Sequence[date], *, quiet: bool) -> dict[str, int]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from stocker_pipeline.stages.trading import Stage, run_stages

    venue, chosen, lake = venue_of(portfolio)
    outcomes: dict[str, int] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, disable=quiet) as shown:
        task = shown.add_task(f"{portfolio} on paper", total=len(sessions))
        for report in run_stages(
            venue, portfolio, chosen, lake, sessions, {Stage.OPEN, Stage.CLOSE}
        ):
            name = str(report.outcome)
            outcomes[name] = outcomes.get(name, 0) + 1
            shown.update(task, advance=1, description=f"{portfolio} {report.session}")
    return outcomes


def _summary(portfolio: str, outcomes: dict[str, int]) -> dict[str, Any]:
    from stocker_pipeline.ledger.digests import digest

    with venue_of(portfolio)[0].ledger() as ledger:
        snapshot = ledger.read(lambda r: r.latest_snapshot(portfolio))
        return {
            "portfolio": portfolio,
            "outcomes": dict(sorted(outcomes.items())),
            "session": str(snapshot.session) if snapshot else None,
            "nav": snapshot.nav_e4 / 1e4 if snapshot else None,
            "drawdown": snapshot.drawdown if snapshot else None,
            "hash": digest(ledger, portfolio),
        }


def _print_summary(portfolio: str, answer: dict[str, Any]) -> None:
    ended = ", ".join(f"{count} {name}" for name, count in answer["outcomes"].items())
    out.print(f"{portfolio}: {ended}")
    out.print(f"NAV {answer['nav']:,.4f} dollars at {answer['session']}; hash {answer['hash']}")


def _stage(text: str) -> Any:
    from stocker_pipeline.stages.trading import Stage

    if text not in list(Stage):
        raise ConfigurationRefused(
            f"one of {', '.join(Stage)}", repr(text), where="--stage", remedy="Correct it."
        )
    return Stage(text)


def settings_of() -> "Settings":
    """The environment's settings."""
    from stocker_pipeline.settings import Settings

    return Settings()


def venue_of(name: str) -> "tuple[Venue, Portfolio, Any]":
    """Where the portfolio is traded, the portfolio, and the lake.

    Raises:
        ConfigurationRefused: The portfolio is a backtest.
    """
    from stocker_pipeline.lake.lake import Lake
    from stocker_pipeline.stages.portfolios import named_portfolio, portfolio_names

    if name not in (known := portfolio_names()):
        raise ConfigurationRefused(
            f"the name of a portfolio: {', '.join(known)}",
            repr(name),
            where="PORTFOLIO",
            remedy="Correct the name; each is a folder in stocker_pipeline/defs/portfolios.",
        )
    chosen = named_portfolio(name)
    if chosen.mode != "paper":
        raise ConfigurationRefused(
            "a portfolio with mode paper",
            f"mode {chosen.mode}",
            where=f"portfolio {name}",
            remedy=f"Use `stocker backtest {name}`, or give its YAML the mode paper.",
        )
    return environment_venue(), chosen, Lake(settings_of().lake_root)


def environment_venue() -> "Venue":
    """Where the environment's portfolios are traded."""
    from stocker_pipeline.stages.trading import Venue

    settings = settings_of()
    return Venue(settings.env, settings.ledger, settings.accounts)
