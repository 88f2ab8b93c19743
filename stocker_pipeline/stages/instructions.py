"""A person's word on a paper book: cash moved, overrides, and values that are believed after all.

Each is checked here, before it is written, because nothing that is written can be taken back. Stays
out: what overrides make of a decision (``risk.overrides``) and how cash is booked (``settle``).
"""

from dataclasses import replace
from datetime import date

from stocker_pipeline.domain.errors import BookRefused, ConfigurationRefused, InputRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.ledger import Ledger, Reader
from stocker_pipeline.ledger.control_records import Confirmation, OverrideRecord
from stocker_pipeline.ledger.records import CashFlow, FlowKind
from stocker_pipeline.risk.jump import Belief, believable
from stocker_pipeline.risk.overrides import Override, OverrideKind
from stocker_pipeline.risk.reconciliation import dollars
from stocker_pipeline.stages.day import VALUE_JUMP
from stocker_pipeline.stages.overview import begun
from stocker_pipeline.strategies.portfolio import Portfolio

STAGE = "cash"
_AMOUNT_CEILING_E4 = 10**12 * 10_000


def move_cash(ledger: Ledger, flow: CashFlow) -> bool:
    """Enter a deposit or a withdrawal; False where the same was entered before.

    Raises:
        BookRefused: The book has not begun, or the session is settled or before its beginning.
        InputRefused: The amount is no amount, the date no session, or a withdrawal takes all.
        LedgerConflict: The reference names another movement.
        LeaseHeld: A stage is at work on the portfolio.
    """
    ledger.read(lambda r: _refuse_flow(r, flow))
    # Else a close that is at work could settle the money without the account having it.
    with ledger.lease(flow.portfolio, flow.session, STAGE, wait=True) as lease:
        return ledger.write(lease, lambda w: w.put_flow(flow))


def put_override(ledger: Ledger, record: OverrideRecord, portfolio: Portfolio) -> OverrideRecord:
    """Enter an override; returns it with its number, the old one where it is in force already.

    Raises:
        BookRefused: The book has not begun.
        ConfigurationRefused: The value is out of the kind's bounds, or the symbol is unknown.
        InputRefused: A date is no session.
    """
    Override(
        record.kind,
        record.symbol,
        record.value,
        record.from_session,
        record.until_session,
        record.author,
        record.reason,
    )
    for day, where in ((record.from_session, "--from"), (record.until_session, "--until")):
        if day is not None:
            SessionCalendar.between(day, day).require(day, where=where)
    ledger.read(lambda r: _refuse_symbol(r, record, portfolio))
    number = ledger.write(None, lambda w: w.put_override(record))
    return replace(record, override_id=number)


def kind_of(text: str) -> OverrideKind:
    """The kind that is meant.

    Raises:
        ConfigurationRefused: There is no such kind; all of them are named with what they do.
    """
    try:
        return OverrideKind(text)
    except ValueError:
        known = "; ".join(f"{kind.value}: {kind.meaning}" for kind in OverrideKind)
        raise ConfigurationRefused(
            f"one of {', '.join(OverrideKind)}", repr(text), where="KIND", remedy=f"Choose {known}."
        ) from None


def first_to_decide(reader: Reader, name: str) -> date:
    """The first session of a book that is not decided yet."""
    book, last = begun(reader, name), reader.latest_session(name)
    if last is None:
        start: date = book.book_start
        return start
    return SessionCalendar.between(last.session, last.session).next_session(last.session)


def end_override(ledger: Ledger, number: int, author: str, reason: str) -> OverrideRecord:
    """End an override; returns it as it was.

    Raises:
        BookRefused: There is no such override, or it is ended already.
    """
    there = {
        found.override_id: found
        for found in ledger.read(
            lambda r: [o for book in r.portfolios() for o in r.overrides(book.portfolio)]
        )
    }
    found = there.get(number)
    open_ones = [str(key) for key, value in there.items() if value.ended_at is None]
    if found is None or found.ended_at is not None:
        raise BookRefused(
            f"an override that is not ended: {', '.join(open_ones) or 'there is none'}",
            f"{number}" + (f", ended at {found.ended_at}" if found else ""),
            where="ID",
            remedy="`stocker override list` shows them all.",
        )
    ledger.write(None, lambda w: w.end_override(number, author=author, reason=reason))
    return found


def confirm_value(ledger: Ledger, name: str, session: date, author: str, reason: str) -> Belief:
    """Say that a jump of the account's value is right; returns the change that is believed.

    Raises:
        BookRefused: The session is not settled, or its value did not jump.
    """
    belief = ledger.read(lambda r: _jumped(r, name, session))
    confirmation = Confirmation(name, session, VALUE_JUMP, author, reason)
    ledger.write(None, lambda w: w.put_confirmation(confirmation))
    return belief


def _jumped(reader: Reader, name: str, session: date) -> Belief:
    begun(reader, name)
    after, last = reader.snapshot(name, session), reader.latest_snapshot(name)
    if after is None:
        raise BookRefused(
            f"a settled session, the last one is {last.session if last else 'none'}",
            str(session),
            where=f"portfolio {name}, --session",
            remedy="`stocker status` names the session whose value waits for a word.",
        )
    before = reader.latest_snapshot(
        name, SessionCalendar.between(session, session).previous_session(session)
    )
    nav_before = before.nav_e4 if before else after.initial_capital_e4
    belief = believable(nav_before, reader.flows_e4(name, session), after.nav_e4)
    if belief.believed:
        raise BookRefused(
            f"a session whose value jumped by more than {belief.limit:.0%}",
            f"{session}, {belief.change:+.2%}",
            where=f"portfolio {name}",
            remedy="There is nothing to confirm.",
        )
    return belief


def _refuse_flow(reader: Reader, flow: CashFlow) -> None:
    book = begun(reader, flow.portfolio)
    amount = abs(flow.amount_e4)
    if not 0 < amount <= _AMOUNT_CEILING_E4:
        raise InputRefused(
            f"an amount above 0 and up to {dollars(_AMOUNT_CEILING_E4)}",
            dollars(amount),
            where="AMOUNT",
            remedy="Give dollars, with at most four decimals.",
        )
    SessionCalendar.between(flow.session, flow.session).require(flow.session, where="--session")
    if flow.session < book.book_start:
        raise BookRefused(
            f"a session from {book.book_start} on, where the book begins",
            str(flow.session),
            where=f"portfolio {flow.portfolio}, --session",
            remedy="What the book begins with is initial_capital in the portfolio's YAML.",
        )
    known = {item.reference for item in reader.flows(flow.portfolio)}
    if flow.kind is not FlowKind.WITHDRAWAL or flow.reference in known:
        return
    last = reader.latest_snapshot(flow.portfolio)
    worth = last.nav_e4 if last else book.initial_capital_e4
    waiting = sum(
        item.amount_e4
        for item in reader.flows(flow.portfolio)
        if last is None or item.session > last.session
    )
    if worth + waiting + flow.amount_e4 <= 0:
        raise InputRefused(
            f"less than the book is worth, {dollars(worth + waiting)} with what is entered and not "
            "booked yet",
            dollars(amount),
            where="AMOUNT",
            remedy="Withdraw less; close the positions first to withdraw nearly all.",
        )


def _refuse_symbol(reader: Reader, record: OverrideRecord, portfolio: Portfolio) -> None:
    begun(reader, record.portfolio)
    held = {lot.symbol for lot in reader.lots(record.portfolio)}
    known = sorted({*portfolio.universe, *held})
    if record.symbol is not None and record.symbol not in known:
        raise ConfigurationRefused(
            f"a symbol of the portfolio: {', '.join(known[:20])}{', …' if known[20:] else ''}",
            record.symbol,
            where="--symbol",
            remedy="Correct it; without --symbol the override holds for the whole portfolio.",
        )
