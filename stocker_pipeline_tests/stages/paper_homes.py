"""Fresh homes for paper books on either database; fixtures for the modules that import them."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stocker_pipeline_tests.ledger.conftest import postgres_template, sqlite_template
from stocker_pipeline_tests.postgres import create_database, drop_database
from stocker_pipeline_tests.stages.paper_day import Market, PaperHome

__all__ = [
    "Homes",
    "dialect",
    "new_home",
    "postgres_template",
    "sqlite_home",
    "sqlite_template",
]

Homes = Callable[[Market], PaperHome]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def dialect(request: pytest.FixtureRequest) -> str:
    """SQLite in ``make test``, both in ``make slow``.

    A stage speaks to the ledger alone, every test of which runs on both; kills, parity, starts at
    once and the commands are on PostgreSQL in every run too.
    """
    return str(request.param)


@pytest.fixture
def new_home(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Homes]:
    """Give a maker of homes: an empty ledger and a folder, gone after the test."""
    made: list[tuple[str, str]] = []

    def home(market: Market) -> PaperHome:
        folder = tmp_path / f"home-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        if dialect == "sqlite":
            shutil.copy(request.getfixturevalue("sqlite_template"), folder / "ledger.db")
            return PaperHome(market, f"sqlite:///{folder / 'ledger.db'}", folder)
        server, template = request.getfixturevalue("postgres_template")
        made.append((create_database(server, template), server))
        return PaperHome(market, made[-1][0], folder)

    yield home
    for database, server in made:
        drop_database(database, server)


@contextmanager
def sqlite_home(template: Path, folder: Path, market: Market) -> Iterator[PaperHome]:
    """A home on SQLite for fixtures that outlive a test."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(template, folder / "ledger.db")
    yield PaperHome(market, f"sqlite:///{folder / 'ledger.db'}", folder)
