"""What is sent about an alert, through which channel, when, and when it is enough. Pure.

Loudness chooses the channels; a repetition is folded into what was said already; INFO waits for the
morning; a channel that fails is tried again, later and later, while another one tells it; what
nobody acknowledges is sent again, louder. Every decision carries its reason. Belongs here: the
decision for one alert. Stays out: wording and grouping (``alert_messages``), asking a channel
(``gateways.alerts``), reading and writing the outbox (``stages.alerts``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.risk.alert_conditions import Cycle, cycles
from stocker_pipeline.risk.alert_policy import (
    CANARY,
    CHANNELS,
    PAGERDUTY,
    ROUTES,
    SECOND_PATH,
    SLACK,
    Policy,
    quiet_until,
)
from stocker_pipeline.risk.alerts import (
    Acknowledgement,
    Alert,
    Condition,
    Delivery,
    Ended,
    Severity,
)


@dataclass(frozen=True)
class Outbox:
    """What the ledger knows about the alerts that are not done.

    Attributes:
        pending: Alerts without an end.
        history: Every alert of the same portfolios and codes, the pending ones too, by id.
        deliveries: Of all those.
        acknowledgements: Of the pending ones.
    """

    pending: Sequence[Alert]
    history: Sequence[Alert]
    deliveries: Sequence[Delivery] = ()
    acknowledgements: Sequence[Acknowledgement] = ()


@dataclass(frozen=True)
class Send:
    """One alert through one channel, now."""

    alert: Alert
    channel: str
    purpose: str
    round: int
    attempt: int
    severity: Severity
    reason: str
    digest: bool = False


@dataclass(frozen=True)
class Held:
    """Something that is not sent now, and why. ``until`` None = nobody knows."""

    alert_id: int
    channel: str
    reason: str
    until: datetime | None = None


@dataclass
class Plan:
    """What to do now."""

    sends: list[Send] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)


@dataclass(frozen=True)
class _Desk:
    """What every decision reads."""

    configured: tuple[str, ...]
    now: datetime
    quiet_until: datetime | None
    policy: Policy
    cycles: Mapping[int, Cycle]
    last: Mapping[Condition, Alert]
    tries: Mapping[int, Sequence[Delivery]]
    acknowledged: Mapping[int, Acknowledgement]
    calendar: SessionCalendar


def planned(
    outbox: Outbox,
    configured: Collection[str],
    now: datetime,
    calendar: SessionCalendar,
    policy: Policy | None = None,
) -> Plan:
    """What is sent now, what is over, and what waits for what.

    Args:
        configured: Channels that have a target; of ``CHANNELS``.
        calendar: Covers the days since the oldest pending alert and a week ahead.
    """
    rules = policy or Policy()
    tries: dict[int, list[Delivery]] = {}
    for item in sorted(outbox.deliveries, key=lambda d: (d.round, d.attempt)):
        tries.setdefault(item.alert_id, []).append(item)
    desk = _Desk(
        tuple(name for name in CHANNELS if name in configured),
        now,
        quiet_until(now, calendar, rules),
        rules,
        cycles(outbox.history, rules),
        {alert.condition: alert for alert in outbox.history},
        tries,
        {item.alert_id: item for item in outbox.acknowledgements},
        calendar,
    )
    plan = Plan()
    for alert in outbox.pending:
        _decide(alert, desk, plan)
    return plan


def _decide(alert: Alert, desk: _Desk, plan: Plan) -> None:
    cycle, number = desk.cycles[alert.alert_id], alert.alert_id
    leader = cycle.folded_into.get(number)
    if leader is not None:
        plan.ends.append(
            Ended(number, "folded", f"goes on: told as alert {leader.alert_id} at its severity")
        )
        return
    if alert.recovers and not cycle.raises:
        plan.ends.append(Ended(number, "folded", "nothing was raised that could be over"))
        return
    acknowledged = desk.acknowledged.get(number)
    if acknowledged is not None:
        _finish_acknowledged(alert, acknowledged, desk, plan)
        return
    if not desk.configured:
        plan.held.append(Held(number, "", "no channel is configured: see stocker alerts list"))
        return
    if not alert.recovers and cycle.recovered_by is not None and _told(alert, desk):
        # A retry now would raise again, on some channel, what the next message calls over.
        by = cycle.recovered_by.alert_id
        plan.ends.append(Ended(number, "recovered", f"over by alert {by}"))
        return
    if alert.recovers and not any(_told(raised, desk) for raised in cycle.raises):
        plan.held.append(Held(number, "", "waits until somebody was told what is over now"))
        return
    quiet = desk.quiet_until
    if _loudness(alert, desk) is Severity.INFO and alert.code != CANARY and quiet is not None:
        plan.held.append(Held(number, SLACK, "INFO waits for the morning's digest", quiet))
        return
    route, why = _route(alert, cycle, desk)
    told = _send_round(alert, route, "alert", 0, why, desk, plan)
    if told is None:
        return
    _after_told(alert, told, desk, plan)


def _told(alert: Alert, desk: _Desk) -> bool:
    return any(item.delivered for item in desk.tries.get(alert.alert_id, ()))


def _loudness(alert: Alert, desk: _Desk) -> Severity:
    """Its severity; of a recovery, that of what is over."""
    return desk.cycles[alert.alert_id].severity if alert.recovers else alert.severity


def _route(alert: Alert, cycle: Cycle, desk: _Desk) -> tuple[tuple[str, ...], str]:
    """The channels of an alert, and why these."""
    if alert.code == CANARY:
        if alert.subject in desk.configured:
            return (alert.subject,), "a person tests this channel"
        return desk.configured, "the canary goes through every channel"
    severity = _loudness(alert, desk)
    wanted = list(ROUTES[severity])
    why = f"{severity.value} goes to {', '.join(wanted)}"
    if alert.recovers:
        why = f"over; it was {severity.value}"
        paged = any(
            item.channel == PAGERDUTY and item.delivered
            for raised in cycle.raises
            for item in desk.tries.get(raised.alert_id, ())
        )
        others = _still_raised(alert, desk)
        wanted = [name for name in wanted if name != PAGERDUTY]
        if paged and not others:
            wanted.append(PAGERDUTY)
        elif paged:
            why += f"; the page stays for {', '.join(others[:5])}"
    missing = [name for name in wanted if name not in desk.configured]
    route = [name for name in wanted if name in desk.configured]
    for name in missing:
        second = next((item for item in SECOND_PATH[name] if item in desk.configured), None)
        why += f"; {name} is not configured"
        if second is not None and not route:
            route.append(second)
            why += f", {second} takes its place"
    return tuple(route), why


def _still_raised(alert: Alert, desk: _Desk) -> list[str]:
    """Subjects of the same code that are not over; they share one page."""
    return sorted(
        condition.subject or "the portfolio"
        for condition, last in desk.last.items()
        if (condition.portfolio, condition.code) == (alert.portfolio, alert.code)
        and condition != alert.condition
        and not last.recovers
        and any(
            item.channel == PAGERDUTY and item.delivered
            for raised in desk.cycles[last.alert_id].raises
            for item in desk.tries.get(raised.alert_id, ())
        )
    )


def _send_round(
    alert: Alert,
    route: Sequence[str],
    purpose: str,
    number: int,
    why: str,
    desk: _Desk,
    plan: Plan,
) -> datetime | None:
    """Plan what is open of one round; when it was told, or None while something is open."""
    tries = [
        item
        for item in desk.tries.get(alert.alert_id, ())
        if (item.purpose, item.round) == (purpose, number)
    ]
    told = {item.channel: item.at for item in tries if item.delivered}
    reasons = dict.fromkeys(route, why)
    for name in route:
        if name in told or not any(item.channel == name for item in tries):
            continue
        for second in SECOND_PATH[name]:
            if second in desk.configured:
                reasons.setdefault(second, f"{name} failed; this is its second path")
                break
    opens = False
    for name, reason in reasons.items():
        if name not in told:
            of_channel = [item for item in tries if item.channel == name]
            opens |= _try_channel(
                alert, name, purpose, number, reason, of_channel, desk, plan, told
            )
    if opens or not told:
        return None
    return min(at for at in told.values() if at is not None)


def _try_channel(
    alert: Alert,
    channel: str,
    purpose: str,
    number: int,
    reason: str,
    tries: Sequence[Delivery],
    desk: _Desk,
    plan: Plan,
    told: Mapping[str, datetime | None],
) -> bool:
    """Plan the next try of a channel; whether it is still to be waited for."""
    if tries:
        first, last = tries[0].at, tries[-1].at
        assert first is not None
        assert last is not None
        if told and desk.now - first >= desk.policy.give_up_after:
            return False
        due = last + desk.policy.retry_after(len(tries))
        if desk.now < due:
            plan.held.append(
                Held(alert.alert_id, channel, f"failed {len(tries)} times, tried again later", due)
            )
            return True
        reason += f"; try {len(tries) + 1}"
    severity = Severity.CRITICAL if purpose == "escalation" else _loudness(alert, desk)
    plan.sends.append(
        Send(
            alert,
            channel,
            purpose,
            number,
            len(tries) + 1,
            severity,
            reason,
            digest=_waited_for_morning(alert, desk),
        )
    )
    return True


def _waited_for_morning(alert: Alert, desk: _Desk) -> bool:
    """Whether an INFO was written in quiet hours, so that it comes in the digest."""
    if _loudness(alert, desk) is not Severity.INFO or alert.code == CANARY:
        return False
    assert alert.recorded_at is not None
    return quiet_until(alert.recorded_at, desk.calendar, desk.policy) is not None


def _after_told(alert: Alert, told: datetime, desk: _Desk, plan: Plan) -> None:
    """Everybody of the first round has it, or is given up: escalate, or end."""
    number, policy = alert.alert_id, desk.policy
    if alert.recovers or alert.severity.rank < Severity.ERROR.rank:
        plan.ends.append(Ended(number, "delivered", _summary(number, desk)))
        return
    due = int((desk.now - told) / policy.escalate_after)
    step = min(due, policy.escalations_most)
    if step < 1:
        until = told + policy.escalate_after
        plan.held.append(Held(number, "", "delivered; waits for an acknowledgement", until))
        return
    why = (
        f"nobody acknowledged it in {int(policy.escalate_after.total_seconds() * step // 60)} "
        f"minutes: escalation {step} of {policy.escalations_most}"
    )
    if _send_round(alert, desk.configured, "escalation", step, why, desk, plan) is None:
        return
    if step == policy.escalations_most:
        reason = f"sent {step} times more without an answer; it stays open in stocker alerts list"
        plan.ends.append(Ended(number, "escalated", reason))
    else:
        until = told + policy.escalate_after * (step + 1)
        plan.held.append(Held(number, "", "escalated; waits for an acknowledgement", until))


def _finish_acknowledged(
    alert: Alert, acknowledged: Acknowledgement, desk: _Desk, plan: Plan
) -> None:
    """Tell PagerDuty where it paged, then no more."""
    number = alert.alert_id
    paged = any(
        item.channel == PAGERDUTY and item.delivered and item.purpose != "acknowledgement"
        for item in desk.tries.get(number, ())
    )
    reason = f"by {acknowledged.author}: {acknowledged.reason}"
    if paged and PAGERDUTY in desk.configured:
        tries = [d for d in desk.tries[number] if d.purpose == "acknowledgement"]
        done = any(item.delivered for item in tries)
        old = (
            acknowledged.at is not None and desk.now - acknowledged.at >= desk.policy.give_up_after
        )
        if not done and not old:
            _try_channel(
                alert,
                PAGERDUTY,
                "acknowledgement",
                0,
                f"acknowledged {reason}",
                tries,
                desk,
                plan,
                {},
            )
            return
    plan.ends.append(Ended(number, "acknowledged", reason[:2000]))


def _summary(alert_id: int, desk: _Desk) -> str:
    tries = desk.tries.get(alert_id, ())
    taken = sorted({item.channel for item in tries if item.delivered})
    failing = sorted({item.channel for item in tries} - set(taken))
    words = f"taken by {', '.join(taken)}"
    return f"{words}; given up: {', '.join(failing)}" if failing else words
