"""A home in which a paper book was traded for two weeks, made once and copied for each test."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from stocker_pipeline.domain.session import FixedClock, SessionCalendar
from stocker_pipeline.gateways.market_data.sample import SYMBOLS, SampleMarket
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.portfolios import named_portfolio
from stocker_pipeline.stages.trading import Stage, Venue, run_stages
from stocker_pipeline_tests.commands.paper import BOOK, FIRST, LAST, NEXT

Stocker = Callable[..., tuple[int, str, str]]
_INGESTED_AT = datetime(2013, 4, 1, tzinfo=UTC)


def venue_at(home: Path) -> Venue:
    return Venue("dev", f"sqlite:///{home / 'ledger.sqlite'}", home / "accounts")


@pytest.fixture(scope="session")
def traded_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake, a ledger and a simulated account; settled up to ``LAST``."""
    home = tmp_path_factory.mktemp("traded") / "home"
    home.mkdir()
    clock, lake = FixedClock(_INGESTED_AT), Lake(str(home / "lake"))
    ingest(SampleMarket(clock), lake, SYMBOLS, date(2008, 12, 1), date(2010, 2, 26), clock=clock)
    sessions = SessionCalendar.between(FIRST, LAST).sessions(FIRST, LAST).tolist()
    stages = {Stage.OPEN, Stage.CLOSE}
    list(run_stages(venue_at(home), BOOK, named_portfolio(BOOK), lake, sessions, stages))
    return home


@pytest.fixture
def book_home(traded_home: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, where the command ``stocker`` of this test looks."""
    for name in ("STOCKER_LEDGER_URL", "STOCKER_LAKE_URI", "STOCKER_ENV"):
        monkeypatch.delenv(name, raising=False)
    return Path(shutil.copytree(traded_home, home, dirs_exist_ok=True))


@pytest.fixture
def paper(book_home: Path, stocker: Stocker) -> Stocker:
    """Run ``stocker`` on the traded home; returns exit code, standard output and error."""
    return stocker


@pytest.fixture
def ledger(book_home: Path) -> Iterator[Ledger]:
    """The ledger of the same home."""
    with venue_at(book_home).ledger() as opened:
        yield opened


@pytest.fixture
def desk(book_home: Path) -> "Callable[[], object]":
    """Open a desk that stands after the close of ``LAST``, to do what the broker does alone."""

    @contextmanager
    def opened() -> Iterator[Desk]:
        closed = SessionCalendar.between(LAST, LAST).closes_at(LAST) + timedelta(hours=1)
        lake, chosen = Lake(str(book_home / "lake")), named_portfolio(BOOK)
        with venue_at(book_home).desk(BOOK, chosen, lake, FixedClock(closed), NEXT) as made:
            yield made

    return opened
