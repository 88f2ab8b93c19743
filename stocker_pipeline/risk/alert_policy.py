"""The numbers of alerting: which channel for which loudness, how often, and when it is quiet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from stocker_pipeline.domain.session import NEW_YORK, SessionCalendar, instant
from stocker_pipeline.risk.alerts import Severity

SLACK: Final = "slack"
EMAIL: Final = "email"
PAGERDUTY: Final = "pagerduty"
CHANNELS: Final = (SLACK, EMAIL, PAGERDUTY)
CANARY: Final = "canary"
ROUTES: Final[Mapping[Severity, tuple[str, ...]]] = {
    Severity.INFO: (SLACK,),
    Severity.WARNING: (SLACK,),
    Severity.ERROR: (SLACK, EMAIL),
    Severity.CRITICAL: CHANNELS,
}
SECOND_PATH: Final[Mapping[str, tuple[str, ...]]] = {
    SLACK: (EMAIL, PAGERDUTY),
    EMAIL: (SLACK, PAGERDUTY),
    PAGERDUTY: (EMAIL, SLACK),
}
"""Who tells it where a channel is absent or fails; the first one that is there."""


@dataclass(frozen=True)
class Policy:
    """Numbers of alerting.

    Attributes:
        repeat_after: A condition that goes on is told again no sooner.
        escalate_after: How long an ERROR or CRITICAL may stay without acknowledgement.
        escalations_most: How often it is sent again.
        first_retry, longest_retry: The wait after a failure doubles from one to the other.
        give_up_after: A channel that fails for so long is left where another one has told it.
        quiet_from, quiet_until: INFO waits between these, New York's time, and on days without
            a session.
    """

    repeat_after: timedelta = timedelta(hours=6)
    escalate_after: timedelta = timedelta(minutes=15)
    escalations_most: int = 3
    first_retry: timedelta = timedelta(minutes=1)
    longest_retry: timedelta = timedelta(hours=1)
    give_up_after: timedelta = timedelta(hours=24)
    quiet_from: time = time(20)
    quiet_until: time = time(8)

    def retry_after(self, failures: int) -> timedelta:
        """The wait after so many failures in a row, at least one."""
        doublings = min(failures - 1, 20)
        return min(self.first_retry * 2**doublings, self.longest_retry)


def quiet_until(at: datetime, calendar: SessionCalendar, policy: Policy) -> datetime | None:
    """When the quiet hours end that hold at an instant; None where there are none."""
    local = at.astimezone(NEW_YORK)
    day = local.date()
    if calendar.is_session(day):
        if policy.quiet_until <= local.time() < policy.quiet_from:
            return None
        if local.time() < policy.quiet_until:
            return instant(day, policy.quiet_until)
    return instant(calendar.next_session(day), policy.quiet_until)
