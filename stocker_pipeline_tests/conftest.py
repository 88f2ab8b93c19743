"""Fixtures that more than one room uses."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from stocker_pipeline_tests import effort

# The same examples on every machine; a first call that compiles a kernel has no deadline.
settings.register_profile("stocker", deadline=None, derandomize=True)
settings.load_profile("stocker")

REPOSITORY = Path(__file__).resolve().parents[1]
FIRST = (
    "orchestration/test_event_log.py",
    "stages/test_kill_points.py",
    "dbt_project/",
    "stages/test_ingest.py",
    "ledger/test_invariants.py",
    "soak/",
)
"""The longest files: begun first, so that no process is still at one when the others have ended."""


def pytest_configure(config: pytest.Config) -> None:
    """Search properties for longer where the longer tests are asked for."""
    if config.getoption("markexpr") != "not slow":
        effort.search_long()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file to a process: what a file makes once is made once, and not in every process."""
    from xdist.scheduler import LoadFileScheduling

    if config.getvalue("dist") != "load":
        return None
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files in front; the others stay in their order."""

    def place(item: pytest.Item) -> int:
        path = item.nodeid.removeprefix("stocker_pipeline_tests/")
        return next((n for n, name in enumerate(FIRST) if path.startswith(name)), len(FIRST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Worked examples and real prices that live beside the repository, never inside it."""
    path = Path(os.environ.get("STOCKER_SHARED", REPOSITORY.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"needs the reference data beside the repository; {path.name} is not there")
    return path


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    """A state directory of the test's own, in place of the project's."""
    path = tmp_path / "home"
    monkeypatch.setenv("STOCKER_HOME", str(path))
    return path


@pytest.fixture
def stocker(monkeypatch, capsys, home):
    """Run the command in this process; returns exit code, standard output and error."""
    from stocker_pipeline import cli

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["stocker", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command
