"""``stocker universe …``: who may be held, who came and went, and who needs a look."""

from typing import Annotated

import typer

from stocker_pipeline.commands.output import AsJson, escaped, out, parsed_day, print_json

universe_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Universes of the portfolios."
)

EVERY_PORTFOLIO = "all"


@universe_app.callback()
def _group() -> None:
    """Keep ``review`` a command of its own while it is the only one."""


@universe_app.command()
def review(
    portfolio: Annotated[str, typer.Argument(help="A portfolio, a YAML file, or all.")],
    session: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM-DD",
            help="Whose membership; the session after the newest bar if left out.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Who joined and left since the month before, and what a person should look at."""
    from stocker_pipeline.lake.lake import Lake
    from stocker_pipeline.settings import Settings
    from stocker_pipeline.stages.portfolios import named_portfolio, portfolio_names
    from stocker_pipeline.stages.universe_review import (
        next_session_to_decide,
        review_text,
        review_universes,
    )

    day = parsed_day(session, "--session")
    names = portfolio_names() if portfolio == EVERY_PORTFOLIO else [portfolio]
    chosen = {name: named_portfolio(name) for name in names}
    lake = Lake(Settings().lake_root)
    reviews = review_universes(lake, chosen, day or next_session_to_decide(lake))
    if as_json:
        print_json([each.document() for each in reviews])
        return
    for each in reviews:
        head, *lines = review_text(each)
        out.print(f"[bold]{escaped(head)}[/]", soft_wrap=True)
        for line in lines:
            out.print(f"  {escaped(line)}", soft_wrap=True)
