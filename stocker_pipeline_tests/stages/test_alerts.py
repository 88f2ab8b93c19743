"""The outbox against servers of this machine, on SQLite and on PostgreSQL."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.alerts.channel import Answer, Channel
from stocker_pipeline.gateways.alerts.email import EmailChannel
from stocker_pipeline.gateways.alerts.pagerduty import PagerDutyChannel
from stocker_pipeline.gateways.alerts.slack import SlackChannel
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.risk.alert_messages import Message
from stocker_pipeline.risk.alerts import Alert, Severity
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages import alerts
from stocker_pipeline.stages.alert_targets import alerting_words
from stocker_pipeline.stages.alerts import acknowledge, deliver
from stocker_pipeline_tests.gateways.alerts.servers import (
    ROUTING_KEY,
    Post,
    Web,
    mail_server,
)
from stocker_pipeline_tests.killing import in_a_process
from stocker_pipeline_tests.ledger.builders import open_book
from stocker_pipeline_tests.ledger.conftest import (  # noqa: F401
    clock,
    dialect,
    ledger,
    ledger_url,
    postgres_template,
    sqlite_template,
)
from stocker_pipeline_tests.stages.alert_town import (
    BREAK,
    FAILED,
    MINUTE,
    NOTE,
    REFUSED,
    Town,
)


@pytest.mark.parametrize(
    ("severity", "told"),
    [
        (Severity.INFO, [1, 0, 0]),
        (Severity.WARNING, [1, 0, 0]),
        (Severity.ERROR, [1, 1, 0]),
        (Severity.CRITICAL, [1, 1, 1]),
    ],
)
def test_loudness_chooses_the_channels(town: Town, severity: Severity, told: list[int]) -> None:
    town.put(replace(BREAK, severity=severity))
    report = town.deliver()
    assert town.got() == told
    assert len(report.sent) == sum(told)
    assert town.deliver().sent == []
    assert town.got() == told


def test_without_a_channel_nothing_is_lost_and_the_reason_is_said(town: Town) -> None:
    town.put(BREAK)
    report = deliver(town.ledger, [], town.clock)
    assert "no channel is configured" in report.words
    said = town.ledger.read(lambda r: alerting_words(r, Settings()))
    assert said == (
        "no alert channel is configured: alerts wait in the ledger; told to nobody yet: 1"
    )
    town.deliver()
    assert town.got() == [1, 1, 1]
    assert town.ledger.read(alerts.backlog_words) == ""


def test_a_channel_that_is_not_configured_is_replaced_where_nobody_else_is_told(
    town: Town,
) -> None:
    town.put(REFUSED)
    report = deliver(town.ledger, [town.email], town.clock)
    assert town.got() == [0, 1, 0]
    assert "slack is not configured, email takes its place" in report.sent[0].reason


def test_with_every_channel_dead_nothing_is_lost_and_all_of_it_is_delivered_after(
    town: Town,
) -> None:
    for channel in town.channels:
        channel.alive = False
    numbers = town.put(BREAK, REFUSED, FAILED, NOTE)
    tries = 0
    for wait in (0, 1, 2, 4, 8, 16):
        tries += bool(town.after(wait * MINUTE).failed)
    assert tries == 6
    for _ in range(4):
        town.deliver()  # one time-out a channel and time: what is left is tried now
    assert town.deliver().failed == []  # nothing is due: the wait doubles
    undelivered = town.ledger.read(lambda r: r.undelivered_alerts())
    assert {alert.alert_id for alert in undelivered} >= set(numbers)
    for channel in town.channels:
        channel.alive = True
    for _ in range(3):
        town.after(timedelta(hours=1))
    told = {s.alert.alert_id for c in town.channels for m in c.got for s in m.sends}
    assert told >= set(numbers)
    assert town.ledger.read(lambda r: r.undelivered_alerts()) == []


@pytest.mark.parametrize(
    ("dead", "told", "alert"),
    [
        ("slack", [0, 1, 0], REFUSED),
        ("email", [1, 0, 0], FAILED),
        ("pagerduty", [1, 1, 0], BREAK),
    ],
)
def test_where_one_channel_is_dead_another_one_tells_it(
    town: Town, dead: str, told: list[int], alert: Alert
) -> None:
    getattr(town, dead).alive = False
    town.put(alert)
    town.deliver()
    town.after(MINUTE)
    assert town.got() == told
    getattr(town, dead).alive = True
    town.after(3 * MINUTE)
    assert town.got() == [
        max(1, n) if name.name == dead else n for name, n in zip(town.channels, told, strict=True)
    ]


def test_a_channel_that_surprises_keeps_nobody_else_silent(town: Town) -> None:
    def explode(message: Message) -> Answer:
        raise RuntimeError("boom")

    town.slack.send = explode  # type: ignore[method-assign]
    town.put(BREAK)
    assert [why for _, why in town.deliver().failed] == ["RuntimeError in the channel slack"]
    assert town.got() == [0, 1, 1]


def test_a_channel_that_goes_on_failing_is_an_alert_and_its_return_too(town: Town) -> None:
    town.slack.alive = False
    town.put(REFUSED)
    for wait in (0, 1, 2, 1):
        town.after(wait * MINUTE)
    codes = [message.sends[0].alert.code for message in town.email.got]
    assert codes == ["order_refused", alerts.CHANNEL_FAILING]
    town.slack.alive = True
    town.after(timedelta(hours=1))
    raised = [a for a in town.ledger.read(lambda r: r.alerts()) if a.code == alerts.CHANNEL_FAILING]
    assert [alert.recovers for alert in raised] == [False, True]


def test_forty_symbols_are_one_message(town: Town) -> None:
    many = [replace(BREAK, subject=f"S{n:02d}", text=f"S{n:02d}: 1, not 2") for n in range(40)]
    town.put(*many)
    town.deliver()
    assert town.got() == [1, 1, 1]
    (message,) = town.slack.got
    assert message.lines == tuple(alert.text for alert in many)
    assert "40 subjects" in message.title
    rows = town.ledger.read(lambda r: r.alert_deliveries())
    assert len({row.message_id for row in rows}) == 3
    assert len(rows) == 120


def test_a_condition_that_goes_on_is_not_told_again_until_it_is_louder_or_hours_are_over(
    town: Town,
) -> None:
    again = [replace(REFUSED, text=f"TSLA: no, {n}") for n in range(4)]
    town.put(again[0])
    town.deliver()
    (repeated,) = town.put(again[1])
    town.after(MINUTE)
    assert town.got() == [1, 0, 0]
    assert town.ends()[repeated] == "folded"
    town.put(replace(again[2], severity=Severity.ERROR))
    town.after(MINUTE)
    assert town.got() == [2, 1, 0]
    town.clock.advance(timedelta(hours=6))
    town.put(again[3])
    town.deliver()
    assert town.slack.got[-1].lines == ("TSLA: no, 3",)


def test_a_recovery_reaches_whoever_was_told_and_closes_the_page(town: Town) -> None:
    town.put(BREAK)
    town.deliver()
    town.put(replace(BREAK, text="TSLA: both have 7", recovers=True, severity=Severity.INFO))
    town.after(MINUTE)
    assert town.got() == [2, 2, 2]
    over = [channel.got[-1] for channel in town.channels]
    assert [message.action for message in over] == ["resolve"] * 3
    assert over[0].title.startswith("[RECOVERED]")
    assert over[2].incident == town.pagerduty.got[0].incident
    assert set(town.ends().values()) == {"recovered", "delivered"}
    town.after(timedelta(hours=2))
    assert town.got() == [2, 2, 2]


def test_a_page_for_two_symbols_stays_until_both_are_over(town: Town) -> None:
    other = replace(BREAK, subject="AAPL", text="AAPL: 1, not 2")
    town.put(BREAK, other)
    town.deliver()
    town.put(replace(BREAK, text="TSLA agrees", recovers=True))
    report = town.after(MINUTE)
    assert town.got() == [2, 2, 1]
    assert "the page stays for AAPL" in report.sent[0].reason
    town.put(replace(other, text="AAPL agrees", recovers=True))
    town.after(MINUTE)
    assert town.got() == [3, 3, 2]


def test_a_recovery_waits_until_somebody_knows_what_is_over(town: Town) -> None:
    for channel in town.channels:
        channel.alive = False
    town.put(BREAK)
    town.deliver()
    town.put(replace(BREAK, text="over", recovers=True))
    town.after(timedelta(seconds=30))
    for channel in town.channels:
        channel.alive = True
    town.after(timedelta(minutes=2))
    actions = [message.action for message in town.slack.got]
    assert actions == ["trigger", "resolve"]
    assert [message.action for message in town.pagerduty.got] == ["trigger", "resolve"]


def test_a_recovery_of_nothing_is_told_to_nobody(town: Town) -> None:
    town.put(replace(BREAK, recovers=True))
    town.deliver()
    assert town.got() == [0, 0, 0]
    assert list(town.ends().values()) == ["folded"]


def test_an_info_of_the_night_comes_in_the_mornings_digest(town: Town) -> None:
    town.clock.advance(timedelta(hours=13))  # 21:00 in New York
    town.put(NOTE, replace(NOTE, code="other", subject="b", text="another line"), REFUSED)
    report = town.deliver()
    assert town.got() == [1, 0, 0]  # the warning does not wait
    assert {item.until for item in report.held} == {datetime(2010, 1, 5, 13, 0, tzinfo=UTC)}
    town.after(timedelta(hours=10, minutes=59))
    assert town.got() == [1, 0, 0]
    town.after(MINUTE)
    assert town.got() == [2, 0, 0]
    assert town.slack.got[-1].title.startswith("[DIGEST]")
    assert town.slack.got[-1].lines == ("a line", "another line")


def test_an_info_of_a_weekend_waits_for_monday(town: Town) -> None:
    town.clock.advance(timedelta(days=5, hours=4))  # Saturday noon
    town.put(NOTE)
    (held,) = town.deliver().held
    assert held.until == datetime(2010, 1, 11, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize(("alert", "pages"), [(FAILED, [4, 4, 3]), (BREAK, [4, 4, 4])])
def test_what_nobody_acknowledges_is_sent_louder_three_times(
    town: Town, alert: Alert, pages: list[int]
) -> None:
    (number,) = town.put(alert)
    town.deliver()
    town.after(14 * MINUTE)
    before = town.got()
    assert sum(before) == (2 if alert is FAILED else 3)
    for _ in range(6):
        town.after(15 * MINUTE)
    assert town.got() == pages
    assert "NOT ACKNOWLEDGED" in town.pagerduty.got[-1].title
    assert town.pagerduty.got[-1].severity is Severity.CRITICAL
    assert town.ends()[number] == "escalated"
    assert [a.alert_id for a in town.ledger.read(lambda r: r.open_alerts())] == [number]


def test_an_acknowledgement_ends_it_and_tells_pagerduty(town: Town) -> None:
    (number,) = town.put(BREAK)
    town.deliver()
    assert acknowledge(town.ledger, [number], author="anna", reason="seen") == [number]
    assert acknowledge(town.ledger, [number], author="bob", reason="too") == []
    town.after(MINUTE)
    assert town.pagerduty.got[-1].action == "acknowledge"
    for _ in range(4):
        town.after(timedelta(hours=1))
    assert town.got() == [1, 1, 2]
    assert town.ends() == {number: "acknowledged"}
    assert town.ledger.read(lambda r: r.open_alerts()) == []
    with pytest.raises(BookRefused, match="999"):
        acknowledge(town.ledger, [999], author="anna", reason="seen")


def test_one_process_delivers_at_a_time_and_a_dead_ones_turn_is_taken(
    town: Town,
    dialect: str,  # noqa: F811
) -> None:
    town.put(REFUSED)
    turn = town.ledger.write(None, lambda w: w.take_alert_turn(timedelta(minutes=10)))
    assert "delivers since" in town.deliver().busy
    assert town.got() == [0, 0, 0]
    town.after(timedelta(minutes=10))
    assert town.got() == [1, 0, 0]
    assert turn == 1


@pytest.mark.parametrize(("place", "mails"), [("alerts.send.after", 2), ("alerts.record.after", 1)])
def test_a_kill_between_sending_and_writing_sends_again_and_loses_nothing(
    ledger_url: str,  # noqa: F811
    clock: FixedClock,  # noqa: F811
    place: str,
    mails: int,
) -> None:
    with mail_server() as post:
        with Ledger.open(ledger_url, clock=clock) as opened:
            open_book(opened)
            number = opened.write(None, lambda w: w.put_alert(FAILED))

        def one_pass() -> None:
            with Ledger.open(ledger_url, clock=clock) as again:
                deliver(again, [EmailChannel(post.url)], clock)

        assert in_a_process(one_pass, place).killed
        one_pass()
        with Ledger.open(ledger_url, clock=clock) as opened:
            rows = opened.read(lambda r: r.alert_deliveries([number]))
        assert [row.delivered for row in rows] == [True]
        assert len(post.received) == mails
        assert len({mail["Message-ID"] for mail, _ in post.received}) == 1


def test_every_severity_reaches_real_servers_at_once(
    town: Town, servers: tuple[Web, Post], record_property: Callable[[str, object], None]
) -> None:
    web, post = servers
    channels: list[Channel] = [
        SlackChannel(f"{web.url}/slack"),
        EmailChannel(post.url),
        PagerDutyChannel(ROUTING_KEY, url=f"{web.url}/pagerduty"),
    ]
    for alert in (NOTE, REFUSED, FAILED, BREAK):
        begun = time.monotonic()
        town.put(alert)
        deliver(town.ledger, channels, town.clock)
        last = max([at for _, _, at in web.received] + [at for _, at in post.received])
        record_property(f"{alert.severity}_s", last - begun)
        assert last - begun < 5.0
    assert len(web.bodies("/slack")) == 4
    assert len(post.received) == 2
    assert len(web.bodies("/pagerduty")) == 1
