"""dbt's pages about the warehouse: made when asked for, and again when the warehouse is another."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.stages.warehouse_docs import DOCS_FILES, WarehouseDocs
from stocker_pipeline.stages.warehouse_file import WarehouseBusy


@pytest.fixture
def docs(tmp_path: Path) -> WarehouseDocs:
    warehouse = tmp_path / "warehouse.duckdb"
    build(warehouse, "stg_lake__bars")
    return WarehouseDocs(warehouse, tmp_path / "dbt-docs", str(tmp_path / "lake"))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, docs: WarehouseDocs) -> list[list[Any]]:
    """The sites that dbt was asked for; it answers with three files."""
    asked: list[list[Any]] = []

    def run(command: list[Any], **_: object) -> subprocess.CompletedProcess[str]:
        if "docs" in command:
            asked.append(command)
        for name in DOCS_FILES:
            (docs.folder / name).write_text(f"{name} {len(asked)}")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def build(warehouse: Path, table: str) -> None:
    with duckdb.connect(warehouse) as connection:
        connection.execute(f"create or replace table {table} (symbol varchar)")


def answering(code: int, text: str) -> Callable[[list[Any]], subprocess.CompletedProcess[str]]:
    def run(command: list[Any], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, code, text, "")

    return run


def test_dbt_itself_makes_the_site_of_this_project_about_this_file(docs: WarehouseDocs) -> None:
    pages = {name: docs.file(name) for name in DOCS_FILES}
    assert all(page is not None and page.is_file() for page in pages.values())
    catalog = json.loads((docs.folder / "catalog.json").read_text())
    assert not catalog["errors"]
    manifest = json.loads((docs.folder / "manifest.json").read_text())
    assert "model.stocker.fct_daily_performance" in manifest["nodes"]


def test_it_is_made_once_for_a_warehouse_and_again_for_the_next(
    docs: WarehouseDocs, runs: list[list[Any]]
) -> None:
    for name in DOCS_FILES:
        docs.file(name)
    assert len(runs) == 1
    build(docs.warehouse, "another_one")
    page = docs.file("index.html")
    assert page is not None
    assert page.read_text() == "index.html 2"


def test_a_half_made_site_is_made_again(docs: WarehouseDocs, runs: list[list[Any]]) -> None:
    docs.file("index.html")
    (docs.folder / "catalog.json").unlink()
    docs.file("index.html")
    assert len(runs) == 2


def test_any_other_name_is_no_file_and_asks_nothing(
    docs: WarehouseDocs, runs: list[list[Any]]
) -> None:
    assert [docs.file(name) for name in ("made_of.txt", "../warehouse.duckdb", "")] == [None] * 3
    assert not runs


def test_without_marts_it_says_what_builds_them(tmp_path: Path) -> None:
    docs = WarehouseDocs(tmp_path / "none.duckdb", tmp_path / "dbt-docs", "lake")
    assert not docs.possible
    with pytest.raises(InputRefused, match="stocker marts"):
        docs.file("index.html")


def test_what_dbt_said_when_it_failed_is_told_and_nothing_counts_as_made(
    docs: WarehouseDocs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", answering(2, "no profile named stocker"))
    for _ in range(2):
        with pytest.raises(ConfigurationRefused, match="no profile named stocker"):
            docs.file("index.html")


def test_a_python_without_dbt_is_told(
    docs: WarehouseDocs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ConfigurationRefused, match="No such file"):
        docs.file("index.html")


def test_a_warehouse_in_use_is_refused_before_dbt_is_asked(
    docs: WarehouseDocs, runs: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(path: Path) -> None:
        raise WarehouseBusy("to write", "in use", where=str(path), remedy="Wait.")

    monkeypatch.setattr("stocker_pipeline.stages.warehouse_docs.refuse_in_use", busy)
    with pytest.raises(WarehouseBusy):
        docs.file("index.html")
    assert not runs
