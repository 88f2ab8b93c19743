"""What a column is made of, from the SQL alone, and found once."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stocker_pipeline.orchestration.column_lineage import ColumnLineage

SQL = """
with longs as (select session, nav_usd, cash_usd from "w"."main"."int_snapshots")
select session, nav_usd - cash_usd as held_usd, 1 as one from longs
"""


def model(name: str, columns: list[str], layer: str, *parents: str) -> dict[str, Any]:
    return {
        "name": name,
        "language": "sql",
        "package_name": "stocker",
        "original_file_path": f"models/{layer}/{name}.sql",
        "fqn": ["stocker", layer, name],
        "relation_name": f'"w"."main"."{name}"',
        "columns": {key: {} for key in columns},
        "depends_on": {"nodes": [f"model.stocker.{parent}" for parent in parents]},
    }


@pytest.fixture
def manifest() -> dict[str, Any]:
    models = [
        model("int_snapshots", ["session", "nav_usd", "cash_usd"], "intermediate"),
        model("fct_held", ["session", "held_usd", "one"], "marts", "int_snapshots"),
        model("stg_held", ["session", "held_usd", "one"], "staging", "int_snapshots"),
    ]
    nodes = {f"model.stocker.{node['name']}": node for node in models}
    return {"metadata": {"adapter_type": "duckdb"}, "nodes": nodes}


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """dbt's folder after a run."""
    for layer, name in (("marts", "fct_held"), ("staging", "stg_held")):
        path = tmp_path / "compiled" / "stocker" / "models" / layer / f"{name}.sql"
        path.parent.mkdir(parents=True)
        path.write_text(SQL)
    return tmp_path


def found(manifest: dict[str, Any], compiled: Path, name: str = "fct_held") -> dict[str, Any]:
    """Column → the models and columns it is made of, by a reader that starts anew."""
    metadata = ColumnLineage(manifest, compiled / "kept").of(f"model.stocker.{name}", compiled)
    if not metadata:
        return {}
    made: dg.TableColumnLineage = metadata["dagster/column_lineage"]
    return {
        column: {(dep.asset_key.path[-1], dep.column_name) for dep in deps}
        for column, deps in made.deps_by_column.items()
    }


def test_a_column_is_followed_through_the_query_to_the_models_it_reads(manifest, compiled):
    assert found(manifest, compiled) == {
        "session": {("int_snapshots", "session")},
        "held_usd": {("int_snapshots", "nav_usd"), ("int_snapshots", "cash_usd")},
        "one": set(),
    }


def test_what_was_found_is_kept_until_the_query_changes(manifest, compiled):
    found(manifest, compiled)
    (file,) = (compiled / "kept").iterdir()
    kept = json.loads(file.read_text())
    kept["model.stocker.fct_held"]["columns"] = {"one": [["int_snapshots", "kept"]]}
    file.write_text(json.dumps(kept))
    assert found(manifest, compiled) == {"one": {("int_snapshots", "kept")}}
    query = compiled / "compiled" / "stocker" / "models" / "marts" / "fct_held.sql"
    query.write_text(SQL.replace("1 as one", "cash_usd as one"))
    assert found(manifest, compiled)["one"] == {("int_snapshots", "cash_usd")}


def test_what_cannot_be_followed_has_no_lineage_and_stops_nothing(manifest, compiled):
    query = compiled / "compiled" / "stocker" / "models" / "marts" / "fct_held.sql"
    query.write_text("select nowhere.session from (values")
    assert found(manifest, compiled) == {}
    assert found(manifest, compiled, "stg_held") == {}, "staging only renames"
    assert found(manifest, compiled, "int_snapshots") == {}, "it was not built"
    assert found(manifest, compiled, "another") == {}


def test_a_file_that_is_half_written_is_found_anew(manifest, compiled):
    (compiled / "kept").mkdir()
    (compiled / "kept" / "column_lineage.json").write_text('{"model.stocker.fct')
    assert found(manifest, compiled)["one"] == set()
