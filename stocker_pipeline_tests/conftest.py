"""Fixtures that more than one room uses."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Worked examples and real prices that live beside the repository, never inside it."""
    path = Path(os.environ.get("STOCKER_SHARED", REPOSITORY.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"needs the reference data beside the repository; {path.name} is not there")
    return path
