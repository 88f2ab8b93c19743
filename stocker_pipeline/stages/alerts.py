"""Deliver the outbox: at least once, through whatever channel is alive, by one process at a time.

A delivery is written after the channel's answer. A process that is killed between the two sends the
message again: its id, and PagerDuty's key, are the same. Belongs here: reading the outbox, asking
channels, writing what they answered. Stays out: what is sent when (``risk.alerting``), wording
(``risk.alert_messages``), formats (``gateways.alerts``).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.domain.errors import BookRefused, InputRefused
from stocker_pipeline.domain.session import NEW_YORK, Clock, SessionCalendar
from stocker_pipeline.gateways.alerts.channel import Answer, Channel
from stocker_pipeline.gateways.alerts.choice import Deadman
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.reader import Reader
from stocker_pipeline.ledger.writer import Writer
from stocker_pipeline.risk.alert_messages import Message, grouped
from stocker_pipeline.risk.alert_policy import CANARY, CHANNELS, Policy
from stocker_pipeline.risk.alerting import Held, Outbox, Plan, planned
from stocker_pipeline.risk.alerts import Alert, Delivery, Severity

_TURN = timedelta(minutes=10)
_PASS = timedelta(seconds=40)
"""After which no new message is begun; a sensor's evaluation may not last."""
_PASSES_MOST = 4
_FAILING_AFTER = 3
CHANNEL_FAILING = "alert_channel_failing"
DEADMAN_FAILED = "deadman_ping_failed"
_SCOPE, _DEADMAN = "alerts", "deadman"


@dataclass
class Report:
    """What one delivery did.

    Attributes:
        sent, failed: Messages.
        ended: Alerts about which nothing more is sent.
        held: What waits, and for what.
        busy: Who else delivers now; empty = nobody.
    """

    sent: list[Message] = field(default_factory=list)
    failed: list[tuple[Message, str]] = field(default_factory=list)
    ended: int = 0
    held: list[Held] = field(default_factory=list)
    busy: str = ""

    @property
    def words(self) -> str:
        """One sentence."""
        if self.busy:
            return self.busy
        if not (self.sent or self.failed):
            reasons = sorted({item.reason for item in self.held})
            return f"{len(self.held)} wait: {'; '.join(reasons)}" if reasons else "nothing waits"
        words = f"{len(self.sent)} messages delivered, {len(self.failed)} failed"
        if self.failed:
            words += ": " + "; ".join(
                sorted({f"{message.channel}: {why}" for message, why in self.failed})
            )
        return words


def deliver(
    ledger: Ledger, channels: Sequence[Channel], clock: Clock, *, policy: Policy | None = None
) -> Report:
    """Send what is due and write what became of it.

    A dead channel raises nothing: its failure is a row, and another channel tells it.

    Raises:
        LedgerUnavailable, LedgerBusy: The outbox cannot be read or written.
    """
    report = Report()
    plan, _ = _planned(ledger, channels, clock, policy)
    if not (plan.sends or plan.ends):
        report.held = plan.held
        return report
    turn = ledger.write(None, lambda writer: writer.take_alert_turn(_TURN))
    if isinstance(turn, str):
        report.busy = turn
        return report
    try:
        _passes(ledger, channels, clock, policy, report)
    finally:
        ledger.write(None, lambda writer: writer.end_alert_turn(turn))
    return report


def _passes(
    ledger: Ledger,
    channels: Sequence[Channel],
    clock: Clock,
    policy: Policy | None,
    report: Report,
) -> None:
    by_name, dead = {item.name: item for item in channels}, set[str]()
    until = clock.now() + _PASS
    for _ in range(_PASSES_MOST):
        plan, environment = _planned(ledger, channels, clock, policy)
        ends = plan.ends
        if ends:
            report.ended += ledger.write(None, lambda writer, e=ends: writer.end_alerts(e))  # type: ignore[misc]
        report.held = plan.held
        messages = [m for m in grouped(plan.sends, environment) if m.channel not in dead]
        if not messages:
            return
        for message in messages:
            if message.channel in dead or clock.now() >= until:
                continue
            answer = _sent(by_name[message.channel], message)
            crash_point("alerts.send.after")
            ledger.write(None, lambda writer, m=message, a=answer: _record(writer, m, a))  # type: ignore[misc]
            crash_point("alerts.record.after")
            if answer.delivered:
                report.sent.append(message)
            else:
                # What else it has to say waits for the next time: one time-out is enough.
                dead.add(message.channel)
                report.failed.append((message, answer.detail))


def _sent(channel: Channel, message: Message) -> Answer:
    try:
        return channel.send(message)
    except Exception as error:  # one vendor's surprise must not keep the others silent
        return Answer(False, f"{type(error).__name__} in the channel {channel.name}")


def _record(writer: Writer, message: Message, answer: Answer) -> None:
    for item in message.sends:
        writer.put_alert_delivery(
            Delivery(
                item.alert.alert_id,
                message.channel,
                item.purpose,
                item.round,
                item.attempt,
                message.message_id,
                answer.delivered,
                answer.detail[:2000] or "no detail",
            )
        )
    tries = max(item.attempt for item in message.sends)
    text = f"{message.channel}: {'delivers again' if answer.delivered else answer.detail}"
    _state(
        writer,
        Alert(Severity.WARNING, CHANNEL_FAILING, text[:2000], subject=message.channel),
        failing=not answer.delivered and tries >= _FAILING_AFTER,
        over=answer.delivered,
    )


def _state(writer: Writer, alert: Alert, *, failing: bool, over: bool) -> None:
    """Raise a condition once, and call it over once."""
    raised = writer.raised(alert.condition) is not None
    if failing and not raised:
        writer.put_alert(alert)
    elif over and raised:
        writer.put_alert(
            Alert(alert.severity, alert.code, alert.text, subject=alert.subject, recovers=True)
        )


def _planned(
    ledger: Ledger, channels: Sequence[Channel], clock: Clock, policy: Policy | None
) -> tuple[Plan, str]:
    now = clock.now()
    outbox, environment = ledger.read(lambda reader: (outbox_of(reader), reader.environment()))
    times = [alert.recorded_at for alert in outbox.pending if alert.recorded_at is not None]
    first = min([now, *times]).astimezone(NEW_YORK).date() - timedelta(days=1)
    last = now.astimezone(NEW_YORK).date() + timedelta(days=10)
    names = [item.name for item in channels]
    plan = planned(outbox, names, now, SessionCalendar.between(first, last), policy)
    return plan, environment or "new"


def outbox_of(reader: Reader) -> Outbox:
    """What the ledger knows about the alerts that are not done."""
    pending = reader.pending_alerts()
    if not pending:
        return Outbox((), ())
    history = reader.alert_history({alert.condition for alert in pending})
    waiting = [alert.alert_id for alert in pending]
    # Of the others only those that may have paged matter: a page has one key for its code.
    others = {a.alert_id for a in history if a.severity.rank >= Severity.WARNING.rank}
    return Outbox(
        pending,
        history,
        reader.alert_deliveries(sorted(others | set(waiting))),
        reader.alert_acknowledgements(waiting),
    )


def put_canary(ledger: Ledger, clock: Clock, *, channel: str = "") -> int:
    """Write the alert that proves that the channels are open; ``channel`` empty = all."""
    if channel and channel not in CHANNELS:
        raise InputRefused(
            f"one of {', '.join(CHANNELS)}",
            repr(channel),
            where="channel",
            remedy="Name a channel, or none for all.",
        )
    now = clock.now()
    text = f"canary of {now:%Y-%m-%d %H:%M} UTC: this path is open; nothing is to be done"
    alert = Alert(Severity.INFO, CANARY, text, subject=channel)
    return ledger.write(None, lambda writer: writer.put_alert(alert))


def put_alerts(ledger: Ledger, found: Iterable[Alert]) -> tuple[int, int]:
    """Write alerts of conditions; return how many were raised and how many are over.

    What is over is written only where it was raised.
    """
    given = list(found)

    def fn(writer: Writer) -> tuple[int, int]:
        history = writer.alert_history({alert.condition for alert in given})
        raised = {alert.condition: not alert.recovers for alert in history}
        counts = [0, 0]
        for alert in given:
            if alert.recovers and not raised.get(alert.condition, False):
                continue
            writer.put_alert(alert)
            raised[alert.condition] = not alert.recovers
            counts[alert.recovers] += 1
        return counts[0], counts[1]

    return ledger.write(None, fn) if given else (0, 0)


def acknowledge(ledger: Ledger, ids: Collection[int], *, author: str, reason: str) -> list[int]:
    """Take note of alerts; return those that nobody had acknowledged.

    Raises:
        BookRefused: There is no such alert. None was acknowledged.
    """

    def fn(writer: Writer) -> list[int]:
        missing = [number for number in ids if writer.alert(number) is None]
        if missing:
            raise BookRefused(
                "alerts of this ledger",
                ", ".join(map(str, missing)),
                where="alerts to acknowledge",
                remedy="See stocker alerts list.",
            )
        return [n for n in ids if writer.acknowledge_alert(n, author=author, reason=reason)]

    return ledger.write(None, fn)


def tell_deadman(ledger: Ledger, deadman: Deadman | None, names: Collection[str] = ()) -> str:
    """Ping once for each session in which every portfolio has its outcome; say what was done.

    Args:
        names: Portfolios that trade; empty = every one of the ledger.

    Raises:
        LedgerUnavailable, LedgerBusy: The ledger cannot be read or written.
    """
    if deadman is None:
        return "no dead man's address is configured"
    done, told = ledger.read(lambda reader: (_done(reader, names), reader.cursor(_SCOPE, _DEADMAN)))
    if isinstance(done, str):
        return done
    if told and date.fromisoformat(told) >= done:
        return f"told already that {told} has its outcome"
    answer = deadman.ping()
    crash_point("alerts.deadman.after")

    def fn(writer: Writer) -> None:
        if answer.delivered:
            writer.advance_cursor(_SCOPE, _DEADMAN, done.isoformat())
        text = f"the outside watch, told that {done} has its outcome, answers: {answer.detail}"
        _state(
            writer,
            Alert(Severity.WARNING, DEADMAN_FAILED, text),
            failing=not answer.delivered,
            over=answer.delivered,
        )

    ledger.write(None, fn)
    return f"{done}: {answer.detail}"


def _done(reader: Reader, names: Collection[str]) -> date | str:
    """The last session in which each portfolio has its outcome, or who has none at all."""
    asked = list(names) or [item.portfolio for item in reader.portfolios()]
    if not asked:
        return "no portfolio was opened"
    last: dict[str, date] = {}
    for name in asked:
        outcomes = reader.outcomes(name)
        if not outcomes:
            return f"{name} has no session with an outcome"
        last[name] = outcomes[-1].session
    return min(last.values())


def channel_rows(reader: Reader, configured: Mapping[str, str]) -> list[dict[str, object]]:
    """For ``status`` and ``doctor``: each channel, whether it is configured, its last try.

    Args:
        configured: Channel → empty, or why it cannot work.
    """
    last = reader.last_deliveries()
    rows: list[dict[str, object]] = []
    for name in CHANNELS:
        found = last.get(name)
        state = configured[name] or "configured" if name in configured else "not configured"
        rows.append(
            {
                "channel": name,
                "state": state,
                "last_try": found.at if found else None,
                "delivered": found.delivered if found else None,
                "detail": found.detail if found else "never used",
            }
        )
    return rows


def backlog_words(reader: Reader) -> str:
    """One sentence on the outbox, for ``status``; empty where nothing waits."""
    waiting = reader.undelivered_alerts()
    if not waiting:
        return ""
    return f"told to nobody yet: {len(waiting)}"
