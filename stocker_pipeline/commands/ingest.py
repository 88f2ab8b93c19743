"""``stocker ingest``: bars and corporate actions of a range of sessions, as one Dagster run."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stocker_pipeline.commands.dagster_runs import finish, run
from stocker_pipeline.commands.output import AsJson, counted, parsed_range, print_table, say
from stocker_pipeline.domain.errors import InputRefused

if TYPE_CHECKING:
    from stocker_pipeline.gateways.market_data.choice import Sources
    from stocker_pipeline.settings import Settings

_ROWS_PRINTED = 10

First = Annotated[
    str | None,
    typer.Option("--from", "--start", metavar="YYYY-MM-DD", help="First session, included."),
]
Last = Annotated[
    str | None, typer.Option("--to", "--end", metavar="YYYY-MM-DD", help="Last session, included.")
]


def ingest(
    first: First = None,
    last: Last = None,
    provider: Annotated[
        str | None, typer.Option(help="Providers in the order of asking, comma-separated.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="A provider to compare with.")] = None,
    path: Annotated[Path | None, typer.Option(help="Folder or file of the provider files.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Only these, comma-separated.")] = None,
    accept_withdrawals: Annotated[
        bool,
        typer.Option(
            "--accept-withdrawals", help="Believe a source that takes back any number of rows."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring bars and corporate actions into the lake, and judge them."""
    from stocker_pipeline.domain.session import SystemClock
    from stocker_pipeline.gateways.market_data.choice import Access, chosen_sources
    from stocker_pipeline.settings import Settings

    settings = Settings()
    names = _listed(provider) or list(settings.providers)
    compared = reference or settings.reference_provider
    # Refused here, before the seconds that Dagster takes to open.
    access = Access.of(settings, files_path=path.resolve() if path else None)
    chosen = chosen_sources(names, compared, access, SystemClock())
    sources: dict[str, Any] = {
        "providers": names,
        "reference": compared,
        "symbols": _listed(symbols),
        "files_path": str(access.files_path.resolve()) if access.files_path else None,
        "accept_withdrawals": accept_withdrawals,
    }
    sessions = _sessions(settings, chosen, first, last)
    from stocker_pipeline.orchestration import runs

    resources = {"sources": sources}
    outcome = run(settings, runs.MARKET_ASSETS, sessions, resources, "ingesting", quiet=as_json)
    brought = outcome.metadata.get("raw_bars", {})
    if not as_json and brought:
        _show(brought)
    span = {"start": sessions[0].isoformat(), "end": sessions[1].isoformat()}
    finish(outcome, {"sessions": span, "raw_bars": brought}, as_json=as_json)


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _sessions(
    settings: "Settings", sources: "Sources", first: str | None, last: str | None
) -> tuple[date, date]:
    """The range asked for, on sessions; what is left open is what the source has."""
    from stocker_pipeline.domain.session import SessionCalendar

    start, end = parsed_range(first, last)
    if start is None or end is None:
        known = _span(settings, sources)
        start, end = start or known[0], end or known[1]
    calendar = SessionCalendar.between(min(start, end), max(start, end))
    start, end = calendar.session_on_or_after(start), calendar.session_on_or_before(end)
    if start > end:
        raise InputRefused(
            "a range that holds a session",
            f"{start} to {end}",
            where="--from and --to",
            remedy="Choose dates on which the exchange trades.",
        )
    return start, end


def _span(settings: "Settings", sources: "Sources") -> tuple[date, date]:
    """Dates of a source that lists what it has; else the first session to the last one closed."""
    import pyarrow.compute as pc

    from stocker_pipeline.domain.session import SessionCalendar, SystemClock

    now = SystemClock().now()
    latest = SessionCalendar.between(settings.first_session, now.date()).last_closed_session(now)
    listed = sources.provider.symbols()
    if listed:
        bars = sources.provider.fetch(listed, settings.first_session, latest).bars
        if bars.num_rows:
            return pc.min(bars["session"]).as_py(), pc.max(bars["session"]).as_py()
    return settings.first_session, latest


def _show(brought: dict[str, Any]) -> None:
    """What came, from where, what was refused, what is in doubt."""
    say(
        f"{brought['rows_of_run']:,} bars from {brought['source']}: {brought['rows_new']:,} new, "
        f"{brought['rows_changed']:,} changed, {brought['rows_withdrawn']:,} withdrawn"
    )
    if len(brought["rows_by_source"]) > 1:
        answered = sorted(brought["rows_by_source"].items())
        say(f"answered: {', '.join(f'{source} {rows:,}' for source, rows in answered)}")
    for outcome in ("missing", "failed"):
        reasons = brought[outcome]
        print_table(
            f"{outcome} symbols", [] if isinstance(reasons, str) else [dict(r) for r in reasons]
        )
    for reason, rows in sorted(brought["refused_rows"].items()):
        say(f"{counted(rows, 'row')} refused: {reason}")
    print_table("refused rows", [dict(row) for row in brought.get("refused", [])[:_ROWS_PRINTED]])
    findings = ", ".join(f"{count} {kind}" for kind, count in sorted(brought["findings"].items()))
    say(f"findings: {findings or 'none'}; {counted(brought['quarantined_bars'], 'bar')} left out")
    if brought["quarantined_bars"]:
        say("  [bold]stocker bars review[/]   shows them, and how to answer")
