"""A lake, a clock at noon, and a second source: what most tests of the stages begin with."""

from pathlib import Path

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline_tests.stages.alert_town import servers, town  # noqa: F401
from stocker_pipeline_tests.stages.control_day import day  # noqa: F401
from stocker_pipeline_tests.stages.scripted_market import NOON, ScriptedMarket, quiet_market


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def second(clock: FixedClock) -> ScriptedMarket:
    return quiet_market(clock, "second")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))
