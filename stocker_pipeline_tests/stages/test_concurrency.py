"""Two, four and eight processes begin the same session at once, fifty times with the slow ones.

One of them does the stage, the others say who is at it; the book and the broker's account end as
those of a process that was alone.
"""

from datetime import date

import pytest

from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.ledger.invariants import run_invariants
from stocker_pipeline.stages.day import close_session, open_session
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline_tests.killing import SharedClock
from stocker_pipeline_tests.stages.paper_day import BOOK, PaperHome, morning
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    dialect,
    new_home,
    postgres_template,
    sqlite_template,
)
from stocker_pipeline_tests.stages.paper_scripts import MARKET
from stocker_pipeline_tests.stages.starters import start_at_once

STARTS = {2: 9, 4: 8, 8: 8}
"""Processes → sessions on each of the two databases: fifty starts in all."""
FEW = [("sqlite", 2, 1), ("sqlite", 4, 1), ("sqlite", 8, 2), ("postgresql", 4, 2)]
"""Database, processes, sessions of each run of the tests."""
FIRST = date(2005, 2, 14)


def test_there_are_fifty_starts() -> None:
    assert 2 * sum(STARTS.values()) == 50


@pytest.mark.parametrize(
    ("dialect", "count", "days"),
    [
        *FEW,
        *[
            pytest.param(database, count, days, marks=pytest.mark.slow)
            for database in ("sqlite", "postgresql")
            for count, days in STARTS.items()
        ],
    ],
)
def test_of_processes_that_start_at_once_one_does_the_session(
    new_home: Homes,  # noqa: F811
    count: int,
    days: int,
) -> None:
    home, sessions = new_home(MARKET), MARKET.sessions(FIRST, days)
    clock = SharedClock(morning(sessions[0]).now())
    for number, session in enumerate(sessions):
        held = number % 2 == 0
        starts = start_at_once(home, clock, session, count, held=held)
        waits = sorted(start.waits for start in starts)
        if held:
            assert waits == ["", *["lease_held"] * (count - 1)], starts
        # Who comes when the first has ended already finds all of it done.
        assert set(waits) <= {"", "lease_held"}, starts
        assert all("by process" in start.reason for start in starts if start.waits)
        with home.desk(clock) as desk:
            orders = desk.ledger.read(lambda r: r.orders(BOOK, session=session))  # noqa: B023
            assert orders
            assert {order.attempts for order in orders} == {1}
            move_to(clock, desk.day(session).close_stage_at)
            assert not close_session(desk, session).waits
            move_to(clock, desk.day(desk.calendar.next_session(session)).open_stage_at)
    assert _end(home, clock) == _alone(new_home, len(sessions))


def _end(home: PaperHome, clock: SharedClock) -> tuple[str, int]:
    """The ledger's digest, and the orders at the broker: each an intent of ours, and each once."""
    truth = home.truth()
    with home.ledger(clock) as ledger:
        assert run_invariants(ledger, BOOK) == []
        intents = [order.client_order_id for order in ledger.read(lambda r: r.orders(BOOK))]
        assert sorted(order.client_order_id for order in truth.orders) == sorted(intents)
        return digest(ledger, BOOK), len(intents)


_ENDS: dict[int, tuple[str, int]] = {}


def _alone(new_home: Homes, count: int) -> tuple[str, int]:  # noqa: F811
    """How one process that nobody disturbs ends the same sessions."""
    if count not in _ENDS:
        home, sessions = new_home(MARKET), MARKET.sessions(FIRST, count)
        clock = SharedClock(morning(sessions[0]).now())
        with home.desk(clock) as desk:
            for session in sessions:
                move_to(clock, desk.day(session).open_stage_at)
                open_session(desk, session)
                move_to(clock, desk.day(session).close_stage_at)
                close_session(desk, session)
        _ENDS[count] = _end(home, clock)
    return _ENDS[count]
