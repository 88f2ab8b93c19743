"""A paper book that was traded for some sessions, made once; each test works on a copy."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path

import pytest

from stocker_pipeline.domain.session import FixedClock, SessionCalendar
from stocker_pipeline.ledger.migrate import upgrade
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.walk import walk
from stocker_pipeline_tests.stages.paper_day import PaperHome, evening, morning, sample_market

FIRST, LAST, NEXT = date(2010, 1, 4), date(2010, 1, 15), date(2010, 1, 19)
_KNOWN_THROUGH = date(2010, 1, 29)

DeskAt = Callable[..., AbstractContextManager[Desk]]


def home_in(folder: Path) -> PaperHome:
    """The home whose ledger and account are in that folder."""
    market = sample_market(_KNOWN_THROUGH)
    return PaperHome(market, f"sqlite:///{folder / 'ledger.db'}", folder)


@pytest.fixture(scope="session")
def empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger in which no book has begun."""
    folder = tmp_path_factory.mktemp("no-book")
    upgrade(f"sqlite:///{folder / 'ledger.db'}")
    return folder


@pytest.fixture(scope="session")
def traded_folder(empty_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book that is settled up to ``LAST``."""
    folder = tmp_path_factory.mktemp("book") / "traded"
    shutil.copytree(empty_folder, folder)
    clock = morning(FIRST)
    with home_in(folder).desk(clock) as desk:
        sessions = SessionCalendar.between(FIRST, LAST).sessions(FIRST, LAST).tolist()
        list(walk(desk, clock, sessions))
    return folder


@pytest.fixture
def home_of_book(traded_folder: Path, tmp_path: Path) -> PaperHome:
    """A copy of the traded book."""
    return home_in(Path(shutil.copytree(traded_folder, tmp_path / "book")))


@pytest.fixture
def desk(home_of_book: PaperHome) -> Iterator[Desk]:
    """A desk on the evening of ``LAST``, the day done."""
    with home_of_book.desk(evening(LAST)) as opened:
        yield opened


def move_to(desk: Desk, clock_of: FixedClock) -> None:
    """Let the desk's clock stand where the other stands, which is later."""
    clock = desk.clock
    assert isinstance(clock, FixedClock)
    ahead = clock_of.now() - clock.now()
    assert ahead >= timedelta(0)
    clock.advance(ahead)
