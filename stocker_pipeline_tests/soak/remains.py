"""What a life left behind, counted against the intents, the broker's truth and the twin."""

from collections import Counter
from dataclasses import dataclass, replace

from stocker_pipeline.ledger import Reader
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.ledger.invariants import run_invariants
from stocker_pipeline_tests.soak.life import Life
from stocker_pipeline_tests.stages.paper_day import BOOK

Books = tuple[object, ...]


@dataclass(frozen=True)
class Remains:
    """The end of one life.

    Attributes:
        digest: Of the ledger.
        books: Every session's latest snapshot and positions, and every intent.
        orders, fills: At the broker.
        orders_beyond: Orders at the broker that are not an intent of the ledger, each as decided.
        fills_lost: Executions at the broker that are neither booked nor in suspense.
        cash_unexplained_e4: The broker's cash less the ledger's and what is in suspense.
        shares_unexplained: The same for shares, summed over symbols without sign.
        violations: Invariants that do not hold, in words.
        fired: Kind of fault → times.
        seconds: Wall time that the life took.
    """

    seed: int
    sessions: int
    digest: str
    books: Books
    orders: int
    fills: int
    orders_beyond: int
    fills_lost: int
    cash_unexplained_e4: int
    shares_unexplained: int
    violations: tuple[str, ...]
    fired: Counter[str]
    deaths: int
    restarts: int
    outcomes: Counter[str]
    breaks: int
    seconds: float = 0.0

    @property
    def intended(self) -> int:
        """Orders that were decided."""
        *_, intents = self.books
        return len(intents)  # type: ignore[arg-type]

    @property
    def amiss(self) -> list[str]:
        """What must be zero and is not, in words."""
        counted = {
            "orders beyond the intended": self.orders_beyond,
            "fills lost": self.fills_lost,
            "1/10,000 dollars unexplained": self.cash_unexplained_e4,
            "shares unexplained": self.shares_unexplained,
        }
        return [f"{n} {what}" for what, n in counted.items() if n] + list(self.violations)


def remains_of(life: Life) -> Remains:
    """Count what a life left behind."""
    home, truth = life.home, life.home.truth()
    with home.ledger(life.clock) as ledger:
        read = ledger.read
        intents = {o.client_order_id: o.intent for o in read(lambda r: r.orders(BOOK))}
        booked = {e.execution.execution_id for e in read(lambda r: r.executions(BOOK))}
        suspense = [e.execution for e in read(lambda r: r.open_suspense("simulated", home.account))]
        snapshot = read(lambda r: r.latest_snapshot(BOOK))
        assert snapshot is not None
        held = {p.symbol: p.quantity for p in read(lambda r: r.positions(BOOK, snapshot.session))}
        cash = snapshot.cash_e4
        for fill in suspense:
            held[fill.symbol] = held.get(fill.symbol, 0) + fill.quantity
            cash -= fill.quantity * fill.price_e4 + fill.commission_e4
        known = booked | {fill.execution_id for fill in suspense}
        actual = {symbol: position.quantity for symbol, position in truth.positions.items()}
        as_decided = [
            order.client_order_id
            for order in truth.orders
            if order.client_order_id in intents
            and order.quantity == intents[order.client_order_id].quantity
            and order.symbol == intents[order.client_order_id].key.symbol
        ]
        return Remains(
            seed=life.seed,
            sessions=life.sessions,
            digest=digest(ledger, BOOK),
            books=read(_books),
            orders=len(truth.orders),
            fills=len(truth.executions),
            orders_beyond=len(truth.orders) - len(set(as_decided)),
            fills_lost=sum(fill.execution_id not in known for fill in truth.executions),
            cash_unexplained_e4=truth.cash_e4 - cash,
            shares_unexplained=sum(
                abs(actual.get(symbol, 0) - held.get(symbol, 0)) for symbol in {*actual, *held}
            ),
            violations=tuple(str(found) for found in run_invariants(ledger, BOOK)),
            fired=life.counts.total(),
            deaths=life.deaths,
            restarts=life.restarts,
            outcomes=Counter(str(o.outcome) for o in read(lambda r: r.outcomes(BOOK))),
            breaks=len(read(lambda r: r.breaks(BOOK))),
        )


def _books(reader: Reader) -> Books:
    snapshots = reader.snapshots(BOOK)
    return (
        # Which version, why and when is how the book came about, not what it is.
        tuple(replace(found, version=1, reason="", recorded_at=None) for found in snapshots),
        tuple(tuple(reader.positions(BOOK, found.session)) for found in snapshots),
        tuple(order.intent for order in reader.orders(BOOK)),
    )
