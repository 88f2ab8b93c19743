"""``stocker db …`` and ``stocker doctor``: the ledger's database, its copies, and its rules."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stocker_pipeline.commands.operate import FOUND_EXIT_CODE
from stocker_pipeline.commands.output import (
    AsJson,
    counted,
    escaped,
    print_json,
    print_table,
    say,
    shown_path,
)
from stocker_pipeline.commands.paper import settings_of
from stocker_pipeline.domain.errors import InputRefused

if TYPE_CHECKING:
    from stocker_pipeline.ledger import Ledger
    from stocker_pipeline.ledger.backups import Backup

db_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The database of paper and live books."
)

_ROWS_SHOWN = 10
File = Annotated[Path, typer.Argument(metavar="PATH")]
Book = Annotated[str, typer.Argument(metavar="PORTFOLIO")]


@db_app.command()
def upgrade(as_json: AsJson = False) -> None:
    """Create the ledger, or bring it to the revision of this code; twice is once."""
    from stocker_pipeline.ledger.migrate import upgrade as upgrade_ledger
    from stocker_pipeline.ledger.migrations import HEAD

    upgrade_ledger(settings_of().ledger)
    if as_json:
        print_json({"ledger": _shown_url(), "revision": HEAD})
        return
    say(f"{escaped(_shown_url())} is at revision {HEAD}")


@db_app.command("check")
def check_schema(as_json: AsJson = False) -> None:
    """Say how the database differs from what this code expects; exit code 7 where it does."""
    from stocker_pipeline.ledger.migrate import check

    faults = check(settings_of().ledger)
    if as_json:
        print_json({"ledger": _shown_url(), "ok": not faults, "differences": faults})
    elif faults:
        print_table(f"{_shown_url()} differs", [{"difference": fault} for fault in faults])
        if any(fault.startswith("revision ") for fault in faults):
            say("remedy: stocker db upgrade")
        else:
            say(
                "remedy: somebody changed it by hand; copy it (stocker db backup FILE), restore "
                "the copy into a new database (stocker db restore FILE, with STOCKER_LEDGER_URL "
                "of the new one), then stocker doctor and stocker audit verify"
            )
    else:
        say(f"{escaped(_shown_url())}: tables, keys and triggers are as they should be")
    if faults:
        raise typer.Exit(FOUND_EXIT_CODE)


@db_app.command("backup")
def make_backup(path: File, as_json: AsJson = False) -> None:
    """Copy the ledger, in use or not, into a new file; the copy is checked."""
    from stocker_pipeline.ledger.backups import backup

    with _said(path):
        made = backup(settings_of().ledger, path)
    _print_copy(f"copied to {escaped(shown_path(made.path))}", made, as_json)


@db_app.command("restore")
def restore_backup(path: File, as_json: AsJson = False) -> None:
    """Make a ledger out of a copy, in a database that holds nothing yet."""
    from stocker_pipeline.ledger.backups import restore

    with _said(path):
        made = restore(path, settings_of().ledger)
    _print_copy(f"restored into {escaped(_shown_url())}", made, as_json)


@db_app.command("hash")
def print_hash(portfolio: Book, as_json: AsJson = False) -> None:
    """Print one digest of every fact of a book: equal books, equal digests."""
    from stocker_pipeline.ledger.digests import digest
    from stocker_pipeline.stages.overview import begun

    with _ledger() as ledger:
        ledger.read(lambda r: begun(r, portfolio))
        found = digest(ledger, portfolio)
    if as_json:
        print_json({"portfolio": portfolio, "hash": found})
        return
    say(found)


def doctor(
    portfolio: Annotated[
        str | None, typer.Argument(metavar="[PORTFOLIO]", help="None = every book.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every rule that must always hold of the ledger; exit code 7 where one does not."""
    from stocker_pipeline.ledger.audits import verify
    from stocker_pipeline.ledger.invariants import invariants, run_invariants
    from stocker_pipeline.ledger.migrate import check
    from stocker_pipeline.stages.alert_targets import alerting_words
    from stocker_pipeline.stages.overview import begun

    with _ledger() as ledger:
        if portfolio is not None:
            ledger.read(lambda r: begun(r, str(portfolio)))
        books = [book.portfolio for book in ledger.read(lambda r: r.portfolios())]
        broken = {found.invariant: found for found in run_invariants(ledger, portfolio)}
        audit = [str(fault) for fault in ledger.read(verify)]
        alerting = ledger.read(lambda r: alerting_words(r, settings_of()))
    schema = check(settings_of().ledger)
    checks: list[dict[str, Any]] = [
        {
            "rule": rule.name,
            "sentence": rule.sentence,
            "rows": broken[rule.name].lines if rule.name in broken else [],
        }
        for rule in invariants()
    ]
    checks += [
        {"rule": "schema", "sentence": "The database is as this code made it.", "rows": schema},
        {
            "rule": "audit",
            "sentence": "The audit log is one chain, and the ledger what it says.",
            "rows": audit,
        },
    ]
    sick = sum(bool(found["rows"]) for found in checks)
    looked_at = [portfolio] if portfolio else books
    if as_json:
        told = [{**found, "ok": not found["rows"]} for found in checks]
        found_out = {"ledger": _shown_url(), "portfolios": looked_at, "checks": told}
        print_json({**found_out, "alerting": alerting})
    else:
        _print_checks(checks)
        of = f"{_shown_url()}, {', '.join(looked_at) or 'no book yet'}"
        verdict = f"[red]{counted(sick, 'rule')} broken[/]" if sick else "all hold"
        say(f"{counted(len(checks), 'rule')} of {escaped(of)}: {verdict}")
        say(escaped(alerting))
    if sick:
        raise typer.Exit(FOUND_EXIT_CODE)


def _print_checks(checks: list[dict[str, Any]]) -> None:
    for found in checks:
        rows = found["rows"]
        mark = f"[red]{counted(len(rows), 'row')}[/]" if rows else "[green]ok[/]"
        say(f"{mark}  {found['rule']}  {escaped(found['sentence'])}")
        for row in rows[:_ROWS_SHOWN]:
            say(f"      {escaped(row)}")
        if len(rows) > _ROWS_SHOWN:
            say(f"      and {len(rows) - _ROWS_SHOWN} more; --json has them all")


def _print_copy(done: str, made: "Backup", as_json: bool) -> None:
    if as_json:
        told = {"path": made.path, "rows": made.rows, "hashes": made.digests}
        print_json({**told, "audit_head": made.audit_head})
        return
    say(f"{made.rows:,} rows {done}")
    for name, found in made.digests.items():
        say(f"  {name}  {found}")
    say(f"  audit log  {made.audit_head or 'no entry'}")


@contextmanager
def _ledger() -> "Iterator[Ledger]":
    """The environment's ledger as it is; one that is not there is not made."""
    from stocker_pipeline.domain.session import SystemClock
    from stocker_pipeline.ledger import Ledger

    settings = settings_of()
    with Ledger.open(settings.ledger, clock=SystemClock(), environment=settings.env) as ledger:
        yield ledger


def _shown_url() -> str:
    """The ledger's URL without its password and its driver."""
    from stocker_pipeline.ledger.engines import ledger_url, shown

    kind, _, rest = shown(ledger_url(settings_of().ledger)).partition("://")
    return f"{kind.partition('+')[0]}://{rest}"


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """A file that cannot be read or written, as a sentence."""
    try:
        yield
    except OSError as error:
        raise InputRefused(
            "a file that can be read, or written into a folder",
            error.strerror or type(error).__name__,
            where=str(path),
            remedy="Correct the path or its permissions.",
        ) from error
