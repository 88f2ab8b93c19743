"""Fixtures that more than one room uses."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every machine; a first call that compiles a kernel has no deadline.
settings.register_profile("stocker", deadline=None, derandomize=True)
settings.load_profile("stocker")

REPOSITORY = Path(__file__).resolve().parents[1]


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
