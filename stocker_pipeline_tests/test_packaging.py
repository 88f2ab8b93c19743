"""What is installed is what is needed: declared, pinned, and inside the wheel.

The wheel holds the package and runs ``stocker simulate``. What Dagster runs needs the checkout,
for dagster.yaml and the dbt project stand beside the package, not in it.
"""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from stocker_pipeline_tests.stages.market_day import two_symbol_tables

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE, TESTS = "stocker_pipeline", "stocker_pipeline_tests"
FROM_THE_WHEEL = """
import stocker_pipeline, sys
from pathlib import Path
assert Path(stocker_pipeline.__file__).is_relative_to(Path.cwd()), stocker_pipeline.__file__

from stocker_pipeline.analytics.metrics import performance_metrics
from stocker_pipeline.stages.report import Report, record_of, write_report
from stocker_pipeline.stages.simulate import Request, simulate_files

done = simulate_files(Request(Path(sys.argv[1]), None, "trend_backtest", universe=("AAA", "BBB")))
record = record_of(done.portfolio, done.tables, done.bars, done.actions)
write_report(Report(record, performance_metrics(record), {}), Path("report.html"))
"""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def names_of(requirements: list[str]) -> set[str]:
    """The packages that requirements name, in the spelling of the index."""
    return {
        re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!; ]", requirement)[0]).lower()
        for requirement in requirements
    }


def imported_by(folder: str) -> dict[str, Path]:
    """Top-level names that the modules of a folder import → a module that does."""
    found: dict[str, Path] = {}
    for path in (REPOSITORY / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module or ""]
            else:
                continue
            found |= {module.split(".")[0]: path for module in modules}
    ours = {PACKAGE, TESTS, "benchmarks"}
    return {
        name: path
        for name, path in found.items()
        if name not in sys.stdlib_module_names and name not in ours
    }


@pytest.mark.parametrize("folder", [PACKAGE, TESTS])
def test_every_package_that_is_imported_is_declared(project, folder):
    extras = project["optional-dependencies"]
    if folder == PACKAGE:
        extras = {name: given for name, given in extras.items() if name not in {"dev", "browser"}}
    declared = names_of([*project["dependencies"], *chain.from_iterable(extras.values())])
    distributions = packages_distributions()
    undeclared = {
        name: path.name
        for name, path in imported_by(folder).items()
        if not names_of(distributions.get(name, [name])) & declared
    }
    assert undeclared == {}


def test_every_declared_package_is_pinned_in_the_lock(project):
    extras = chain.from_iterable(project["optional-dependencies"].values())
    declared = names_of([*project["dependencies"], *extras]) - {project["name"]}
    pinned = names_of((REPOSITORY / "requirements.lock").read_text().splitlines())
    assert declared <= pinned, declared - pinned


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout, made by the build back-end itself, which asks no index."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel):
    folder = REPOSITORY / PACKAGE
    ours = {
        path.relative_to(REPOSITORY).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = zipfile.ZipFile(wheel).namelist()
    assert {name for name in packed if ".dist-info/" not in name} == ours
    assert any(name.endswith("tearsheet.css") for name in packed)


def test_a_backtest_and_its_tear_sheet_run_from_the_unpacked_wheel_alone(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    pq.write_table(two_symbol_tables()[0], tmp_path / "bars.parquet")
    done = subprocess.run(
        [sys.executable, "-c", FROM_THE_WHEEL, "bars.parquet"],
        cwd=tmp_path,
        # Uncompiled, for a copy of the kernels would take longer to compile than to run.
        env=os.environ | {"PYTHONPATH": str(tmp_path), "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "</html>" in (tmp_path / "report.html").read_text(encoding="utf-8")
