"""Look at one book with every monitor, and do what a raised one asks: tighten, and tell.

A monitor only ever tightens the control state, and acts once for each session: what a person arms
again stays armed until the next one. One that fails is told of and does not stop the others. Stays
out: when a monitor speaks up (``risk.monitors``), and where its facts are (``monitor_facts``).
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from stocker_pipeline.domain.session import Clock, SystemClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Ledger, Reader, Writer
from stocker_pipeline.ledger.control_records import PROGRAM, Alert, ControlState, Severity
from stocker_pipeline.ledger.errors import LedgerBusy, LedgerUnavailable
from stocker_pipeline.risk.monitors.verdict import Action, Finding, Verdict
from stocker_pipeline.stages.cancel import Swept
from stocker_pipeline.stages.control import take_back
from stocker_pipeline.stages.monitor_facts import MONITORS, SAFETY, Look
from stocker_pipeline.stages.overview import begun, next_session_of
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline.strategies.portfolio import Portfolio

FAILED, NOT_JUDGED = "monitor_failed", "monitor_not_judged"
ORDERS_LEFT = "orders_left"
_TEXT_LIMIT = 2000
_WORDS_LIMIT = 500
_SEVERITY = {
    Action.WARN: Severity.WARNING,
    Action.TELL: Severity.ERROR,
    Action.REDUCE_ONLY: Severity.ERROR,
    Action.KILLED: Severity.CRITICAL,
}


@dataclass(frozen=True)
class Judged:
    """What one monitor said of one session, and what was done about it.

    Attributes:
        session: None where there is none yet; then nothing is remembered.
        failed: The error of a monitor that could not judge; else empty.
        done: What followed now, in words; empty where nothing did, or it had before.
    """

    monitor: str
    session: date | None
    verdict: Verdict
    failed: str = ""
    done: str = ""

    @property
    def raised(self) -> bool:
        """Whether a person has to look."""
        return self.verdict.raised or bool(self.failed)

    @property
    def word(self) -> str:
        """The finding, in a word."""
        return "failed" if self.failed else self.verdict.finding.value

    @property
    def why_nothing(self) -> str:
        """Why nothing followed now."""
        if self.raised or self.verdict.action is not Action.NONE:
            return "told before"
        return "nothing to do"


@dataclass(frozen=True)
class Remembered:
    """What a monitor said last, as the ledger keeps it.

    Attributes:
        session: The last one that it could judge.
        action: The most that followed in that session.
        told: Code of an alert that has no recovery yet → the session it was last told in.
    """

    session: date | None = None
    finding: str = ""
    action: Action = Action.NONE
    told: Mapping[str, date] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Remembered":
        """The value of the monitor's cursor."""
        if not text:
            return cls()
        found = json.loads(text)
        session = date.fromisoformat(found["session"]) if found["session"] else None
        told = {code: date.fromisoformat(day) for code, day in found["told"].items()}
        return cls(session, found["finding"], Action(found["action"]), told)

    def __str__(self) -> str:
        return json.dumps(
            {
                "session": self.session.isoformat() if self.session else None,
                "finding": self.finding,
                "action": self.action.value,
                "told": {code: day.isoformat() for code, day in sorted(self.told.items())},
            }
        )


def remembered(reader: Reader, name: str, monitor: str) -> Remembered:
    """What a monitor of a book said last; empty before it said anything."""
    return Remembered.parse(reader.cursor(_scope(name), monitor))


def monitor(
    ledger: Ledger,
    lake: Lake,
    name: str,
    portfolio: Portfolio,
    now: datetime,
    *,
    monitors: Collection[str] = tuple(MONITORS),
) -> list[Judged]:
    """Judge a book with ``monitors`` and act; the same again does nothing more.

    Args:
        now: The book's own time; see ``book_time``.

    Raises:
        BookRefused: The book has not begun.
        StockerError: The database did not take what a monitor said; every monitor was tried.
    """
    ledger.read(lambda r: begun(r, name))
    look = Look(ledger, lake, name, portfolio, now)
    found: list[Judged] = []
    lost: Exception | None = None
    for one in MONITORS:
        if one not in monitors:
            continue
        try:
            found += _one(look, one)
        except Exception as error:
            lost = lost or error
    if lost is not None:
        raise lost
    return found


def watch(
    venue: Venue,
    lake: Lake,
    name: str,
    portfolio: Portfolio,
    *,
    clock: Clock | None = None,
    monitors: Collection[str] = tuple(MONITORS),
) -> list[Judged]:
    """Judge and act as ``monitor`` does; where that kills the book, take back its open orders too.

    Raises:
        BookRefused: The book has not begun.
        StockerError: The database did not take what a monitor said; every monitor was tried.
    """
    with venue.ledger() as ledger:
        now = book_time(venue, ledger, name, clock)
        before = ledger.read(lambda r: r.control(name)).state
        try:
            return monitor(ledger, lake, name, portfolio, now, monitors=monitors)
        finally:
            control = ledger.read(lambda r: r.control(name))
            if control.state is ControlState.KILLED and before is not ControlState.KILLED:
                swept = take_back(venue, lake, [name], control.reason)[name]
                if swept.left:
                    ledger.write(None, lambda w: w.put_alert(_left(name, swept)))


def _left(name: str, swept: Swept) -> Alert:
    orders = "; ".join(f"{item.quantity:+d} {item.symbol}: {item.why}" for item in swept.left)
    text = f"killed by a monitor, and these orders may still trade: {orders}"
    return Alert(Severity.CRITICAL, ORDERS_LEFT, text[:_TEXT_LIMIT], name)


def book_time(venue: Venue, ledger: Ledger, name: str, clock: Clock | None = None) -> datetime:
    """Now, or where time is moved the hour before the open of the book's next session.

    Raises:
        BookRefused: The book has not begun.
    """
    if not venue.replays:
        return (clock or SystemClock()).now()
    coming = ledger.read(lambda r: next_session_of(r, name))
    return venue.clock(coming).now()


def _one(look: Look, name: str) -> list[Judged]:
    """One monitor: what it says of each session it looks at, each acted on in one transaction."""
    try:
        before = look.ledger.read(lambda r: remembered(r, look.name, name))
        judgements = MONITORS[name](replace(look, since=before.session))
        judged = [Judged(name, session, verdict) for session, verdict in judgements]
        return [_acted(look, item) for item in judged]
    except (LedgerBusy, LedgerUnavailable):
        raise
    except Exception as error:
        return [_acted(look, _failed(look, name, error))]


def _failed(look: Look, name: str, error: Exception) -> Judged:
    words = " ".join(f"{type(error).__name__}: {error}".split())[:_WORDS_LIMIT]
    action = Action.REDUCE_ONLY if name in SAFETY else Action.TELL
    verdict = Verdict(Finding.NOT_JUDGED, f"could not judge: {words}", action=action)
    return Judged(name, look.today, verdict, failed=words)


@dataclass(frozen=True)
class _Plan:
    """What is to follow from a verdict, and what is remembered of it."""

    over: tuple[str, ...]
    tell: bool
    kept: Remembered


def _acted(look: Look, judged: Judged) -> Judged:
    if judged.session is None:
        return judged
    # Most looks change nothing; those must not wait for a stage that is writing, nor hold it up.
    if look.ledger.read(lambda r: _planned(r, look.name, judged)) is None:
        return judged
    done = look.ledger.write(None, lambda w: _act(w, look.name, judged))
    return replace(judged, done=done)


def _planned(reader: Reader, name: str, judged: Judged) -> _Plan | None:
    """What follows from a verdict after what was said before; None = nothing."""
    before, verdict = remembered(reader, name, judged.monitor), judged.verdict
    session, code = judged.session, _code(judged)
    if session is None or (not judged.failed and before.session and session < before.session):
        return None
    over = _over(before, judged, code)
    told = {known: day for known, day in before.told.items() if known not in over}
    most = verdict.action
    if judged.failed or before.session == session:
        most = max(before.action, most, key=lambda action: action.rank)
    # While it stays raised in a session, only more than was done before is done.
    tell = bool(code) and (told.get(code) != session or most.rank > before.action.rank)
    if tell:
        told[code] = session
    kept = Remembered(before.session if judged.failed else session, judged.word, most, told)
    return None if kept == before and not tell else _Plan(over, tell, kept)


def _act(writer: Writer, name: str, judged: Judged) -> str:
    """What a verdict asks for, in one transaction with the memory of it; returns it in words."""
    plan = _planned(writer, name, judged)
    if plan is None:
        return ""
    done = [_recovered(writer, name, judged, code) for code in plan.over]
    if plan.tell:
        done.append(_told(writer, name, judged, _code(judged)))
    writer.advance_cursor(_scope(name), judged.monitor, str(plan.kept))
    return "; ".join(done)


def _code(judged: Judged) -> str:
    """The alert that belongs to a verdict; empty where none does."""
    if judged.failed:
        return FAILED
    if judged.verdict.raised:
        return judged.monitor
    return NOT_JUDGED if judged.verdict.action is not Action.NONE else ""


def _over(before: Remembered, judged: Judged, code: str) -> tuple[str, ...]:
    """Alerts that a verdict ends: whoever judges has not failed; clear ends all of them."""
    if judged.failed:
        return ()
    if judged.verdict.finding is Finding.NOT_JUDGED:
        return tuple(told for told in before.told if told == FAILED)
    return tuple(told for told in before.told if told != code)


def _told(writer: Writer, name: str, judged: Judged, code: str) -> str:
    """Tighten and tell."""
    action = judged.verdict.action
    words = _tightened(writer, name, judged)
    about = judged.monitor if code in {FAILED, NOT_JUDGED} else ""
    sentence = f"{judged.monitor}: {judged.verdict.sentence}" if about else judged.verdict.sentence
    text = f"{sentence}; {words}" if words else sentence
    writer.put_alert(Alert(_SEVERITY[action], code, text, name, judged.session, subject=about))
    return words or "told"


def _tightened(writer: Writer, name: str, judged: Judged) -> str:
    """Make the control state as tight as the action asks; never looser than it is."""
    action = judged.verdict.action
    if action not in {Action.REDUCE_ONLY, Action.KILLED}:
        return ""
    # The portfolio's own: an account that is armed again must not take the portfolio with it.
    wanted, current = ControlState(action.value), writer.own_control(name)
    if wanted.strictness <= current.state.strictness:
        return f"the portfolio is {current.state} already, by {current.author}"
    reason = f"monitor {judged.monitor}, session {judged.session}: {judged.verdict.sentence}"
    writer.set_control(name, wanted, author=PROGRAM, reason=reason)
    return f"the portfolio is {wanted} until a person arms it"


def _recovered(writer: Writer, name: str, judged: Judged, code: str) -> str:
    state = writer.control(name).state
    about = judged.monitor if code in {FAILED, NOT_JUDGED} else ""
    stays = "" if state is ControlState.ARMED else f"; the portfolio stays {state}"
    text = f"{about or code} is over: {judged.verdict.sentence}{stays}"
    writer.put_alert(
        Alert(Severity.INFO, code, text, name, judged.session, subject=about, recovers=True)
    )
    return "recovered"


def _scope(name: str) -> str:
    return f"monitor:{name}"
