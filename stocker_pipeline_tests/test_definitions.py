"""The asset graph itself under snapshot, and the definitions as a person's tools load them.

After a change that is meant, renew the snapshot::

    python -m stocker_pipeline_tests.test_definitions
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from stocker_pipeline.definitions import build_definitions
from stocker_pipeline.orchestration.runs import MARKET_ASSETS, warehouse_assets
from stocker_pipeline.settings import Settings

SNAPSHOT = Path(__file__).with_name("snapshots") / "asset_graph.json"


def described(definitions: dg.Definitions) -> dict[str, dict[str, object]]:
    graph = definitions.resolve_asset_graph()
    return {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "depends_on": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "partitioned": graph.get(key).is_partitioned,
            "backfill": str(graph.get(key).backfill_policy),
            "kinds": sorted(graph.get(key).kinds),
            "described": bool(graph.get(key).description),
            "automation": str(graph.get(key).automation_condition),
        }
        for key in sorted(graph.get_all_asset_keys())
    }


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions()


def test_the_asset_graph_is_the_one_that_was_agreed(definitions):
    assert described(definitions) == json.loads(SNAPSHOT.read_text())


def test_every_asset_says_what_it_is_whose_it_is_and_what_it_is_made_with(definitions):
    for spec in definitions.resolve_all_asset_specs():
        name = spec.key.to_user_string()
        assert spec.description, name
        assert spec.owners, name
        assert spec.kinds, name
        assert spec.group_name not in (None, "default"), name


def test_a_table_of_the_lake_is_shown_with_the_meaning_of_each_column(definitions):
    of_lake = [s for s in definitions.resolve_all_asset_specs() if "deltalake" in s.kinds]
    assert len(of_lake) > 10
    for spec in of_lake:
        schema = spec.metadata["dagster/column_schema"]
        assert all(column.description for column in schema.columns), spec.key


def test_every_definition_can_be_loaded_and_nothing_runs_by_itself(definitions):
    dg.Definitions.validate_loadable(definitions)
    repository = definitions.get_repository_def()
    assert repository.schedule_defs, "dev has schedules, and runs none of them"
    for schedule in repository.schedule_defs:
        assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED, schedule.name
        assert schedule.execution_timezone == "America/New_York", schedule.name
        assert "Runs in: " in schedule.description, schedule.name
    assert repository.sensor_defs, "dev has sensors, and runs none of them"
    for sensor in repository.sensor_defs:
        assert sensor.default_status is dg.DefaultSensorStatus.STOPPED, sensor.name
        assert "Runs in: " in sensor.description, sensor.name


STATUSES = """
import json
from stocker_pipeline.definitions import build_definitions

found = build_definitions().get_repository_def()
parts = [*found.sensor_defs, *found.schedule_defs]
print(json.dumps({part.name: [part.default_status.value, part.description] for part in parts}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["paper", "live"])
def test_in_each_environment_runs_what_says_that_it_runs_there(environment, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", STATUSES],
        env={**os.environ, "STOCKER_ENV": environment, "STOCKER_HOME": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert len(found) > 10
    for name, (status, description) in found.items():
        there = description.partition("Runs in: ")[2]
        assert (status == "RUNNING") is (environment in there), name


def test_a_person_at_the_ui_can_stop_everything_and_arm_nothing(definitions):
    words = ("arm", "kill", "control", "reduce", "flatten", "take_back", "resume", "lift")
    jobs = {job.name for job in definitions.get_repository_def().get_all_jobs()}
    about_control = {name for name in jobs if any(word in name for word in words)}
    assert about_control == {"kill", "take_back_orders", "kill_drill"}


def test_all_sessions_of_a_portfolio_share_one_partitions_definition(definitions):
    graph = definitions.resolve_asset_graph()
    partitioned = {
        graph.get(key).partitions_def
        for key in graph.get_all_asset_keys()
        if graph.get(key).is_partitioned
    }
    assert len(partitioned) == 1


def test_the_evening_makes_every_mart_and_no_close_of_a_book_waits_for_them(definitions):
    marts = set(warehouse_assets(definitions))
    assert len(marts) > 10
    job = definitions.resolve_job_def("marts")
    assert job.asset_layer.selected_asset_keys == marts
    assert job.partitions_def is None
    closing = definitions.resolve_job_def("trend_paper__close_session")
    assert set(MARKET_ASSETS) <= closing.asset_layer.selected_asset_keys
    assert not closing.asset_layer.selected_asset_keys & marts
    schedule = definitions.get_schedule_def("marts")
    assert schedule.job_name == "marts"


def test_the_close_of_a_book_writes_the_report_of_its_session(definitions):
    report = dg.AssetKey(["trend_paper", "daily_report"])
    closing = definitions.resolve_job_def("trend_paper__close_session")
    assert report in closing.asset_layer.selected_asset_keys
    opening = definitions.resolve_job_def("trend_paper__open_session")
    assert report not in opening.asset_layer.selected_asset_keys


def test_resources_can_be_replaced_through_the_door_and_only_there():
    from stocker_pipeline.orchestration.resources import LakeResource

    elsewhere = LakeResource(root="elsewhere")
    built = build_definitions(settings=Settings(), overrides={"lake": elsewhere})
    assert built.resources is not None
    assert built.resources["lake"] == elsewhere


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(described(build_definitions()), indent=1, sort_keys=True) + "\n")
