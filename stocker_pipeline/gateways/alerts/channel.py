"""What every channel is: it takes a message or says why not. It never raises for a dead vendor."""

from dataclasses import dataclass
from typing import Protocol

from stocker_pipeline.risk.alert_messages import Message


@dataclass(frozen=True)
class Answer:
    """What became of a message.

    Attributes:
        delivered: The vendor said that it has it. False where no answer came: it may have it.
        detail: The vendor's word, without secrets.
    """

    delivered: bool
    detail: str


class Channel(Protocol):
    """A way to a person."""

    @property
    def name(self) -> str:
        """``slack``, ``email`` or ``pagerduty``."""

    def send(self, message: Message) -> Answer:
        """Hand over one message; waits no longer than the channel's time-out."""
