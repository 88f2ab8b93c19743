"""PagerDuty, by its Events API v2: raise, acknowledge, resolve, under one key for an incident.

Format: developer.pagerduty.com/docs/events-api-v2. The answer is 202. The same event sent twice has
the same key and is one incident. The canary is raised as ``info`` and resolved in the same breath.
"""

from stocker_pipeline.gateways.alerts.channel import Answer
from stocker_pipeline.gateways.alerts.posting import TIMEOUT_S, checked_url, post_json
from stocker_pipeline.risk.alert_messages import Message
from stocker_pipeline.risk.alert_policy import PAGERDUTY

EVENTS_URL = "https://events.pagerduty.com/v2/enqueue"
URL_VARIABLE = "STOCKER_ALERT_PAGERDUTY_URL"
_SUMMARY_MOST = 1024


class PagerDutyChannel:
    """One PagerDuty service."""

    name = PAGERDUTY

    def __init__(
        self, routing_key: str, *, url: str = EVENTS_URL, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._key = routing_key.strip()
        self._url = checked_url(url, variable=URL_VARIABLE)
        self._timeout_s = timeout_s

    def send(self, message: Message) -> Answer:
        """Post it; delivered where PagerDuty answers 202."""
        answer = self._post(event(message, self._key))
        if answer.delivered and message.canary:
            return self._post(event(message, self._key, action="resolve"))
        return answer

    def _post(self, content: dict[str, object]) -> Answer:
        status, body = post_json(self._url, content, timeout_s=self._timeout_s)
        if status == 202:
            return Answer(True, f"202 {content['event_action']}")
        words = body.replace(self._key, "***") if len(self._key) > 4 else body
        return Answer(False, f"{status} {words}" if status else words)


def event(message: Message, routing_key: str, *, action: str | None = None) -> dict[str, object]:
    """The body of the request."""
    chosen = action or message.action
    content: dict[str, object] = {
        "routing_key": routing_key,
        "event_action": chosen,
        "dedup_key": message.incident,
    }
    if chosen != "trigger":
        return content
    first = message.sends[0].alert
    summary = f"{message.title}: {message.lines[0]}"
    about: dict[str, object] = {
        "summary": summary[:_SUMMARY_MOST],
        "source": f"stocker {message.environment}",
        "severity": message.severity.value,
        "component": first.portfolio or "stocker",
        "group": message.environment,
        "class": first.code,
        "custom_details": {
            "alerts": [item.alert.alert_id for item in message.sends],
            "lines": list(message.lines),
            "message": message.message_id,
            "reason": message.reason,
        },
    }
    if message.recorded_at is not None:
        about["timestamp"] = message.recorded_at.isoformat()
    return {**content, "client": "Stocker", "payload": about}
