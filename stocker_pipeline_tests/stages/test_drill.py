"""The drill of the kill: it leaves no trace but its record, and arms only what it killed itself."""

from dataclasses import replace

import pytest

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind
from stocker_pipeline.ledger.control_records import DRILL_AUTHOR, ControlState
from stocker_pipeline.stages import drill as drills
from stocker_pipeline.stages.control import Target, kill
from stocker_pipeline.stages.drill import Drilled, drill
from stocker_pipeline_tests.stages.control_day import killed, scopes
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, SECOND, Day, fails
from stocker_pipeline_tests.stages.paper_day import BOOK
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    dialect,
    new_home,
    postgres_template,
    sqlite_template,
)
from stocker_pipeline_tests.stages.paper_scripts import MARKET


@pytest.fixture
def day(new_home: Homes) -> Day:  # noqa: F811
    return Day.begin(new_home(MARKET)).trade(FIRST)


def drilled(day: Day, *faults: Fault) -> Drilled:
    with day.desk(*faults) as desk:
        return drill(desk)


def told(day: Day) -> list[tuple[str, ControlState]]:
    with day.home.ledger(day.clock) as ledger:
        found = [e for e in ledger.read(lambda r: r.audit()) if e.action == "control"]
    return [(e.actor, ControlState(str(e.content["state"]))) for e in found]


def test_a_drill_kills_proves_it_arms_again_and_says_how_long_it_took(day: Day):
    rows = day.rows()
    found = drilled(day)
    assert found.faults == ()
    assert found.seconds >= 0
    assert told(day)[-2:] == [
        (DRILL_AUTHOR, ControlState.KILLED),
        (DRILL_AUTHOR, ControlState.ARMED),
    ]
    after = day.rows()
    for table in ("sessions", "order_intents", "order_attempts", "order_events"):
        assert after[table] == rows[table], "what it tried was rolled back"
    with day.home.ledger(day.clock) as ledger:
        (record,) = [e for e in ledger.read(lambda r: r.audit()) if e.action == "drill"]
    assert record.content["faults"] == []
    assert float(str(record.content["seconds"])) == found.seconds
    day.trade(SECOND)
    day.digest()


def test_its_proof_would_notice_a_kill_that_does_not_hold(day: Day):
    # The same attempt while the portfolio is armed: it gets through, and the proof says so.
    with day.desk() as desk, desk.ledger.lease(BOOK, SECOND, "drill") as lease:
        (fault,) = drills._proved(desk, lease, SECOND)
    assert "let an attempt in" in fault
    assert day.intended_orders() == 4


@pytest.mark.slow
def test_a_drill_does_not_touch_what_a_person_stopped(day: Day):
    killed(day)
    with pytest.raises(BookRefused, match="armed"):
        drilled(day)
    assert scopes(day)[0].author == "anna"


def test_a_drill_leaves_the_portfolio_killed_when_a_person_stops_it_meanwhile(day: Day):
    def stop(_: object) -> None:
        with day.home.ledger(day.clock) as ledger:
            kill(ledger, Target(BOOK), author="anna", reason="really")

    found = drilled(day, Fault(FaultKind.BROKER_SIDE, "open_orders", do=stop))
    assert any("anna" in fault for fault in found.faults)
    assert scopes(day)[0].state is ControlState.KILLED


def test_a_drill_that_is_not_clean_stays_killed_and_calls_a_person(day: Day):
    found = drilled(day, *fails("open_orders", 9))
    assert found.faults
    assert scopes(day)[0].state is ControlState.KILLED
    assert "drill_failed" in day.pages()
    # The second start of it goes on from there.
    assert drilled(day).faults == ()
    assert scopes(day)[0].state is ControlState.ARMED


@pytest.mark.slow
def test_a_drill_with_orders_out_takes_them_back(day: Day):
    day.open(SECOND)
    found = drilled(day)
    assert found.faults == ()
    assert len(found.swept.cancelled) > 0
    assert not day.close(SECOND).waits
    day.digest()


@pytest.mark.slow
def test_no_drill_in_live(day: Day):
    with day.desk() as desk, pytest.raises(BookRefused, match="live"):
        drill(replace(desk, environment="live"))
