"""What a person makes of a difference with the broker: adopt, ignore, adjust; then compare again.

Belongs here: reconciling at any time of the day, explaining a break, and the entries that a person
may make because of one. A break itself is never ended by hand: it clears once the two sides agree.
Stays out: how the sides are compared (``reconcile``), and what a break locks.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from stocker_pipeline.domain.errors import BookRefused, InputRefused
from stocker_pipeline.domain.orders import Execution
from stocker_pipeline.domain.trading_day import shown
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Lease, Reader, Writer
from stocker_pipeline.ledger.control_records import BreakKind, BreakRecord, Severity
from stocker_pipeline.ledger.records import BookedExecution, CashFlow, FlowKind
from stocker_pipeline.risk.alerts import Condition
from stocker_pipeline.risk.reconciliation import Statement, dollars
from stocker_pipeline.stages.collect import collect
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.overview import begun, fill_row, next_session_of, order_row
from stocker_pipeline.stages.patience import Waits
from stocker_pipeline.stages.reconcile import differences, reconcile
from stocker_pipeline.stages.settle import settle_again
from stocker_pipeline.stages.submit import resolve_unknown
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline.strategies.portfolio import Portfolio

STAGE = "reconcile"
_SESSIONS_SHOWN = 5
_POSITION_KINDS = frozenset({BreakKind.BROKER_ONLY, BreakKind.LEDGER_ONLY, BreakKind.QUANTITY})


@dataclass(frozen=True)
class Resolution:
    """What a person decided; all of it is entered, or nothing.

    Attributes:
        adopt, ignore: Ids of executions in suspense.
        adjust_cash_e4: Signed, added to our cash (1/10,000 dollar); 0 = nothing.
        position: A symbol whose shares are brought to the broker's count; None = none.
        price_e4: At which those shares are booked; 0 for shares that nobody paid for.
    """

    author: str
    reason: str
    adopt: Sequence[str] = ()
    ignore: Sequence[str] = ()
    adjust_cash_e4: int = 0
    position: str | None = None
    price_e4: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to enter."""
        return not (self.adopt or self.ignore or self.adjust_cash_e4 or self.position)


@dataclass(frozen=True)
class Reconciled:
    """What a reconciliation found, and what was entered before it.

    Attributes:
        session: The last settled session, or the book's first where none is settled.
        entered: Sentences for a person.
        breaks: Those that are still open.
        waits: Why the two sides cannot be compared yet; empty where they were.
    """

    session: date
    entered: Sequence[str]
    breaks: Sequence[BreakRecord]
    waits: str = ""


@contextmanager
def desk_now(venue: Venue, name: str, portfolio: Portfolio, lake: Lake) -> Iterator[Desk]:
    """A desk at which the book stands where it stands, between two sessions.

    Raises:
        BookRefused: The book has not begun.
    """
    with venue.ledger() as ledger:
        coming, strange = ledger.read(lambda r: (next_session_of(r, name), _strange(r, name)))
    with venue.desk(name, portfolio, lake, venue.clock(coming), coming, also=strange) as desk:
        yield desk


def reconcile_now(desk: Desk, resolution: Resolution | None = None) -> Reconciled:
    """Enter what a person decided, then compare the book with the broker's account.

    Raises:
        BookRefused: The book has not begun, or the resolution does not fit it; nothing is entered.
        InputRefused: The resolution is not sound; nothing is entered.
        LeaseHeld: A stage is at work on the portfolio.
        Waits: The broker does not answer, or a session is under way; nothing is entered.
    """
    waits = ""
    at = desk.ledger.read(lambda r: _last(r, desk))
    with desk.ledger.lease(desk.name, at, STAGE, wait=True) as lease:
        resolve_unknown(desk, lease)
        collect(desk, lease, at)
        entered: list[str] = []
        if resolution is not None and not resolution.empty:
            # What is decided is decided about the breaks of this very moment.
            if resolution.position or resolution.adjust_cash_e4:
                _compare(desk, lease, at)
            entered = _enter(desk, lease, at, resolution)
        try:
            _compare(desk, lease, at)
        except Waits as later:
            waits = later.reason
    found = desk.ledger.read(lambda r: r.open_breaks(desk.name))
    return Reconciled(at, entered, found, waits)


def explained(reader: Reader, name: str) -> list[dict[str, Any]]:
    """Each open break with both sides, what happened to its symbol lately, and what can be done."""
    book = begun(reader, name)
    sessions = [record.session for record in reader.sessions(name)][-_SESSIONS_SHOWN:]
    first = sessions[0] if sessions else book.book_start
    suspense = reader.open_suspense(book.broker, book.account)
    found = []
    for broken in reader.open_breaks(name):
        held = [item for item in suspense if item.execution.symbol == broken.symbol]
        rows = [o for o in reader.orders(name) if o.intent.key.symbol == broken.symbol]
        fills = [e.execution for e in reader.executions(name)]
        found.append(
            {
                "break": broken.break_id,
                "kind": broken.kind.value,
                "meaning": broken.kind.meaning,
                "symbol": broken.symbol or "cash",
                "we_say": broken.expected,
                "the_broker_says": broken.observed,
                "since": broken.opened_at,
                "orders": [order_row(o) for o in rows if o.intent.key.session >= first],
                "fills": [
                    fill_row(e) for e in fills if e.symbol == broken.symbol and e.session >= first
                ],
                "suspense": [suspense_row(item) for item in held],
                "what_to_do": _advice(name, broken, held),
            }
        )
    return found


def suspense_row(found: BookedExecution) -> dict[str, Any]:
    """A fill in suspense as a table shows it."""
    return {
        "execution": found.execution.execution_id,
        **fill_row(found.execution),
        "why": found.why,
    }


def _advice(name: str, broken: BreakRecord, held: Sequence[BookedExecution]) -> list[str]:
    command = f"stocker reconcile {name}"
    if broken.kind is BreakKind.CASH:
        return [
            "Look for a fee, interest, a dividend or a transfer in the broker's activity.",
            f"{command} --adjust-cash AMOUNT --reason WHY  (signed dollars, added to our cash)",
            "A fill in suspense moves cash too: judge it first.",
        ]
    if broken.kind is BreakKind.ORPHAN_ORDER:
        return ["Cancel the order at the broker, or let it fill and judge the fill in suspense."]
    if broken.kind is BreakKind.STALE_ORDER:
        return [f"{command}  again after the open: it asks the broker what became of the order."]
    if held:
        ids = " ".join(f"--adopt {found.execution.execution_id}" for found in held)
        return [
            f"{command} {ids} --reason WHY  takes the fill into the book",
            "or trade it back at the broker, and --ignore both fills.",
        ]
    return [
        "A late fill clears it by itself: run the command again in some minutes.",
        f"{command} --adopt-position {broken.symbol} --price PRICE --reason WHY  books the "
        "difference (price 0 for shares that nobody paid for)",
    ]


def _compare(desk: Desk, lease: Lease, at: date) -> None:
    """Compare where the two sides can agree: not between an open and the close stage."""
    coming = desk.ledger.read(lambda r: next_session_of(r, desk.name))
    filled = desk.ledger.read(lambda r: r.executions(desk.name, session=coming))
    opens_at = desk.day(coming).opens_at
    if filled or desk.clock.now() >= opens_at:
        raise Waits(
            "under_way",
            f"the broker fills {coming} at {shown(opens_at)} and the book has it at the close: "
            f"run `stocker day {desk.name} --session {coming} --stage close` after the close",
        )
    reconcile(desk, lease, at, STAGE)


def _enter(desk: Desk, lease: Lease, at: date, resolution: Resolution) -> list[str]:
    """Every entry in one transaction."""
    statements = differences(desk)[1:] if resolution.position else None
    return desk.ledger.write(lease, lambda w: _entries(w, desk, at, resolution, statements))


def _entries(
    writer: Writer,
    desk: Desk,
    at: date,
    resolution: Resolution,
    statements: tuple[Statement, Statement] | None,
) -> list[str]:
    said, changed = [], []
    suspended = {
        found.execution.execution_id: found.execution
        for found in writer.open_suspense(desk.broker.name, desk.account)
    }
    for key in (*resolution.adopt, *resolution.ignore):
        if key not in suspended:
            raise BookRefused(
                "an execution in suspense: " + (", ".join(sorted(suspended)) or "there is none"),
                key,
                where=f"portfolio {desk.name}",
                remedy="Correct the id; what was adopted or ignored before stays so.",
            )
    for key in resolution.ignore:
        _end(writer, desk, key, "ignored", resolution)
        said.append(f"ignored {_words(suspended[key])}")
    for key in resolution.adopt:
        changed.append(_adopt(writer, desk, suspended[key], resolution))
        said.append(f"adopted {_words(suspended[key])}")
    if resolution.position and statements is not None:
        made = _balance(writer, desk, at, resolution, statements)
        changed.append(_adopt(writer, desk, made, resolution))
        said.append(f"booked {_words(made)}")
    if resolution.adjust_cash_e4:
        changed.append(_adjust(writer, desk, at, resolution))
        said.append(f"adjusted cash by {dollars(resolution.adjust_cash_e4)}")
    if changed:
        again = settle_again(
            writer, desk, min(changed), reason=f"{resolution.author}: {resolution.reason}"
        )
        if again:
            said.append(f"settled {again[0]} to {again[-1]} again")
    return said


def _adopt(writer: Writer, desk: Desk, execution: Execution, resolution: Resolution) -> date:
    if execution.symbol not in desk.panel.symbols:
        raise BookRefused(
            f"a symbol with bars at this desk: {', '.join(desk.panel.symbols)}",
            execution.symbol,
            where=f"portfolio {desk.name}, execution {execution.execution_id}",
            remedy="Ingest its bars, or trade it back at the broker and ignore both fills.",
        )
    _end(writer, desk, execution.execution_id, "adopted", resolution)
    writer.book_execution(desk.name, desk.broker.name, desk.account, execution, adopted=True)
    return execution.session


def _end(writer: Writer, desk: Desk, key: str, how: str, resolution: Resolution) -> None:
    writer.end_suspense(
        desk.broker.name,
        desk.account,
        key,
        resolution=how,
        author=resolution.author,
        reason=resolution.reason,
    )
    told = writer.raised(Condition(desk.name, "ghost_fill", key[:200]))
    if told is not None:
        text = f"execution {key} is {how} by {resolution.author}: {resolution.reason}"
        over = replace(told, severity=Severity.INFO, text=text[:2000], recovers=True)
        writer.put_alert(over)


def _balance(
    writer: Writer,
    desk: Desk,
    at: date,
    resolution: Resolution,
    statements: tuple[Statement, Statement],
) -> Execution:
    """The shares that one side has and the other has not, as a fill of the last settled session."""
    symbol = str(resolution.position)
    broken = [
        found
        for found in writer.open_breaks(desk.name)
        if found.symbol == symbol and found.kind in _POSITION_KINDS
    ]
    ours, brokers = statements
    missing = brokers.quantities.get(symbol, 0) - ours.quantities.get(symbol, 0)
    if not broken or missing == 0:
        known = [b.symbol for b in writer.open_breaks(desk.name) if b.kind in _POSITION_KINDS]
        raise BookRefused(
            "a symbol whose positions differ: " + (", ".join(known) or "there is none"),
            symbol,
            where=f"portfolio {desk.name}",
            remedy="`stocker reconcile --explain` lists what differs.",
        )
    _require_settled(writer, desk, at)
    execution = Execution(
        execution_id=f"balance-{broken[-1].break_id}",
        broker_order_id="",
        client_order_id=None,
        symbol=symbol,
        quantity=missing,
        price_e4=resolution.price_e4,
        commission_e4=0,
        cumulative_quantity=missing,
        session=at,
        executed_at=desk.day(at).closes_at,
    )
    why = f"balance entry of break {broken[-1].break_id}"
    writer.suspend_execution(
        desk.broker.name, desk.account, execution, why=why, portfolio=desk.name
    )
    return execution


def _adjust(writer: Writer, desk: Desk, at: date, resolution: Resolution) -> date:
    broken = [b for b in writer.open_breaks(desk.name) if b.kind is BreakKind.CASH]
    if not broken:
        raise BookRefused(
            "a broker whose cash is not ours",
            "the same cash on both sides",
            where=f"portfolio {desk.name}",
            remedy="Money that you moved is entered with `stocker cash deposit` or `withdraw`.",
        )
    _require_settled(writer, desk, at)
    flow = CashFlow(
        desk.name,
        at,
        FlowKind.ADJUSTMENT,
        resolution.adjust_cash_e4,
        f"break-{broken[-1].break_id}/{resolution.adjust_cash_e4}",
        resolution.author,
        resolution.reason,
    )
    if not writer.put_flow(flow, settled_again=True):
        raise InputRefused(
            "an adjustment that was not made before",
            f"{dollars(resolution.adjust_cash_e4)} again",
            where=f"portfolio {desk.name}, break {broken[-1].break_id}",
            remedy="Look at `stocker cash list`; give the difference that is left.",
        )
    return at


def _require_settled(reader: Reader, desk: Desk, at: date) -> None:
    if reader.snapshot(desk.name, at) is None:
        raise BookRefused(
            "a book with a settled session, in which the entry can be booked",
            "none yet",
            where=f"portfolio {desk.name}",
            remedy=f"Run `stocker day {desk.name} --session {at} --stage close` first.",
        )


def _words(execution: Execution) -> str:
    return (
        f"{execution.quantity:+d} {execution.symbol} at {execution.price_e4 / 1e4:,.4f} in "
        f"{execution.session} ({execution.execution_id})"
    )


def _last(reader: Reader, desk: Desk) -> date:
    book, snapshot = begun(reader, desk.name), reader.latest_snapshot(desk.name)
    found: date = snapshot.session if snapshot else book.book_start
    return found


def _strange(reader: Reader, name: str) -> list[str]:
    """Symbols that may have to be adopted."""
    book = begun(reader, name)
    found = {b.symbol for b in reader.open_breaks(name) if b.symbol}
    suspense = reader.open_suspense(book.broker, book.account)
    return sorted(found | {item.execution.symbol for item in suspense})
