"""A ledger with three channels that a test can kill, and servers of this machine."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.alerts.channel import Answer
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.risk.alert_messages import Message
from stocker_pipeline.risk.alerts import Alert, Severity
from stocker_pipeline.stages import alerts
from stocker_pipeline.stages.alerts import deliver
from stocker_pipeline_tests.gateways.alerts.servers import (
    Post,
    Web,
    mail_server,
    web_server,
)
from stocker_pipeline_tests.ledger.builders import BOOK, MONDAY, open_book
from stocker_pipeline_tests.ledger.conftest import (  # noqa: F401
    clock,
    dialect,
    ledger,
    ledger_url,
    postgres_template,
    sqlite_template,
)

MINUTE = timedelta(minutes=1)
BREAK = Alert(Severity.CRITICAL, "break_position", "TSLA: 5, not 7", BOOK, MONDAY, "TSLA")
REFUSED = Alert(Severity.WARNING, "order_refused", "TSLA: no", BOOK, MONDAY, "TSLA")
FAILED = Alert(Severity.ERROR, "check_failed", "bars: none", None, None, "bars")
NOTE = Alert(Severity.INFO, "note", "a line", BOOK, MONDAY, "a")


@dataclass
class Fake:
    """A channel that a test can kill."""

    name: str
    alive: bool = True
    got: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> Answer:
        if not self.alive:
            return Answer(False, "connection refused")
        self.got.append(message)
        return Answer(True, "taken")


@dataclass
class Town:
    """The ledger, three channels and a clock."""

    ledger: Ledger
    clock: FixedClock
    slack: Fake = field(default_factory=lambda: Fake("slack"))
    email: Fake = field(default_factory=lambda: Fake("email"))
    pagerduty: Fake = field(default_factory=lambda: Fake("pagerduty"))

    @property
    def channels(self) -> list[Fake]:
        return [self.slack, self.email, self.pagerduty]

    def put(self, *given: Alert) -> list[int]:
        return self.ledger.write(None, lambda w: [w.put_alert(alert) for alert in given])

    def deliver(self) -> alerts.Report:
        return deliver(self.ledger, self.channels, self.clock)

    def after(self, by: timedelta) -> alerts.Report:
        self.clock.advance(by)
        return self.deliver()

    def got(self) -> list[int]:
        return [len(channel.got) for channel in self.channels]

    def ends(self) -> dict[int, str]:
        return {end.alert_id: end.how for end in self.ledger.read(lambda r: r.alert_ends())}


@pytest.fixture
def town(ledger: Ledger, clock: FixedClock) -> Town:  # noqa: F811
    open_book(ledger)
    # 08:00 in New York: the session's day has begun for whoever reads alerts.
    return Town(ledger, clock)


@pytest.fixture
def servers() -> Iterator[tuple[Web, Post]]:
    with web_server() as web, mail_server() as post:
        yield web, post
