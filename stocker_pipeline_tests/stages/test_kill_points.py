"""A process that is killed anywhere and begun again ends where one that was not killed ends.

A life of a book is killed by SIGKILL at a named place, on either database, and begun again until it
ends. Then the digest of the ledger and the truth of the broker are those of an undisturbed twin,
and every invariant of the ledger holds.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from stocker_pipeline.gateways.brokers.simulated_control import Truth
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.ledger.invariants import run_invariants
from stocker_pipeline_tests.killing import SharedClock, in_a_process
from stocker_pipeline_tests.stages.crash_names import (
    ELSEWHERE,
    EXPANDED,
    every_name,
    names_of_the_day,
    names_of_whole_databases,
    written,
)
from stocker_pipeline_tests.stages.paper_day import BOOK, PaperHome, morning
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    dialect,
    new_home,
    postgres_template,
    sqlite_home,
    sqlite_template,
)
from stocker_pipeline_tests.stages.paper_scripts import DAYS, MARKET, SCRIPTS

LEAST = 60
DOUBLE_KILLS = 20
_SOME_TIME = datetime(2005, 1, 1, tzinfo=UTC)
IN_EVERY_RUN = {
    "sqlite": (
        "book.begin.inside",
        "broker.accept.after_commit",
        "broker.session.before_commit",
        "close.settle.after",
        "close.settle.inside",
        "collect.book.inside",
        "collect.cursor.before",
        "collect.restate.inside",
        "collect.suspend.inside",
        "decide.commit.after",
        "decide.commit.inside",
        "lease.end.before",
        "lease.take.after",
        "open.end.inside",
        "reconcile.record.inside",
        "submit.answer.before",
        "submit.attempt.after",
        "submit.attempt.inside",
        "submit.lookup.before",
        "submit.refusal.inside",
        "submit.request.after",
        "submit.withheld.inside",
    ),
    "postgresql": (
        "close.settle.inside",
        "decide.commit.inside",
        "lease.take.after",
        "submit.request.after",
    ),
}
"""Where a kill parts what belongs together: inside each transaction, and between the world and what
is written of it. The slow tests have every place on both databases."""
EACH_PLACE = [
    pytest.param(database, place, marks=[] if place in IN_EVERY_RUN[database] else pytest.mark.slow)
    for database in IN_EVERY_RUN
    for place in names_of_the_day()
]


@dataclass(frozen=True)
class End:
    """What is left of a life: the ledger's digest, and the account as its file has it."""

    digest: str
    truth: Truth


@dataclass(frozen=True)
class Twin:
    """An undisturbed life.

    Attributes:
        reached: Crash point → how often it came by.
    """

    end: End
    reached: Mapping[str, int]


def end_of(home: PaperHome, clock: SharedClock) -> End:
    """The end of a life, once the invariants hold."""
    with home.ledger(clock) as ledger:
        assert run_invariants(ledger, BOOK) == []
        found = digest(ledger, BOOK)
    truth = home.truth()
    # An order may have left later than the twin's, within the window; nothing else may differ.
    orders = [replace(order, submitted_at=_SOME_TIME) for order in truth.orders]
    return End(found, replace(truth, orders=sorted(orders, key=lambda o: o.broker_order_id)))


def killed(home: PaperHome, script: str, *places: str) -> tuple[End, int]:
    """Live a script, die at each of ``places`` in turn, and live on; the end, and the deaths."""
    clock, deaths = SharedClock(morning(DAYS[0]).now()), 0
    for place in (*places, "nowhere"):
        ended = in_a_process(partial(SCRIPTS[script], home, clock), place)
        deaths += ended.killed
        if not ended.killed:
            break
    assert not ended.killed
    return end_of(home, clock), deaths


@pytest.fixture(scope="module")
def twins(
    sqlite_template: Path,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Twin]:
    """Give the undisturbed life of each script, on SQLite: either database must end like it."""
    found = {}
    with sqlite_home(sqlite_template, tmp_path_factory.mktemp("warm"), MARKET) as home:
        # Once in this process: every child begins with kernels compiled and modules imported.
        SCRIPTS["ordinary_days"](home, SharedClock(morning(DAYS[0]).now()))
    for name, live in SCRIPTS.items():
        with sqlite_home(sqlite_template, tmp_path_factory.mktemp(name), MARKET) as home:
            clock = SharedClock(morning(DAYS[0]).now())
            ended = in_a_process(partial(live, home, clock))
            found[name] = Twin(end_of(home, clock), ended.reached)
    return found


def script_that_reaches(twins: Mapping[str, Twin], place: str) -> tuple[str, int]:
    """A script that comes by a place, and how often; the same one in every run."""
    scripts = [name for name, twin in twins.items() if twin.reached.get(place)]
    assert scripts, f"no script comes by {place}: give it one"
    chosen = random.Random(place).choice(scripts)
    return chosen, twins[chosen].reached[place]


def test_every_crash_point_of_the_source_is_one_that_is_killed_at(
    twins: Mapping[str, Twin], capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing that a script comes by is missing from the list."""
    assert {name for name in written() if "*" in name} == set(EXPANDED)
    reached = {name for twin in twins.values() for name in twin.reached}
    assert reached - set(ELSEWHERE) == set(names_of_the_day())
    places = [*names_of_the_day(), *names_of_whole_databases()]
    assert sorted({*places, *ELSEWHERE}) == every_name()
    for often in IN_EVERY_RUN.values():
        assert set(often) <= set(names_of_the_day())
    assert len(names_of_the_day()) >= LEAST
    # Killed in the room of the ledger, and in that of the alerts.
    assert set(names_of_whole_databases()) == {
        *(
            f"ledger.{what}.{moment}"
            for what in ("backup", "migration", "restore")
            for moment in ("before", "inside", "after")
        ),
        *(f"alerts.{what}.after" for what in ("send", "record", "deadman")),
    }
    with capsys.disabled():
        print(
            f"\n{len(every_name())} crash points; {len(names_of_the_day())} of them in the day, "
            "killed at on SQLite and on PostgreSQL"
        )


def dies_and_ends_like_its_twin(
    home: PaperHome, twins: Mapping[str, Twin], script: str, *places: str
) -> int:
    """Live a script with kills and compare; returns how often it died."""
    end, deaths = killed(home, script, *places)
    assert end.truth == twins[script].end.truth
    assert end.digest == twins[script].end.digest
    return deaths


@pytest.mark.parametrize(("dialect", "place"), EACH_PLACE)
def test_killed_there_and_begun_again_it_ends_like_its_twin(
    place: str,
    twins: Mapping[str, Twin],
    new_home: Homes,  # noqa: F811
) -> None:
    script, times = script_that_reaches(twins, place)
    turn = random.Random(f"turn {place}").randint(1, times)

    assert dies_and_ends_like_its_twin(new_home(MARKET), twins, script, f"{place}#{turn}") == 1


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_killed_at_the_first_and_the_last_turn_of_every_place_of_a_script(
    script: str,
    twins: Mapping[str, Twin],
    new_home: Homes,  # noqa: F811
) -> None:
    for place, times in twins[script].reached.items():
        if place in ELSEWHERE:
            continue
        for turn in sorted({1, times}):
            home = new_home(MARKET)
            assert dies_and_ends_like_its_twin(home, twins, script, f"{place}#{turn}") == 1


@pytest.mark.slow
def test_killed_again_while_it_recovers_it_ends_like_its_twin(
    twins: Mapping[str, Twin],
    new_home: Homes,  # noqa: F811
) -> None:
    """Two kills, drawn from one seed: the second where the way back comes by."""
    draw, twice = random.Random(20100104), 0
    while twice < DOUBLE_KILLS:
        script = draw.choice(sorted(SCRIPTS))
        places = sorted(set(twins[script].reached) - set(ELSEWHERE))
        first, second = draw.choice(places), draw.choice(places)
        turn = draw.randint(1, twins[script].reached[first])
        home = new_home(MARKET)
        # The second place may lie behind: then the way back does not come by, and it is no case.
        deaths = dies_and_ends_like_its_twin(home, twins, script, f"{first}#{turn}", second)
        twice += deaths == 2
