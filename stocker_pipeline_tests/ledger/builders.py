"""A small book by hand: one portfolio, sessions, orders, fills and closes that add up."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from stocker_pipeline.domain.orders import (
    Execution,
    OrderIntent,
    OrderKey,
    OrderState,
    SessionOutcome,
)
from stocker_pipeline.engine.simulate import Lot
from stocker_pipeline.ledger import Ledger, Writer
from stocker_pipeline.ledger.control_records import Discrepancy, ReconciliationRecord
from stocker_pipeline.ledger.leases import Lease
from stocker_pipeline.ledger.records import (
    CashFlow,
    CorporateActionEntry,
    DecisionRow,
    FlowKind,
    OrderEvent,
    OutcomeRecord,
    PortfolioRecord,
    PositionRow,
    SessionKind,
    SessionRecord,
    Settlement,
    SnapshotRow,
)

MORNING = datetime(2010, 1, 4, 13, 0, tzinfo=UTC)
MONDAY, TUESDAY, WEDNESDAY = date(2010, 1, 4), date(2010, 1, 5), date(2010, 1, 6)
BOOK = "trend_paper"
ACCOUNT = "SIM-1"
BROKER = "simulated"
CAPITAL_E4 = 100_000 * 10_000
CONFIG = "c" * 64
CODE = "v1"


def portfolio(name: str = BOOK, **changes: object) -> PortfolioRecord:
    values: dict[str, object] = {
        "portfolio": name,
        "environment": "paper",
        "broker": BROKER,
        "account": ACCOUNT,
        "initial_capital_e4": CAPITAL_E4,
        "book_start": MONDAY,
    }
    return PortfolioRecord(**{**values, **changes})  # type: ignore[arg-type]


def intent(
    symbol: str, quantity: int, *, session: date = MONDAY, book: str = BOOK, **key: object
) -> OrderIntent:
    identity = OrderKey("paper", ACCOUNT, book, session, symbol, **key)  # type: ignore[arg-type]
    return OrderIntent(identity, quantity, 100.25, "OPEN")


def execution(order: OrderIntent, quantity: int, price_e4: int, **changes: object) -> Execution:
    values: dict[str, object] = {
        "execution_id": f"{order.client_order_id[4:20]}-{quantity}",
        "broker_order_id": f"b-{order.client_order_id[4:20]}",
        "client_order_id": order.client_order_id,
        "symbol": order.key.symbol,
        "quantity": quantity,
        "price_e4": price_e4,
        "commission_e4": 10_000,
        "cumulative_quantity": quantity,
        "session": order.key.session,
        "executed_at": datetime.combine(order.key.session, datetime.min.time(), UTC).replace(
            hour=14, minute=30
        ),
    }
    return Execution(**{**values, **changes})  # type: ignore[arg-type]


def open_book(ledger: Ledger, name: str = BOOK, **changes: object) -> None:
    """A portfolio that is armed, and its configuration."""

    def write(writer: Writer) -> None:
        writer.open_portfolio(portfolio(name, **changes))
        writer.put_config(CONFIG, '{"window":252}')

    ledger.write(None, write)


def decide(
    ledger: Ledger,
    lease: Lease,
    orders: Sequence[OrderIntent] = (),
    *,
    session: date = MONDAY,
    kind: SessionKind = SessionKind.DECIDED,
) -> None:
    """The transaction of the stage ``decide``."""
    record = SessionRecord(
        lease.portfolio, session, CONFIG, {"bars": "7", "corporate_actions": "2"}, CODE, kind
    )
    rows = [
        DecisionRow(
            order.key.symbol,
            order.decision,
            held=0,
            desired=order.quantity,
            ordered=order.quantity,
            bars=252,
            momentum=0.1,
            direction=1,
            vol=0.2,
            weight=1 / 3,
            target=0.25,
            tripped=False,
            reference_price=order.reference_price,
        )
        for order in orders
    ]

    def write(writer: Writer) -> None:
        writer.open_session(record)
        writer.put_decisions(lease.portfolio, session, rows)
        writer.put_intents(orders, config_hash=CONFIG)

    ledger.write(lease, write)


def reconcile(ledger: Ledger, lease: Lease, *discrepancies: Discrepancy) -> int:
    """A comparison with the broker under this lease."""
    record = ReconciliationRecord(
        lease.portfolio, lease.session, lease.stage, CAPITAL_E4, CAPITAL_E4, discrepancies
    )
    return ledger.write(lease, lambda writer: writer.put_reconciliation(record))


def send(ledger: Ledger, lease: Lease, order: OrderIntent) -> None:
    """An order that went out and was acknowledged."""
    name = order.client_order_id
    ledger.write(
        lease, lambda writer: writer.begin_attempt(name, code_version=CODE, config_hash=CONFIG)
    )
    answer = OrderEvent(name, "answer", OrderState.ACKED, f"b-{name[4:20]}", 0)
    ledger.write(lease, lambda writer: writer.put_event(answer))


def fill(ledger: Ledger, lease: Lease, order: OrderIntent, price_e4: int) -> Execution:
    """An order that is filled as a whole, and booked."""
    done = execution(order, order.quantity, price_e4)

    def write(writer: Writer) -> None:
        writer.book_execution(lease.portfolio, BROKER, ACCOUNT, done)
        writer.put_event(
            OrderEvent(
                order.client_order_id, "fill", OrderState.FILLED, filled_quantity=order.quantity
            )
        )

    ledger.write(lease, write)
    return done


def closing(
    session: date,
    cash_e4: int,
    lots: Iterable[Lot] = (),
    closes: Mapping[str, float] | None = None,
    *,
    actions: Sequence[CorporateActionEntry] = (),
    **totals: int,
) -> Settlement:
    """A close that adds up: what is not given as a total is realised."""
    lots = tuple(lots)
    held: dict[str, tuple[int, int]] = {}
    for lot in lots:
        quantity, cost = held.get(lot.symbol, (0, 0))
        held[lot.symbol] = (quantity + lot.quantity, cost + lot.cost_e4)
    marks = {symbol: (closes or {}).get(symbol, 100.0) for symbol in held}
    positions = tuple(
        PositionRow(
            symbol,
            quantity,
            marks[symbol],
            0,
            cost,
            quantity * round(marks[symbol] * 10_000),
        )
        for symbol, (quantity, cost) in sorted(held.items())
    )
    value = sum(position.market_value_e4 for position in positions)
    unrealised = value - sum(position.cost_e4 for position in positions)
    parts = {"dividends": 0, "cash_in_lieu": 0, "commissions": 0, "flows": 0, **totals}
    nav = cash_e4 + value
    explained = (
        CAPITAL_E4
        + parts["flows"]
        + unrealised
        + parts["dividends"]
        + parts["cash_in_lieu"]
        - parts["commissions"]
    )
    snapshot = SnapshotRow(
        session=session,
        nav_e4=nav,
        cash_e4=cash_e4,
        positions_value_e4=value,
        peak_nav_e4=max(nav, CAPITAL_E4),
        drawdown=0.0,
        gross_exposure=value / nav,
        net_exposure=value / nav,
        realised_e4=nav - explained,
        unrealised_e4=unrealised,
        dividends_e4=parts["dividends"],
        cash_in_lieu_e4=parts["cash_in_lieu"],
        commissions_e4=parts["commissions"],
        flows_e4=parts["flows"],
        initial_capital_e4=CAPITAL_E4,
        tripped=False,
        positions_count=len(positions),
    )
    return Settlement(snapshot, positions, lots, tuple(actions))


def settle(ledger: Ledger, lease: Lease, settlement: Settlement, *, traded: bool = True) -> int:
    """The transaction of the stage ``settle``."""

    def write(writer: Writer) -> int:
        version = writer.settle(lease.portfolio, settlement)
        outcome = SessionOutcome.TRADED if traded else SessionOutcome.NO_TRADES
        writer.put_outcome(
            OutcomeRecord(
                lease.portfolio, settlement.snapshot.session, outcome, "filled", "all orders"
            )
        )
        return version

    return ledger.write(lease, write)


def trade_monday(ledger: Ledger, *, undisturbed: bool = True) -> OrderIntent:
    """Monday from its opening to its close: 100 AAPL bought at 101.25 and held at 102.

    Args:
        undisturbed: Otherwise the session is begun three times, and an answer is lost.
    """
    order = intent("AAPL", 100)
    for _ in range(1 if undisturbed else 3):
        with ledger.lease(BOOK, MONDAY, "open") as lease:
            decide(ledger, lease, [order])
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        reconcile(ledger, lease)
        if not undisturbed:
            _lose_an_answer(ledger, lease, order)
        send(ledger, lease, order)
    with ledger.lease(BOOK, MONDAY, "close") as lease:
        fill(ledger, lease, order, 1_012_500)
        settle(ledger, lease, monday_close())
    return order


def monday_close() -> Settlement:
    cost = 100 * 1_012_500
    return closing(
        MONDAY,
        CAPITAL_E4 - cost - 10_000,
        [Lot("AAPL", 100, cost)],
        {"AAPL": 102.0},
        commissions=10_000,
    )


def trade_tuesday(ledger: Ledger) -> OrderIntent:
    """Tuesday after ``trade_monday``: AAPL splits 2:1 and pays 0.50, 1,000 dollars come in, 50 of
    the 200 shares are sold at 51, and the rest closes at 51.5.
    """
    order = intent("AAPL", -50, session=TUESDAY)
    with ledger.lease(BOOK, TUESDAY, "open") as lease:
        decide(ledger, lease, [order], session=TUESDAY)
        reconcile(ledger, lease)
        send(ledger, lease, order)
    with ledger.lease(BOOK, TUESDAY, "close") as lease:
        fill(ledger, lease, order, 510_000)
        deposit = CashFlow(
            BOOK, TUESDAY, FlowKind.DEPOSIT, 10_000_000, "transfer-1", "anna", "savings"
        )
        ledger.write(lease, lambda writer: writer.put_flow(deposit))
        settle(ledger, lease, tuesday_close())
    return order


def tuesday_close() -> Settlement:
    cost = 100 * 1_012_500 * 3 // 4
    moved = 50 * 510_000 - 10_000 + 1_000_000 + 10_000_000
    return closing(
        TUESDAY,
        monday_close().snapshot.cash_e4 + moved,
        [Lot("AAPL", 150, cost)],
        {"AAPL": 51.5},
        actions=[CorporateActionEntry("AAPL", 2, 1, 0.5, 100, 1_000_000, 1_000_000)],
        commissions=20_000,
        dividends=1_000_000,
        flows=10_000_000,
    )


def _lose_an_answer(ledger: Ledger, lease: Lease, order: OrderIntent) -> None:
    name = order.client_order_id
    ledger.write(
        lease, lambda writer: writer.begin_attempt(name, code_version=CODE, config_hash=CONFIG)
    )
    unknown = OrderEvent(name, "no_answer", OrderState.UNKNOWN, reason="time-out")
    ledger.write(lease, lambda writer: writer.put_event(unknown))
