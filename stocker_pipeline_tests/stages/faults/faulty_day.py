"""Days of a paper book on which something goes wrong, and what is asked of them afterwards."""

import atexit
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import cast

from sqlalchemy import create_engine, func, inspect, select, table

from stocker_pipeline.domain.orders import Execution, OrderState, SessionOutcome
from stocker_pipeline.domain.session import Clock, FixedClock
from stocker_pipeline.gateways.brokers.misbehaving import Misbehaving
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind, ListedFaults, Plan
from stocker_pipeline.gateways.brokers.simulated_control import BrokerControl
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.ledger.engines import ledger_url
from stocker_pipeline.ledger.invariants import run_invariants
from stocker_pipeline.ledger.records import OrderRecord
from stocker_pipeline.stages.day import StageReport, close_session, open_session
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline_tests.killing import SharedClock
from stocker_pipeline_tests.stages.paper_day import BOOK, ENVIRONMENT, PaperHome, morning
from stocker_pipeline_tests.stages.paper_scripts import DAYS

FIRST, SECOND, THIRD, FOURTH = DAYS[:4]
"""Thursday to Tuesday; AAPL splits 2:1 on the Monday, the third."""


_looked_at: list[tuple[Path, Ledger, FixedClock]] = []
"""Of this process: a ledger that stays open, so that its many queries are compiled once."""


@contextmanager
def inspected(home: PaperHome, clock: Clock) -> Iterator[Ledger]:
    """A ledger with what is in the home's: a copy of it on SQLite, on PostgreSQL itself."""
    url = ledger_url(home.ledger_url)
    if url.get_backend_name() != "sqlite":
        with home.ledger(clock) as ledger:
            yield ledger
        return
    if not _looked_at:
        path = Path(tempfile.mkdtemp(prefix="stocker-look-")) / "ledger.db"
        atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
        _copied(str(url.database), path)
        of_copy = FixedClock(clock.now())
        opened = Ledger.open(f"sqlite:///{path}", clock=of_copy, environment=ENVIRONMENT)
        _looked_at.append((path, opened, of_copy))
    path, ledger, of_copy = _looked_at[0]
    _copied(str(url.database), path)
    # Not advance: the book before may have been of a later year.
    of_copy._at = clock.now()
    yield ledger


def _copied(source: str, target: Path) -> None:
    with closing(sqlite3.connect(source)) as whole, closing(sqlite3.connect(target)) as copy:
        whole.backup(copy)


@dataclass(frozen=True)
class Day:
    """A book in a home, and the clock of its world."""

    home: PaperHome
    clock: SharedClock

    @classmethod
    def begin(cls, home: PaperHome) -> "Day":
        """The morning of the first session, before anything was done."""
        return cls(home, SharedClock(morning(FIRST).now()))

    @contextmanager
    def desk(self, *faults: Fault, plan: Plan | None = None) -> Iterator[Desk]:
        """A process's desk; the broker behind it shows these faults."""
        with self.home.desk(self.clock, plan or ListedFaults(faults)) as desk:
            yield desk

    def open(self, session: date, *faults: Fault) -> StageReport:
        """A process that does the open stage at eight, or now where it is later."""
        with self.desk(*faults) as desk:
            move_to(self.clock, desk.day(session).open_stage_at)
            return open_session(desk, session)

    def close(self, session: date, *faults: Fault) -> StageReport:
        """A process that does the close stage at half past five, or now where it is later."""
        with self.desk(*faults) as desk:
            move_to(self.clock, desk.day(session).close_stage_at)
            return close_session(desk, session)

    def trade(self, *sessions: date) -> "Day":
        """Sessions on which nothing goes wrong."""
        for session in sessions:
            assert not self.open(session).waits
            assert not self.close(session).waits
        return self

    def at(self, session: date, hour: int, minute: int = 0) -> None:
        """Move to a time of New York's clock on the session's date (winter: UTC − 5)."""
        with self.home.desk(self.clock) as desk:
            opens = desk.day(session).opens_at
        wanted = opens + timedelta(hours=hour - 9, minutes=minute - 30)
        move_to(self.clock, wanted)

    def orders(self, session: date) -> dict[str, OrderRecord]:
        """Symbol → order of a session."""
        with self.home.ledger(self.clock) as ledger:
            found = ledger.read(lambda r: r.orders(BOOK, session=session))
        return {order.intent.key.symbol: order for order in found}

    def states(self, session: date) -> dict[str, OrderState]:
        """Symbol → state of the session's order."""
        return {symbol: order.state for symbol, order in self.orders(session).items()}

    def outcome(self, session: date) -> tuple[SessionOutcome, str]:
        """A session's outcome and its code."""
        with self.home.ledger(self.clock) as ledger:
            found = ledger.read(lambda r: r.outcome(BOOK, session))
        assert found is not None, f"{session} has no outcome"
        return found.outcome, found.reason_code

    def pages(self) -> list[str]:
        """Codes of all alerts so far."""
        with self.home.ledger(self.clock) as ledger:
            return [alert.code for alert in ledger.read(lambda r: r.alerts(BOOK))]

    def open_breaks(self) -> set[tuple[str, str]]:
        """Kind and symbol of every break that is open."""
        with self.home.ledger(self.clock) as ledger:
            return {
                (str(found.kind), found.symbol)
                for found in ledger.read(lambda r: r.open_breaks(BOOK))
            }

    def digest(self) -> str:
        """Of the ledger, once every invariant holds."""
        with inspected(self.home, self.clock) as ledger:
            assert run_invariants(ledger, BOOK) == []
            return digest(ledger, BOOK)

    def rows(self) -> Counter[str]:
        """Rows by table; leases, their ends and comparisons are of a start, not of the book."""
        engine = create_engine(ledger_url(self.home.ledger_url))
        found: Counter[str] = Counter()
        try:
            with engine.connect() as connection:
                for name in inspect(engine).get_table_names():
                    if name not in {"leases", "lease_ends", "reconciliations"}:
                        query = select(func.count()).select_from(table(name))
                        found[name] = connection.execute(query).scalar_one()
        finally:
            engine.dispose()
        return found

    def intended_orders(self) -> int:
        """How many orders the broker has; each is an intent of ours, once and as decided."""
        truth = self.home.truth()
        with self.home.ledger(self.clock) as ledger:
            intents = {o.client_order_id: o for o in ledger.read(lambda r: r.orders(BOOK))}
        ours = [order for order in truth.orders if order.client_order_id in intents]
        for order in ours:
            assert order.quantity == intents[order.client_order_id].intent.quantity
        assert len(ours) == len({order.client_order_id for order in ours}), "an order twice"
        assert len(ours) == len(truth.orders), "an order at the broker that was never decided"
        return len(ours)

    def orders_of_ours(self) -> int:
        """How many orders with an id of ours the broker has; others may be there too."""
        return sum(bool(order.client_order_id) for order in self.home.truth().orders)

    def filled(self) -> list[Execution]:
        """Executions in the book, each of which the broker has, and all that it has."""
        truth = {e.execution_id for e in self.home.truth().executions}
        with self.home.ledger(self.clock) as ledger:
            booked = [b.execution for b in ledger.read(lambda r: r.executions(BOOK))]
        assert {e.execution_id for e in booked} == truth
        assert len(booked) == len(truth)
        return booked


def control(desk: Desk) -> BrokerControl:
    """The hand on the broker's side."""
    return cast(Misbehaving, desk.broker).control


def fired(desk: Desk) -> int:
    """How many faults happened at this desk."""
    return len(cast(Misbehaving, desk.broker).fired)


def fails(call: str, times: int, kind: FaultKind = FaultKind.READ_FAILS) -> Sequence[Fault]:
    """``times`` faults of one kind at one call, one after the other."""
    return [Fault(kind, call, status=503) for _ in range(times)]


def with_broker(desk: Desk, broker: object) -> Desk:
    """The desk at another broker."""
    return replace(desk, broker=broker)  # type: ignore[arg-type]
