"""That somebody would be told: the canary through every channel, and the outside watch."""

from datetime import datetime, timedelta

import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.orders import SessionOutcome
from stocker_pipeline.gateways.alerts.choice import Deadman
from stocker_pipeline.ledger.records import OutcomeRecord
from stocker_pipeline.stages import alerts
from stocker_pipeline.stages.alerts import put_canary, tell_deadman
from stocker_pipeline_tests.gateways.alerts.servers import (
    Post,
    Web,
)
from stocker_pipeline_tests.ledger.builders import BOOK, MONDAY, TUESDAY, portfolio
from stocker_pipeline_tests.ledger.conftest import (  # noqa: F401
    clock,
    dialect,
    ledger,
    ledger_url,
    postgres_template,
    sqlite_template,
)
from stocker_pipeline_tests.stages.alert_town import (
    MINUTE,
    Town,
)


def test_the_canary_goes_through_every_channel_at_any_hour(town: Town) -> None:
    town.clock.advance(timedelta(hours=15))
    put_canary(town.ledger, town.clock)
    town.deliver()
    assert town.got() == [1, 1, 1]
    put_canary(town.ledger, town.clock, channel="email")
    town.deliver()
    assert town.got() == [1, 2, 1]
    with pytest.raises(InputRefused, match="pigeon"):
        put_canary(town.ledger, town.clock, channel="pigeon")


def test_a_canary_was_heard_when_a_channel_took_it(town: Town) -> None:
    def heard() -> datetime | None:
        return town.ledger.read(lambda r: r.last_heard("canary"))

    put_canary(town.ledger, town.clock, channel="slack")
    for channel in town.channels:
        channel.alive = False
    town.deliver()
    assert heard() is None
    for channel in town.channels:
        channel.alive = True
    town.after(2 * MINUTE)
    assert heard() == town.clock.now()


def test_the_outside_watch_hears_once_of_each_session_that_every_book_ended(
    town: Town, servers: tuple[Web, Post]
) -> None:
    web, _ = servers
    watch = Deadman(f"{web.url}/ping")
    assert "no session with an outcome" in tell_deadman(town.ledger, watch)
    _end(town, BOOK, "monday")
    web.status = {"/ping": 500}
    assert "500" in tell_deadman(town.ledger, watch)
    tell_deadman(town.ledger, watch)
    web.status = {}
    tell_deadman(town.ledger, watch)
    assert "told already" in tell_deadman(town.ledger, watch)
    assert len(web.bodies("/ping")) == 1
    failing = [a for a in town.ledger.read(lambda r: r.alerts()) if a.code == alerts.DEADMAN_FAILED]
    assert [alert.recovers for alert in failing] == [False, True]


def test_silence_of_one_book_is_silence(town: Town, servers: tuple[Web, Post]) -> None:
    web, _ = servers
    town.ledger.write(None, lambda w: w.open_portfolio(portfolio("other_paper")))
    _end(town, BOOK, "monday")
    assert tell_deadman(town.ledger, Deadman(f"{web.url}/ping")).startswith("other_paper has no")
    assert tell_deadman(town.ledger, Deadman(f"{web.url}/ping"), [BOOK]).startswith(str(MONDAY))


def test_without_an_address_nothing_is_asked(town: Town) -> None:
    assert tell_deadman(town.ledger, None) == "no dead man's address is configured"


def _end(town: Town, book: str, day: str) -> None:
    session = {"monday": MONDAY, "tuesday": TUESDAY}[day]
    outcome = OutcomeRecord(book, session, SessionOutcome.SKIPPED, "no_data", "no bars")
    town.ledger.write(None, lambda w: w.put_outcome(outcome))
