"""The review as an asset: what a run for one session leaves behind."""

import json
from datetime import date

import dagster as dg
import pytest

from stocker_pipeline.definitions import build_definitions
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.portfolios import portfolio_names
from stocker_pipeline_tests.stages.scripted_market import FIRST, LAST, NOON, quiet_market


@pytest.fixture
def definitions(tmp_path, monkeypatch) -> dg.Definitions:
    monkeypatch.setenv("STOCKER_HOME", str(tmp_path))
    monkeypatch.delenv("STOCKER_LAKE_URI", raising=False)
    market = quiet_market(FixedClock(NOON))
    ingest(market, Lake(str(tmp_path / "lake")), market.symbols(), FIRST, LAST)
    return build_definitions(settings=Settings())


def test_a_run_writes_the_review_of_its_session_and_shows_it(definitions, tmp_path):
    job = definitions.resolve_job_def("universe_review_job")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(partition_key="2024-01-12", instance=instance)
        (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert "2024-01-12" in metadata["review"].value
    assert set(metadata["members"].value) == set(portfolio_names())
    page = tmp_path / "reports" / "universe" / f"{date(2024, 1, 12)}.json"
    assert [each["session"] for each in json.loads(page.read_text())] == ["2024-01-12"] * len(
        portfolio_names()
    )
    assert metadata["numbers"].value == str(page)


@pytest.mark.parametrize("env", ["dev", "paper", "live"])
def test_the_schedule_is_on_in_paper_and_live_and_off_in_dev(env, monkeypatch):
    import importlib

    from stocker_pipeline.defs.schedules import universe_review

    monkeypatch.setenv("STOCKER_ENV", env)
    try:
        status = importlib.reload(universe_review).universe_review_schedule.default_status
    finally:
        monkeypatch.undo()
        importlib.reload(universe_review)
    assert (status is dg.DefaultScheduleStatus.RUNNING) == (env != "dev")
