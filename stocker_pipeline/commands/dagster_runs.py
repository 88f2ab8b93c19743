"""Runs of Dagster from the command line: opening it, showing that it works, how it ended."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import typer

from stocker_pipeline.commands.output import err, escaped, out, print_json

if TYPE_CHECKING:
    from stocker_pipeline.settings import Settings


def definitions_for(settings: "Settings") -> Any:
    """Everything that Dagster knows of, in one home; it takes seconds to import."""
    from stocker_pipeline.definitions import build_definitions

    return build_definitions(settings=settings)


@contextmanager
def opened(settings: "Settings") -> Iterator[tuple[Any, Any]]:
    """Definitions and the Dagster instance; both take seconds to import."""
    with progress("opening Dagster", quiet=False):
        from stocker_pipeline.orchestration import runs

        runs.prepare_dagster_home(settings)
        definitions = definitions_for(settings)
    with runs.instance(settings) as instance:
        yield definitions, instance


def run(
    settings: "Settings",
    assets: Any,
    sessions: tuple[date, date],
    resources: Mapping[str, Mapping[str, Any]],
    label: str,
    *,
    quiet: bool,
) -> Any:
    """Materialise assets over a range as one run, with a spinner."""
    from stocker_pipeline.orchestration import runs

    with opened(settings) as (definitions, instance), progress(label, quiet=quiet):
        return runs.run_assets(definitions, instance, assets, sessions=sessions, **resources)


@contextmanager
def progress(label: str, *, quiet: bool) -> Iterator[None]:
    """A spinner while something runs, and its time afterwards; on standard error."""
    began = time.monotonic()
    if quiet:
        yield
        return
    with err.status(label):
        yield
    err.print(f"  {label}  [dim]{time.monotonic() - began:.1f} s[/]")


def finish(outcome: Any, answer: Mapping[str, Any], *, as_json: bool) -> None:
    """Print how a run ended; leave with 1, or with the refusal's own code, where it failed."""
    if as_json:
        print_json({"run_id": outcome.run_id, "success": outcome.success, **answer})
    if outcome.success:
        if not as_json:
            out.print(f"run {outcome.run_id} succeeded")
        return
    err.print(f"[bold red]failed[/] {escaped(str(outcome.error))}", soft_wrap=True)
    raise typer.Exit(outcome.exit_code)
