"""Killed at each named point of a backup, a restore or a migration, and simply run again."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from stocker_pipeline.domain import crash_points
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.backups import backup, restore
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.ledger.migrate import check, upgrade
from stocker_pipeline_tests.ledger.builders import BOOK, open_book, trade_monday

_FORK = multiprocessing.get_context("fork")

PLACES = ["before", "inside", "after"]
_ON = pytest.mark.parametrize(
    ("dialect", "place"),
    [
        *[("sqlite", place) for place in PLACES],
        ("postgresql", "inside"),
        *[pytest.param("postgresql", p, marks=pytest.mark.slow) for p in ("before", "after")],
    ],
)


def _killed_at(point: str, act: Callable[[], object]) -> None:
    """Do it in a process of its own, which dies at the point."""

    def child() -> None:
        os.environ[crash_points.VARIABLE] = point
        os.environ[crash_points.ALLOWED] = "1"
        act()

    process = _FORK.Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"{point} was not reached"


@_ON
def test_an_upgrade_that_was_killed_is_run_again(empty_url: str, place: str) -> None:
    _killed_at(f"ledger.migration.{place}", lambda: upgrade(empty_url))
    upgrade(empty_url)
    assert check(empty_url) == []


@_ON
def test_a_backup_that_was_killed_is_whole_or_not_there(
    ledger: Ledger, ledger_url: str, tmp_path: Path, place: str
) -> None:
    open_book(ledger)
    trade_monday(ledger)
    path = tmp_path / "copies" / "ledger.backup"

    _killed_at(f"ledger.backup.{place}", lambda: backup(ledger_url, path))

    assert path.exists() == (place == "after")
    if not path.exists():
        backup(ledger_url, path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    other = f"sqlite:///{tmp_path / 'restored.db'}"
    restore(path, other)
    with Ledger.open(other, clock=FixedClock(ledger.now())) as restored:
        assert digest(restored, BOOK) == digest(ledger, BOOK)


@_ON
def test_a_restore_that_was_killed_is_run_again_where_nothing_is_there_yet(
    ledger: Ledger, ledger_url: str, empty_url: str, tmp_path: Path, place: str
) -> None:
    open_book(ledger)
    trade_monday(ledger)
    backup(ledger_url, tmp_path / "copy")

    _killed_at(f"ledger.restore.{place}", lambda: restore(tmp_path / "copy", empty_url))

    if place != "after":
        restore(tmp_path / "copy", empty_url)
    with Ledger.open(empty_url, clock=FixedClock(ledger.now())) as restored:
        assert digest(restored, BOOK) == digest(ledger, BOOK)
