"""A ledger on each database: every test of this room runs on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.migrate import upgrade
from stocker_pipeline_tests.ledger.builders import MORNING
from stocker_pipeline_tests.postgres import create_database, drop_database, start_postgres


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Give the server's URL, and that of an upgraded database to copy."""
    server = start_postgres(request.config)
    template = create_database(server)
    upgrade(template)
    yield server, template
    drop_database(template, server)


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a database without tables."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server = start_postgres(request.config)
    url = create_database(server)
    yield url
    drop_database(url, server)


@pytest.fixture
def ledger_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of an upgraded database without facts."""
    if dialect == "sqlite":
        path = tmp_path / "ledger.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server, template = request.getfixturevalue("postgres_template")
    url = create_database(server, template)
    yield url
    drop_database(url, server)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MORNING)


@pytest.fixture
def ledger(ledger_url: str, clock: FixedClock) -> Iterator[Ledger]:
    with Ledger.open(ledger_url, clock=clock) as opened:
        yield opened
