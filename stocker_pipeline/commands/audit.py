"""``stocker audit …``: who did what and why, and whether anybody changed it since."""

from typing import Annotated, Any

import typer

from stocker_pipeline.commands.output import (
    AsJson,
    counted,
    escaped,
    new_york_text,
    parsed_instant,
    print_json,
    print_table,
    say,
)
from stocker_pipeline.commands.paper import environment_venue, settings_of

audit_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The log of who did what, and its check."
)

_FOUND_EXIT_CODE = 7
_FAULTS_SHOWN = 20


@audit_app.command("list")
def list_entries(
    portfolio: Annotated[
        str | None, typer.Option(help="What it is about: a portfolio or a symbol.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIMESTAMP", help="From this instant on.")
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="Such as control, override, settled or verdict.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List who did what, when and why, oldest first."""
    first = parsed_instant(since, "--since")
    with environment_venue().ledger() as ledger:
        found = ledger.read(lambda r: r.audit(about=portfolio, action=action, since=first))
    if as_json:
        print_json({"entries": [dict(vars(entry)) for entry in found]})
        return
    rows = [
        {
            "entry": entry.sequence,
            "at": new_york_text(entry.at),
            "who": entry.actor,
            "action": entry.action,
            "subject": entry.subject,
            "what": _told(entry.content),
        }
        for entry in found
    ]
    if rows:
        print_table("audit log", rows)
    else:
        say("no entry")


@audit_app.command()
def verify(
    heads: Annotated[
        list[str] | None,
        typer.Option("--head", metavar="SEQUENCE:HASH", help="A last entry noted elsewhere."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find entries and facts that were changed, removed or inserted; exit code 7 where one was."""
    from stocker_pipeline.lake.lake import Lake
    from stocker_pipeline.ledger.audits import head_text
    from stocker_pipeline.stages.audit import noted_heads, typed_head, verify_all

    typed = [typed_head(text) for text in heads or []]
    venue = environment_venue()
    with venue.ledger(notes_head=False) as ledger:
        noted = noted_heads(venue.audit_heads)
        faults = verify_all(ledger, Lake(settings_of().lake_root), [*noted, *typed])
        head = ledger.read(head_text) or None
    if as_json:
        print_json(
            {
                "ok": not faults,
                "head": head,
                "heads_compared": len(noted) + len(typed),
                "faults": [dict(vars(fault)) for fault in faults],
            }
        )
    else:
        for fault in faults[:_FAULTS_SHOWN]:
            say(f"[red]{fault.kind}[/]  {escaped(str(fault))}")
        if len(faults) > _FAULTS_SHOWN:
            say(f"and {len(faults) - _FAULTS_SHOWN} more; --json has them all")
        if not faults:
            say(
                f"{counted(int((head or '0').partition(':')[0]), 'entry', 'entries')} and "
                f"{counted(len(noted) + len(typed), 'noted head')}: nothing was changed"
            )
        say(f"head {head or 'none'}")
        if any(fault.kind == "head_lost" for fault in faults):
            say(f"after a restore or a new ledger, on purpose: move {venue.audit_heads} away")
    if faults:
        raise typer.Exit(_FOUND_EXIT_CODE)


def _told(content: Any) -> str:
    said = {name: value for name, value in content.items() if name not in ("facts", "hash")}
    return ", ".join(f"{name} {value}" for name, value in said.items() if value not in ("", None))
