"""Named places where a test may kill the process; everywhere else they do nothing.

A name stands before, inside or after each effect that outlives the process. ``reached`` is how a
test proves that a kill there loses and doubles nothing. Stays out: what happens on restart.
"""

import os
import signal
from typing import Final

VARIABLE: Final = "STOCKER_CRASH_AT"
"""``NAME`` or ``NAME#n``: die at the n-th time the name is reached, counted from 1."""
ALLOWED: Final = "STOCKER_CRASH_ALLOWED"
"""Must be ``1`` as well: one stray variable never kills a process that trades."""

_reached: dict[str, int] = {}


def crash_point(name: str) -> None:
    """Die here by SIGKILL where the environment says so."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None or os.environ.get(ALLOWED) != "1":
        return
    _reached[name] = _reached.get(name, 0) + 1
    place, _, turn = wanted.partition("#")
    if place == name and _reached[name] == int(turn or 1):
        os.kill(os.getpid(), signal.SIGKILL)
