"""Decisions that the outbox's own tests do not reach; those go through a ledger and channels."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from stocker_pipeline.domain.session import NEW_YORK, SessionCalendar
from stocker_pipeline.risk.alert_messages import LINES_MOST, grouped
from stocker_pipeline.risk.alert_policy import CHANNELS, Policy, quiet_until
from stocker_pipeline.risk.alerting import Outbox, Plan, planned
from stocker_pipeline.risk.alerts import Alert, Delivery, Severity

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
CALENDAR = SessionCalendar.between(date(2026, 11, 1), date(2026, 12, 10))
BREAK = Alert(Severity.CRITICAL, "break_cash", "less", "p", None, "", alert_id=1, recorded_at=NOON)


def told(alert: Alert, channel: str, **changes: object) -> Delivery:
    made = Delivery(alert.alert_id, channel, "alert", 0, 1, "m", True, "ok", NOON)
    return replace(made, **changes)  # type: ignore[arg-type]


def decided(outbox: Outbox, *, configured=CHANNELS, after: timedelta = timedelta(0)) -> Plan:
    return planned(outbox, configured, NOON + after, CALENDAR)


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-11-20 07:59", "2026-11-20 08:00"),
        ("2026-11-20 08:00", None),
        ("2026-11-20 19:59", None),
        ("2026-11-20 20:00", "2026-11-23 08:00"),  # Friday to Monday
        ("2026-11-22 12:00", "2026-11-23 08:00"),
        ("2026-11-26 12:00", "2026-11-27 08:00"),  # Thanksgiving
    ],
)
def test_quiet_hours_follow_new_york_and_the_sessions(moment: str, ends: str | None) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=NEW_YORK)
    until = ends and datetime.fromisoformat(ends).replace(tzinfo=NEW_YORK)
    assert quiet_until(at, CALENDAR, Policy()) == until
    assert Policy().quiet_until == time(8)


def test_the_wait_doubles_up_to_an_hour() -> None:
    waits = [Policy().retry_after(n).total_seconds() / 60 for n in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert Policy().retry_after(10_000) == timedelta(hours=1)


def test_every_decision_has_a_reason() -> None:
    note = replace(BREAK, severity=Severity.INFO, code="note", alert_id=2)
    again = replace(BREAK, alert_id=3)
    plan = decided(Outbox([BREAK, note, again], [BREAK, note, again]), after=timedelta(hours=12))
    assert plan.sends
    assert plan.ends
    assert plan.held
    assert all(item.reason for item in [*plan.sends, *plan.ends, *plan.held])


def test_a_channel_that_failed_for_a_day_is_given_up_where_another_one_told_it() -> None:
    warning = replace(BREAK, severity=Severity.WARNING)
    failed = told(warning, "slack", delivered=False, detail="404")
    outbox = Outbox([warning], [warning], [failed, told(warning, "email")])
    assert [s.channel for s in decided(outbox, after=timedelta(hours=1)).sends] == ["slack"]
    (end,) = decided(outbox, after=timedelta(hours=24)).ends
    assert end.reason == "taken by email; given up: slack"


def test_a_channel_that_failed_for_a_week_is_tried_on_where_nobody_told_it() -> None:
    warning = replace(BREAK, severity=Severity.WARNING)
    tries = [told(warning, "slack", delivered=False), told(warning, "email", delivered=False)]
    plan = decided(Outbox([warning], [warning], tries), after=timedelta(days=7))
    assert {s.channel for s in plan.sends} == {"slack", "email"}
    assert plan.ends == []


def test_an_escalation_after_a_long_silence_is_one_message_and_not_all_that_were_missed() -> None:
    outbox = Outbox([BREAK], [BREAK], [told(BREAK, name) for name in CHANNELS])
    plan = decided(outbox, after=timedelta(hours=5))
    assert [(s.purpose, s.round) for s in plan.sends] == [("escalation", 3)] * 3


def test_what_is_over_is_not_escalated() -> None:
    over = replace(BREAK, recovers=True, alert_id=2)
    outbox = Outbox([BREAK], [BREAK, over], [told(BREAK, name) for name in CHANNELS])
    plan = decided(outbox, after=timedelta(hours=5))
    assert plan.sends == []
    assert [end.how for end in plan.ends] == ["recovered"]


def test_a_message_of_many_counts_what_it_leaves_out() -> None:
    many = [replace(BREAK, alert_id=n + 1, subject=f"S{n}") for n in range(100)]
    messages = grouped(decided(Outbox(many, many)).sends, "paper")
    assert [message.channel for message in messages] == list(CHANNELS)
    assert len(messages[0].lines) == LINES_MOST + 1
    assert messages[0].lines[-1] == "and 40 more: stocker alerts list"
    assert "100 subjects" in messages[0].title


def test_portfolios_and_sessions_are_not_mixed_in_a_message() -> None:
    alerts = [
        BREAK,
        replace(BREAK, alert_id=2, portfolio="q"),
        replace(BREAK, alert_id=3, session=date(2026, 11, 20), subject="A"),
    ]
    assert len(grouped(decided(Outbox(alerts, alerts)).sends, "paper")) == 9
