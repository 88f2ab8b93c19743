"""The file KILL stops every account while it is there, whatever it is, and arms nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.stages.day import open_session
from stocker_pipeline.stages.kill_file import KILL_FILE, note_kill_file, write_kill_file
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline_tests.stages.control_day import (  # noqa: F401
    ALL,
    SLOW,
    armed,
    dialect,
    scopes,
)
from stocker_pipeline_tests.stages.faults.faulty_day import (
    FIRST,
    SECOND,
    THIRD,
    Day,
)
from stocker_pipeline_tests.stages.paper_day import BOOK
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    new_home,
    postgres_template,
    sqlite_template,
)


@contextmanager
def with_file(day: Day, text: str = "fire") -> Iterator[Path]:
    path = day.home.folder / KILL_FILE
    write_kill_file(path, text)
    yield path


def open_with_file(day: Day, session: date, path: Path) -> None:
    with day.desk() as desk:
        move_to(day.clock, desk.day(session).open_stage_at)
        open_session(replace(desk, kill_file=path), session)


def test_a_kill_file_stops_everything_and_is_written_into_the_ledger(day: Day):
    day.trade(FIRST)
    before = day.intended_orders()
    with with_file(day) as path:
        open_with_file(day, SECOND, path)
        assert day.intended_orders() == before
        assert scopes(day)[-1].reason == f"kill file {KILL_FILE}: fire"
        with pytest.raises(BookRefused, match="Take the file away"):
            armed(day, ALL)
        path.unlink()
    # Taking it away arms nothing.
    day.open(SECOND)
    day.close(SECOND)
    assert day.outcome(SECOND) == (SessionOutcome.HALTED, "KILLED")
    assert armed(day, ALL) == [ControlState.ARMED]
    day.trade(THIRD)
    assert day.intended_orders() > before


def _directory(path: Path) -> None:
    path.mkdir()


def _dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def _unreadable(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")


def _empty(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(_directory, marks=SLOW),
        pytest.param(_dangling, marks=SLOW),
        pytest.param(_unreadable, marks=SLOW),
        _empty,
    ],
)
def test_whatever_is_there_under_the_name_of_the_kill_file_stops(
    day: Day, make: Callable[[Path], None]
):
    path = day.home.folder / KILL_FILE
    make(path)
    open_with_file(day, FIRST, path)
    assert day.intended_orders() == 0


@SLOW
def test_a_folder_that_is_not_there_stops_too(day: Day):
    open_with_file(day, FIRST, day.home.folder / "gone" / KILL_FILE)
    assert day.intended_orders() == 0


def test_a_kill_file_in_the_middle_of_sending_lets_the_request_on_its_way_end(day: Day):
    path = day.home.folder / KILL_FILE
    stop = Fault(FaultKind.BROKER_SIDE, "submit", turn=2, do=lambda _: path.write_text("stop"))
    with day.desk(stop) as desk:
        move_to(day.clock, desk.day(FIRST).open_stage_at)
        open_session(replace(desk, kill_file=path), FIRST)
    assert day.intended_orders() == 2
    assert sum(state is OrderState.CANCELLED for state in day.states(FIRST).values()) == 2


@SLOW
def test_what_the_kill_file_says_is_written_once(day: Day):
    day.trade(FIRST)
    with with_file(day) as path, day.home.ledger(day.clock) as ledger:
        note_kill_file(ledger, path)
        note_kill_file(ledger, path)
        assert ledger.read(lambda r: r.account_epoch(BOOK)) == 1
