"""The daily check of the audit log: green and silent, red and told, told when it is over."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger.audits import AuditFault
from stocker_pipeline.orchestration.audit_job import audit_definitions, audit_job
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages import audit
from stocker_pipeline.stages.trading import Venue

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Venue:
    monkeypatch.setenv("STOCKER_ENV", "paper")
    settings = Settings()
    return Venue(settings.env, settings.ledger, settings.accounts)


def looked(venue: Venue) -> tuple[bool, list[bool]]:
    """Whether the run was green, and whether each alert of it is over."""
    resources = {"lake": Lake(Settings().lake_root), "venue": venue}
    done = audit_job.execute_in_process(resources=resources, raise_on_error=False)
    with venue.ledger() as ledger:
        told = ledger.read(lambda r: r.alerts())
    return done.success, [alert.recovers for alert in told if alert.code == audit.AUDIT_FAULT]


def test_a_fault_fails_the_run_and_is_told_until_it_is_over(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert looked(venue) == (True, [])
    fault = AuditFault("fact_changed", 3, "executions/x", "its hash was a and is b")
    with monkeypatch.context() as patch:
        patch.setattr(audit, "verify_all", lambda *_: [fault])
        assert looked(venue) == (False, [False])
    assert looked(venue) == (True, [False, True])
    assert looked(venue) == (True, [False, True])


def test_it_runs_each_day_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    (schedule,) = audit_definitions().schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    at = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
    tick = dg.build_schedule_context(scheduled_execution_time=at)
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert "runs in paper, live" in str(schedule.evaluate_tick(tick).skip_message)
    monkeypatch.setenv("STOCKER_ENV", "live")
    (request,) = schedule.evaluate_tick(tick).run_requests or ()
    assert "2026-11-20" in str(request.run_key)
