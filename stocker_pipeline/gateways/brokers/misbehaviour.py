"""Which faults a broker can show, at which call, and the plans that say when.

A plan is a list or a seeded generator, never the clock or chance of its own: the same plan over the
same calls fires the same faults. What a fault does stays out (``misbehaving``).
"""

import enum
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stocker_pipeline.gateways.brokers.simulated import SimulatedBroker


class FaultKind(enum.StrEnum):
    """What can go wrong at one call."""

    ANSWER_LOST = "done, and the answer was lost"
    NO_EFFECT = "an error, and nothing was done"
    RATE_LIMITED = "429, and nothing was done"
    REFUSED = "refused: there is no order"
    LOOKUP_LAGS = "the order is there and is not shown for a while"
    READ_FAILS = "no answer to a read"
    STALE = "the reading before this one once more"
    DUPLICATED = "fills shown again, old ones and new ones"
    SHUFFLED = "fills out of order"
    TAIL_MISSING = "the last fills are missing for a while; the cursor waits for them"
    HOLE = "fills are missing for a while; the cursor goes past them"
    IN_PARTS = "filled in several executions"
    CUT = "filled in part; the rest expires"
    UNFILLED = "expires unfilled"
    REJECTED_LATER = "accepted, and rejected at the open"
    CANCEL_LOSES = "a cancel is answered and not done"
    FILLS_THOUGH_CANCELED = "canceled, and filled all the same"
    CLOCK_SKEWED = "the broker's clock differs"
    RESTART = "the broker restarts before the call"
    BROKER_SIDE = "something is done at the broker before the call"


_EVERYWHERE = (FaultKind.RESTART, FaultKind.BROKER_SIDE)
_WRITE = (FaultKind.ANSWER_LOST, FaultKind.NO_EFFECT, FaultKind.RATE_LIMITED, *_EVERYWHERE)
_READ = (FaultKind.READ_FAILS, FaultKind.RATE_LIMITED, *_EVERYWHERE)

FAULTS_OF: Mapping[str, tuple[FaultKind, ...]] = {
    "submit": (
        *_WRITE,
        FaultKind.REFUSED,
        FaultKind.LOOKUP_LAGS,
        FaultKind.IN_PARTS,
        FaultKind.CUT,
        FaultKind.UNFILLED,
        FaultKind.REJECTED_LATER,
    ),
    "cancel": (*_WRITE, FaultKind.CANCEL_LOSES, FaultKind.FILLS_THOUGH_CANCELED),
    "order": (*_READ, FaultKind.STALE, FaultKind.LOOKUP_LAGS),
    "open_orders": (*_READ, FaultKind.STALE),
    "executions": (
        *_READ,
        FaultKind.DUPLICATED,
        FaultKind.SHUFFLED,
        FaultKind.TAIL_MISSING,
        FaultKind.HOLE,
    ),
    "holdings": (*_READ, FaultKind.STALE),
    "account": (*_READ, FaultKind.STALE),
    "now": (*_READ, FaultKind.CLOCK_SKEWED),
}
"""Call → what can go wrong there."""

RECOVERABLE = frozenset(
    {
        FaultKind.ANSWER_LOST,
        FaultKind.NO_EFFECT,
        FaultKind.RATE_LIMITED,
        FaultKind.LOOKUP_LAGS,
        FaultKind.READ_FAILS,
        FaultKind.STALE,
        FaultKind.DUPLICATED,
        FaultKind.SHUFFLED,
        FaultKind.TAIL_MISSING,
        FaultKind.HOLE,
        FaultKind.IN_PARTS,
        FaultKind.RESTART,
    }
)
"""They lie about the account and leave it as it is: the same orders end in the same account."""

TRUTH_CHANGING = frozenset(
    {
        FaultKind.REFUSED,
        FaultKind.CUT,
        FaultKind.UNFILLED,
        FaultKind.REJECTED_LATER,
        FaultKind.CANCEL_LOSES,
        FaultKind.FILLS_THOUGH_CANCELED,
    }
)
"""The same orders end in another account."""

_STATUSES = (None, 500, 502, 503, 504)


@dataclass(frozen=True)
class Call:
    """One call of the broker; ``turn`` counts the calls of this name from 1.

    Attributes:
        quantity: Signed shares of the order sent; 0 for other calls.
    """

    name: str
    turn: int
    client_order_id: str = ""
    quantity: int = 0


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, once.

    Attributes:
        turn: At which call of this name, from 1; None = the next one that fits.
        client_order_id: Only at a call about this order; None = any.
        reads: For how many reads it lasts, the first included (LOOKUP_LAGS, TAIL_MISSING, HOLE).
        status: HTTP status of the error; None = no answer at all.
        parts: Shares without sign (IN_PARTS, CUT); empty = halves, or one half.
        keep: Fills of the page that are shown all the same (TAIL_MISSING, HOLE).
        seed: Which order of the fills (SHUFFLED).
        seconds: How far the broker's clock is ahead (CLOCK_SKEWED).
        do: What is done at the broker (BROKER_SIDE).
    """

    kind: FaultKind
    call: str
    turn: int | None = None
    client_order_id: str | None = None
    reads: int = 1
    status: int | None = None
    parts: Sequence[int] = ()
    keep: int = 0
    seed: int = 0
    seconds: int = 0
    do: "Callable[[SimulatedBroker], object] | None" = None

    def __post_init__(self) -> None:
        if self.kind not in FAULTS_OF.get(self.call, ()):
            raise ValueError(f"wanted a fault of the call {self.call!r}; received {self.kind.name}")

    def fits(self, call: Call) -> bool:
        """Whether it is this call's turn."""
        return (
            self.call == call.name
            and self.turn in (None, call.turn)
            and self.client_order_id in (None, call.client_order_id)
        )


class Plan(Protocol):
    """When what goes wrong."""

    def faults(self, call: Call) -> Iterator[Fault]:
        """The faults of this call, one by one: the first that ends it leaves the others unused."""


class ListedFaults:
    """Each fault at the first call that it fits."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._waiting = list(faults)

    def faults(self, call: Call) -> Iterator[Fault]:
        """See ``Plan.faults``."""
        for fault in list(self._waiting):
            if fault.fits(call):
                self._waiting.remove(fault)
                yield fault

    @property
    def waiting(self) -> Sequence[Fault]:
        """What has not been its turn: a test that names a fault wants this to be empty."""
        return tuple(self._waiting)


class RandomFaults:
    """At most one fault a call, as the generator given decides.

    Args:
        rate: Part of the calls with a fault, 0 to 1.
        kinds: What may go wrong; BROKER_SIDE and CLOCK_SKEWED are listed or not at all.
    """

    def __init__(
        self, rng: random.Random, rate: float = 0.1, kinds: Collection[FaultKind] = RECOVERABLE
    ) -> None:
        self._rng = rng
        self._rate = rate
        drawn = set(kinds) - {FaultKind.BROKER_SIDE, FaultKind.CLOCK_SKEWED}
        self._kinds = {
            name: [kind for kind in possible if kind in drawn]
            for name, possible in FAULTS_OF.items()
        }

    def faults(self, call: Call) -> Iterator[Fault]:
        """See ``Plan.faults``."""
        kinds = self._kinds[call.name]
        if not kinds or self._rng.random() >= self._rate:
            return
        kind = self._rng.choice(kinds)
        reads = self._rng.randint(1, 3)
        if kind is FaultKind.ANSWER_LOST and FaultKind.LOOKUP_LAGS in kinds and reads > 1:
            # An answer that is lost and an order that is not found are the dangerous pair.
            yield Fault(FaultKind.LOOKUP_LAGS, call.name, reads=reads)
        yield Fault(
            kind,
            call.name,
            reads=reads,
            status=self._rng.choice(_STATUSES),
            parts=self._parts(kind, abs(call.quantity)),
            keep=self._rng.randint(0, 2),
            seed=self._rng.randint(1, 1_000_000),
        )

    def _parts(self, kind: FaultKind, shares: int) -> Sequence[int]:
        """Up to four parts of an order; for CUT the last one does not come."""
        if kind not in (FaultKind.IN_PARTS, FaultKind.CUT) or shares < 2:
            return ()
        cuts = sorted(self._rng.randint(1, shares - 1) for _ in range(self._rng.randint(1, 3)))
        ends = [*cuts, shares]
        parts = [end - start for start, end in zip([0, *cuts], ends, strict=True) if end > start]
        return parts[:-1] if kind is FaultKind.CUT else parts
