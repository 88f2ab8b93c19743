"""From a list of alerts to conditions: raised, repeated, recovered. Pure.

A condition is (portfolio, code, subject). Belongs here: which alert says something new about it.
Stays out: what is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from stocker_pipeline.risk.alert_policy import CANARY, Policy
from stocker_pipeline.risk.alerts import Alert, Condition, Severity


@dataclass
class Cycle:
    """A condition from its first alert to its recovery.

    Attributes:
        folded_into: Alert id → the earlier one that said it already: within the policy's bound,
            and not more quietly.
    """

    raises: list[Alert] = field(default_factory=list)
    leader: Alert | None = None
    folded_into: dict[int, Alert] = field(default_factory=dict)
    recovered_by: Alert | None = None

    @property
    def severity(self) -> Severity:
        """The loudest it was."""
        return max((found.severity for found in self.raises), key=lambda item: item.rank)


def cycles(history: Sequence[Alert], policy: Policy) -> dict[int, Cycle]:
    """Alert id → the cycle it belongs to; a recovery belongs to the one that it ends."""
    running: dict[Condition, Cycle] = {}
    found: dict[int, Cycle] = {}
    for alert in history:
        cycle = running.setdefault(alert.condition, Cycle())
        found[alert.alert_id] = cycle
        if alert.recovers:
            cycle.recovered_by = alert
            running[alert.condition] = Cycle()
            continue
        cycle.raises.append(alert)
        leader = cycle.leader
        if (
            leader is not None
            and alert.code != CANARY
            and alert.severity.rank <= leader.severity.rank
            and _since(leader, alert) < policy.repeat_after
        ):
            cycle.folded_into[alert.alert_id] = leader
        else:
            cycle.leader = alert
    return found


def _since(earlier: Alert, later: Alert) -> timedelta:
    assert earlier.recorded_at is not None
    assert later.recorded_at is not None
    return later.recorded_at - earlier.recorded_at
