"""A home with the whole sample market and nothing else, made once."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data.sample import SYMBOLS, SampleMarket
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.stages.ingest import ingest


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("research")
    clock = FixedClock(datetime(2013, 4, 1, tzinfo=UTC))
    first, last = date(2000, 3, 1), date(2013, 3, 1)
    ingest(SampleMarket(clock), Lake(str(home / "lake")), SYMBOLS, first, last, clock=clock)
    return home
