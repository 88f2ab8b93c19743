"""From planned sends to messages: one for everything that a person reads as one thing. Pure.

Belongs here: grouping and wording, the same for every channel. Stays out: what is sent when
(``alerting``), and a vendor's own format (``gateways.alerts``).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from stocker_pipeline.risk.alert_policy import CANARY
from stocker_pipeline.risk.alerting import Send
from stocker_pipeline.risk.alerts import Severity

LINES_MOST: Final = 60
"""Of one message; the rest is counted."""


@dataclass(frozen=True)
class Message:
    """One message through one channel.

    Attributes:
        message_id: The same alerts for the same purpose have the same id, so that a message sent
            again after a crash can be recognised.
        incident: What the message is about, over its whole life: raised, acknowledged, over.
        action: ``trigger``, ``acknowledge`` or ``resolve``.
        title: One line.
        lines: One for each alert, oldest first.
        sends: What it tells.
        reason: Why it is sent now.
        recorded_at: Of its oldest alert.
    """

    message_id: str
    channel: str
    incident: str
    action: str
    severity: Severity
    title: str
    lines: tuple[str, ...]
    sends: tuple[Send, ...]
    reason: str
    environment: str
    recorded_at: datetime | None

    @property
    def canary(self) -> bool:
        """Whether it only proves that the path is open."""
        return all(item.alert.code == CANARY for item in self.sends)

    @property
    def body(self) -> str:
        """The lines, and what the reader can do."""
        ids = [item.alert.alert_id for item in self.sends]
        first, last = min(ids), max(ids)
        numbers = str(first) if first == last else f"{first} to {last}"
        codes = sorted({item.alert.code for item in self.sends})
        after = f"alert {numbers} · {self.reason}\nrunbook: {', '.join(codes)}"
        if self.action == "trigger" and self.severity.rank >= Severity.ERROR.rank:
            some = " ".join(str(number) for number in ids[:10])
            after += f"\nacknowledge: stocker alerts ack {some} --reason WHY"
        return "\n".join(self.lines) + f"\n\n{after}"


def grouped(sends: Iterable[Send], environment: str) -> list[Message]:
    """Messages, the loudest first: one for each channel, purpose, code, portfolio and session.

    What waited for the morning is one digest, whatever it is about.
    """
    groups: dict[tuple[object, ...], list[Send]] = {}
    for send in sends:
        alert = send.alert
        about: tuple[object, ...] = ("digest",)
        if not send.digest:
            about = (alert.code, alert.portfolio, alert.session, alert.recovers, send.severity)
        groups.setdefault((send.channel, send.purpose, send.round, *about), []).append(send)
    made = [_message(group, environment) for group in groups.values()]
    return sorted(made, key=lambda item: -item.severity.rank)


def _message(sends: Sequence[Send], environment: str) -> Message:
    first = sends[0]
    alert, ids = first.alert, sorted(item.alert.alert_id for item in sends)
    named = [first.channel, first.purpose, str(first.round), *map(str, ids)]
    lines = [item.alert.text for item in sends[:LINES_MOST]]
    if len(sends) > LINES_MOST:
        lines.append(f"and {len(sends) - LINES_MOST} more: stocker alerts list")
    action = "trigger"
    if first.purpose == "acknowledgement":
        action = "acknowledge"
    elif alert.recovers:
        action = "resolve"
    times = [item.alert.recorded_at for item in sends if item.alert.recorded_at is not None]
    return Message(
        hashlib.sha256("/".join(named).encode()).hexdigest()[:24],
        first.channel,
        f"stocker/{environment}/{alert.portfolio or 'all'}/{alert.code}"[:255],
        action,
        max((item.severity for item in sends), key=lambda item: item.rank),
        _title(sends, environment, action),
        tuple(lines),
        tuple(sends),
        first.reason,
        environment,
        min(times) if times else None,
    )


def _title(sends: Sequence[Send], environment: str, action: str) -> str:
    first = sends[0]
    alert = first.alert
    if first.digest:
        return f"[DIGEST] Stocker {environment}: {len(sends)} notes since the last session"
    word = "RECOVERED" if action == "resolve" else first.severity.value.upper()
    if first.purpose == "escalation":
        word = f"{first.alert.severity.value.upper()}, NOT ACKNOWLEDGED"
    parts = [alert.code.replace("_", " ")]
    if len(sends) > 1:
        parts.append(f"{len({item.alert.subject for item in sends})} subjects")
    elif alert.subject:
        parts.append(alert.subject)
    parts += [str(item) for item in (alert.portfolio, alert.session) if item is not None]
    return f"[{word}] Stocker {environment}: {', '.join(parts)}"
