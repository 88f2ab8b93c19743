"""Sensors that watch a paper book: what they say and remember, and that none stops another."""

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stocker_pipeline.domain.session import Clock, FixedClock
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.ledger.migrate import upgrade
from stocker_pipeline.orchestration.monitor_sensors import monitor_sensors
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages import monitor as stage
from stocker_pipeline.stages.monitor_facts import GROUPS
from stocker_pipeline_tests.ledger.builders import BOOK, MORNING, open_book, trade_monday
from stocker_pipeline_tests.stages.market_day import small_portfolio

pytestmark = pytest.mark.usefixtures("home")

EVENING = MORNING + timedelta(hours=10)


@pytest.fixture
def on_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKER_ENV", "paper")


@pytest.fixture
def book(on_paper: None, home: Path) -> Path:
    """A book that was traded on one Monday."""
    home.mkdir()
    upgrade(Settings().ledger)
    with Ledger.open(Settings().ledger, clock=FixedClock(MORNING)) as ledger:
        open_book(ledger)
        trade_monday(ledger)
    return home


def sensors() -> dict[str, dg.SensorDefinition]:
    made = monitor_sensors(BOOK, small_portfolio(), clock=FixedClock(EVENING))
    return {sensor.name.removeprefix(f"{BOOK}__watch_"): sensor for sensor in made}


def tick(sensor: dg.SensorDefinition, cursor: str | None = None) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        return sensor.evaluate_tick(context)


def test_each_group_of_monitors_has_a_sensor_that_is_off_in_dev():
    found = sensors()
    assert set(found) == set(GROUPS)
    for sensor in found.values():
        assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
        assert "Runs in: paper, live." in str(sensor.description)
        assert tick(sensor).skip_message == "runs in paper, live; STOCKER_ENV is dev"


def test_on_paper_they_run_and_say_that_there_is_no_book_yet(on_paper):
    for sensor in sensors().values():
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        assert tick(sensor).skip_message == f"{BOOK} has not begun: there is no book to watch"


def test_a_tick_without_a_finding_says_what_was_looked_at_and_remembers_it(book):
    found = tick(sensors()["losses"])
    assert found.cursor == "daily_loss@2010-01-04 drawdown@2010-01-04"
    assert "daily_loss 2010-01-04 clear: the session returned" in found.skip_message
    assert "(nothing to do)" in found.skip_message
    assert found.run_requests == []


def test_a_tick_with_a_finding_acts_once(book):
    sensor = sensors()["day"]
    first = tick(sensor)
    # There is no lake here: the bars of the coming session are looked at in its morning.
    assert "stale_data 2010-01-05 not_judged" in first.skip_message
    later = monitor_sensors(
        BOOK, small_portfolio(), clock=FixedClock(EVENING + timedelta(hours=16))
    )
    (morning,) = [made for made in later if made.name.endswith("_day")]
    assert "stale_data 2010-01-05 raised" in tick(morning).skip_message
    assert "(told before)" in tick(morning).skip_message
    with Ledger.open(Settings().ledger, clock=FixedClock(EVENING)) as ledger:
        told = ledger.read(lambda r: r.alerts(BOOK))
        assert [alert.code for alert in told] == ["stale_data"]
        assert ledger.read(lambda r: r.control(BOOK)).state is ControlState.ARMED


@pytest.mark.parametrize("broken", GROUPS)
def test_a_sensor_whose_stage_breaks_does_not_stop_the_others(book, monkeypatch, broken):
    works = stage.watch

    def breaks(*arguments: Any, clock: Clock, monitors: Collection[str]) -> list[stage.Judged]:
        if GROUPS[broken][0] in monitors:
            raise RuntimeError("the stage is broken")
        return works(*arguments, clock=clock, monitors=monitors)

    monkeypatch.setattr(stage, "watch", breaks)
    ended = {}
    for group, sensor in sensors().items():
        try:
            ended[group] = tick(sensor).skip_message
        except Exception as error:
            ended[group] = f"broken: {error.__cause__ or error}"
    assert [group for group, words in ended.items() if "stage is broken" in words] == [broken]
    assert all("2010-01-0" in words for group, words in ended.items() if group != broken)
