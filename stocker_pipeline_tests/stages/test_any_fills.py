"""The book does not depend on how its fills arrived: the ledger's side of what the engine proves.

Fills of some sessions come in any order, in parts, more than once, in pages of any size, and late;
splits and dividends of a random market fall between them. The book is that of a broker who told
everything at once and in time, and it is what its facts alone give.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.domain.orders import Execution, OrderIntent, OrderState
from stocker_pipeline.domain.session import FixedClock, SessionCalendar
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.settlement import fills_of
from stocker_pipeline.engine.settlement import settle as settle_book
from stocker_pipeline.engine.simulate import OpeningBook
from stocker_pipeline.gateways.brokers.broker import Broker, BrokerOrder, ExecutionPage
from stocker_pipeline.ledger import Lease, Ledger, Reader, Writer
from stocker_pipeline.ledger.digests import digest_of
from stocker_pipeline.ledger.records import (
    CashFlow,
    FlowKind,
    OrderEvent,
    SessionKind,
    SessionRecord,
)
from stocker_pipeline.stages.collect import collect
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.settle import settle_session, settlement_of
from stocker_pipeline.strategies.portfolio import portfolio_from
from stocker_pipeline_tests.effort import examples
from stocker_pipeline_tests.engine.builders import market
from stocker_pipeline_tests.engine.random_markets import SYMBOLS, worlds
from stocker_pipeline_tests.ledger.builders import (
    ACCOUNT,
    BOOK,
    BROKER,
    CAPITAL_E4,
    CODE,
    CONFIG,
    execution,
    intent,
    open_book,
)
from stocker_pipeline_tests.postgres import create_database, drop_database
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    postgres_template,
    sqlite_template,
)

Fresh = Callable[[], AbstractContextManager[str]]

PORTFOLIO = portfolio_from(
    {"mode": "paper", "strategy": "trend", "universe": list(SYMBOLS)}, where="test"
)


@dataclass(frozen=True)
class Filled:
    """A market, and the orders and fills of its sessions from row 1 on.

    Attributes:
        fills: Row → fills of its session.
    """

    panel: Panel
    orders: Sequence[OrderIntent]
    fills: dict[int, list[Execution]]

    @property
    def rows(self) -> range:
        return range(1, len(self.panel.sessions))

    def session(self, row: int) -> date:
        return cast(date, self.panel.sessions[row].item())


Turns = Sequence[Sequence[Sequence[Execution]]]
"""For each row's collection, and one at the end, the pages that the broker then shows."""


@dataclass
class Teller:
    """As much of a broker as ``collect`` asks; says of each collection's fills what it is told."""

    name: str = BROKER
    pages: list[Sequence[Execution]] = field(default_factory=list)

    def executions(self, cursor: str) -> ExecutionPage:
        """The next page, wherever the cursor is."""
        page = self.pages.pop(0) if self.pages else []
        return ExecutionPage(list(page), cursor, bool(self.pages))

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """Nothing is known of an order but its fills."""


@st.composite
def filled(draw: st.DrawFn) -> Filled:
    """Orders of a few sessions of a random market, filled in parts, some of them not to the end."""
    panel = draw(worlds(max_rows=5)).panel
    orders: list[OrderIntent] = []
    fills: dict[int, list[Execution]] = {}
    for row in range(1, len(panel.sessions)):
        priced = np.flatnonzero(~np.isnan(panel.market.close[: row + 1]).all(axis=0))
        chosen = draw(st.lists(st.sampled_from(priced.tolist()), max_size=2, unique=True))
        fills[row] = []
        for column in chosen:
            parts = draw(st.lists(st.integers(1, 60), min_size=1, max_size=3))
            side, unfilled = draw(st.sampled_from([1, -1])), draw(st.sampled_from([0, 0, 5]))
            order = intent(
                SYMBOLS[column],
                side * (sum(parts) + unfilled),
                session=panel.sessions[row].item(),
            )
            orders.append(order)
            fills[row] += _parts(draw, order, [side * part for part in parts])
    return Filled(panel, orders, fills)


def _parts(draw: st.DrawFn, order: OrderIntent, quantities: Sequence[int]) -> Iterator[Execution]:
    done = 0
    for number, quantity in enumerate(quantities):
        done += quantity
        yield execution(
            order,
            quantity,
            draw(st.integers(100_000, 300_000)),
            execution_id=f"{order.client_order_id}/{number}",
            commission_e4=draw(st.integers(0, 20_000)),
            cumulative_quantity=done,
        )


@st.composite
def arrivals(draw: st.DrawFn, given_fills: Filled) -> Turns:
    """Each fill at its session's collection or a later one; known ones again; any order and cut."""
    turns: list[list[Execution]] = [[] for _ in range(len(given_fills.rows) + 1)]
    for row, found in given_fills.fills.items():
        for fill in found:
            turns[draw(st.integers(row - 1, len(turns) - 1))].append(fill)
    told: list[Execution] = []
    pages = []
    for new in turns:
        told += new
        again = draw(st.lists(st.sampled_from(told), max_size=3)) if told else []
        shown = draw(st.permutations([*new, *again]))
        size = draw(st.integers(1, 4))
        pages.append([shown[at : at + size] for at in range(0, len(shown), size)])
    return pages


def in_time(given_fills: Filled) -> Turns:
    """Everything of a session at its collection, in order and once."""
    return [*([given_fills.fills[row]] for row in given_fills.rows), []]


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
)
def fresh(request: pytest.FixtureRequest) -> Fresh:
    """Give a maker of empty ledgers, each gone after its use."""

    @contextmanager
    def sqlite() -> Iterator[str]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ledger.db"
            shutil.copy(request.getfixturevalue("sqlite_template"), path)
            yield f"sqlite:///{path}"

    @contextmanager
    def postgresql() -> Iterator[str]:
        server, template = request.getfixturevalue("postgres_template")
        url = create_database(server, template)
        yield url
        drop_database(url, server)

    return sqlite if request.param == "sqlite" else postgresql


@contextmanager
def lived(fresh: Fresh, world: Filled, turns: Turns) -> Iterator[Desk]:
    """The sessions, collected and settled one after the other, and collected once more."""
    last = world.session(world.rows[-1])
    clock = FixedClock(datetime.combine(last, datetime.min.time(), UTC) + timedelta(hours=23))
    teller = Teller()
    with fresh() as url, Ledger.open(url, clock=clock) as ledger:
        desk = Desk(
            BOOK,
            PORTFOLIO,
            "paper",
            ACCOUNT,
            ledger,
            cast(Broker, teller),
            clock,
            SessionCalendar.between(date(2019, 12, 2), last),
            world.panel,
            {},
        )
        open_book(ledger, book_start=world.session(1))
        with ledger.lease(BOOK, last, "close") as lease:
            ledger.write(lease, lambda w: _order_all(w, lease, world))
            for row, pages in zip([*world.rows, world.rows[-1]], turns, strict=True):
                teller.pages = list(pages)
                collect(desk, lease, world.session(row))
                ledger.write(lease, partial(_settle, desk=desk, session=world.session(row)))
        yield desk


def _settle(writer: Writer, *, desk: Desk, session: date) -> None:
    if writer.snapshot(BOOK, session) is None:
        settle_session(writer, desk, session)


def _order_all(writer: Writer, lease: Lease, world: Filled) -> None:
    """Every order of every session is sent, and money comes in at the second."""
    for row in world.rows:
        session = world.session(row)
        writer.open_session(
            SessionRecord(BOOK, session, CONFIG, {"bars": "1"}, CODE, SessionKind.DECIDED)
        )
        orders = [order for order in world.orders if order.key.session == session]
        writer.put_intents(orders, config_hash=CONFIG)
        for order in orders:
            name = order.client_order_id
            writer.begin_attempt(name, code_version=CODE, config_hash=CONFIG)
            writer.put_event(OrderEvent(name, "answer", OrderState.ACKED, f"b-{name[4:20]}", 0))
    writer.put_flow(
        CashFlow(BOOK, world.session(2), FlowKind.DEPOSIT, 12_345_678, "transfer", "anna", "saved")
    )


def book_of(desk: Desk, world: Filled) -> list[str]:
    """Cash, lots, positions and profit at the close of every session, digit by digit."""
    return desk.ledger.read(lambda r: [_book(r, world.session(row)) for row in world.rows])


def _book(reader: Reader, session: date) -> str:
    snapshot = reader.snapshot(BOOK, session)
    assert snapshot is not None
    return repr(
        (
            replace(snapshot, version=1, recorded_at=None, reason=""),
            reader.positions(BOOK, session),
            reader.lots(BOOK, session),
            sorted(_plain(entry) for entry in reader.cash_entries(BOOK, session)),
        )
    )


def _plain(entry: Any) -> str:
    return repr((entry.kind, entry.symbol, entry.amount_e4, entry.execution_id))


@settings(max_examples=examples(5, 8))
@given(st.data())
def test_however_fills_arrive_the_book_is_the_same_to_the_last_digit(
    fresh: Fresh, data: st.DataObject
) -> None:
    assert_one_book(fresh, data)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.data())
def test_however_fills_arrive_the_book_is_the_same_searched_for_longer(
    fresh: Fresh, data: st.DataObject
) -> None:
    assert_one_book(fresh, data)


def assert_one_book(fresh: Fresh, data: st.DataObject) -> None:
    """Live a world twice: with its fills in time, and with them as they may come."""
    world = data.draw(filled())
    with lived(fresh, world, in_time(world)) as desk:
        expected = book_of(desk, world), desk.ledger.read(lambda r: digest_of(r, BOOK))

    with lived(fresh, world, data.draw(arrivals(world))) as desk:
        assert book_of(desk, world) == expected[0]
        assert desk.ledger.read(lambda r: digest_of(r, BOOK)) == expected[1]


@settings(max_examples=examples(4, 6))
@given(st.data())
def test_folded_from_its_facts_alone_the_book_is_the_stored_one(
    fresh: Fresh, data: st.DataObject
) -> None:
    """From cash at the first session: no stored book is read on the way."""
    world = data.draw(filled())
    with lived(fresh, world, data.draw(arrivals(world))) as desk:
        desk.ledger.read(lambda r: _assert_folded(r, desk, world))


def _assert_folded(reader: Reader, desk: Desk, world: Filled) -> None:
    book = OpeningBook.of_cash(CAPITAL_E4)
    for row in world.rows:
        session = world.session(row)
        facts = [booked.execution for booked in reader.executions(BOOK, session=session)]
        fills, flows = fills_of(desk.panel, facts), reader.flows_e4(BOOK, session)
        folded = settle_book(desk.panel, desk.rules, book, row, fills, flows)
        assert reader.opening_book(BOOK, through=session) == (session, folded.closing)
        assert settlement_of(reader, desk, session).tables() == folded.tables()
        book = folded.closing


@settings(max_examples=examples(4, 6))
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
    st.sampled_from([1, -1]),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_a_split_leaves_the_cost_of_a_position_as_it_was(
    fresh: Fresh, parts: list[int], side: int, new: int, old: int
) -> None:
    panel = market("A B C D\n10 - - -\n10 - - -\n10 - - -", f"2 A {new}:{old} 0")
    order = intent("A", side * sum(parts), session=panel.sessions[1].item())
    done, fills = 0, []
    for number, part in enumerate(parts):
        done += side * part
        fills.append(
            execution(
                order,
                side * part,
                100_003 + number,
                execution_id=f"e{number}",
                cumulative_quantity=done,
            )
        )
    world = Filled(panel, [order], {1: fills, 2: []})
    with lived(fresh, world, in_time(world)) as desk:
        before, after = desk.ledger.read(
            lambda r: [r.lots(BOOK, world.session(row)) for row in world.rows]
        )
        snapshot = desk.ledger.read(lambda r: r.latest_snapshot(BOOK))
    assert [lot.quantity for lot in before] == [side * part for part in parts]
    assert sum(lot.quantity for lot in after) == side * (sum(parts) * new // old)
    cost = sum(lot.cost_e4 for lot in before)
    assert cost == sum(fill.quantity * fill.price_e4 for fill in fills)
    assert snapshot is not None
    if after:
        assert sum(lot.cost_e4 for lot in after) == cost
        assert snapshot.realised_e4 == 0
    else:
        # Nothing is left that could carry the cost.
        assert snapshot.realised_e4 == -cost
