"""A book on the morning of its first session, and the undisturbed one that it must end like."""

import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, SECOND, Day
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    new_home,
    postgres_template,
    sqlite_home,
    sqlite_template,
)
from stocker_pipeline_tests.stages.paper_scripts import MARKET

Arranged = Callable[[str, Callable[[], object]], list[str]]


@pytest.fixture
def day(sqlite_template: Path, tmp_path: Path) -> Iterator[Day]:  # noqa: F811
    """A fresh book on SQLite."""
    with sqlite_home(sqlite_template, tmp_path / "book", MARKET) as home:
        yield Day.begin(home)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def dialect(request: pytest.FixtureRequest) -> str:
    """SQLite in ``make test``, both in ``make slow``."""
    return str(request.param)


@pytest.fixture
def any_day(new_home: Homes) -> Day:  # noqa: F811
    """A fresh book on either database."""
    return Day.begin(new_home(MARKET))


@pytest.fixture(scope="session")
def digests(
    sqlite_template: Path,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[date, str]:
    """The digest after each of the first sessions of a book to which nothing happens."""
    with sqlite_home(sqlite_template, tmp_path_factory.mktemp("undisturbed"), MARKET) as home:
        twin = Day.begin(home)
        return {session: twin.trade(session).digest() for session in (FIRST, SECOND)}


@pytest.fixture(scope="session")
def undisturbed(digests: dict[date, str]) -> str:
    """The digest after the first session."""
    return digests[FIRST]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Arranged:
    """Do something once at a crash point, wherever the product has it; tells whether it came."""

    def arrange(place: str, do: Callable[[], object]) -> list[str]:
        came: list[str] = []

        def reached(name: str) -> None:
            if name == place and not came:
                came.append(name)
                do()

        for module in list(sys.modules.values()):
            if module.__name__.startswith("stocker_pipeline.") and hasattr(module, "crash_point"):
                monkeypatch.setattr(module, "crash_point", reached)
        return came

    return arrange
