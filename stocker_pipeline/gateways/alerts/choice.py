"""The channels that are configured, and the address that is told that all is well."""

from dataclasses import dataclass

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.gateways.alerts.channel import Answer, Channel
from stocker_pipeline.gateways.alerts.email import VARIABLE as EMAIL_VARIABLE
from stocker_pipeline.gateways.alerts.email import EmailChannel
from stocker_pipeline.gateways.alerts.pagerduty import EVENTS_URL, PagerDutyChannel
from stocker_pipeline.gateways.alerts.posting import TIMEOUT_S, checked_url, get
from stocker_pipeline.gateways.alerts.slack import VARIABLE as SLACK_VARIABLE
from stocker_pipeline.gateways.alerts.slack import SlackChannel
from stocker_pipeline.risk.alert_messages import Message
from stocker_pipeline.risk.alert_policy import EMAIL, PAGERDUTY, SLACK

PAGERDUTY_VARIABLE = "STOCKER_ALERT_PAGERDUTY_KEY"
DEADMAN_VARIABLE = "STOCKER_ALERT_DEADMAN_URL"
VARIABLES = {SLACK: SLACK_VARIABLE, EMAIL: EMAIL_VARIABLE, PAGERDUTY: PAGERDUTY_VARIABLE}


@dataclass(frozen=True, repr=False)
class Targets:
    """Where alerts go; all of it secret, None = without."""

    slack_url: str | None = None
    email_url: str | None = None
    pagerduty_key: str | None = None
    pagerduty_url: str | None = None
    deadman_url: str | None = None


class Deadman:
    """An outside service that pages when it hears nothing (healthchecks.io, Dead Man's Snitch)."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = checked_url(url, variable=DEADMAN_VARIABLE)
        self._timeout_s = timeout_s

    def ping(self) -> Answer:
        """Say that all is well; delivered where the answer is 2xx."""
        status, body = get(self._url, timeout_s=self._timeout_s)
        return Answer(200 <= status < 300, f"{status} {body}".strip() if status else body)


@dataclass(frozen=True)
class WrongChannel:
    """A channel whose variable is wrong: it delivers nothing and says so; the others still do."""

    name: str
    why: str

    def send(self, message: Message) -> Answer:
        """Not delivered."""
        return Answer(False, self.why)


def chosen_channels(targets: Targets) -> tuple[Channel, ...]:
    """The channels that have a target; one that is of the wrong form is a ``WrongChannel``."""
    made: list[Channel] = []
    pages = targets.pagerduty_url or EVENTS_URL
    for name, value, make in (
        (SLACK, targets.slack_url, SlackChannel),
        (EMAIL, targets.email_url, EmailChannel),
        (PAGERDUTY, targets.pagerduty_key, lambda key: PagerDutyChannel(key, url=pages)),
    ):
        if not value:
            continue
        try:
            made.append(make(value))  # type: ignore[operator]
        except ConfigurationRefused as refused:
            made.append(WrongChannel(name, str(refused)))
    return tuple(made)


def chosen_deadman(targets: Targets) -> Deadman | None:
    """Who is told that a session has its outcome; None = nobody."""
    return Deadman(targets.deadman_url) if targets.deadman_url else None
