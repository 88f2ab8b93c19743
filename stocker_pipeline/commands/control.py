"""``stocker kill|reduce|arm|flatten``: what may be sent, said by a person, with a reason.

They need neither Dagster nor a network. A kill is in the ledger before anything else is tried;
where the ledger cannot be written, the kill file is put there instead.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stocker_pipeline.commands.author import Author, Reason, author_of, words
from stocker_pipeline.commands.output import (
    AsJson,
    err,
    escaped,
    print_json,
    print_table,
    say,
    shown_rows,
)
from stocker_pipeline.commands.paper import (
    WAITS_EXIT_CODE,
    environment_venue,
    settings_of,
    venue_of,
)
from stocker_pipeline.domain.errors import BookRefused, InputRefused

if TYPE_CHECKING:
    from stocker_pipeline.stages.cancel import Swept
    from stocker_pipeline.stages.control import Target
    from stocker_pipeline.stages.flatten import Closing, Plan
    from stocker_pipeline.stages.trading import Venue

PATIENCE_S = 5.0
"""How long a kill waits for the ledger alone."""
LEFT_EXIT_CODE = 8
"""It is stopped, and something is left to do: an open order, or a ledger that was not written."""

Portfolio = Annotated[
    str | None, typer.Argument(help="A paper portfolio; else --account or --all.")
]
Account = Annotated[
    str | None, typer.Option(help="Every portfolio of this account, later ones too.")
]
Everything = Annotated[bool, typer.Option("--all", help="Every account, later ones too.")]


def kill(
    reason: Reason,
    portfolio: Portfolio = None,
    account: Account = None,
    everything: Everything = False,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Stop: nothing is sent any more, and open orders are taken back. Exit code 8 if some are left.

    Bookings, marks and reconciliations go on. Only a person lifts it: stocker arm.
    """
    from stocker_pipeline.stages.control import kill as kill_target
    from stocker_pipeline.stages.control import take_back, target_of

    by, why = author_of(author), words(reason, "--reason")
    target = target_of(portfolio, account, everything)
    venue = environment_venue()
    try:
        with _file_meanwhile(venue, target, by, why), venue.ledger() as ledger:
            names = kill_target(ledger, target, author=by, reason=why)
    except (BookRefused, InputRefused):
        raise
    except Exception as error:
        _kill_by_file(venue, target, by, why, error, as_json)
        raise typer.Exit(LEFT_EXIT_CODE) from None
    if not as_json:
        say(f"[bold red]KILLED[/] {escaped(str(target))}, by {escaped(by)}: {escaped(why)}")
    swept = take_back(venue, _lake(), names, f"killed by {by}: {why}")
    left = _print_swept(target, "KILLED", swept, as_json, {"author": by, "reason": why})
    if left:
        raise typer.Exit(LEFT_EXIT_CODE)


def reduce(
    reason: Reason,
    portfolio: Portfolio = None,
    account: Account = None,
    everything: Everything = False,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Let only orders leave that bring a position closer to zero. Orders that are out stay out."""
    from stocker_pipeline.stages.control import reduce as reduce_target
    from stocker_pipeline.stages.control import target_of

    by, why = author_of(author), words(reason, "--reason")
    target = target_of(portfolio, account, everything)
    with environment_venue().ledger() as ledger:
        names = reduce_target(ledger, target, author=by, reason=why)
        states = ledger.read(lambda r: [r.control(name) for name in names])
    _print_states(target, "REDUCE_ONLY", states, as_json, {"author": by, "reason": why})


def arm(
    reason: Reason,
    portfolio: Portfolio = None,
    account: Account = None,
    everything: Everything = False,
    confirm: Annotated[
        str | None,
        typer.Option(metavar="ACCOUNT", help="The account's number (ALL for --all), for scripts."),
    ] = None,
    accept_break: Annotated[
        list[int] | None,
        typer.Option(metavar="BREAK", help="Arm although this break is open; may be repeated."),
    ] = None,
    reduce_only: Annotated[
        bool, typer.Option("--reduce-only", help="Lift a kill as far as REDUCE_ONLY.")
    ] = False,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Let orders leave again, once the account's number was typed. What others said stays."""
    from stocker_pipeline.ledger.control_records import ControlState
    from stocker_pipeline.stages.control import Consent, target_of, to_confirm
    from stocker_pipeline.stages.control import arm as arm_target

    by, why = author_of(author), words(reason, "--reason")
    target = target_of(portfolio, account, everything)
    venue = environment_venue()
    with venue.ledger() as ledger:
        wanted = ledger.read(lambda r: to_confirm(r, target))
        typed = confirm if confirm is not None else _typed(target, wanted, as_json)
        state = ControlState.REDUCE_ONLY if reduce_only else ControlState.ARMED
        consent = Consent(by, why, typed, tuple(accept_break or ()), state)
        states = arm_target(venue, ledger, target, consent)
    _print_states(target, state.value, states, as_json, {"author": by, "reason": why})


def flatten(
    portfolio: Annotated[str, typer.Argument(help="A portfolio with mode paper.")],
    reason: Reason,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Close every position at the next open, also while the portfolio is killed.

    Exit code 6 where it waits for the session's open stage; 8 where a position is not closed.
    """
    from stocker_pipeline.stages.adopt import desk_now
    from stocker_pipeline.stages.flatten import flatten as flatten_book
    from stocker_pipeline.stages.flatten import plan
    from stocker_pipeline.stages.patience import Waits

    by, why = author_of(author), words(reason, "--reason")
    venue, chosen, lake = venue_of(portfolio)
    with desk_now(venue, portfolio, chosen, lake) as desk:
        made = desk.ledger.read(lambda r: plan(r, desk))
        if not as_json:
            _print_plan(portfolio, made)
        if not yes and (as_json or not typer.confirm("Close these positions?", err=True)):
            raise InputRefused("a yes", "none", where="stocker flatten", remedy="Give --yes.")
        try:
            done = flatten_book(desk, author=by, reason=why)
        except Waits as waits:
            err.print(f"[yellow]waits[/] {escaped(waits.reason)}", soft_wrap=True)
            raise typer.Exit(WAITS_EXIT_CODE) from None
    from stocker_pipeline.stages.overview import order_row

    orders = [order_row(order) for order in done.orders]
    sent = {row["symbol"] for row in orders if row["state"] in {"ACKED", "PARTIAL", "FILLED"}}
    open_still = [_closing_row(item) for item in done.plan.closings if item.symbol not in sent]
    if as_json:
        print_json(
            {
                "portfolio": portfolio,
                "session": done.plan.session,
                "waits": done.plan.waits,
                "orders": orders,
                "not_closed": open_still,
                "left": [vars(item) for item in (done.swept.left if done.swept else [])],
            }
        )
    elif done.plan.waits:
        say(f"queued for {done.plan.session}: {escaped(done.plan.waits)}")
    else:
        print_table(f"closing orders of {done.plan.session}", shown_rows(orders))
        print_table("not closed", shown_rows(open_still))
    if done.plan.waits:
        raise typer.Exit(WAITS_EXIT_CODE)
    if open_still:
        raise typer.Exit(LEFT_EXIT_CODE)


@contextmanager
def _file_meanwhile(venue: "Venue", target: "Target", by: str, why: str) -> Iterator[None]:
    """Put the kill file there where the ledger is held for so long that a person would worry."""
    from stocker_pipeline.stages.kill_file import write_kill_file

    def put() -> None:
        write_kill_file(venue.kill_file, f"{target} by {by}: {why}")
        sentence = (
            f"the ledger is held by another process; {venue.kill_file} stops every account until "
            "you remove it. Still trying to write the ledger"
        )
        err.print(f"[bold red]KILLED by file[/] {escaped(sentence)}", soft_wrap=True)

    timer = threading.Timer(PATIENCE_S, put)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # It may be at work just now: what it says comes before what follows.
        timer.join()


def _kill_by_file(
    venue: "Venue", target: "Target", by: str, why: str, error: Exception, as_json: bool
) -> None:
    """The last resort; a file that cannot be written either is an error of its own."""
    from stocker_pipeline.stages.kill_file import write_kill_file

    write_kill_file(venue.kill_file, f"{target} by {by}: {why}")
    sentence = (
        f"the ledger could not be written ({error}); {venue.kill_file} stops every account while "
        "it is there, and the next start of anything writes it into the ledger. Open orders were "
        "not taken back: cancel them at the broker"
    )
    if as_json:
        print_json({"target": str(target), "state": "KILLED", "kill_file": str(venue.kill_file)})
    err.print(f"[bold red]KILLED by file[/] {escaped(sentence)}", soft_wrap=True)


def _print_swept(
    target: "Target",
    state: str,
    swept: "Mapping[str, Swept]",
    as_json: bool,
    said: Mapping[str, str],
) -> bool:
    """What became of the open orders; whether some are left."""
    left = [vars(item) for one in swept.values() for item in one.left]
    if as_json:
        books = {
            name: {"withheld": one.withheld, "cancelled": one.cancelled, "filled": one.filled}
            for name, one in swept.items()
        }
        print_json({"target": str(target), "state": state, **said, "books": books, "left": left})
        return bool(left)
    for name, one in swept.items():
        say(
            f"{name}: {len(one.withheld)} never sent, {len(one.cancelled)} taken back, "
            f"{len(one.filled)} filled before, {len(one.left)} left"
        )
    print_table("not taken back: look at the broker", shown_rows(left))
    return bool(left)


def _print_states(
    target: "Target", state: str, states: Any, as_json: bool, said: Mapping[str, str]
) -> None:
    rows = [
        {"portfolio": found.portfolio, "state": found.state.value, "reason": found.reason}
        for found in states
    ]
    if as_json:
        print_json({"target": str(target), "state": state, **said, "portfolios": rows})
        return
    say(f"{escaped(str(target))}: {state}, by {escaped(said['author'])}: {escaped(said['reason'])}")
    bound = [row for row in rows if row["state"] != state]
    for row in bound:
        say(f"  {row['portfolio']} stays {row['state']}: {escaped(row['reason'])}")


def _print_plan(portfolio: str, made: "Plan") -> None:
    rows = [_closing_row(item) for item in made.closings]
    print_table(f"closes {portfolio} at the open of {made.session}", shown_rows(rows))
    if not rows:
        say(f"{portfolio} holds nothing")
    if made.waits:
        say(escaped(made.waits))


def _closing_row(item: "Closing") -> dict[str, Any]:
    return {
        "symbol": item.symbol,
        "held": item.held,
        "order": item.quantity,
        "reference_price": item.reference_price,
        "not_closed_because": item.skipped,
    }


def _typed(target: "Target", wanted: str, as_json: bool) -> str:
    if as_json:
        raise InputRefused(
            f"--confirm {wanted}", "none", where="stocker arm --json", remedy="Give --confirm."
        )
    return str(typer.prompt(f"Arms {target}. Type {wanted} to go on", err=True))


def _lake() -> Any:
    from stocker_pipeline.lake.lake import Lake

    return Lake(settings_of().lake_root)
