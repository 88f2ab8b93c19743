"""What was told is over once it is: by the state of an order, by a person's entry or word."""

from collections.abc import Iterator

import pytest

from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind
from stocker_pipeline.stages.adopt import Resolution, reconcile_now
from stocker_pipeline.stages.control import Target, kill, reduce
from stocker_pipeline.stages.drill import drill
from stocker_pipeline.stages.flatten import flatten
from stocker_pipeline_tests.stages.control_day import ALL, armed
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, SECOND, Day, control, fails
from stocker_pipeline_tests.stages.paper_day import BOOK
from stocker_pipeline_tests.stages.paper_homes import sqlite_home, sqlite_template  # noqa: F401
from stocker_pipeline_tests.stages.paper_scripts import MARKET, order_id


@pytest.fixture
def day(sqlite_template, tmp_path) -> Iterator[Day]:  # noqa: F811
    with sqlite_home(sqlite_template, tmp_path / "book", MARKET) as home:
        yield Day.begin(home)


def told(day: Day, *codes: str) -> list[tuple[str, bool]]:
    """Code, and whether it is over, of the book's alerts."""
    with day.home.ledger(day.clock) as ledger:
        found = ledger.read(lambda r: r.alerts(BOOK))
    return [(alert.code, alert.recovers) for alert in found if alert.code in codes or not codes]


def test_an_order_of_unknown_fate_is_over_when_the_broker_says_what_it_is(day: Day):
    lost = Fault(FaultKind.ANSWER_LOST, "submit", client_order_id=order_id(FIRST, "IBM"))
    day.open(FIRST, lost, *fails("order", 20))
    assert told(day) == [("order_unknown", False)]
    for _ in range(2):
        day.open(FIRST)
        assert told(day) == [("order_unknown", False), ("order_unknown", True)]


@pytest.mark.parametrize("how", ["adopt", "ignore"])
def test_a_fill_in_suspense_is_over_when_a_person_judged_it(day: Day, how: str):
    day.trade(FIRST)
    with day.desk() as desk:
        name = control(desk).ghost_fill("MSFT", 5, 250_000)
    day.at(FIRST, 19)
    day.close(FIRST)
    assert told(day, "ghost_fill") == [("ghost_fill", False)]
    with day.desk() as desk:
        reconcile_now(desk, Resolution("anna", "mine", **{how: [name]}))
    assert told(day, "ghost_fill") == [("ghost_fill", False), ("ghost_fill", True)]


def test_arming_calls_over_what_was_told_and_nothing_else(day: Day):
    day.trade(FIRST)
    with day.home.ledger(day.clock) as ledger:
        kill(ledger, Target(BOOK), author="anna", reason="stop")
    armed(day)
    assert told(day) == [("killed", False), ("killed", True)]
    with day.desk(*fails("open_orders", 9)) as desk:
        assert drill(desk).faults
    armed(day)
    assert told(day)[2:] == [("drill_failed", False), ("drill_failed", True)]
    with day.home.ledger(day.clock) as ledger:
        kill(ledger, Target(BOOK), author="anna", reason="stop")
        kill(ledger, Target(), author="bob", reason="fire")
    armed(day)
    with day.home.ledger(day.clock) as ledger:
        last = ledger.read(lambda r: r.alerts(BOOK))[-1]
    assert (last.code, last.recovers) == ("killed", True)
    assert last.text.endswith(f"{BOOK} stays KILLED: all accounts: fire")
    armed(day, ALL)
    day.at(SECOND, 8, 5)
    with day.desk() as desk:
        reduce(desk.ledger, Target(BOOK), author="anna", reason="less")
        flatten(desk, author="anna", reason="out")
    armed(day)
    assert sorted(told(day)[6:]) == [
        ("flatten", False),
        ("flatten", True),
        ("reduce_only", False),
        ("reduce_only", True),
    ]
