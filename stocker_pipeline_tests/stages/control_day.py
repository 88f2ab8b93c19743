"""A day in which somebody says what may be sent, for the tests of control and the kill file."""

from datetime import date

import pytest

from stocker_pipeline.gateways.brokers.misbehaviour import Fault
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.account_records import ScopeControl
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.stages.cancel import Swept, cancel_open_orders
from stocker_pipeline.stages.control import Consent, Target, arm, kill
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline_tests.stages.faults.faulty_day import (
    Day,
)
from stocker_pipeline_tests.stages.paper_day import BOOK
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    dialect,
    new_home,
    postgres_template,
    sqlite_template,
)
from stocker_pipeline_tests.stages.paper_scripts import MARKET

WHOLE = Target(BOOK)
ACCOUNT = Target(account=f"SIM-{BOOK}")
ALL = Target()
SLOW = pytest.mark.slow
TARGETS = pytest.mark.parametrize(
    "target",
    [WHOLE, pytest.param(ACCOUNT, marks=SLOW), pytest.param(ALL, marks=SLOW)],
    ids=str,
)


@pytest.fixture
def day(new_home: Homes) -> Day:  # noqa: F811
    return Day.begin(new_home(MARKET))


def killed(day: Day, target: Target = WHOLE, reason: str = "stop") -> None:
    with day.home.ledger(day.clock) as ledger:
        kill(ledger, target, author="anna", reason=reason)


def armed(day: Day, target: Target = WHOLE, **consent: object) -> list[ControlState]:
    words = {WHOLE: f"SIM-{BOOK}", ACCOUNT: f"SIM-{BOOK}", ALL: "ALL"}
    values: dict[str, object] = {
        "author": "anna",
        "reason": "looked at it",
        "confirmed": words[target],
    }
    venue = Venue("dev", day.home.ledger_url, day.home.folder / "accounts")
    with day.home.ledger(day.clock) as ledger:
        found = arm(venue, ledger, target, Consent(**{**values, **consent}))  # type: ignore[arg-type]
    return [record.state for record in found]


def swept(day: Day, session: date, *faults: Fault) -> Swept:
    with day.desk(*faults) as desk, desk.ledger.lease(BOOK, session, "kill") as lease:
        return cancel_open_orders(desk, lease, why="killed by anna: stop")


def set_by(ledger: Ledger, state: ControlState, author: str) -> None:
    ledger.write(None, lambda w: w.set_control(BOOK, state, author=author, reason="because"))


def scopes(day: Day) -> list[ScopeControl]:
    with day.home.ledger(day.clock) as ledger:
        return ledger.read(lambda r: r.scopes(BOOK))
