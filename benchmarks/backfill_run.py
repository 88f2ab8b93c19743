"""One measured run of ``benchmarks.backfill``: launched as the UI and the daemon launch it.

``python -m benchmarks.backfill_run FIRST LAST`` opens the instance at ``DAGSTER_HOME``, starts a
code server, creates the run and hands it to the instance's run launcher. That starts a worker
process, which is the one whose memory and time count. Prints one line of JSON.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._cli.job import _create_run
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget

from stocker_pipeline.orchestration.runs import portfolio_assets

LOCATION = "benchmarks.backfill_location"
NAME = "stocker_pipeline"  # as in pyproject.toml, or Dagster warns of the difference
PORTFOLIO = "trend_benchmark"
JOB = f"backfill_{PORTFOLIO}"
POLL_SECONDS = 0.2
END_SECONDS_MAX = 60.0


def main() -> None:
    """Run the command line."""
    first, last = sys.argv[1:]
    target = ModuleTarget(LOCATION, None, os.getcwd(), NAME)
    with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, target) as process:
        print(json.dumps(_measured(instance, process.create_request_context(), first, last)))


def _measured(
    instance: dg.DagsterInstance, workspace: Any, first: str, last: str
) -> dict[str, Any]:
    location = workspace.get_code_location(NAME)
    (repository,) = location.get_repositories().values()
    tags = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
    config = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
    began = time.time()
    job = repository.get_full_job(JOB)
    run = _create_run(instance, location, repository, job, config, tags, None, None)
    created = time.time()
    instance.launch_run(run.run_id, workspace)
    while not (record := _record(instance, run.run_id)).dagster_run.is_finished:
        time.sleep(POLL_SECONDS)
    times = Path(os.environ["BACKFILL_TIMES"])
    patience = time.monotonic() + END_SECONDS_MAX
    while not times.exists():  # written when the worker ends, a moment after its run
        if not record.dagster_run.is_success or time.monotonic() > patience:
            events = [event.user_message for event in instance.all_logs(run.run_id)]
            raise RuntimeError(
                "\n".join([f"The run is {record.dagster_run.status.value}.", *events])
            )
        time.sleep(POLL_SECONDS)
    materialised = {
        key.to_user_string(): len(instance.get_materialized_partitions(key))
        for key in portfolio_assets(PORTFOLIO)
    }
    return {
        "status": record.dagster_run.status.value,
        "seconds": record.end_time - began,
        "planning_seconds": created - began,
        "starting_seconds": record.start_time - created,
        "materialised": materialised,
        **json.loads(times.read_text()),
    }


def _record(instance: dg.DagsterInstance, run_id: str) -> dg.RunRecord:
    (record,) = instance.get_run_records(dg.RunsFilter([run_id]))
    return record


if __name__ == "__main__":
    main()
