"""Slack, by an incoming webhook: text for the notification, blocks for the channel.

Format: docs.slack.dev/messaging/sending-messages-using-incoming-webhooks. A header holds 150
characters, a section 3,000; the answer is 200 and ``ok``.
"""

from stocker_pipeline.gateways.alerts.channel import Answer
from stocker_pipeline.gateways.alerts.posting import TIMEOUT_S, checked_url, post_json
from stocker_pipeline.risk.alert_messages import Message
from stocker_pipeline.risk.alert_policy import SLACK
from stocker_pipeline.risk.alerts import Severity

VARIABLE = "STOCKER_ALERT_SLACK_URL"
_MARKS = {
    Severity.INFO: ":information_source:",
    Severity.WARNING: ":warning:",
    Severity.ERROR: ":red_circle:",
    Severity.CRITICAL: ":rotating_light:",
}
_HEADER_MOST, _SECTION_MOST = 150, 3000


class SlackChannel:
    """One Slack channel."""

    name = SLACK

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = checked_url(url, variable=VARIABLE)
        self._timeout_s = timeout_s

    def send(self, message: Message) -> Answer:
        """Post it; delivered where Slack answers 200."""
        status, body = post_json(self._url, payload(message), timeout_s=self._timeout_s)
        if status == 200:
            return Answer(True, "200 ok")
        return Answer(False, f"{status} {body}" if status else body)


def payload(message: Message) -> dict[str, object]:
    """The body of the request."""
    resolved = message.action == "resolve"
    mark = ":white_check_mark:" if resolved else _MARKS[message.severity]
    footer = f"{message.message_id} · {message.reason}"
    return {
        "text": _escaped(message.title)[:_SECTION_MOST],
        "blocks": [
            {
                "type": "header",
                "text": {"type": "plain_text", "text": _cut(message.title, _HEADER_MOST)},
            },
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "text": _cut(f"{mark} {_escaped(message.body)}", _SECTION_MOST),
                },
            },
            {
                "type": "context",
                "elements": [{"type": "mrkdwn", "text": _cut(_escaped(footer), _SECTION_MOST)}],
            },
        ],
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
