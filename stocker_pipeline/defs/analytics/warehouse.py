"""dbt models as assets below the chain: staging and marts on DuckDB over the lake."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from packaging.version import Version

from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lean_imports import imported_when_used, not_found
from stocker_pipeline.orchestration.schedules import each_session, session_schedule
from stocker_pipeline.paths import PROJECT_ROOT
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.portfolios import portfolio_names

# Every reader of the definitions would load dbt, networkx and sqlglot with it. Without dbt in this
# Python dagster-dbt reads the manifest itself, and it starts dbt as a command anyway.
with not_found("dbt"), imported_when_used("sqlglot"):
    from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets

PROJECT = DbtProject(PROJECT_ROOT / "dbt_project", profiles_dir=PROJECT_ROOT / "dbt_project")
_DBT = str(Path(sys.executable).with_name("dbt"))
"""The dbt beside this Python; a PATH may have none, or another one."""


class _Dbt(DbtCliResource):
    """dbt without two things that Dagster does before each command, and that take as long as it.

    Both names are private to dagster-dbt 0.29.27, and held by a test.
    """

    @cached_property
    def _cli_version(self) -> Any:
        # Stock starts dbt once more to ask. The one it would ask is of this Python, see _DBT.
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        # A handle to the database for fetch_row_counts and fetch_column_metadata, unused here.
        return None


def _dbt() -> DbtCliResource:
    return _Dbt(project_dir=PROJECT, dbt_executable=_DBT)  # type: ignore[arg-type]


def _parse_if_stale() -> None:
    """Every reader of the definitions needs a manifest that is as new as the models."""
    sources = [path for path in PROJECT.project_dir.glob("**/*") if path.suffix in {".sql", ".yml"}]
    ours = [path for path in sources if str(PROJECT.target_path) not in path.parts]
    newest = max(path.stat().st_mtime for path in ours)
    manifest = PROJECT.manifest_path
    if not manifest.exists() or manifest.stat().st_mtime < newest:
        _dbt().cli(["parse", "--quiet"], target_path=manifest.parent).wait()


# Where dbt finds the lake and puts the warehouse. As variables of the environment, not of the
# command line: those would make dbt parse the whole project again at every run.
os.environ["STOCKER_LAKE_ROOT"] = Settings().lake_root
os.environ["STOCKER_WAREHOUSE"] = str(Settings().warehouse)
_parse_if_stale()

_PRODUCER = {
    "snapshots": "portfolio_snapshot",
    "positions": "portfolio_snapshot",
    "corporate_action_entries": "portfolio_snapshot",
    "fills": "fills",
    "orders": "orders",
    "decisions": "orders",
}
"""Source table → the asset of every portfolio that writes it."""

_MARKET_PRODUCER = {
    "bars": ["raw_bars"],
    "reference_bars": ["raw_bars"],
    "findings": ["raw_bars"],
    "corporate_actions": ["corporate_actions"],
    "instruments": ["instruments"],
    "refused_rows": ["raw_bars"],
    "retrievals": ["raw_bars"],
    "judgements": ["raw_bars"],
    "breadth": ["breadth"],
    "verdicts": [],
}
"""Source table that no portfolio writes → the asset that does; verdicts are a person's."""


def _written_by(source: str) -> list[dg.AssetDep]:
    if source in _PRODUCER:
        return [dg.AssetDep([name, _PRODUCER[source]]) for name in portfolio_names()]
    return [dg.AssetDep(asset) for asset in _MARKET_PRODUCER[source]]


class _LakeTranslator(DagsterDbtTranslator):
    """A source of the lake depends on the assets that write it, of *every* portfolio."""

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        sources = [
            manifest["sources"][parent]["name"]
            for parent in manifest.get("parent_map", {}).get(unique_id, ())
            if parent.startswith("source.")
        ]
        models = [dep for dep in spec.deps if dep.asset_key.path[0] != "lake"]
        written = [dep for source in sources for dep in _written_by(source)]
        return spec.replace_attributes(deps=[*models, *written], group_name="warehouse")


@dg.definitions
def warehouse() -> dg.Definitions:
    """All models in one step, under a pool of one: DuckDB takes one writer."""

    @dbt_assets(
        manifest=PROJECT.manifest_path,
        project=PROJECT,
        dagster_dbt_translator=_LakeTranslator(),
        pool="warehouse",
    )
    def models(
        context: dg.AssetExecutionContext, dbt: DbtCliResource, lake: dg.ResourceParam[Lake]
    ) -> Iterator[Any]:
        lake.ensure_tables()
        # Unit tests are about the SQL, not about the data: the test suite runs them.
        build = ["build", "--exclude-resource-type", "unit_test"]
        yield from dbt.cli(build, context=context).stream()

    # Not in the close of a book: a run holds its pools while it waits, and a book that waited for
    # its broker would keep every other from being closed.
    marts = dg.define_asset_job(
        "marts",
        selection=dg.AssetSelection.assets(models),
        description="Every mart, from the lake as it is.",
    )
    evening = session_schedule(
        "marts",
        job=marts,
        cron="30 18 * * *",
        environments=("paper", "live"),
        decide=each_session,
        partitioned=False,
        description="18:30 of each session, after its close: every mart.",
    )
    return dg.Definitions(
        assets=[models], jobs=[marts], schedules=[evening], resources={"dbt": _dbt()}
    )
