"""The day of a book: the open stage decides and sends, the close stage collects and settles.

Each begins by recovering what a process before it left behind, and there is no other recovery: a
start after a crash is a start. Both may be repeated at will; a session that is done stays as it is.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.orders import SessionOutcome
from stocker_pipeline.domain.trading_day import shown
from stocker_pipeline.gateways.brokers.broker import MovesCash
from stocker_pipeline.ledger import Lease, LeaseHeld, Reader, Writer
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.ledger.records import FlowKind, OutcomeRecord, SessionKind
from stocker_pipeline.risk.jump import believable
from stocker_pipeline.risk.outcome import OutcomeCode, outcome_of
from stocker_pipeline.risk.reconciliation import BreakKind
from stocker_pipeline.stages.close import close_book
from stocker_pipeline.stages.collect import collect
from stocker_pipeline.stages.decide import decide, session_record
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.flatten import close_positions
from stocker_pipeline.stages.kill_file import note_kill_file
from stocker_pipeline.stages.patience import Waits
from stocker_pipeline.stages.reconcile import reconcile
from stocker_pipeline.stages.submit import resolve_unknown, submit

VALUE_JUMP = "value_jump"


@dataclass(frozen=True)
class StageReport:
    """How a stage ended.

    Attributes:
        waits: A word, where the stage could not go on and is to be repeated; else empty.
        reason: A sentence for a person.
        outcome: The session's, once it has one.
    """

    session: date
    stage: str
    waits: str = ""
    reason: str = ""
    outcome: SessionOutcome | None = None


def open_session(desk: Desk, session: date) -> StageReport:
    """Before the open: recover, reconcile, decide, send. Never sends late."""
    return _stage(desk, session, "open")


def close_session(desk: Desk, session: date) -> StageReport:
    """After the close: collect fills, settle, reconcile. Catches up sessions before, in order."""
    return _stage(desk, session, "close")


def collect_session(desk: Desk, session: date) -> StageReport:
    """Between the two: book what the broker has filled so far."""
    return _stage(desk, session, "fills")


def done_before(desk: Desk, session: date) -> StageReport | None:
    """The report of a session whose book is settled; None where it is not."""

    def fn(reader: Reader) -> StageReport | None:
        if reader.snapshot(desk.name, session) is None:
            return None
        ended = reader.outcome(desk.name, session)
        if ended is None:
            return StageReport(session, "close")
        return StageReport(session, "close", "", ended.reason, ended.outcome)

    return desk.ledger.read(fn)


def _stage(desk: Desk, session: date, stage: str) -> StageReport:
    note_kill_file(desk.ledger, desk.kill_file)
    _begin_book(desk, session)
    try:
        with desk.ledger.lease(desk.name, session, stage) as lease:
            crash_point(f"{stage}.lease.after")
            _STAGES[stage](desk, lease, session)
            crash_point(f"{stage}.done.before")
    except Waits as waits:
        return StageReport(session, stage, waits.code, waits.reason)
    except LeaseHeld as held:
        return StageReport(session, stage, "lease_held", str(held))
    found = desk.ledger.read(lambda r: r.outcome(desk.name, session))
    if found is None:
        return StageReport(session, stage)
    return StageReport(session, stage, "", found.reason, found.outcome)


def _begin_book(desk: Desk, session: date) -> None:
    """Open the book at its first session; refuse one that belongs to other hands."""
    book = desk.ledger.read(lambda r: r.portfolio(desk.name))
    if book is None:
        crash_point("book.begin.before")
        desk.ledger.write(None, lambda w: _write_book(w, desk, session))
        crash_point("book.begin.after")
        return
    ours = (desk.environment, desk.broker.name, desk.account)
    if (book.environment, book.broker, book.account) != ours:
        raise BookRefused(
            f"environment, broker and account {', '.join(ours)}",
            f"a book of {book.environment}, {book.broker}, {book.account}",
            where=f"portfolio {desk.name}",
            remedy="Use the settings that the book was begun with, or another portfolio's name.",
        )
    if session < book.book_start:
        raise BookRefused(
            f"a session from {book.book_start} on, where the book begins",
            str(session),
            where=f"portfolio {desk.name}",
            remedy="Name a later session; a book that has begun does not get an earlier past.",
        )


def _write_book(writer: Writer, desk: Desk, session: date) -> None:
    writer.open_portfolio(desk.record(session))
    crash_point("book.begin.inside")


def _recover(desk: Desk, lease: Lease, session: date) -> None:
    """What a process before us left: unclear orders, fills, sessions that are not settled."""
    resolve_unknown(desk, lease)
    collect(desk, lease, session)
    for missed in desk.ledger.read(lambda r: _unsettled(r, desk, session)):
        _pay_in(desk, missed)
        close_book(desk, lease, missed, waits_for_orders=False)


def _unsettled(reader: Reader, desk: Desk, session: date) -> list[date]:
    """Sessions before ``session`` that the book has no snapshot of, in order."""
    latest, book = reader.latest_snapshot(desk.name), reader.portfolio(desk.name)
    if book is None:
        return []
    first = desk.calendar.next_session(latest.session) if latest else book.book_start
    if first >= session:
        return []
    found: list[date] = desk.calendar.sessions(
        first, desk.calendar.previous_session(session)
    ).tolist()
    return found


def _open(desk: Desk, lease: Lease, session: date) -> None:
    if _closes_book(desk, lease, session):
        return
    done = desk.ledger.read(lambda r: r.outcome(desk.name, session))
    if done is not None:
        return
    _recover(desk, lease, session)
    if desk.ledger.read(lambda r: r.session(desk.name, session)) is not None:
        # Decided before; what is not sent yet is sent under the same gates.
        reconcile(desk, lease, session, "open")
        # What never arrived could not be sent again before the account had been compared.
        resolve_unknown(desk, lease)
    elif not _decide(desk, lease, session):
        return
    submit(desk, lease, session)


def _closes_book(desk: Desk, lease: Lease, session: date) -> bool:
    """Close the book, where a person gave leave for this session's open and it is time."""
    leave = desk.ledger.read(lambda r: r.flatten(desk.name, session))
    day, now = desk.day(session), desk.clock.now()
    if leave is None or now >= day.window_closes_at:
        return False
    if now < day.window_opens_at:
        raise Waits("early", f"orders of {session} are taken from {shown(day.window_opens_at)} on")
    _recover(desk, lease, session)
    close_positions(desk, lease, leave)
    return True


def _decide(desk: Desk, lease: Lease, session: date) -> bool:
    """Decide the session, or end it with the reason why not; whether there is a decision."""
    day, now = desk.day(session), desk.clock.now()
    if now < day.window_opens_at:
        raise Waits("early", f"orders of {session} are taken from {shown(day.window_opens_at)} on")
    late = now >= day.window_closes_at
    if not _has_bars_to_decide_on(desk, session):
        if not late:
            before = desk.calendar.previous_session(session)
            raise Waits("no_bars", f"there is no bar of {before} yet, the session before")
        _end(desk, lease, session, skipped=OutcomeCode.NO_BARS)
        return False
    if late:
        detail = f"it was {shown(now)}, the window closed at {shown(day.window_closes_at)}"
        _end(desk, lease, session, skipped=OutcomeCode.LATE, detail=detail)
        return False
    halted = _halt(desk, lease, session)
    if halted is not None:
        _end(desk, lease, session, halted=halted[0], detail=halted[1])
        return False
    decide(desk, lease, session)
    return True


def _halt(desk: Desk, lease: Lease, session: date) -> tuple[OutcomeCode, str] | None:
    """Why nothing may be decided in this session, with the words for a person."""
    control = desk.ledger.read(lambda r: r.control(desk.name))
    if control.state is ControlState.KILLED:
        return OutcomeCode.KILLED, f"by {control.author}: {control.reason}"
    jump = desk.ledger.read(lambda r: _jump(r, desk, session))
    if jump:
        return OutcomeCode.VALUE_JUMP, jump
    for found in reconcile(desk, lease, session, "open"):
        if found.kind is BreakKind.CASH:
            detail = f"cash: expected {found.expected}, the broker has {found.observed}"
            return OutcomeCode.BREAKS, detail
    return None


def _jump(reader: Reader, desk: Desk, session: date) -> str:
    """The last session's change of value where it is not believed; else empty."""
    last = reader.latest_snapshot(desk.name)
    if last is None:
        return ""
    before = reader.snapshot(desk.name, desk.calendar.previous_session(last.session))
    nav_before = before.nav_e4 if before else last.initial_capital_e4
    confirmed = reader.confirmation(desk.name, last.session, VALUE_JUMP) is not None
    flows = reader.flows_e4(desk.name, last.session)
    belief = believable(nav_before, flows, last.nav_e4, confirmed=confirmed)
    return "" if belief.believed else f"{last.session}: {belief.reason}"


def _has_bars_to_decide_on(desk: Desk, session: date) -> bool:
    """Whether any symbol has a bar at the session before, where there can be one."""
    row = desk.panel.row_of(session)
    return row == 0 or not bool(np.isnan(desk.panel.market.close[row - 1]).all())


def _end(
    desk: Desk,
    lease: Lease,
    session: date,
    *,
    skipped: OutcomeCode | None = None,
    halted: OutcomeCode | None = None,
    detail: str = "",
) -> None:
    """A session without a decision gets its outcome at once; its book is settled at the close."""
    ended = outcome_of(skipped=skipped, halted=halted, detail=detail)

    def fn(writer: Writer) -> None:
        writer.put_config(desk.config_hash, desk.config)
        writer.open_session(session_record(desk, session, SessionKind.SKIPPED))
        crash_point("open.end.inside")
        writer.put_outcome(
            OutcomeRecord(desk.name, session, ended.outcome, ended.code.value, ended.reason)
        )

    crash_point("open.end.before")
    desk.ledger.write(lease, fn)
    crash_point("open.end.after")


def _close(desk: Desk, lease: Lease, session: date) -> None:
    day, now = desk.day(session), desk.clock.now()
    if now < day.closes_at:
        raise Waits("early", f"{session} closes at {shown(day.closes_at)}")
    _recover(desk, lease, session)
    if desk.ledger.read(lambda r: r.snapshot(desk.name, session)) is None:
        _pay_in(desk, session)
        close_book(desk, lease, session)
    reconcile(desk, lease, session, "close")


def _pay_in(desk: Desk, session: date) -> None:
    """Tell an account that takes our word of the session's deposits and withdrawals.

    An adjustment is not told: it brings our book to what the account has already.
    """
    if isinstance(desk.broker, MovesCash):
        for flow in desk.ledger.read(lambda r: r.flows(desk.name, session)):
            if flow.kind is FlowKind.ADJUSTMENT:
                continue
            crash_point("close.cash.before")
            desk.broker.move_cash(flow.amount_e4, session, flow.reference)
            crash_point("close.cash.after")


def _fills(desk: Desk, lease: Lease, session: date) -> None:
    resolve_unknown(desk, lease)
    collect(desk, lease, session)


_STAGES = {"open": _open, "fills": _fills, "close": _close}
