"""Which columns a column of a mart is made of, for the lineage tab of Dagster's UI.

dagster-dbt finds that out with a handle to the database and in every run anew, which takes longer
than the marts. The SQL says it alone, and says the same until it changes: what was found is kept
beside dbt's manifest. Stays out: staging, which only renames, and models in Python.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg

_KEPT = "column_lineage.json"
_log = logging.getLogger(__name__)


class ColumnLineage:
    """The lineage of every model of a dbt project.

    Args:
        manifest: dbt's.
        kept_in: Folder of what was found before.
    """

    def __init__(self, manifest: Mapping[str, Any], kept_in: Path) -> None:
        self._manifest = manifest
        self._file = kept_in / _KEPT

    def of(self, unique_id: str, compiled: Path) -> dict[str, Any]:
        """Metadata of a model that was just built; empty where its columns cannot be followed.

        Args:
            compiled: The folder ``target`` of the run, with the SQL as it was sent.
        """
        node = self._manifest["nodes"].get(unique_id)
        if node is None or node["language"] != "sql" or node["fqn"][1] == "staging":
            return {}
        sql = compiled / "compiled" / node["package_name"] / node["original_file_path"]
        if not sql.exists():
            return {}
        key = self._key(node, sql.read_text())
        kept = self._kept.get(unique_id)
        if kept is None or kept["key"] != key:
            kept = {"key": key, "columns": self._found(node, sql.read_text())}
            self._kept[unique_id] = kept
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._kept))
        if not kept["columns"]:
            return {}
        deps = {
            column: [dg.TableColumnDep(dg.AssetKey(model), name) for model, name in parents]
            for column, parents in kept["columns"].items()
        }
        return {"dagster/column_lineage": dg.TableColumnLineage(deps)}

    @cached_property
    def _kept(self) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return kept

    def _key(self, node: Mapping[str, Any], sql: str) -> str:
        """What the answer depends on: the SQL, and the columns of what it reads."""
        columns = {parent["name"]: sorted(parent["columns"]) for parent in self._parents(node)}
        text = json.dumps([sql, sorted(node["columns"]), columns], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _parents(self, node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        names = [name for name in node["depends_on"]["nodes"] if name in self._manifest["nodes"]]
        return [self._manifest["nodes"][name] for name in names]

    def _found(self, node: Mapping[str, Any], sql: str) -> dict[str, list[tuple[str, str]]]:
        """Column → the models and columns it is made of; empty where SQLGlot cannot read it."""
        # SQLGlot at the version that dagster-dbt depends on, by the names under which it holds it.
        from dagster_dbt.core import dbt_cli_event

        shipped: Any = dbt_cli_event
        exp, to_table = shipped.exp, shipped.to_table
        dialect = self._manifest["metadata"]["adapter_type"]
        schema = shipped.MappingSchema(dialect=dialect)
        for parent in self._parents(node):
            columns = dict.fromkeys(parent["columns"], "VARCHAR")
            schema.add_table(to_table(parent["relation_name"], dialect=dialect), columns)
        models = {parent["name"] for parent in self._parents(node)}
        found: dict[str, list[tuple[str, str]]] = {}
        try:
            for column in node["columns"]:
                leaves = [
                    (leaf.expression.find(exp.Table), leaf.name.split(".")[-1].strip('"'))
                    for leaf in shipped.lineage(column, sql, schema=schema, dialect=dialect).walk()
                    if not leaf.downstream
                ]
                found[column] = sorted(
                    {(table.name, name) for table, name in leaves if table and table.name in models}
                )
        except Exception as error:
            # Whatever SQLGlot does not understand, the mart is built.
            _log.info("columns of %s cannot be followed: %s", node["name"], error)
            return {}
        return found
