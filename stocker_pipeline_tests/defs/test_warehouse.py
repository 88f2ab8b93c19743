"""dbt below the chain: one command of ours is one start of dbt."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import dagster as dg
import pytest
from dagster_dbt import DbtCliResource

from stocker_pipeline.defs.analytics import warehouse
from stocker_pipeline.lake.lake import Lake


@pytest.fixture
def dbt(tmp_path: Path) -> Path:
    """A dbt that does nothing but write down how it was called."""
    executable = tmp_path / "dbt"
    executable.write_text(
        f'#!/bin/sh\necho "$@" >> "{tmp_path}/calls"\necho "installed: {version("dbt-core")}"\n'
    )
    executable.chmod(0o755)
    return executable


def calls(kind: type[DbtCliResource], dbt: Path) -> list[str]:
    """How dbt was called for one command, and whether Dagster opened a handle to the database."""
    made = kind(project_dir=warehouse.PROJECT, dbt_executable=str(dbt))
    command = made.cli(["parse"], target_path=dbt.parent / "target")
    command.wait()
    assert str(command.cli_version) == version("dbt-core")
    return [*dbt.with_name("calls").read_text().split(), *(["adapter"] if command.adapter else [])]


def test_dbt_is_started_for_the_command_alone(dbt):
    assert calls(warehouse._Dbt, dbt) == ["parse"]


def test_dagster_itself_does_what_we_spare(dbt):
    """If this fails, ``_Dbt`` has nothing left to spare and can go."""
    assert calls(DbtCliResource, dbt) == ["--version", "parse", "adapter"]


def test_builds_of_a_home_share_one_directory_so_that_models_are_read_once(
    dbt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKER_HOME", str(tmp_path / "home"))
    dbt.write_text(f'#!/bin/sh\necho "$DBT_TARGET_PATH" >> "{tmp_path}/targets"\n')
    made = warehouse._Dbt(project_dir=warehouse.PROJECT, dbt_executable=str(dbt))
    (models,) = warehouse.warehouse().assets or ()
    lake = Lake(str(tmp_path / "lake"))
    for _ in range(2):
        # This dbt builds nothing, and Dagster says so; what it was asked is written down before.
        dg.materialize([models], resources={"dbt": made, "lake": lake}, raise_on_error=False)
    assert (tmp_path / "targets").read_text().split() == 2 * [str(tmp_path / "home" / "dbt")]


@pytest.mark.slow
def test_dagster_finds_the_same_models_and_tests_with_and_without_dbt_in_its_python():
    assert described("") == described("import dagster_dbt")


def described(before: str) -> list[str]:
    """Every model and test with what it depends on, in a process that starts with ``before``."""
    script = f"""
{before}
import sys
from stocker_pipeline.definitions import build_definitions
graph = build_definitions().resolve_asset_graph()
print("dbt" in sys.modules, file=sys.stderr)
for key in sorted(graph.get_all_asset_keys()):
    node = graph.get(key)
    print(key, sorted(node.parent_keys), sorted(node.kinds), node.description, sorted(node.tags))
print(*sorted(str(key) for key in graph.asset_check_keys), sep=chr(10))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stderr.split()[-1:] == [str(bool(before))], done.stderr
    return done.stdout.splitlines()
