"""``stocker reconcile`` and ``stocker confirm``: what a person does about a book that stopped."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stocker_pipeline.commands.author import Author, Reason, author_of, words
from stocker_pipeline.commands.output import (
    AsJson,
    dollars_e4,
    err,
    escaped,
    new_york_text,
    print_json,
    print_table,
    required_day,
    say,
    shown_rows,
)
from stocker_pipeline.commands.paper import WAITS_EXIT_CODE, venue_of
from stocker_pipeline.domain.errors import InputRefused

if TYPE_CHECKING:
    from stocker_pipeline.stages.adopt import Reconciled, Resolution

FOUND_EXIT_CODE = 7
"""A check found something: a rule of the ledger does not hold, or a break is open."""

Portfolio = Annotated[str, typer.Argument(help="A portfolio with mode paper.")]
Ids = list[str] | None


def reconcile(
    portfolio: Portfolio,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show both sides, lately's orders and fills, advice.")
    ] = False,
    adopt: Annotated[
        Ids, typer.Option(metavar="EXECUTION_ID", help="Take a fill in suspense into the book.")
    ] = None,
    ignore: Annotated[
        Ids, typer.Option(metavar="EXECUTION_ID", help="Leave a fill in suspense out for good.")
    ] = None,
    adjust_cash: Annotated[
        str | None,
        typer.Option(metavar="DOLLARS", help="Add to our cash; signed, such as -1.25."),
    ] = None,
    adopt_position: Annotated[
        str | None,
        typer.Option(metavar="SYMBOL", help="Bring our shares to the broker's; needs --price."),
    ] = None,
    price: Annotated[
        str | None, typer.Option(metavar="DOLLARS", help="Price of the shares that are adopted.")
    ] = None,
    author: Author = None,
    reason: Annotated[
        str | None, typer.Option(help="Why, in words; needed where something is entered.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the book with the broker's account now, and enter what a person decided.

    A break is never ended by hand: it clears once both sides agree. Exit code 7 while one is open.
    """
    from stocker_pipeline.stages.adopt import desk_now, explained, reconcile_now, suspense_row
    from stocker_pipeline.stages.patience import Waits

    wanted = _resolution(adopt, ignore, adjust_cash, adopt_position, price, author, reason)
    venue, chosen, lake = venue_of(portfolio)
    with desk_now(venue, portfolio, chosen, lake) as desk:
        try:
            found = reconcile_now(desk, wanted)
        except Waits as waits:
            err.print(f"[yellow]waits[/] {escaped(waits.reason)}", soft_wrap=True)
            raise typer.Exit(WAITS_EXIT_CODE) from None
        told = desk.ledger.read(lambda r: explained(r, portfolio))
        held = desk.ledger.read(lambda r: r.open_suspense(desk.broker.name, desk.account))
    suspense = [suspense_row(item) for item in held]
    if as_json:
        print_json(
            {
                "portfolio": portfolio,
                "session": found.session,
                "entered": found.entered,
                "waits": found.waits,
                "breaks": told,
                "suspense": suspense,
            }
        )
    else:
        _print(portfolio, found, told, suspense, explain)
    if found.waits:
        raise typer.Exit(WAITS_EXIT_CODE)
    if found.breaks:
        raise typer.Exit(FOUND_EXIT_CODE)


def confirm(
    portfolio: Portfolio,
    session: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="Whose value jumped.")],
    reason: Reason,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Say that a jump of the account's value is right; the next session is decided on it."""
    from stocker_pipeline.stages.instructions import confirm_value

    on, by, why = required_day(session, "--session"), author_of(author), words(reason, "--reason")
    venue, _, _ = venue_of(portfolio)
    with venue.ledger() as ledger:
        belief = confirm_value(ledger, portfolio, on, by, why)
    if as_json:
        answer = {"portfolio": portfolio, "session": on, "change": belief.change, "author": by}
        print_json({**answer, "reason": why})
        return
    say(f"{portfolio}: {on}, {belief.change:+.2%}, is believed by {escaped(by)}: {escaped(why)}")


def _resolution(
    adopt: Ids,
    ignore: Ids,
    adjust_cash: str | None,
    adopt_position: str | None,
    price: str | None,
    author: str | None,
    reason: str | None,
) -> "Resolution | None":
    """What the options ask to enter; None where they ask for a comparison alone.

    Raises:
        InputRefused: They do not fit each other.
    """
    from stocker_pipeline.stages.adopt import Resolution

    named = [*(adopt or []), *(ignore or [])]
    if (adopt_position is None) != (price is None):
        raise InputRefused(
            "--adopt-position SYMBOL and --price DOLLARS together",
            "one of them",
            where="stocker reconcile",
            remedy="Give both; price 0 where nobody paid for the shares.",
        )
    if len(set(named)) != len(named):
        raise InputRefused(
            "each execution once",
            ", ".join(sorted({key for key in named if named.count(key) > 1})),
            where="--adopt and --ignore",
            remedy="Adopt it or ignore it.",
        )
    if not named and adjust_cash is None and adopt_position is None:
        return None
    if reason is None:
        raise InputRefused(
            "a reason for what is entered", "none", where="--reason", remedy="Give --reason."
        )
    return Resolution(
        author=author_of(author),
        reason=words(reason, "--reason"),
        adopt=tuple(adopt or ()),
        ignore=tuple(ignore or ()),
        adjust_cash_e4=0 if adjust_cash is None else dollars_e4(adjust_cash, "--adjust-cash"),
        position=adopt_position,
        price_e4=0 if price is None else dollars_e4(price, "--price", least=0),
    )


def _print(
    portfolio: str,
    found: "Reconciled",
    told: list[dict[str, Any]],
    suspense: list[dict[str, Any]],
    explain: bool,
) -> None:
    for sentence in found.entered:
        say(escaped(sentence))
    if found.waits:
        err.print(f"[yellow]not compared yet[/] {escaped(found.waits)}", soft_wrap=True)
    if not told:
        if not found.waits:
            say(f"{portfolio}: the book of {found.session} and the broker's account agree")
        print_table("fills in suspense, in no book", shown_rows(suspense))
        return
    if not explain:
        names = ("break", "kind", "symbol", "we_say", "the_broker_says", "since")
        rows = [{name: item[name] for name in names} for item in told]
        print_table("breaks", shown_rows(rows))
        print_table("fills in suspense, in no book", shown_rows(suspense))
        say(f"what to do: stocker reconcile {portfolio} --explain")
        return
    for item in told:
        say(f"[bold]break {item['break']}, {escaped(item['symbol'])}[/]: {item['meaning']}")
        say(f"  we say {item['we_say']}, the broker says {item['the_broker_says']}")
        say(f"  since {new_york_text(item['since'])}")
        for title in ("orders", "fills", "suspense"):
            print_table(f"  {title}", shown_rows(item[title]))
        for sentence in item["what_to_do"]:
            say(f"  → {escaped(sentence)}")
