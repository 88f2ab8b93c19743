"""Signals, targets and orders of one session of a paper or live book, decided before its open.

The engine decides on a market cut before the open; a person's overrides and open breaks then take
away, never add, and so do the limits. The decision and its orders are one transaction. Stays out:
sending them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.domain.orders import OrderIntent, OrderKey
from stocker_pipeline.engine.day import Decided, before_open
from stocker_pipeline.engine.day import decide as decide_session
from stocker_pipeline.engine.simulate import OpeningBook
from stocker_pipeline.ledger import Lease, Reader, Writer
from stocker_pipeline.ledger.control_records import ControlState, OverrideRecord
from stocker_pipeline.ledger.records import DecisionRow, SessionKind, SessionRecord
from stocker_pipeline.risk.overrides import Adjusted, Override, OverrideKind, adjusted, wanted_of
from stocker_pipeline.stages.desk import Desk, opening_of
from stocker_pipeline.stages.forecast import forecast_rows
from stocker_pipeline.stages.limits import Limited, after_sizing, write_stopped

_SIGNAL = ("bars", "momentum", "direction", "vol", "weight")
_TARGET = (
    "sigma_p",
    "k",
    "single_capped",
    "x_single",
    "gross_factor",
    "tripped",
    "breaker_factor",
    "target",
)


@dataclass(frozen=True)
class Ticket:
    """What a session would order, and why; nothing of it is written yet.

    Attributes:
        rows: After overrides and limits.
        limited: What the limits made of the rows.
    """

    session: date
    opening: OpeningBook
    rows: Sequence[DecisionRow]
    intents: Sequence[OrderIntent]
    limited: Limited


def ticket(reader: Reader, desk: Desk, session: date) -> Ticket:
    """Decide a session on what is known and booked; writes nothing.

    Raises:
        BookRefused: The session before is not settled.
    """
    opening = opening_of(reader, desk, session)
    book = reader.portfolio(desk.name)
    start = book.book_start if book is not None else session
    decided, signals = _decided(desk, opening, session, start)
    changes = adjusted(
        wanted_of(decided),
        in_force(reader, desk, session),
        session=session,
        nav_e4=decided.nav_e4,
        rules=desk.rules,
        restraint=decided.restraint,
    )
    limited = after_sizing(desk, session, decided, _rows(desk, decided, signals, changes))
    rows = limited.rows
    intents = [
        OrderIntent(
            OrderKey(desk.environment, desk.account, desk.name, session, row.symbol),
            row.ordered,
            row.reference_price,
            row.decision,
        )
        for row in rows
        if row.ordered and row.reference_price is not None
    ]
    return Ticket(session, opening, rows, intents, limited)


def decide(desk: Desk, lease: Lease, session: date) -> Ticket:
    """Decide a session and commit the decision with its orders, before anything is sent."""
    crash_point("decide.compute.before")
    made = desk.ledger.read(lambda r: ticket(r, desk, session))
    crash_point("decide.commit.before")
    desk.ledger.write(lease, lambda w: _commit(w, desk, made))
    crash_point("decide.commit.after")
    return made


def in_force(reader: Reader, desk: Desk, session: date) -> list[Override]:
    """What a person, the control state and open breaks allow in a session."""
    found = [_override(record) for record in reader.overrides(desk.name, session)]
    found += [
        _own(
            OverrideKind.NO_TRADE,
            broken.symbol,
            "reconciliation",
            f"{broken.kind.meaning}: expected {broken.expected}, broker {broken.observed}",
            session,
        )
        for broken in reader.open_breaks(desk.name)
        # Cash has no symbol, and what is not in this market cannot be ordered at this desk.
        if broken.symbol in desk.panel.symbols
    ]
    control = reader.control(desk.name)
    if control.state is ControlState.REDUCE_ONLY:
        found.append(_own(OverrideKind.REDUCE_ONLY, None, control.author, control.reason, session))
    return found


def session_record(desk: Desk, session: date, kind: SessionKind) -> SessionRecord:
    """The row that says on what a session stands."""
    return SessionRecord(
        desk.name, session, desk.config_hash, desk.data_versions, desk.code_version, kind
    )


def _commit(writer: Writer, desk: Desk, made: Ticket) -> None:
    writer.put_config(desk.config_hash, desk.config)
    writer.open_session(session_record(desk, made.session, SessionKind.DECIDED))
    writer.put_decisions(desk.name, made.session, made.rows)
    write_stopped(writer, desk.name, made.session, made.limited)
    crash_point("decide.commit.inside")
    writer.put_intents(made.intents, config_hash=desk.config_hash)


def _decided(
    desk: Desk, opening: OpeningBook, session: date, book_start: date
) -> tuple[Decided, dict[str, dict[str, Any]]]:
    row = desk.panel.row_of(session)
    known = before_open(desk.panel, row)
    start = desk.panel.row_of(book_start)
    forecast, table = forecast_rows(
        desk.portfolio.rule(), known, first=row, last=row, book_start=start
    )
    decided = decide_session(known, forecast.weights, desk.rules, opening, row)
    return decided, {found["symbol"]: found for found in table.to_pylist()}


def _rows(
    desk: Desk,
    decided: Decided,
    signals: Mapping[str, Mapping[str, Any]],
    changes: Sequence[Adjusted],
) -> list[DecisionRow]:
    tables = decided.tables(desk.portfolio.rule().required_bars)
    targets = {row["symbol"]: row for row in tables["targets"].to_pylist()}
    names = {row["symbol"]: row["decision"] for row in tables["decisions"].to_pylist()}
    changed = {change.symbol: change for change in changes}
    references = dict(zip(decided.symbols, decided.reference.tolist(), strict=True))
    held = dict(zip(decided.symbols, decided.held.tolist(), strict=True))
    rows = []
    for symbol in decided.symbols:
        change, signal, target = changed[symbol], signals[symbol], targets.get(symbol, {})
        reference = references[symbol]
        rows.append(
            DecisionRow(
                symbol=symbol,
                decision=change.code if change.overridden_by else names[symbol],
                held=held[symbol],
                desired=change.desired,
                ordered=change.quantity,
                signal_reason=signal["reason"],
                reference_price=None if reference != reference else reference,
                overridden_by=_words(change.overridden_by),
                **{name: signal[name] for name in _SIGNAL},
                **{name: target.get(name) for name in _TARGET},
            )
        )
    return rows


def _words(overrides: Sequence[Override]) -> str | None:
    """Who changed a decision and why; None where no one did."""
    said = [
        f"{found.kind.value}{'' if found.value is None else f' {found.value:g}'} by "
        f"{found.author}: {found.reason}"
        for found in overrides
    ]
    return "; ".join(said) or None


def _override(record: OverrideRecord) -> Override:
    return Override(
        record.kind,
        record.symbol,
        record.value,
        record.from_session,
        record.until_session,
        record.author,
        record.reason,
        record.override_id,
    )


def _own(
    kind: OverrideKind, symbol: str | None, author: str, reason: str, session: date
) -> Override:
    """What the book's own state forbids, in the form of a person's word."""
    return Override(kind, symbol, None, session, session, author, reason)
