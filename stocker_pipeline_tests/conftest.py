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
