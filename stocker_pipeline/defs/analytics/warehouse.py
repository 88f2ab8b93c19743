"""dbt models as assets below the chain: staging and marts on DuckDB over the lake and ledger."""

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
from stocker_pipeline.orchestration.column_lineage import ColumnLineage
from stocker_pipeline.orchestration.runs import WAREHOUSE_GROUP
from stocker_pipeline.orchestration.schedules import each_session, session_schedule
from stocker_pipeline.paths import PROJECT_ROOT
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.portfolios import portfolio_data, portfolio_names
from stocker_pipeline.stages.warehouse_file import refuse_in_use

# Every reader of the definitions would load dbt, networkx and sqlglot with it. Without dbt in this
# Python dagster-dbt reads the manifest itself, and it starts dbt as a command anyway.
with not_found("dbt"), imported_when_used("sqlglot"):
    from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets

PROJECT = DbtProject(PROJECT_ROOT / "dbt_project", profiles_dir=PROJECT_ROOT / "dbt_project")
_MODELS = {".sql", ".yml", ".py"}
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
    sources = [path for path in PROJECT.project_dir.glob("**/*") if path.suffix in _MODELS]
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

_OF_BOOKS = {
    "lake": {
        "snapshots": "portfolio_snapshot",
        "positions": "portfolio_snapshot",
        "corporate_action_entries": "portfolio_snapshot",
        "fills": "fills",
        "orders": "orders",
        "decisions": "orders",
        "targets": "targets",
        "signals": "signals",
        "parity": "parity",
    },
    "ledger": {
        "portfolios": "portfolio_snapshot",
        "session_outcomes": "portfolio_snapshot",
        "snapshots": "portfolio_snapshot",
        "positions": "portfolio_snapshot",
        "cash_entries": "portfolio_snapshot",
        "corporate_action_entries": "portfolio_snapshot",
        "executions": "fills",
        "order_events": "fills",
        "order_intents": "orders",
        "limit_rejections": "orders",
        "decisions": "orders",
    },
}
"""Source → table → the asset of each portfolio that writes it."""

_OF_THE_MARKET = {
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
"""Table of the lake that no portfolio writes → the asset that does; verdicts are a person's."""


_SOURCES = {"lake", "ledger", "settings"}
_IN_LEDGER = {"paper", "live"}
"""Modes of portfolios whose books are in the ledger."""


def _written_by(source: str, table: str, modes: Mapping[str, Any]) -> list[dg.AssetDep]:
    """The assets behind a table; none behind what portfolios are set to, which is in files."""
    if table in _OF_BOOKS.get(source, ()):
        asset, books = _OF_BOOKS[source][table], _books_of(source, table, modes)
        return [dg.AssetDep([name, asset]) for name in books]
    return [dg.AssetDep(asset) for asset in _OF_THE_MARKET.get(table, ()) if source == "lake"]


def _books_of(source: str, table: str, modes: Mapping[str, Any]) -> list[str]:
    """Portfolios whose rows a table has: backtests in the lake, the others in the ledger."""
    if table == "signals":
        return list(modes)
    in_ledger = source == "ledger" or table == "parity"
    return [name for name, mode in modes.items() if (mode in _IN_LEDGER) == in_ledger]


class _Translator(DagsterDbtTranslator):
    """A source depends on the assets that write it, of *every* portfolio that has rows there."""

    def __init__(self) -> None:
        super().__init__()
        # Read once: dagster-dbt asks for each model ten times.
        self._modes = {
            name: portfolio_data(name, None)[0].get("mode") for name in portfolio_names()
        }

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        sources = [
            manifest["sources"][parent]
            for parent in manifest.get("parent_map", {}).get(unique_id, ())
            if parent.startswith("source.")
        ]
        models = [dep for dep in spec.deps if dep.asset_key.path[0] not in _SOURCES]
        written = [
            dep
            for source in sources
            for dep in _written_by(source["source_name"], source["name"], self._modes)
        ]
        layer = manifest["nodes"][unique_id]["fqn"][1] if unique_id in manifest["nodes"] else None
        return spec.replace_attributes(
            deps=[*models, *written],
            group_name=WAREHOUSE_GROUP,
            owners=["team:analytics"],
            tags={**spec.tags, **({"layer": layer} if layer else {})},
        )


def _with_lineage(event: Any, lineage: ColumnLineage, compiled: Path) -> Any:
    """A model that was built, with what its columns are made of; any other event as it is."""
    if not isinstance(event, (dg.Output, dg.AssetMaterialization)):
        return event
    known = dict(event.metadata or {})
    unique_id = known.get("unique_id")
    if unique_id is None:
        return event
    name = unique_id.value if isinstance(unique_id, dg.MetadataValue) else unique_id
    found = lineage.of(str(name), compiled)
    return event.with_metadata({**known, **found}) if found else event


@dg.definitions
def warehouse() -> dg.Definitions:
    """All models in one step, under a pool of one: DuckDB takes one writer."""

    @dbt_assets(
        manifest=PROJECT.manifest_path,
        project=PROJECT,
        dagster_dbt_translator=_Translator(),
        pool="warehouse",
    )
    def models(
        context: dg.AssetExecutionContext, dbt: DbtCliResource, lake: dg.ResourceParam[Lake]
    ) -> Iterator[Any]:
        refuse_in_use(Settings().warehouse)
        lake.ensure_tables()
        # Unit tests are about the SQL, not about the data: the test suite runs them.
        build = ["build", "--exclude-resource-type", "unit_test"]
        # Dagster would make a new directory for each run and leave it behind, and dbt read every
        # model again in a home that setup did not read them for: 7 seconds, each time.
        invocation = dbt.cli(build, context=context, target_path=Settings().dbt_target)
        lineage = ColumnLineage(invocation.manifest, kept_in=PROJECT.manifest_path.parent)
        for event in invocation.stream():
            yield _with_lineage(event, lineage, invocation.target_path)

    # Not in the close of a book: a run holds its pools while it waits, and a book that waited for
    # its broker would keep every other from being closed.
    marts = dg.define_asset_job(
        "marts",
        selection=dg.AssetSelection.assets(models),
        description="Every mart, from the lake and the ledger as they are.",
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
