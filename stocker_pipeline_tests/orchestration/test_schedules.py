"""Schedules: which sessions a tick asks for, why it asks for none, and where it runs at all."""

import re
import time
from datetime import date, datetime

import dagster as dg
import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.orchestration.schedules import (
    SESSION_TAG,
    TIMEZONE,
    each_session,
    first_session_of_month,
    session_schedule,
)

PARTITIONS = dg.DailyPartitionsDefinition("2024-01-01", timezone=TIMEZONE, end_offset=1)
SUMMER_EVENING = "2024-07-03T21:30:00+00:00"


@dg.asset(partitions_def=PARTITIONS)
def page() -> None:
    """Something that is made for a session."""


JOB = dg.define_asset_job("page_job", selection=[page])


@dg.asset
def whole() -> None:
    pass


WHOLE_JOB = dg.define_asset_job("whole_job", selection=[whole])


@pytest.fixture(autouse=True)
def paper(monkeypatch):
    monkeypatch.setenv("STOCKER_ENV", "paper")


@pytest.fixture
def instance(tmp_path):
    # A schedule opens its instance from a reference, which one in memory does not have.
    with dg.DagsterInstance.local_temp(str(tmp_path)) as opened:
        yield opened


def scheduled(decide=each_session, *, at=SUMMER_EVENING, **changes) -> dg.ScheduleDefinition:
    given = {
        "job": JOB,
        "cron": "30 17 * * *",
        "environments": ("paper", "live"),
        "decide": decide,
        "description": "A page for each session.",
        "clock": FixedClock(datetime.fromisoformat(at)),
        **changes,
    }
    return session_schedule("page", **given)


def evaluated(schedule: dg.ScheduleDefinition, at: str, instance=None):
    """The answer to a tick due at this instant."""
    loaded = dg.Definitions(assets=[page, whole], jobs=[JOB, WHOLE_JOB], schedules=[schedule])
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime.fromisoformat(at),
        repository_def=loaded.get_repository_def(),
    )
    return schedule.evaluate_tick(context)


def ticked(schedule: dg.ScheduleDefinition, at: str, instance=None):
    """What a tick due at this instant asks for: sessions, or a reason."""
    found = evaluated(schedule, at, instance)
    return [request.partition_key for request in found.run_requests or ()] or found.skip_message


def test_a_tick_on_a_session_asks_for_that_session_with_a_key_and_a_tag():
    (request,) = evaluated(scheduled(), SUMMER_EVENING).run_requests
    assert request.partition_key == "2024-07-03"
    assert request.run_key == "page:2024-07-03"
    assert request.tags[SESSION_TAG] == "2024-07-03"


def test_a_job_without_partitions_is_run_as_it_is_on_sessions_alone():
    schedule = scheduled(job=WHOLE_JOB, partitioned=False)
    (request,) = evaluated(schedule, SUMMER_EVENING).run_requests
    assert request.partition_key is None
    assert request.run_key == "page:2024-07-03"
    assert "2024-07-04 (Thursday)" in evaluated(schedule, "2024-07-04T21:30:00+00:00").skip_message


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2024-07-04T21:30:00+00:00", r"2024-07-04 \(Thursday\).*2024-07-03, 2024-07-05"),
        ("2024-07-06T21:30:00+00:00", r"2024-07-06 \(Saturday\)"),
        ("2018-12-05T22:30:00+00:00", r"2018-12-05 \(Wednesday\)"),
    ],
)
def test_a_holiday_and_a_weekend_are_skipped_with_the_sessions_next_to_them(at, words):
    assert re.search(words, ticked(scheduled(at=at), at))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_the_day_is_the_one_in_new_york_wherever_the_machine_is(zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        # 20:00 in New York is the next date in UTC, in summer and in winter.
        assert ticked(scheduled(at="2024-07-04T00:00:00+00:00"), "2024-07-04T00:00:00+00:00") == [
            "2024-07-03"
        ]
        assert ticked(scheduled(at="2024-01-04T01:00:00+00:00"), "2024-01-04T01:00:00+00:00") == [
            "2024-01-03"
        ]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_first_session_of_a_month_is_asked_for_until_it_is_done(instance):
    schedule = scheduled(first_session_of_month, once_into=page.key, at="2024-09-05T12:00:00+00:00")
    labour_day, first, second = (f"2024-09-0{day}T11:30:00+00:00" for day in (2, 3, 4))
    assert "no session" in ticked(schedule, labour_day, instance)
    assert ticked(schedule, first, instance) == ["2024-09-03"]
    assert ticked(schedule, second, instance) == ["2024-09-03"], "nothing has come of it yet"
    dg.materialize([page], instance=instance, partition_key="2024-09-03")
    assert ticked(schedule, second, instance) == "2024-09-03 is done already"


@pytest.mark.parametrize("env", ["dev", "live"])
def test_a_schedule_is_off_and_skips_where_it_is_not_declared(env, monkeypatch):
    monkeypatch.setenv("STOCKER_ENV", env)
    schedule = scheduled(environments=("paper",))
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert ticked(schedule, SUMMER_EVENING) == f"page runs in paper; STOCKER_ENV is {env}"


def test_a_schedule_is_on_where_it_is_declared_and_ticks_in_new_york():
    schedule = scheduled(environments=("paper",))
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.execution_timezone == "America/New_York"
    assert "Runs in: paper." in schedule.description


@pytest.mark.parametrize("wrong", [(), ("prod",), ("paper", "prod"), "paper"])
def test_a_schedule_that_does_not_say_where_it_runs_is_not_loaded(wrong):
    with pytest.raises(ConfigurationRefused, match="of dev, paper, live"):
        scheduled(environments=wrong)


@pytest.mark.parametrize(
    ("session", "words"),
    [(date(2024, 7, 5), "up to 2024-07-03"), (date(2024, 7, 4), "a session of XNYS")],
)
def test_a_session_that_has_not_begun_or_is_none_is_refused(session, words):
    with pytest.raises(InputRefused, match=words):
        ticked(scheduled(lambda tick: (session,)), SUMMER_EVENING)


def test_a_rule_is_told_how_late_it_is_and_may_ask_for_several_sessions():
    late = []

    def caught_up(tick):
        late.append((tick.day, tick.late_by.total_seconds()))
        return (date(2024, 7, 2), date(2024, 7, 3))

    schedule = scheduled(caught_up, at="2024-07-03T22:00:00+00:00")
    assert ticked(schedule, SUMMER_EVENING) == ["2024-07-02", "2024-07-03"]
    assert late == [(date(2024, 7, 3), 1800.0)]
    before = scheduled(caught_up, at="2024-07-03T21:00:00+00:00")
    ticked(before, SUMMER_EVENING)
    assert late[-1][1] == 0.0, "a clock that is behind makes nothing late"


def test_the_review_of_universes_is_asked_for_on_every_first_session_of_a_month():
    from stocker_pipeline.defs.schedules.universe_review import universe_review_schedule
    from stocker_pipeline.domain.session import SessionCalendar

    assert universe_review_schedule.cron_schedule == "30 7 1-10 * *"
    calendar = SessionCalendar.between(date(1990, 1, 1), date(2030, 12, 31))
    for year in range(1990, 2031):
        for month in range(1, 13):
            assert calendar.session_on_or_after(date(year, month, 1)).day <= 10
