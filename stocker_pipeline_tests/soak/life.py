"""One disturbed life of a paper book, from a seed alone, and what is left of it.

A stage is begun again until it is done, as a scheduler begins it. On the way the broker lies, the
process ends and begins again, and sometimes it is killed by SIGKILL at a named place.
"""

import mmap
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta

from stocker_pipeline.domain.orders import OrderState
from stocker_pipeline.gateways.brokers.misbehaving import Fired, Misbehaving
from stocker_pipeline.gateways.brokers.misbehaviour import Call, Fault, FaultKind, RandomFaults
from stocker_pipeline.ledger.records import CashFlow, FlowKind
from stocker_pipeline.stages.day import StageReport, close_session, collect_session, open_session
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline_tests.killing import SharedClock, in_a_process
from stocker_pipeline_tests.stages.crash_names import names_of_the_day
from stocker_pipeline_tests.stages.paper_day import BOOK, PaperHome, morning

FAULTS_A_CALL = 0.2
DEATHS_A_STAGE = 0.05
RESTARTS_A_STAGE = 0.2
AGAIN_AFTER = timedelta(minutes=5)
CLOSE_AGAIN_AFTER = timedelta(hours=1)
TRIES_MAX = 12
FLOW_EVERY = 21
"""Sessions between two deposits or withdrawals."""

_STAGES: Mapping[str, Callable[[Desk, date], StageReport]] = {
    "open": open_session,
    "fills": collect_session,
    "close": close_session,
}
_PLACES = {
    stage: [
        name
        for name in names_of_the_day()
        # Names that an ordinary stage comes by; the rare ones have a test of their own each.
        if name.startswith((*parts, "lease.", "broker.session", f"{stage}."))
        and not any(rare in name for rare in ("page", "refusal", "withheld", "no_answer", "lookup"))
    ]
    for stage, parts in {
        "open": ("decide.", "reconcile.", "submit.", "broker.accept"),
        "fills": ("collect.",),
        "close": ("collect.", "close.settle", "reconcile."),
    }.items()
}
_NOTHING_DONE = (FaultKind.NO_EFFECT, FaultKind.RATE_LIMITED)
_UNSENT = {OrderState.INTENT, OrderState.SENDING, OrderState.UNKNOWN}


class Counts:
    """How often each kind of fault fired; counted on when the process that counts is killed."""

    def __init__(self) -> None:
        self._kinds = list(FaultKind)
        self._memory = mmap.mmap(-1, 4 * len(self._kinds))

    def add(self, kind: FaultKind) -> None:
        """One more."""
        at = 4 * self._kinds.index(kind)
        value = int.from_bytes(self._memory[at : at + 4], "little") + 1
        self._memory[at : at + 4] = value.to_bytes(4, "little")

    def total(self) -> Counter[str]:
        """Kind → times, without zeros."""
        values = memoryview(self._memory).cast("I").tolist()
        return Counter({k.name: n for k, n in zip(self._kinds, values, strict=True) if n})


class _Counted(list[Fired]):
    """A list of what fired that counts for another process too."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self._counts = counts

    def append(self, fired: Fired) -> None:
        self._counts.add(fired.fault.kind)
        super().append(fired)


class BoundedFaults:
    """Random faults, in which the same order does not fail to arrive until it is given up.

    An order is sent three times at most, and a kill may use one of them up without an order; with
    one request in vain besides, the third arrives. That it is given up after three is a cell of
    the fault matrix.

    Args:
        arrives: Whether no request is in vain, as where a kill has used up its part.
    """

    def __init__(self, rng: random.Random, kinds: Collection[FaultKind], arrives: bool) -> None:
        self._drawn = RandomFaults(rng, FAULTS_A_CALL, kinds)
        self._arrives = arrives
        self._in_vain: set[str] = set()

    def faults(self, call: Call) -> Iterator[Fault]:
        """See ``Plan.faults``."""
        for fault in self._drawn.faults(call):
            if call.name == "submit" and fault.kind in _NOTHING_DONE:
                if self._arrives or call.client_order_id in self._in_vain:
                    continue
                self._in_vain.add(call.client_order_id)
            yield fault


@dataclass
class Life:
    """A book in a home, and the seed that says what happens to it.

    Attributes:
        kinds: What the broker may do; empty = an undisturbed life.
        deaths, restarts: How often the process was killed, and how often it ended by itself.
    """

    home: PaperHome
    seed: int
    kinds: Collection[FaultKind] = ()
    deaths: int = 0
    restarts: int = 0
    sessions: int = 0
    counts: Counts = field(default_factory=Counts)

    def run(self, sessions: Sequence[date], tick: Callable[[], object] = lambda: None) -> None:
        """Live through ``sessions``.

        Raises:
            AssertionError: A session could not be ended.
        """
        self._clock = SharedClock(morning(sessions[0]).now())
        self._stack = ExitStack()
        self._desk: Desk | None = None
        try:
            for number, session in enumerate(sessions):
                self._rng = random.Random(f"{self.seed} {session}")
                self._killed = False
                self._session(session, number)
                self.sessions += 1
                tick()
        finally:
            self._stack.close()

    @property
    def clock(self) -> SharedClock:
        """The time that the life has come to."""
        return self._clock

    def _session(self, session: date, number: int) -> None:
        desk = self._at_desk(session)
        times = desk.day(session)
        move_to(self._clock, times.open_stage_at)
        for _ in range(TRIES_MAX):
            report = self._stage("open", session)
            if report is not None and not report.waits and not self._unsent(session):
                break
            self._clock.advance(AGAIN_AFTER)
        if number % FLOW_EVERY == FLOW_EVERY - 1:
            self._flow(session, number // FLOW_EVERY)
        if self.kinds and self._rng.random() < 0.3:
            move_to(self._clock, times.closes_at + timedelta(minutes=10))
            self._stage("fills", session)
        move_to(self._clock, times.close_stage_at)
        for _ in range(TRIES_MAX):
            report = self._stage("close", session)
            if report is not None and not report.waits:
                return
            self._clock.advance(CLOSE_AGAIN_AFTER)
        raise AssertionError(f"{session} could not be closed: {report}")

    def _stage(self, stage: str, session: date) -> StageReport | None:
        """Run a stage once; None where the process was killed in it."""
        run = _STAGES[stage]
        if not self.kinds:
            return run(self._at_desk(session), session)
        if not self._killed and self._rng.random() < DEATHS_A_STAGE:
            self._leave()
            place = f"{self._rng.choice(_PLACES[stage])}#{self._rng.choice((1, 1, 1, 2, 3))}"
            ended = in_a_process(lambda: run(self._at_desk(session), session), place)
            if ended.killed:
                self._killed = True
                self.deaths += 1
            return None
        if self._rng.random() < RESTARTS_A_STAGE:
            self._leave()
            self.restarts += 1
        return run(self._at_desk(session), session)

    def _at_desk(self, session: date) -> Desk:
        """The desk, or a new one with a plan of its own."""
        if self._desk is None:
            plan = None
            if self.kinds:
                rng = random.Random(self._rng.random())
                plan = BoundedFaults(rng, self.kinds, self._killed)
            self._desk = self._stack.enter_context(self.home.desk(self._clock, plan))
            if isinstance(self._desk.broker, Misbehaving):
                self._desk.broker.fired = _Counted(self.counts)
        return self._desk

    def _leave(self) -> None:
        self._stack.close()
        self._desk = None

    def _unsent(self, session: date) -> bool:
        desk = self._at_desk(session)
        orders = desk.ledger.read(lambda r: r.orders(BOOK, session=session, states=_UNSENT))
        return bool(orders)

    def _flow(self, session: date, number: int) -> None:
        """A deposit of 1,000 dollars, or every third time a withdrawal of 700."""
        kind, amount_e4 = FlowKind.DEPOSIT, 10_000_000
        if number % 3 == 2:
            kind, amount_e4 = FlowKind.WITHDRAWAL, -7_000_000
        flow = CashFlow(BOOK, session, kind, amount_e4, f"transfer {number}", "anna", "savings")
        self._at_desk(session).ledger.write(None, lambda w: w.put_flow(flow))
