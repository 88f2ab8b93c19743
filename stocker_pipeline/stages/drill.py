"""The kill, tried on paper: kill, show that nothing can be sent, take back, arm again, time it.

It arms only what it killed itself, from armed to armed, with nobody's word in between; the database
holds it to that, and never lets it in live. Where anything is not as it should be the portfolio
stays killed and a person is called. Stays out: when it is held (``orchestration``).
"""

from dataclasses import dataclass
from datetime import date

from stocker_pipeline.domain.errors import BookRefused, StockerError
from stocker_pipeline.domain.orders import OrderIntent, OrderKey
from stocker_pipeline.ledger import Lease, LedgerRefused, Writer
from stocker_pipeline.ledger.control_records import (
    DRILL_AUTHOR,
    Alert,
    ControlRecord,
    ControlState,
    Severity,
)
from stocker_pipeline.ledger.records import SessionKind
from stocker_pipeline.stages.cancel import Swept, cancel_open_orders
from stocker_pipeline.stages.decide import session_record
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.overview import next_session_of

STAGE = "drill"
ALERT = "drill_failed"
_TRY = "DRILL"


@dataclass(frozen=True)
class Drilled:
    """How a drill went.

    Attributes:
        seconds: From the word to the last open order being gone.
        swept: What became of the orders that were open.
        faults: What was not as it should be; empty where it was armed again.
    """

    portfolio: str
    session: date
    seconds: float
    swept: Swept
    faults: tuple[str, ...]


class _WouldHaveBeenSent(Exception):
    """The database let an attempt in; rolls back what led there."""


def drill(desk: Desk) -> Drilled:
    """Hold a drill on one portfolio of paper.

    Raises:
        BookRefused: The portfolio is in live, or not armed: a drill changes nobody's word.
        LeaseHeld: A stage is at work.
    """
    if desk.environment == "live":
        raise BookRefused(
            "a portfolio of paper",
            "one of live",
            where=f"drill of {desk.name}",
            remedy="Drills are held on paper only.",
        )
    session = desk.ledger.read(lambda r: next_session_of(r, desk.name))
    with desk.ledger.lease(desk.name, session, STAGE, wait=True) as lease:
        began = desk.ledger.now()
        # It may be the second start of a drill that was interrupted.
        killed = desk.ledger.write(lease, lambda w: _kill(w, desk))
        faults = _proved(desk, lease, session)
        swept = cancel_open_orders(desk, lease, why="a drill")
        faults += [f"{left.symbol or 'orders'}: {left.why}" for left in swept.left]
        seconds = (desk.ledger.now() - began).total_seconds()
        found = Drilled(desk.name, session, seconds, swept, tuple(faults))
        faults += desk.ledger.write(lease, lambda w: _end(w, killed, found))
    return Drilled(desk.name, session, seconds, swept, tuple(faults))


def _kill(writer: Writer, desk: Desk) -> ControlRecord:
    current = writer.control(desk.name)
    own = writer.own_control(desk.name)
    if own.author == DRILL_AUTHOR and own.state is ControlState.KILLED:
        return own
    if current.state is not ControlState.ARMED:
        raise BookRefused(
            "a portfolio that is armed",
            f"{current.state} by {current.author}: {current.reason}",
            where=f"drill of {desk.name}",
            remedy="Nothing was changed; the next drill is held once a person has armed it.",
        )
    return writer.set_control(
        desk.name, ControlState.KILLED, author=DRILL_AUTHOR, reason="the monthly drill"
    )


def _proved(desk: Desk, lease: Lease, session: date) -> list[str]:
    """Try to begin an attempt, for a session of its own that is rolled back with it."""
    symbol = desk.panel.symbols[0]
    later = desk.calendar.next_session(session)
    key = OrderKey(desk.environment, desk.account, desk.name, later, symbol)
    intent = OrderIntent(key, 1, 1.0, _TRY)

    def fn(writer: Writer) -> None:
        writer.put_config(desk.config_hash, desk.config)
        writer.open_session(session_record(desk, later, SessionKind.DECIDED))
        writer.put_intents([intent], config_hash=desk.config_hash)
        writer.begin_attempt(
            intent.client_order_id, code_version=desk.code_version, config_hash=desk.config_hash
        )
        raise _WouldHaveBeenSent

    try:
        desk.ledger.write(lease, fn)
    except LedgerRefused as refused:
        return [] if refused.code == "control" else [f"the attempt ended otherwise: {refused}"]
    except _WouldHaveBeenSent:
        return ["the database let an attempt in while the portfolio was killed"]
    except StockerError as error:
        return [f"the attempt ended otherwise: {error}"]
    raise AssertionError("the attempt neither passed nor failed")


def _end(writer: Writer, killed: ControlRecord, found: Drilled) -> list[str]:
    """Arm again, where all was well and nobody said anything meanwhile; tell and record."""
    name, faults = found.portfolio, list(found.faults)
    now = writer.own_control(name)
    if (now.epoch, now.author) != (killed.epoch, DRILL_AUTHOR):
        faults.append(f"{now.author} said {now.state} meanwhile: {now.reason}")
    if not faults:
        writer.set_control(
            name, ControlState.ARMED, author=DRILL_AUTHOR, reason="the drill is over"
        )
    content = {
        "seconds": repr(found.seconds),
        "epoch": killed.epoch,
        "cancelled": len(found.swept.cancelled),
        "left": len(found.swept.left),
        "faults": faults,
    }
    writer.put_audit(DRILL_AUTHOR, "drill", name, content)
    text = (
        f"the drill was not clean, and the portfolio is {writer.control(name).state}: "
        + "; ".join(faults)
        if faults
        else f"the drill took {found.seconds:.1f} s"
    )
    severity = Severity.CRITICAL if faults else Severity.INFO
    writer.put_alert(Alert(severity, ALERT, text, name, found.session, recovers=not faults))
    return faults[len(found.faults) :]
