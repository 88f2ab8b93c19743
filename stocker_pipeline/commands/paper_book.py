"""``stocker status|ticket|explain|positions|orders|fills``: a paper book as a person reads it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stocker_pipeline.commands.control_status import control_of, killed_where_unreadable
from stocker_pipeline.commands.output import (
    AsJson,
    From,
    To,
    escaped,
    new_york_text,
    number_text,
    parsed_day,
    parsed_range,
    print_json,
    print_table,
    say,
    shown_rows,
)
from stocker_pipeline.commands.paper import settings_of, venue_of
from stocker_pipeline.domain.errors import BookRefused

if TYPE_CHECKING:
    from stocker_pipeline.ledger import Reader

CHAIN = {
    "bars": "closes that the rule saw",
    "signal_reason": "why there is no signal",
    "momentum": "change of price over the lookback",
    "direction": "1 long, -1 short, 0 out",
    "vol": "of the symbol, per year",
    "weight": "what the strategy wants, before any scaling",
    "sigma_p": "forecast volatility of the whole book, per year",
    "k": "factor that brings the book to its target volatility",
    "single_capped": "whether the cap on one symbol bound",
    "x_single": "the weight, scaled and capped",
    "gross_factor": "factor of the cap on all symbols together",
    "tripped": "whether the drawdown breaker is tripped",
    "breaker_factor": "factor of the drawdown breaker",
    "target": "weight that is aimed at, of NAV",
    "reference_price": "previous close in this session's share basis, dollars",
    "held": "shares before",
    "desired": "shares at the target",
    "ordered": "shares bought (+) or sold (-)",
    "decision": "the rule that decided last",
    "overridden_by": "whose word changed it",
}
"""What was recorded between a symbol's bars and its order, in the order of its making."""
_FRACTIONS = {"momentum", "vol", "weight", "sigma_p", "x_single", "target"}

Portfolio = Annotated[str, typer.Argument(help="A portfolio with mode paper.")]


def status(portfolio: Portfolio, as_json: AsJson = False) -> None:
    """How a book stands: state, last session, NAV, orders, breaks, locks, and what comes next."""
    from stocker_pipeline.domain.session import SystemClock
    from stocker_pipeline.stages.alert_targets import alerting_words
    from stocker_pipeline.stages.overview import breaker_now, status_of

    now = SystemClock().now()
    venue, chosen, _ = venue_of(portfolio)

    def fn(reader: "Reader") -> "dict[str, Any] | None":
        if reader.portfolio(portfolio) is None:
            return None
        found = status_of(reader, portfolio, now)
        found |= control_of(reader, portfolio, venue.kill_file)
        found["alerting"] = alerting_words(reader, settings_of())
        return found | {"breaker": breaker_now(reader, portfolio, chosen.parameters)}

    with killed_where_unreadable(portfolio), venue.ledger() as ledger:
        found = ledger.read(fn)
    if found is None:
        _not_begun(portfolio, as_json)
    elif as_json:
        print_json(found)
    else:
        _print_status(found)


def _not_begun(portfolio: str, as_json: bool) -> None:
    settings = settings_of()
    begins = [f"stocker day {portfolio} --session YYYY-MM-DD"]
    if settings.env == "dev":
        begins.append(f"stocker replay {portfolio} --from YYYY-MM-DD --to YYYY-MM-DD")
    if as_json:
        print_json({"portfolio": portfolio, "state": None, "begin_with": begins})
        return
    say(f"[bold]{portfolio}[/] has not begun: there is no book of it in the ledger")
    say(f"environment {settings.env}; the first session that is run begins it, with its capital:")
    for command in begins:
        say(f"  {command}")


def _print_status(found: Mapping[str, Any]) -> None:
    # Where time is moved, the book's own sessions say when; the wall's hour says nothing.
    moved = found["environment"] == "dev"
    say(f"[bold]{found['portfolio']}[/]  {found['state']} since {_since(found, moved)}")
    say(f"  by {escaped(found['state_reason'])}")
    if found["kill_file"] or len(found["control"]) > 1:
        print_table("who said what may be sent: the strictest counts", shown_rows(found["control"]))
    if found["kill_file"]:
        say(f"[bold red]nothing is sent[/]  {escaped(found['kill_file'])}")
    say(f"  environment {found['environment']}, {found['broker']} account {found['account']}")
    ended = f"{found['outcome']}: {found['outcome_reason']}" if found["outcome"] else "none yet"
    say(f"last session  {found['last_session'] or '–'}  {escaped(ended)}")
    say(
        f"NAV {number_text(found['nav'])}, cash {number_text(found['cash'])} dollars; drawdown "
        f"{found['drawdown'] or 0:.2%}, gross exposure {found['gross_exposure'] or 0:.2%}"
    )
    breaker = found["breaker"]
    colour = "[red]drawdown breaker[/]" if breaker["tripped"] else "drawdown breaker"
    say(f"{colour}  {breaker['sentence']}")
    if found["locked"]:
        say(f"[red]locked[/]  {', '.join(found['locked'])}: nothing is ordered until it is equal")
    for title, key in (
        ("working orders", "working_orders"),
        ("breaks with the broker", "breaks"),
        ("fills in suspense, in no book", "suspense"),
        ("overrides in force", "overrides"),
        ("latest alerts", "alerts"),
    ):
        left_out = {"at", "since"} if moved else set()
        rows = [{n: row[n] for n in row if n not in left_out} for row in found[key]]
        print_table(title, shown_rows(rows))
    say(escaped(found["alerting"]))
    if found["breaks"] or found["suspense"]:
        say(f"what to do: stocker reconcile {found['portfolio']} --explain")
    if moved:
        name = found["portfolio"]
        say(f"next session  {found['next'][-1]['session']}: time stands still in dev until it is")
        say(f"  run: stocker day {name} --session {found['next'][-1]['session']}")
    else:
        print_table("next, in New York", shown_rows(found["next"]))


def _since(found: Mapping[str, Any], moved: bool) -> str:
    if found["state_since"] is None:
        return "ever"
    if moved:
        return f"session {found['state_since_session']}"
    return new_york_text(found["state_since"])


def ticket(
    portfolio: Portfolio,
    session: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="None = the next to settle.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What would be ordered, and why; what would not, and by which rule. Sends nothing."""
    from stocker_pipeline.stages.overview import next_session_of, ticket_of

    venue, chosen, lake = venue_of(portfolio)
    coming = _asked(portfolio, lambda r: next_session_of(r, portfolio))
    day: date = parsed_day(session, "--session") or coming
    if day != coming:
        raise BookRefused(
            f"{coming}, the first session that is not settled",
            str(day),
            where=f"portfolio {portfolio}, --session",
            remedy="Leave --session out; `stocker explain` tells why past sessions were decided.",
        )
    with venue.desk(portfolio, chosen, lake, venue.clock(day), day) as desk:
        found = desk.ledger.read(lambda r: ticket_of(r, desk, day))
    if as_json:
        print_json(found)
        return
    decided = "was decided already; this is what would be decided now" if found["written"] else ""
    say(
        f"[bold]{portfolio}[/], session {found['session']}: "
        f"{decided or 'a dry run, nothing is sent'}"
    )
    numbers = ("quantity", "held", "desired", "reference price", "notional usd")
    columns = ("symbol", "quantity", "held", "desired", "reference_price", "notional_usd")
    print_table(
        "orders",
        _only(found["orders"], (*columns, "weight_before", "weight_after", "why")),
        right=(*numbers, "weight before", "weight after"),
    )
    print_table(
        "no order",
        _only(found["without_order"], ("symbol", "held", "why", "overridden_by")),
        right=("held",),
    )
    print_table(
        "suppressed by limits",
        _only(found["suppressed"], ("symbol", "wanted", "ordered", "limit", "sentence")),
        right=("wanted", "ordered"),
    )
    if not found["orders"]:
        say("nothing to order")
    say(
        f"gross exposure {found['gross_exposure_before'] or 0:.2%} → "
        f"{found['gross_exposure_after'] or 0:.2%} of NAV {number_text(found['nav'])}; "
        f"commissions {number_text(found['commissions'])} dollars"
    )
    print_table("in force", shown_rows(found["in_force"]))


def explain(
    portfolio: Portfolio,
    session: Annotated[str, typer.Argument(metavar="YYYY-MM-DD")],
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL")],
    as_json: AsJson = False,
) -> None:
    """Why a symbol was ordered, or not, in a session: momentum … target, order, fill."""
    from stocker_pipeline.domain.session import Session
    from stocker_pipeline.stages.overview import explain as explain_one

    on = Session.parse(session).day
    found = _asked(portfolio, lambda r: explain_one(r, portfolio, on, symbol))
    if as_json:
        print_json(found)
        return
    chain = found["chain"]
    say(f"[bold]{symbol}[/] in {portfolio}, session {found['session']}: {escaped(chain['why'])}")
    versions = ", ".join(
        f"{name} {'none' if number == '-1' else number}"
        for name, number in found["decided_on"].items()
    )
    say(f"decided on the lake's {versions}; configuration {found['config_hash']}")
    print_table(
        "from bars to order",
        [
            {"quantity": name, "value": _value(name, chain[name]), "meaning": meaning}
            for name, meaning in CHAIN.items()
            if chain[name] is not None
        ],
    )
    for order in found["orders"]:
        events = order.pop("events")
        print_table("order", shown_rows([order]))
        print_table("what happened to it", shown_rows(events))
    print_table("fills", shown_rows(found["fills"]))
    print_table("limits that it broke", shown_rows(found["limits"]))
    if not found["orders"]:
        say("no order was made")


def positions(portfolio: Portfolio, as_json: AsJson = False) -> None:
    """Positions at the last settled close."""
    from stocker_pipeline.stages.overview import positions_of

    found = _asked(portfolio, lambda r: positions_of(r, portfolio))
    at = f"at the close of {found['session']}" if found["session"] else "before its first close"
    _answer(found, "positions", f"positions of {portfolio} {at}", as_json)


def orders(
    portfolio: Portfolio, start: From = None, end: To = None, as_json: AsJson = False
) -> None:
    """Orders of a range of sessions, with their states."""
    from stocker_pipeline.stages.overview import begun, order_row

    first, last = parsed_range(start, end)

    def fn(reader: "Reader") -> Mapping[str, Any]:
        begun(reader, portfolio)
        rows = [order_row(order) for order in reader.orders(portfolio)]
        return {"portfolio": portfolio, "orders": _between(rows, first, last)}

    _answer(_asked(portfolio, fn), "orders", f"orders of {portfolio}", as_json)


def fills(
    portfolio: Portfolio, start: From = None, end: To = None, as_json: AsJson = False
) -> None:
    """Fills of a range of sessions, as the broker reported them."""
    from stocker_pipeline.stages.overview import begun, fill_row

    first, last = parsed_range(start, end)

    def fn(reader: "Reader") -> Mapping[str, Any]:
        begun(reader, portfolio)
        rows = [fill_row(found.execution) for found in reader.executions(portfolio)]
        return {"portfolio": portfolio, "fills": _between(rows, first, last)}

    _answer(_asked(portfolio, fn), "fills", f"fills of {portfolio}", as_json)


def _asked(portfolio: str, fn: "Callable[[Reader], Any]") -> Any:
    venue, _, _ = venue_of(portfolio)
    with venue.ledger() as ledger:
        return ledger.read(fn)


def _between(
    rows: Sequence[Mapping[str, Any]], first: date | None, last: date | None
) -> list[Mapping[str, Any]]:
    return [
        row
        for row in rows
        if (first is None or row["session"] >= first) and (last is None or row["session"] <= last)
    ]


def _answer(found: Mapping[str, Any], key: str, title: str, as_json: bool) -> None:
    if as_json:
        print_json(found)
    elif found[key]:
        print_table(title, shown_rows(found[key]))
    else:
        say(f"{title}: none")


def _only(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    weights = {"weight_before", "weight_after"}
    return shown_rows(
        {
            name: f"{row[name] or 0:.2%}" if name in weights else row[name]
            for name in names
            if name != "overridden_by" or any(other[name] for other in rows)
        }
        for row in rows
    )


def _value(name: str, value: Any) -> str:
    if isinstance(value, float) and name in _FRACTIONS:
        return f"{value:.2%}"
    (row,) = shown_rows([{name: value}])
    return str(next(iter(row.values())))
