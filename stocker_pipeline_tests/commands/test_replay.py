"""``stocker replay`` and ``stocker day`` leave one book, however the days are cut into commands."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from stocker_pipeline.domain import crash_points
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.gateways.market_data.sample import SYMBOLS, SampleMarket
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline_tests.stages.paper_day import BOOK, morning

Stocker = Callable[..., tuple[int, str, str]]

FIRST, LAST = date(2005, 2, 24), date(2005, 3, 3)
SESSIONS = [str(day) for day in SessionCalendar.between(FIRST, LAST).sessions(FIRST, LAST).tolist()]


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home whose lake has the sample market up to the last session."""
    home = tmp_path_factory.mktemp("ingested")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STOCKER_HOME", str(home))
        lake = Lake(Settings().lake_root)
    ingest(SampleMarket(), lake, SYMBOLS, date(2003, 1, 2), LAST)
    return home


@pytest.fixture
def new_home(
    ingested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Give a function that moves into a home of its own: the same lake, and no book."""

    def move(name: str) -> None:
        shutil.copytree(ingested, tmp_path / name)
        monkeypatch.setenv("STOCKER_HOME", str(tmp_path / name))

    return move


def command(last: str = SESSIONS[-1]) -> list[str]:
    return ["replay", BOOK, "--from", SESSIONS[0], "--to", last, "--no-record", "--json"]


def replay(stocker: Stocker, last: str = SESSIONS[-1]) -> dict[str, str]:
    """The answer of a replay from the first session on."""
    code, out, err = stocker(*command(last))
    assert code == 0, err
    found: dict[str, str] = json.loads(out)
    return found


def test_in_one_go_in_two_commands_and_stage_by_stage_it_ends_with_one_hash(
    stocker: Stocker, new_home: Callable[[str], None]
) -> None:
    new_home("in one go")
    whole = replay(stocker)
    assert whole["session"] == SESSIONS[-1]

    new_home("in two commands")
    assert replay(stocker, SESSIONS[2])["hash"] != whole["hash"]
    assert replay(stocker) == whole

    new_home("stage by stage")
    for session in SESSIONS:
        for stage in ("open", "close"):
            code, _, err = stocker("day", BOOK, "--session", session, "--stage", stage)
            assert code == 0, err
    assert hash_of_the_book() == whole["hash"]


@pytest.mark.slow
def test_killed_anywhere_and_given_again_it_ends_with_one_hash(
    stocker: Stocker, new_home: Callable[[str], None]
) -> None:
    new_home("in one go")
    whole = replay(stocker)

    new_home("killed")
    killed_replay("submit.answer.before#2")
    killed_replay("close.settle.inside#3")
    assert replay(stocker)["hash"] == whole["hash"]


def killed_replay(place: str) -> None:
    """The same command in a process of its own, which gets ``kill -9`` at a place."""
    # Not forked: the library of the lake refuses to work in a forked process.
    ended = subprocess.run(
        [sys.executable, "-c", "from stocker_pipeline.cli import main; main()", *command()],
        env={**os.environ, crash_points.VARIABLE: place, crash_points.ALLOWED: "1"},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL


def hash_of_the_book() -> str:
    """The digest in the ledger of the home that we are in."""
    from stocker_pipeline.stages.trading import Venue

    settings = Settings()
    with Venue(settings.env, settings.ledger, settings.accounts).ledger() as ledger:
        assert ledger.now() > morning(LAST).now()
        return digest(ledger, BOOK)
