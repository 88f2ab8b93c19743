"""Many processes that begin the open stage of the same session at one signal."""

import multiprocessing
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from multiprocessing.queues import SimpleQueue

from stocker_pipeline.gateways.brokers.broker import ExecutionPage
from stocker_pipeline.gateways.brokers.misbehaving import Misbehaving
from stocker_pipeline.gateways.brokers.misbehaviour import ListedFaults
from stocker_pipeline.gateways.brokers.simulated import SimulatedBroker
from stocker_pipeline.stages.day import open_session
from stocker_pipeline_tests.killing import SharedClock
from stocker_pipeline_tests.stages.paper_day import PaperHome

_TOO_LONG_S = 900
_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Start:
    """One process's start and its answer.

    Attributes:
        began: Monotonic seconds at which it was let go.
        waits, reason: The report's words; no word where the stage was done.
    """

    began: float
    waits: str
    reason: str


class _HeldBack(Misbehaving):
    """A broker that answers about fills when it is told to, and no sooner.

    Who asks holds the lease. So the others meet a held lease, however slow the machine is.
    """

    def __init__(self, broker: SimulatedBroker, until: Callable[[], object]) -> None:
        super().__init__(broker, ListedFaults())
        self._until = until

    def executions(self, cursor: str) -> ExecutionPage:
        """The broker's, once told."""
        self._until()
        return super().executions(cursor)


def start_at_once(
    home: PaperHome, clock: SharedClock, session: date, count: int, *, held: bool
) -> list[Start]:
    """Let ``count`` forked processes begin the session's open stage at one signal.

    Args:
        held: Whether the holder of the lease goes on only after all the others have ended.
    """
    signal, others_ended = _FORK.Barrier(count), _FORK.Event()
    answers: SimpleQueue[tuple[float, str, str]] = _FORK.SimpleQueue()

    def live() -> None:
        try:
            with home.desk(clock) as desk:
                if held:
                    assert isinstance(desk.broker, SimulatedBroker)
                    broker = _HeldBack(desk.broker, lambda: others_ended.wait(_TOO_LONG_S))
                    desk = replace(desk, broker=broker)
                signal.wait(_TOO_LONG_S)
                began = time.monotonic()
                report = open_session(desk, session)
                answers.put((began, report.waits, report.reason))
        except BaseException:
            signal.abort()
            answers.put((0.0, "error", traceback.format_exc()))

    processes = [_FORK.Process(target=live, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    found = [Start(*answers.get()) for _ in range(count - 1)]
    others_ended.set()
    found.append(Start(*answers.get()))
    for process in processes:
        process.join(_TOO_LONG_S)
        assert process.exitcode == 0, found
    return found
