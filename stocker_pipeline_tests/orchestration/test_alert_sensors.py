"""A failed check in a green run, a failed run, their recovery; delivery; the canary."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from stocker_pipeline.ledger import Ledger
from stocker_pipeline.orchestration.alert_sensors import (
    canary_job,
    canary_schedule,
    deliver_sensor,
    failures_sensor,
)
from stocker_pipeline.orchestration.failures import Cursor, look
from stocker_pipeline.risk.alerts import Alert, Severity
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline_tests.gateways.alerts.servers import (
    ROUTING_KEY,
    Post,
    Web,
    mail_server,
    web_server,
)
from stocker_pipeline_tests.orchestration.conftest import OpenInstance

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("home")


class Mood(dg.Config):
    passes: bool = True
    breaks: bool = False


@dg.asset(
    check_specs=[dg.AssetCheckSpec("sane", asset="bars"), dg.AssetCheckSpec("new", asset="bars")]
)
def bars(config: Mood) -> Iterator[object]:
    if config.breaks:
        raise RuntimeError("the source is down")
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(
        passed=config.passes, check_name="sane", description="three bars are zero"
    )
    yield dg.AssetCheckResult(
        passed=config.passes, check_name="new", severity=dg.AssetCheckSeverity.WARN
    )


def run(instance: dg.DagsterInstance, **mood: bool) -> bool:
    made = dg.materialize(
        [bars],
        instance=instance,
        run_config=dg.RunConfig(ops={"bars": Mood(**mood)}),
        raise_on_error=False,
    )
    return made.success


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> Venue:
    monkeypatch.setenv("STOCKER_ENV", "paper")
    settings = Settings()
    return Venue(settings.env, settings.ledger, settings.accounts)


def alerts(venue: Venue) -> list[Alert]:
    with venue.ledger() as ledger:
        return ledger.read(lambda r: r.alerts())


def test_a_failed_check_in_a_green_run_is_an_alert_until_it_passes(
    new_instance: OpenInstance, paper: Venue
) -> None:
    for kind in ("stock", "batched"):
        instance = new_instance(kind)
        sensor = failures_sensor()
        first = dg.build_sensor_context(instance=instance)
        assert "first look" in str(sensor.evaluate_tick(first).skip_message)
        assert run(instance, passes=False), "a check that does not block leaves the run green"
        known = len(alerts(paper))
        second = dg.build_sensor_context(instance=instance, cursor=first.cursor)
        sensor.evaluate_tick(second)
        failed = alerts(paper)[known:]
        assert {(a.severity, a.subject, a.recovers) for a in failed} == {
            (Severity.ERROR, "bars/sane", False),
            (Severity.WARNING, "bars/new", False),
        }
        assert any("three bars are zero" in alert.text for alert in failed)
        assert run(instance)
        third = dg.build_sensor_context(instance=instance, cursor=second.cursor)
        said = str(sensor.evaluate_tick(third).skip_message)
        assert said == "2 evaluations and 1 ended runs: 0 alerts raised, 2 over"
        assert [alert.recovers for alert in alerts(paper)[known:]] == [False, False, True, True]
        fourth = dg.build_sensor_context(instance=instance, cursor=third.cursor)
        assert "0 evaluations and 0 ended runs" in str(sensor.evaluate_tick(fourth).skip_message)


def test_a_failed_run_is_an_alert_with_its_error_until_one_succeeds(
    new_instance: OpenInstance, paper: Venue
) -> None:
    instance = new_instance("stock")
    context = dg.build_sensor_context(instance=instance, cursor=str(Cursor(NOON - timedelta(9))))
    assert not run(instance, breaks=True)
    failures_sensor().evaluate_tick(context)
    (failed,) = alerts(paper)
    assert (failed.code, failed.subject, failed.severity) == (
        "run_failed",
        "__ephemeral_asset_job__",
        Severity.ERROR,
    )
    assert "RuntimeError: the source is down" in failed.text
    assert run(instance)
    failures_sensor().evaluate_tick(
        dg.build_sensor_context(instance=instance, cursor=context.cursor)
    )
    assert [alert.recovers for alert in alerts(paper) if alert.code == "run_failed"] == [
        False,
        True,
    ]


def test_a_look_reads_each_run_once_whatever_the_order_of_their_ends(
    new_instance: OpenInstance,
) -> None:
    instance = new_instance("stock")
    cursor, found = Cursor(NOON - timedelta(days=9)), 0
    for _ in range(3):
        run(instance)
        seen = look(instance, cursor)
        cursor, found = Cursor.parse(str(seen.cursor)), found + len(seen.runs)
    assert found == 3
    assert look(instance, cursor).runs == ()


def test_a_sensor_delivers_and_says_what_it_did(
    paper: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_server() as web, mail_server() as post:
        _configure(monkeypatch, web, post)
        with paper.ledger() as ledger:
            _put(ledger)
        said = str(deliver_sensor().evaluate_tick(dg.build_sensor_context()).skip_message)
        assert said.startswith("3 messages delivered, 0 failed")
        assert "no dead man's address is configured" in said
        assert len(web.received) == 2
        assert len(post.received) == 1


def test_the_canary_passes_through_every_channel_and_fails_where_one_is_dead(
    paper: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_server() as web, mail_server() as post:
        _configure(monkeypatch, web, post)
        assert canary_job.execute_in_process().success
        actions = [item["event_action"] for item in web.bodies("/pagerduty")]
        assert actions == ["trigger", "resolve"]
        web.status = {"/slack": 404}
        assert not canary_job.execute_in_process(raise_on_error=False).success


def test_in_dev_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for sensor in (deliver_sensor(), failures_sensor()):
        assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
        said = sensor.evaluate_tick(dg.build_sensor_context()).skip_message
        assert said == "runs in paper, live; STOCKER_ENV is dev"
    schedule = canary_schedule()
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    tick = dg.build_schedule_context(scheduled_execution_time=NOON)
    assert "runs in paper, live" in str(schedule.evaluate_tick(tick).skip_message)


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor(NOON, ("a", "b"))
    assert Cursor.parse(str(cursor)) == cursor
    assert set(json.loads(str(cursor))) == {"until", "runs"}


def _configure(monkeypatch: pytest.MonkeyPatch, web: Web, post: Post) -> None:
    monkeypatch.setenv("STOCKER_ALERT_SLACK_URL", f"{web.url}/slack")
    monkeypatch.setenv("STOCKER_ALERT_EMAIL_URL", post.url)
    monkeypatch.setenv("STOCKER_ALERT_PAGERDUTY_KEY", ROUTING_KEY)
    monkeypatch.setenv("STOCKER_ALERT_PAGERDUTY_URL", f"{web.url}/pagerduty")


def _put(ledger: Ledger) -> None:
    ledger.write(None, lambda w: w.put_alert(Alert(Severity.CRITICAL, "break_cash", "less")))
