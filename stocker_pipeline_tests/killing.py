"""Work in a process of its own that dies by SIGKILL at a named place, and a clock that survives it.

The child is forked, so that it need not import anything; what it opens, it must open itself.
"""

import faulthandler
import json
import mmap
import os
import signal
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stocker_pipeline.domain import crash_points
from stocker_pipeline.domain.session import FixedClock

NOWHERE = "nowhere"
_TOO_LONG_S = 900
_WORD = 8


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        reached: Crash point → how often the process came by; empty where it was killed.
    """

    killed: bool
    reached: Mapping[str, int]


def in_a_process(work: Callable[[], object], crash_at: str = NOWHERE) -> Ended:
    """Do ``work`` in a child that dies at ``crash_at``, and wait for its end.

    Raises:
        AssertionError: It ended otherwise than by its work or by that kill; names its error.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _live(work, crash_at, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        return Ended(True, {})
    assert code == 0, f"a process that was to die at {crash_at} ended with {code}:\n{said}"
    return Ended(False, json.loads(said))


def _live(work: Callable[[], object], crash_at: str, answer: int) -> None:
    """The child's whole life; never returns."""
    code = 1
    try:
        # Says where it hangs, and ends with 1.
        faulthandler.dump_traceback_later(_TOO_LONG_S, exit=True, file=answer)
        os.environ |= {crash_points.VARIABLE: crash_at, crash_points.ALLOWED: "1"}
        crash_points._reached.clear()
        work()
        said, code = json.dumps(crash_points._reached), 0
    except BaseException:
        said = traceback.format_exc()
    os.write(answer, said.encode()[:60_000])
    # Not sys.exit: what the parent does at its end is not the child's to do.
    os._exit(code)


class SharedClock(FixedClock):
    """A clock that is moved by hand and goes on where a killed process left it."""

    def __init__(self, at: datetime) -> None:
        # Before the parent's constructor, which sets the instant.
        self._memory = mmap.mmap(-1, _WORD)
        super().__init__(at)

    @property
    def _at(self) -> datetime:
        microseconds = int.from_bytes(self._memory[:_WORD], "little", signed=True)
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)

    @_at.setter
    def _at(self, at: datetime) -> None:
        microseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        self._memory[:_WORD] = microseconds.to_bytes(_WORD, "little", signed=True)
