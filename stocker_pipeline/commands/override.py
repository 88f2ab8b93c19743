"""``stocker override …``: a person's word on what is ordered, with a date and a reason."""

from typing import Annotated

import typer

from stocker_pipeline.commands.author import Author, Reason, author_of, words
from stocker_pipeline.commands.output import (
    AsJson,
    parsed_day,
    print_json,
    print_table,
    say,
    shown_rows,
)
from stocker_pipeline.commands.paper import environment_venue, venue_of

override_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Limits and bans on a paper book's orders."
)

Portfolio = Annotated[str, typer.Argument(help="A portfolio with mode paper.")]


@override_app.command()
def add(
    portfolio: Portfolio,
    kind: Annotated[
        str,
        typer.Argument(
            help="multiplier, reduce_only, close_only, no_trade, max_weight or max_shares."
        ),
    ],
    reason: Reason,
    symbol: Annotated[str | None, typer.Option(help="None = every symbol.")] = None,
    value: Annotated[
        float | None,
        typer.Option(help="multiplier: 0 to 1; max_weight: of NAV; max_shares: shares."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="YYYY-MM-DD", help="None = the next session to decide."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Last session; none = until ended.")
    ] = None,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Enter an override. It takes away from what the strategy wants, and never adds."""
    from stocker_pipeline.ledger.control_records import OverrideRecord
    from stocker_pipeline.stages.instructions import first_to_decide, kind_of, put_override
    from stocker_pipeline.stages.overview import override_row

    wanted, first, last = kind_of(kind), parsed_day(start, "--from"), parsed_day(until, "--until")
    by, why = author_of(author), words(reason, "--reason")
    venue, chosen, _ = venue_of(portfolio)
    with venue.ledger() as ledger:
        begins = first or ledger.read(lambda r: first_to_decide(r, portfolio))
        record = OverrideRecord(portfolio, wanted, by, why, begins, symbol, value, last)
        made = override_row(put_override(ledger, record, chosen))
    if as_json:
        print_json({"portfolio": portfolio, **made})
        return
    print_table(f"in force in {portfolio}: {wanted.meaning}", shown_rows([made]))
    say(f"it ends with: stocker override end {made['override']} --reason WHY")


@override_app.command("list")
def list_overrides(
    portfolio: Annotated[str | None, typer.Argument(help="None = every book.")] = None,
    as_json: AsJson = False,
) -> None:
    """List every override that was entered, with those that ended."""
    from stocker_pipeline.stages.overview import begun, override_row

    with environment_venue().ledger() as ledger:
        if portfolio is not None:
            ledger.read(lambda r: begun(r, str(portfolio)))
        found = ledger.read(
            lambda r: [
                {"portfolio": book.portfolio, **override_row(o), "ended": o.ended_at}
                for book in r.portfolios()
                if portfolio in (None, book.portfolio)
                for o in r.overrides(book.portfolio)
            ]
        )
    if as_json:
        print_json({"overrides": found})
    elif found:
        print_table("overrides", shown_rows(found))
    else:
        say("no override was entered")


@override_app.command()
def end(
    number: Annotated[int, typer.Argument(metavar="ID")],
    reason: Reason,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """End an override from the next decision on."""
    from stocker_pipeline.stages.instructions import end_override

    by, why = author_of(author), words(reason, "--reason")
    with environment_venue().ledger() as ledger:
        ended = end_override(ledger, number, by, why)
    if as_json:
        print_json({"override": number, "portfolio": ended.portfolio, "author": by, "reason": why})
        return
    say(f"override {number} of {ended.portfolio}, {ended.kind.value}, is ended")
