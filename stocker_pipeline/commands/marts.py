"""``stocker marts``: the warehouse, built from what is there."""

import io
from contextlib import redirect_stdout

from stocker_pipeline.commands.dagster_runs import finish, opened, progress
from stocker_pipeline.commands.output import AsJson, out, shown_path


def marts(as_json: AsJson = False) -> None:
    """Build every mart from the lake and the ledger as they are, as one Dagster run."""
    from stocker_pipeline.orchestration import runs
    from stocker_pipeline.settings import Settings

    settings = Settings()
    # dbt prints a line per test; the UI keeps them all.
    with (
        opened(settings) as (definitions, instance),
        progress("marts by dbt", quiet=as_json),
        redirect_stdout(io.StringIO()),
    ):
        chosen = runs.warehouse_assets(definitions)
        outcome = runs.run_assets(definitions, instance, chosen, sessions=None)
    finish(outcome, {"warehouse": settings.warehouse}, as_json=as_json)
    if not as_json:
        out.print(f"warehouse  {shown_path(settings.warehouse)}", soft_wrap=True)
