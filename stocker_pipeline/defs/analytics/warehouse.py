"""dbt models as assets below the chain: staging and marts on DuckDB over the lake."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets

from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.settings import PROJECT_ROOT, Settings
from stocker_pipeline.stages.portfolios import portfolio_names

PROJECT = DbtProject(PROJECT_ROOT / "dbt_project", profiles_dir=PROJECT_ROOT / "dbt_project")
_DBT = str(Path(sys.executable).with_name("dbt"))
"""The dbt beside this Python; a PATH may have none, or another one."""


def _parse_if_stale() -> None:
    """Every reader of the definitions needs a manifest that is as new as the models."""
    sources = [path for path in PROJECT.project_dir.glob("**/*") if path.suffix in {".sql", ".yml"}]
    ours = [path for path in sources if str(PROJECT.target_path) not in path.parts]
    newest = max(path.stat().st_mtime for path in ours)
    manifest = PROJECT.manifest_path
    if not manifest.exists() or manifest.stat().st_mtime < newest:
        dbt = DbtCliResource(PROJECT, dbt_executable=_DBT)
        dbt.cli(["parse", "--quiet"], target_path=manifest.parent).wait()


# Where dbt finds the lake and puts the warehouse. As variables of the environment, not of the
# command line: those would make dbt parse the whole project again at every run.
os.environ["STOCKER_LAKE_ROOT"] = Settings().lake_root
os.environ["STOCKER_WAREHOUSE"] = str(Settings().warehouse)
_parse_if_stale()

_PRODUCER = {"snapshots": "portfolio_snapshot", "fills": "fills"}
"""Source table → the asset of every portfolio that writes it."""


class _LakeTranslator(DagsterDbtTranslator):
    """A source of the lake depends on the asset of *every* portfolio that writes it."""

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
        written = [
            dg.AssetDep([portfolio, _PRODUCER[source]])
            for source in sources
            for portfolio in portfolio_names()
        ]
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
        yield from dbt.cli(["build"], context=context).stream()

    return dg.Definitions(
        assets=[models], resources={"dbt": DbtCliResource(PROJECT, dbt_executable=_DBT)}
    )
