"""``stocker cash …``: money that a person puts into a paper book or takes out of it."""

from typing import Annotated

import typer

from stocker_pipeline.commands.author import Author, Reason, author_of, words
from stocker_pipeline.commands.output import (
    AsJson,
    dollars_e4,
    number_text,
    print_json,
    print_table,
    required_day,
    say,
    shown_rows,
)
from stocker_pipeline.commands.paper import venue_of

cash_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Deposits and withdrawals of a paper book."
)

Portfolio = Annotated[str, typer.Argument(help="A portfolio with mode paper.")]
Amount = Annotated[str, typer.Argument(help="Dollars, above 0.")]
SessionDay = Annotated[
    str, typer.Option(metavar="YYYY-MM-DD", help="At whose close it is booked; not settled yet.")
]
Reference = Annotated[
    str, typer.Option(help="Names the movement: entered twice, it is booked once.")
]


@cash_app.command()
def deposit(
    portfolio: Portfolio,
    amount: Amount,
    session: SessionDay,
    reference: Reference,
    reason: Reason,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Put money in, at the close of a session. Returns stay what the strategy earned."""
    _move("deposit", 1, portfolio, amount, session, reference, reason, author, as_json)


@cash_app.command()
def withdraw(
    portfolio: Portfolio,
    amount: Amount,
    session: SessionDay,
    reference: Reference,
    reason: Reason,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Take money out, at the close of a session; always less than the book is worth."""
    _move("withdrawal", -1, portfolio, amount, session, reference, reason, author, as_json)


@cash_app.command("list")
def list_flows(portfolio: Portfolio, as_json: AsJson = False) -> None:
    """List deposits, withdrawals and adjustments, and whether they are booked."""
    from stocker_pipeline.stages.overview import flows_of

    venue, _, _ = venue_of(portfolio)
    with venue.ledger() as ledger:
        rows = ledger.read(lambda r: flows_of(r, portfolio))
    if as_json:
        print_json({"portfolio": portfolio, "flows": rows})
    elif rows:
        print_table(f"cash moved in {portfolio}", shown_rows(rows), right=("amount",))
    else:
        say(f"{portfolio}: no cash was moved")


def _move(
    kind: str,
    sign: int,
    portfolio: str,
    amount: str,
    session: str,
    reference: str,
    reason: str,
    author: str | None,
    as_json: bool,
) -> None:
    from stocker_pipeline.ledger.records import CashFlow, FlowKind
    from stocker_pipeline.stages.instructions import move_cash

    flow = CashFlow(
        portfolio,
        required_day(session, "--session"),
        FlowKind(kind),
        sign * dollars_e4(amount, "AMOUNT", least=0),
        words(reference, "--reference"),
        author_of(author),
        words(reason, "--reason"),
    )
    venue, _, _ = venue_of(portfolio)
    with venue.ledger() as ledger:
        new = move_cash(ledger, flow)
    dollars = flow.amount_e4 / 1e4
    if as_json:
        answer = {"portfolio": portfolio, "session": flow.session, "kind": kind, "new": new}
        print_json({**answer, "amount": dollars, "reference": reference})
        return
    how = "will be booked" if new else "was entered before, and is booked once,"
    say(f"{portfolio}: {kind} of {number_text(abs(dollars))} dollars {how} at {flow.session}")
