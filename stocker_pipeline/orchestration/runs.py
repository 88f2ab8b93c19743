"""One Dagster run over a range of sessions, from the command line, in this process.

The run goes to the same instance that the UI shows.
"""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from dagster_shared.error import SerializableErrorInfo

from stocker_pipeline.domain import errors
from stocker_pipeline.paths import PROJECT_ROOT
from stocker_pipeline.settings import Settings

MARKET_ASSETS = (dg.AssetKey("raw_bars"), dg.AssetKey("corporate_actions"))
WAREHOUSE_GROUP = "warehouse"


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        error: What the first step that failed said; None where all went well.
        exit_code: 0, a refusal's own code, or 1.
        metadata: Asset → what it says about its last session.
    """

    run_id: str
    success: bool
    error: str | None = None
    exit_code: int = 0
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def prepare_dagster_home(settings: Settings) -> None:
    """Dagster's directory with this project's dagster.yaml, and the variable that points to it."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT_ROOT / "dagster.yaml", home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)


@contextmanager
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The project's Dagster instance."""
    prepare_dagster_home(settings)
    logging.getLogger("dagster").setLevel(logging.WARNING)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as opened:
        yield opened


def portfolio_assets(name: str) -> tuple[dg.AssetKey, ...]:
    """The chain of one portfolio."""
    from stocker_pipeline.orchestration.portfolio_component import BOOK_ASSETS

    return tuple(dg.AssetKey([name, asset]) for asset in ("signals", *BOOK_ASSETS))


def paper_assets(name: str) -> tuple[dg.AssetKey, ...]:
    """The chain of one paper portfolio, and its comparison with a backtest."""
    return (*portfolio_assets(name), dg.AssetKey([name, "parity"]))


def run_assets(
    definitions: dg.Definitions,
    opened: dg.DagsterInstance,
    assets: Sequence[dg.AssetKey],
    *,
    sessions: tuple[date, date] | None,
    overrides: Mapping[str, Any] | None = None,
    sources: Mapping[str, Any] | None = None,
) -> RunOutcome:
    """Materialise ``assets``, over a range of partitions where there is one, as one run.

    Args:
        overrides, sources: Run config of the resources of that name, where it is not as bound.
    """
    tags = {}
    if sessions is not None:
        tags = {
            ASSET_PARTITION_RANGE_START_TAG: sessions[0].isoformat(),
            ASSET_PARTITION_RANGE_END_TAG: sessions[1].isoformat(),
        }
    # The caller says how far it is; the console of a run is for what went wrong.
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
    chosen = {"overrides": overrides, "sources": sources}
    config["resources"] = {name: {"config": dict(given)} for name, given in chosen.items() if given}
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        run_config=config,
        instance=opened,
        asset_selection=list(assets),
        tags=tags,
        raise_on_error=False,
    )
    failure, metadata = _first_failure(result), _last_metadata(result)
    if result.success or failure is None:
        code = 0 if result.success else 1
        return RunOutcome(result.run_id, result.success, exit_code=code, metadata=metadata)
    return RunOutcome(result.run_id, False, failure.message.strip(), _exit_code(failure), metadata)


def _last_metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Asset → plain metadata of its last session, as a program reads it."""
    last = {event.asset_key: event for event in result.get_asset_materialization_events()}
    return {
        key.to_user_string(): {
            name: _plain(value) for name, value in event.materialization.metadata.items()
        }
        for key, event in last.items()
        if key is not None
    }


def _plain(value: dg.MetadataValue[Any]) -> Any:
    if isinstance(value, dg.TableMetadataValue):
        return [dict(record.data) for record in value.records]
    return value.value


def _exit_code(failure: SerializableErrorInfo) -> int:
    """A refusal's own code, for Dagster hands over an error as text and class name."""
    kind = getattr(errors, failure.cls_name or "", None)
    if isinstance(kind, type) and issubclass(kind, errors.StockerError):
        return kind.exit_code
    return 1


def _first_failure(result: dg.ExecuteInProcessResult) -> SerializableErrorInfo | None:
    """The innermost cause of the first failure, which is the error we raised.

    A resource that cannot be made fails the run before there is a step.
    """
    for event in result.all_events:
        failure: SerializableErrorInfo | None = None
        if event.is_step_failure:
            failure = event.step_failure_data.error
        elif event.event_type is dg.DagsterEventType.RUN_FAILURE:
            failure = event.job_failure_data.error
        if failure is not None:
            while failure.cause is not None:
                failure = failure.cause
            return failure
    return None


def warehouse_assets(definitions: dg.Definitions) -> tuple[dg.AssetKey, ...]:
    """Every dbt model."""
    graph = definitions.resolve_asset_graph()
    return tuple(
        key for key in graph.executable_asset_keys if graph.get(key).group_name == WAREHOUSE_GROUP
    )
