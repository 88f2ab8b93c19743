"""Reading from a broker that may be slow to answer, and waiting for what is not there yet.

A read is repeated, within bounds, on the desk's own clock; a write never is.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from stocker_pipeline.gateways.brokers.broker import ReadFailed
from stocker_pipeline.stages.desk import Desk

T = TypeVar("T")

_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8))


class Waits(Exception):
    """A stage cannot go on now and may later. Nothing was done that a repeat would double.

    Attributes:
        code: A word for programs.
        reason: A sentence for a person.
    """

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code}: {reason}")


def read(desk: Desk, question: Callable[[], T], what: str) -> T:
    """The broker's answer to a read; ``what`` names it for a person.

    Raises:
        Waits: There was none, however often it was asked.
    """
    failure: ReadFailed | None = None
    for pause in (*_PAUSES, None):
        try:
            return question()
        except ReadFailed as error:
            failure = error
            if pause is not None:
                desk.clock.wait(pause)
    raise Waits(
        "broker_silent",
        f"{desk.broker.name} did not answer for {what}, asked {len(_PAUSES) + 1} times: {failure}",
    )
