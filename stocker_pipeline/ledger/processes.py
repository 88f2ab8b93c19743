"""Which process holds something, told apart from a later one that got the same number."""

import os
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Holder:
    """A process of some host.

    Attributes:
        started: When it began, in the host's own terms; empty where the host does not say.
    """

    host: str
    pid: int
    started: str


@cache
def _of(pid: int) -> Holder:
    return Holder(platform.node(), pid, started(pid) or "")


def this_process() -> Holder:
    """The process that asks."""
    return _of(os.getpid())


def is_dead(holder: Holder) -> bool:
    """Whether the holder is of this host and certainly runs no more."""
    if holder.host != platform.node():
        return False
    begun = started(holder.pid)
    if begun is None:
        return not _there(holder.pid)
    return holder.started != "" and begun != holder.started


def started(pid: int) -> str | None:
    """When a process began; None where there is none or the host does not say.

    On Linux the machine's boot and the clock ticks since: a container that starts again, or a
    machine that boots again, gives the same number to another process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _started_elsewhere(pid)
    # The name in brackets may hold spaces and brackets; state is the first field after it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else f"{boot}:{fields[19]}"


def _started_elsewhere(pid: int) -> str | None:
    if Path("/proc/self/stat").exists():
        return None
    answer = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or None


def _there(pid: int) -> bool:
    if Path("/proc/self/stat").exists():
        # No readable entry, or a zombie: nothing of it will write again.
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
