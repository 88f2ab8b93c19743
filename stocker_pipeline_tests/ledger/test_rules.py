"""What the database refuses, whoever writes: raw SQL past every check of the code."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from stocker_pipeline.domain.orders import LEGAL_EDGES, OrderState
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.ledger import LeaseLost, Ledger, LedgerRefused, Writer
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.ledger.records import OrderEvent
from stocker_pipeline.ledger.tables import metadata
from stocker_pipeline_tests.ledger.builders import (
    ACCOUNT,
    BOOK,
    BROKER,
    CODE,
    CONFIG,
    MONDAY,
    decide,
    execution,
    intent,
    open_book,
    send,
    trade_monday,
)


def _run(ledger: Ledger, statement: str) -> None:
    def write(writer: Writer) -> None:
        writer.connection.exec_driver_sql(statement)

    ledger.write(None, write)


def test_no_row_of_any_table_is_changed_or_deleted(ledger: Ledger) -> None:
    open_book(ledger)
    trade_monday(ledger)
    for table in sorted(metadata.tables):
        count = f"SELECT count(*) FROM {table}"
        rows = ledger.read(lambda r, query=count: r.connection.execute(text(query)).scalar())
        if rows == 0 and ledger.dialect == "sqlite":
            continue  # SQLite asks its triggers for each row, and there is none.
        column = next(iter(metadata.tables[table].columns)).name
        # Of an order the state may be set to what it is.
        column = "decision" if table == "order_intents" else column
        changed = f"UPDATE {table} SET {column} = {column}"
        if table == "order_intents":
            changed += " || '!'"
        for statement in (f"DELETE FROM {table}", changed):
            with pytest.raises(LedgerRefused) as refused:
                _run(ledger, statement)
            assert refused.value.code == "append_only"
        after = ledger.read(lambda r, query=count: r.connection.execute(text(query)).scalar())
        assert after == rows


def test_no_row_is_replaced_in_sqlite(ledger: Ledger, dialect: str) -> None:
    if dialect == "postgresql":
        pytest.skip("PostgreSQL has no INSERT OR REPLACE")
    open_book(ledger)
    with pytest.raises(LedgerRefused, match="append_only"):
        _run(
            ledger,
            "INSERT OR REPLACE INTO config_versions "
            "SELECT config_hash, '{}', created_at FROM config_versions",
        )


def test_the_state_of_an_order_is_that_of_its_last_event_and_nothing_else(
    ledger: Ledger,
) -> None:
    open_book(ledger)
    trade_monday(ledger)
    with pytest.raises(LedgerRefused, match="only the state changes"):
        _run(ledger, "UPDATE order_intents SET state = 'ACKED'")
    with pytest.raises(LedgerRefused, match="only the state changes"):
        _run(ledger, "UPDATE order_intents SET quantity = 5")


def test_every_illegal_step_between_two_states_is_refused_by_the_database(ledger: Ledger) -> None:
    """All steps out of every state, reached by the shortest legal way, by raw SQL."""
    open_book(ledger)
    orders = {state: intent(f"S{n}", 100) for n, state in enumerate(OrderState)}
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, list(orders.values()))
        for before, order in orders.items():
            name, way = order.client_order_id, _way_to(before)
            for state in way:
                event = OrderEvent(name, "step", state)
                ledger.write(lease, lambda w, event=event: w.put_event(event, repeat=True))
            for after in set(OrderState) - LEGAL_EDGES[before]:
                with pytest.raises(LedgerRefused) as refused:
                    _run(
                        ledger,
                        "INSERT INTO order_events (client_order_id, sequence, kind, state, "
                        f"reason, raw, recorded_at) VALUES ('{name}', {len(way) + 1}, 'hand', "
                        f"'{after}', '', '', '2010-01-04T13:00:00.000000+00:00')",
                    )
                assert refused.value.code == "edge"
            held = ledger.read(lambda r, name=name: r.order(name))
            assert held is not None
            assert held.state is before


def test_an_illegal_step_is_refused_with_the_steps_there_are(ledger: Ledger) -> None:
    open_book(ledger)
    order = trade_monday(ledger)
    again = OrderEvent(order.client_order_id, "answer", OrderState.ACKED)
    with pytest.raises(LedgerRefused, match="after FILLED one of: nothing"):
        ledger.write(None, lambda writer: writer.put_event(again))


def _way_to(state: OrderState) -> list[OrderState]:
    ways: dict[OrderState, list[OrderState]] = {OrderState.INTENT: []}
    queue = [OrderState.INTENT]
    while queue:
        at = queue.pop(0)
        for after in sorted(LEGAL_EDGES[at]):
            if after not in ways:
                ways[after] = [*ways[at], after]
                queue.append(after)
    return ways[state]


def test_two_working_orders_of_a_symbol_cannot_be(ledger: Ledger) -> None:
    open_book(ledger)
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, [intent("AAPL", 100)])
        with pytest.raises(LedgerRefused):
            ledger.write(
                lease,
                lambda writer: writer.put_intents(
                    [intent("AAPL", 50, revision=1)], config_hash=CONFIG
                ),
            )
        assert len(ledger.read(lambda reader: reader.orders(BOOK))) == 1


def test_an_order_is_never_filled_above_its_quantity(ledger: Ledger) -> None:
    open_book(ledger)
    order = intent("AAPL", 100)
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, [order])
        send(ledger, lease, order)
        first, rest = execution(order, 60, 1_000_000), execution(order, 41, 1_000_000)
        ledger.write(lease, lambda w: w.book_execution(BOOK, BROKER, ACCOUNT, first))
        with pytest.raises(LedgerRefused) as refused:
            ledger.write(lease, lambda w: w.book_execution(BOOK, BROKER, ACCOUNT, rest))
    assert refused.value.code == "overfill"
    assert len(ledger.read(lambda reader: reader.cash_entries(BOOK, MONDAY))) == 2


@pytest.mark.parametrize(
    "change", [{"symbol": "MSFT"}, {"quantity": -10}, {"client_order_id": None}]
)
def test_a_fill_that_is_not_of_its_order_is_refused(
    ledger: Ledger, change: dict[str, object]
) -> None:
    open_book(ledger)
    order = intent("AAPL", 100)
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, [order])
        strange = execution(order, 10, 1_000_000)
        strange = type(strange)(**{**vars(strange), **change})
        with pytest.raises(LedgerRefused) as refused:
            ledger.write(lease, lambda w: w.book_execution(BOOK, BROKER, ACCOUNT, strange))
    assert refused.value.code == "foreign"


def test_nothing_is_sent_while_killed_and_a_new_arming_begins_a_new_epoch(
    ledger: Ledger,
) -> None:
    open_book(ledger)
    order = intent("AAPL", 100)
    name = order.client_order_id

    def attempt(writer: Writer) -> int:
        return writer.begin_attempt(name, code_version=CODE, config_hash=CONFIG)

    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, [order])
        _control(ledger, ControlState.KILLED)
        with pytest.raises(LedgerRefused) as refused:
            ledger.write(lease, attempt)
        assert refused.value.code == "control"
        _control(ledger, ControlState.ARMED)
        assert ledger.write(lease, attempt) == 1
        assert ledger.read(lambda reader: reader.attempts(name))[0].kill_epoch == 3


def _control(ledger: Ledger, state: ControlState) -> None:
    ledger.write(None, lambda w: w.set_control(BOOK, state, author="anna", reason="a test"))


def test_a_portfolio_that_was_never_armed_sends_nothing(ledger: Ledger) -> None:
    open_book(ledger)
    from stocker_pipeline_tests.ledger.builders import portfolio

    record = portfolio("quiet", account="SIM-2")
    ledger.write(None, lambda writer: writer.open_portfolio(record, armed=False))
    order = intent("AAPL", 100, book="quiet")
    order = type(order)(
        type(order.key)(**{**vars(order.key), "account": "SIM-2"}),
        order.quantity,
        order.reference_price,
        order.decision,
    )
    with ledger.lease("quiet", MONDAY, "open") as lease:
        decide(ledger, lease, [order])
        with pytest.raises(LedgerRefused) as refused:
            send(ledger, lease, order)
    assert refused.value.code == "control"


def test_an_old_token_writes_nothing_not_even_by_raw_sql(ledger: Ledger, clock: FixedClock) -> None:
    open_book(ledger)
    order = intent("AAPL", 100)
    with ledger.lease(BOOK, MONDAY, "open") as old:
        decide(ledger, old, [order])
    with ledger.lease(BOOK, MONDAY, "open"):
        clock.advance(timedelta(seconds=1))
        with pytest.raises(LeaseLost):
            send(ledger, old, order)
        with pytest.raises(LeaseLost):
            _run(
                ledger,
                "INSERT INTO order_attempts (client_order_id, attempt, kill_epoch, lease_token, "
                f"code_version, config_hash, committed_at) VALUES ('{order.client_order_id}', 1, "
                f"1, {old.token}, 'v1', '{CONFIG}', '2010-01-04T13:00:00.000000+00:00')",
            )


def test_amounts_that_are_not_exact_are_refused_by_the_database(
    ledger: Ledger, dialect: str
) -> None:
    open_book(ledger)
    row = (
        "INSERT INTO cash_entries (portfolio, session, kind, amount, version, reference, author, "
        f"reason, recorded_at) VALUES ('{BOOK}', '2010-01-04', 'deposit', {{}}, 0, 'r', 'anna', "
        "'', '2010-01-04T13:00:00.000000+00:00')"
    )
    bad = ["0.5", "9e18", "'a lot'"] if dialect == "sqlite" else ["'NaN'", "9e14", "'Infinity'"]
    for amount in bad:
        with pytest.raises(LedgerRefused):
            _run(ledger, row.format(amount))


def test_a_settled_session_cannot_be_preceded_by_a_new_one(ledger: Ledger) -> None:
    from datetime import date

    from stocker_pipeline_tests.ledger.builders import CAPITAL_E4, closing

    open_book(ledger)
    trade_monday(ledger)
    with ledger.lease(BOOK, MONDAY, "close") as lease:
        earlier = closing(date(2009, 12, 31), CAPITAL_E4)
        with pytest.raises(LedgerRefused) as refused:
            ledger.write(lease, lambda writer: writer.settle(BOOK, earlier))
    assert refused.value.code == "sequence"
