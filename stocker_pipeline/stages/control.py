"""What a person says about what may be sent: kill, reduce, arm. The state first, the orders after.

A kill is committed before anything else is tried; then the open orders are taken back, and what
could not be is named. Nothing here needs Dagster, and nothing but the cancels needs the broker.
Stays out: how the gates read the state (``permission``), and closing a book (``flatten``).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from stocker_pipeline.domain.errors import BookRefused, InputRefused, StockerError
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Ledger, Reader, Writer
from stocker_pipeline.ledger.account_records import ScopeControl
from stocker_pipeline.ledger.control_records import (
    Alert,
    ControlRecord,
    ControlState,
    Severity,
    is_program,
)
from stocker_pipeline.ledger.records import PortfolioRecord
from stocker_pipeline.ledger.tables.account_control import ALL_ACCOUNTS
from stocker_pipeline.risk.alerts import Condition
from stocker_pipeline.stages.adopt import desk_now
from stocker_pipeline.stages.cancel import Left, Swept, cancel_open_orders, left_in
from stocker_pipeline.stages.kill_file import kill_file_reason
from stocker_pipeline.stages.overview import begun, next_session_of
from stocker_pipeline.stages.portfolios import named_portfolio
from stocker_pipeline.stages.trading import Venue

STAGE = "kill"
CONFIRM_ALL = "ALL"
KILLED_ALERT = "killed"
REDUCE_ALERT = "reduce_only"
_UNTIL_ARMED = ("drill_failed", "flatten", "orders_left")
"""Alerts of a portfolio that a person has dealt with who arms it."""


@dataclass(frozen=True)
class Target:
    """What a word about control is about: one portfolio, one account, or all of them.

    Attributes:
        portfolio, account: At most one is given; neither = every account, later ones too.
    """

    portfolio: str = ""
    account: str = ""

    def __str__(self) -> str:
        if self.portfolio:
            return f"portfolio {self.portfolio}"
        return f"account {self.account}" if self.account else "every account"

    @property
    def subject(self) -> str:
        """Of its alerts; empty for a portfolio."""
        return "" if self.portfolio else str(self)

    def books(self, reader: Reader) -> list[PortfolioRecord]:
        """The portfolios that have begun and that it is about.

        Raises:
            BookRefused: The portfolio or the account is not known.
        """
        if self.portfolio:
            return [begun(reader, self.portfolio)]
        found = reader.portfolios()
        if not self.account:
            return found
        on_it = [book for book in found if book.account == self.account]
        if not on_it and reader.account_control(self.account) is None:
            known = ", ".join(sorted({book.account for book in found})) or "none"
            raise BookRefused(
                f"an account of this ledger: {known}",
                repr(self.account),
                where="--account",
                remedy="Correct the number; `stocker kill --all` stops every account there is and "
                "will be.",
            )
        return on_it


def target_of(portfolio: str | None, account: str | None, everything: bool) -> Target:
    """What was named.

    Raises:
        InputRefused: None of the three, or more than one.
    """
    named = [bool(portfolio), bool(account), everything]
    if sum(named) != 1:
        raise InputRefused(
            "one of PORTFOLIO, --account ACCOUNT and --all",
            f"{sum(named)} of them",
            where="whom it is about",
            remedy="Name exactly one.",
        )
    return Target(portfolio or "", account or "")


def kill(ledger: Ledger, target: Target, *, author: str, reason: str) -> list[str]:
    """Forbid everything, at once; returns the portfolios that it stops.

    Needs no lease: a stage that is at work sends nothing after the request that is on its way.

    Raises:
        BookRefused: The target is not known; `--all` is always known.
    """

    def fn(writer: Writer) -> list[str]:
        books = target.books(writer)
        words = _said_again(writer, target, books, author, reason)
        _set(writer, target, ControlState.KILLED, author, words)
        writer.put_alert(
            Alert(
                Severity.CRITICAL,
                KILLED_ALERT,
                f"{target} is KILLED by {author}: {reason}",
                target.portfolio or None,
                subject=target.subject,
            )
        )
        return [book.portfolio for book in books]

    return ledger.write(None, fn)


def reduce(ledger: Ledger, target: Target, *, author: str, reason: str) -> list[str]:
    """Let only orders leave that bring a position closer to zero.

    Raises:
        BookRefused: The target is not known, or is killed, which allows less.
    """

    def fn(writer: Writer) -> list[str]:
        books = target.books(writer)
        current = _current(writer, target)
        if current is not None and current.state is ControlState.KILLED:
            raise BookRefused(
                f"{target} in a state that allows more than REDUCE_ONLY",
                f"KILLED by {current.author}: {current.reason}",
                where="stocker reduce",
                remedy="Nothing is sent as it is; `stocker arm --reduce-only` lifts the kill so "
                "far.",
            )
        _set(writer, target, ControlState.REDUCE_ONLY, author, reason)
        text = f"{target} is REDUCE_ONLY by {author}: {reason}"
        writer.put_alert(
            Alert(
                Severity.WARNING,
                REDUCE_ALERT,
                text,
                target.portfolio or None,
                subject=target.subject,
            )
        )
        return [book.portfolio for book in books]

    return ledger.write(None, fn)


def to_confirm(reader: Reader, target: Target) -> str:
    """What a person types to arm: the number of the account, or a word for all."""
    if target.portfolio:
        return str(begun(reader, target.portfolio).account)
    return target.account or CONFIRM_ALL


@dataclass(frozen=True)
class Consent:
    """What a person gave with the word ``arm``.

    Attributes:
        confirmed: The account's number as typed.
        accepted: Numbers of open breaks that they know of.
    """

    author: str
    reason: str
    confirmed: str
    accepted: Collection[int] = ()
    state: ControlState = ControlState.ARMED


def arm(venue: Venue, ledger: Ledger, target: Target, consent: Consent) -> list[ControlRecord]:
    """Lift what was said of this target; returns what each of its portfolios may send now.

    A word about another scope stays: the strictest counts.

    Raises:
        InputRefused: The confirmation is another word, or the author is the program.
        BookRefused: A kill file is there, a break is open that was not named, or there is nothing
            to lift.
    """
    if is_program(consent.author):
        raise InputRefused(
            "a person's name", repr(consent.author), where="--author", remedy="Give your own."
        )
    stopped = kill_file_reason(venue.kill_file)
    if stopped is not None:
        raise BookRefused(
            f"no file {venue.kill_file}",
            stopped,
            where="stocker arm",
            remedy="Take the file away first; nothing is sent while it is there.",
        )

    def fn(writer: Writer) -> list[ControlRecord]:
        books = target.books(writer)
        wanted = to_confirm(writer, target)
        if consent.confirmed.strip() != wanted:
            raise InputRefused(
                f"{wanted}, typed",
                repr(consent.confirmed),
                where=f"confirmation for {target}",
                remedy="Type it exactly, or give it as --confirm.",
            )
        _refuse_breaks(writer, books, consent.accepted)
        _refuse_nothing_to_lift(writer, target)
        reason = consent.reason
        if consent.accepted:
            reason += f" (open breaks accepted: {', '.join(map(str, sorted(consent.accepted)))})"
        _set(writer, target, consent.state, consent.author, reason)
        _call_over(writer, target, books, consent.state, f"{consent.author}: {reason}")
        return [writer.control(book.portfolio) for book in books]

    return ledger.write(None, fn)


def take_back(venue: Venue, lake: Lake, names: Collection[str], why: str) -> dict[str, Swept]:
    """Take back the open orders of portfolios that are stopped already. Never raises.

    A portfolio that nothing could be asked about has every order of it left, with the reason.
    """
    return {name: _tried(venue, name, lambda n=name: _swept(venue, lake, n, why)) for name in names}  # type: ignore[misc]


def _swept(venue: Venue, lake: Lake, name: str, why: str) -> Swept:
    with desk_now(venue, name, named_portfolio(name), lake) as desk:
        coming = desk.ledger.read(lambda r: next_session_of(r, name))
        with desk.ledger.lease(name, coming, STAGE, wait=True) as lease:
            return cancel_open_orders(desk, lease, why=why)


def _tried(venue: Venue, name: str, sweep: Callable[[], Swept]) -> Swept:
    try:
        return sweep()
    except Exception as error:
        # Whatever it is, the state is set; a person is told which orders may still trade.
        words = (
            str(error) if isinstance(error, StockerError) else f"{type(error).__name__}: {error}"
        )
    why = f"could not be asked for: {words}"
    try:
        with venue.ledger() as ledger:
            orders = ledger.read(lambda r: r.working_orders(name))
    except Exception as error:
        return Swept(left=[_unread(name, error)])
    return Swept(left=left_in(name, orders, why) or [_unread(name, words)])


def _unread(name: str, error: object) -> Left:
    return Left(name, "", 0, f"the broker's open orders could not be read: {error}")


def _current(reader: Reader, target: Target) -> ScopeControl | None:
    if target.portfolio:
        return reader.scopes(target.portfolio)[0]
    return reader.account_control(target.account or ALL_ACCOUNTS)


def _set(writer: Writer, target: Target, state: ControlState, author: str, reason: str) -> None:
    if not target.portfolio:
        account = target.account or ALL_ACCOUNTS
        writer.set_account_control(account, state, author=author, reason=reason)
        return
    # Whether it may lift was judged before; the program never may.
    writer.set_control(target.portfolio, state, author=author, reason=reason, lifts=True)


def _said_again(
    writer: Writer,
    target: Target,
    books: Collection[PortfolioRecord],
    author: str,
    reason: str,
) -> str:
    """The reason; other words where the same would change nothing and so leave a leave in force."""
    current = _current(writer, target)
    if current is None or (current.author, current.reason) != (author, reason):
        return reason
    if any(writer.leaves(book.portfolio) for book in books):
        return f"{reason} (said again, after word {current.epoch})"
    return reason


def _call_over(
    writer: Writer,
    target: Target,
    books: Collection[PortfolioRecord],
    state: ControlState,
    by_whom: str,
) -> None:
    """Tell whoever was told of what this word ends; of what was not told, nothing is."""
    over = [KILLED_ALERT] if state is not ControlState.ARMED else [KILLED_ALERT, REDUCE_ALERT]
    ended = {Condition(target.portfolio or None, code, target.subject) for code in over}
    ended |= {Condition(book.portfolio, code) for book in books for code in _UNTIL_ARMED}
    for found in sorted(ended, key=str):
        if writer.raised(found) is not None:
            text = f"{target} is {state} by {by_whom}"
            bound = writer.control(found.portfolio) if found.portfolio else None
            if bound is not None and bound.state is not state:
                text += f"; {found.portfolio} stays {bound.state}: {bound.reason}"
            writer.put_alert(
                Alert(
                    Severity.INFO,
                    found.code,
                    text,
                    found.portfolio,
                    subject=found.subject,
                    recovers=True,
                )
            )


def _refuse_breaks(
    reader: Reader, books: Collection[PortfolioRecord], accepted: Collection[int]
) -> None:
    found = {item.break_id: item for book in books for item in reader.open_breaks(book.portfolio)}
    unknown = sorted(set(accepted) - set(found))
    open_still = [item for number, item in found.items() if number not in accepted]
    if not unknown and not open_still:
        return
    listed = [
        f"break {item.break_id}, {item.symbol or 'cash'}: expected {item.expected}, the broker has "
        f"{item.observed}"
        for item in open_still
    ]
    listed += [f"--accept-break {number}, which is not open" for number in unknown]
    raise BookRefused(
        "a book without open breaks, or each of them named",
        "; ".join(listed),
        where="stocker arm",
        remedy="See `stocker reconcile PORTFOLIO --explain`; --accept-break N arms all the same, "
        "and the symbol stays locked.",
    )


def _refuse_nothing_to_lift(reader: Reader, target: Target) -> None:
    if not target.portfolio and _current(reader, target) is None:
        raise BookRefused(
            f"a word about {target} that can be lifted",
            "none: nothing was ever said of it",
            where="stocker arm",
            remedy="Name the portfolio; `stocker status` shows which scope binds.",
        )
