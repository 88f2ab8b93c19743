"""Every fact once: the same again is nothing, and another content under its key is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.engine.simulate import Lot
from stocker_pipeline.ledger import LeaseLost, Ledger, LedgerConflict, LedgerRefused, Writer
from stocker_pipeline.ledger.control_records import (
    Alert,
    BreakKind,
    Confirmation,
    Discrepancy,
    OverrideKind,
    OverrideRecord,
    Severity,
)
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.ledger.records import CashFlow, FlowKind, OrderEvent, OutcomeRecord
from stocker_pipeline_tests.ledger.builders import (
    ACCOUNT,
    BOOK,
    BROKER,
    CAPITAL_E4,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    closing,
    decide,
    execution,
    fill,
    intent,
    monday_close,
    open_book,
    portfolio,
    reconcile,
    send,
    settle,
    trade_monday,
    trade_tuesday,
    tuesday_close,
)

DEPOSIT = CashFlow(BOOK, MONDAY, FlowKind.DEPOSIT, 5_000_000, "transfer-1", "anna", "savings")


@pytest.mark.parametrize(
    ("same", "other"),
    [
        (
            lambda w: w.open_portfolio(portfolio()),
            lambda w: w.open_portfolio(portfolio(account="SIM-9")),
        ),
        (
            lambda w: w.put_config("c" * 64, '{"window":252}'),
            lambda w: w.put_config("c" * 64, "{}"),
        ),
        (
            lambda w: w.put_outcome(
                OutcomeRecord(BOOK, MONDAY, SessionOutcome.TRADED, "filled", "in other words")
            ),
            lambda w: w.put_outcome(OutcomeRecord(BOOK, MONDAY, SessionOutcome.HALTED, "kill")),
        ),
        (
            lambda w: w.book_execution(
                BOOK, BROKER, ACCOUNT, execution(intent("AAPL", 100), 100, 1_012_500)
            ),
            lambda w: w.book_execution(
                BOOK, BROKER, ACCOUNT, execution(intent("AAPL", 100), 100, 1_012_501)
            ),
        ),
    ],
    ids=["portfolio", "config", "outcome", "execution"],
)
def test_a_fact_told_again_is_nothing_and_told_otherwise_is_refused(
    ledger: Ledger, same: Callable[[Writer], bool], other: Callable[[Writer], bool]
) -> None:
    open_book(ledger)
    trade_monday(ledger)
    before = digest(ledger, BOOK)
    assert ledger.write(None, same) is False
    with pytest.raises(LedgerConflict):
        ledger.write(None, other)
    assert digest(ledger, BOOK) == before


def test_a_session_decided_again_is_the_same_session_or_refused(ledger: Ledger) -> None:
    open_book(ledger)
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, [intent("AAPL", 100), intent("MSFT", -5)])
        before = digest(ledger, BOOK)
        decide(ledger, lease, [intent("AAPL", 100), intent("MSFT", -5)])
        assert digest(ledger, BOOK) == before
        with pytest.raises(LedgerConflict, match="ordered"):
            decide(ledger, lease, [intent("AAPL", 101), intent("MSFT", -5)])
        assert digest(ledger, BOOK) == before


def test_what_one_transaction_began_is_undone_when_it_fails(ledger: Ledger) -> None:
    open_book(ledger)

    def write(writer: Writer) -> None:
        writer.put_flow(DEPOSIT)
        raise ArithmeticError("half-way")

    with pytest.raises(ArithmeticError, match="half-way"):
        ledger.write(None, write)
    assert ledger.read(lambda reader: reader.flows(BOOK)) == []
    assert ledger.write(None, lambda writer: writer.put_flow(DEPOSIT))


def test_a_book_is_not_written_without_its_lease(ledger: Ledger) -> None:
    open_book(ledger)
    with pytest.raises(LeaseLost, match="no lease"):
        ledger.write(None, lambda writer: writer.settle(BOOK, monday_close()))
    open_book(ledger, "another", account="SIM-2")
    with ledger.lease("another", MONDAY, "open") as lease, pytest.raises(LeaseLost):
        ledger.write(lease, lambda writer: writer.settle(BOOK, monday_close()))


def test_the_same_answer_again_is_no_event_but_a_second_look_up_is(ledger: Ledger) -> None:
    open_book(ledger)
    order = intent("AAPL", 100)
    name = order.client_order_id
    lost = OrderEvent(name, "no_answer", OrderState.UNKNOWN, reason="time-out")
    looked = OrderEvent(name, "lookup", OrderState.UNKNOWN, reason="not found")
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, [order])
        ledger.write(lease, lambda w: w.begin_attempt(name, code_version="1", config_hash="c" * 64))
        assert ledger.write(lease, lambda w: w.put_event(lost))
        assert not ledger.write(lease, lambda w: w.put_event(lost))
        assert ledger.write(lease, lambda w: w.put_event(looked, repeat=True))
        assert ledger.write(lease, lambda w: w.put_event(looked, repeat=True))
    events = ledger.read(lambda reader: reader.order_events(name))
    assert [event.kind for event in events] == ["sending", "no_answer", "lookup", "lookup"]


def test_a_flow_is_entered_once_and_before_its_session_is_settled(ledger: Ledger) -> None:
    open_book(ledger)
    assert ledger.write(None, lambda writer: writer.put_flow(DEPOSIT))
    assert not ledger.write(None, lambda writer: writer.put_flow(DEPOSIT))
    with pytest.raises(LedgerConflict, match="amount"):
        ledger.write(None, lambda writer: writer.put_flow(replace(DEPOSIT, amount_e4=1)))
    assert ledger.read(lambda reader: reader.flows_e4(BOOK, MONDAY)) == 5_000_000
    with ledger.lease(BOOK, MONDAY, "close") as lease:
        close = closing(MONDAY, CAPITAL_E4 + 5_000_000, flows=5_000_000)
        ledger.write(lease, lambda writer: writer.settle(BOOK, close))
    assert not ledger.write(None, lambda writer: writer.put_flow(DEPOSIT))
    late = replace(DEPOSIT, reference="transfer-2")
    with pytest.raises(BookRefused, match="not settled yet"):
        ledger.write(None, lambda writer: writer.put_flow(late))


def test_a_close_that_the_entries_do_not_explain_is_refused(ledger: Ledger) -> None:
    open_book(ledger)
    with ledger.lease(BOOK, MONDAY, "close") as lease:
        with pytest.raises(BookRefused, match="cash that the ledger explains"):
            settle(ledger, lease, closing(MONDAY, CAPITAL_E4 + 1))
        with pytest.raises(BookRefused, match="lots that make the positions"):
            close = closing(MONDAY, CAPITAL_E4, [Lot("AAPL", 1, 1)])
            settle(ledger, lease, replace(close, lots=()))
    assert ledger.read(lambda reader: reader.latest_snapshot(BOOK)) is None


def test_the_same_close_again_is_nothing_and_another_needs_a_reason(ledger: Ledger) -> None:
    open_book(ledger)
    trade_monday(ledger)
    close = monday_close()
    other = replace(close, snapshot=replace(close.snapshot, tripped=True))
    with ledger.lease(BOOK, MONDAY, "close") as lease:
        assert ledger.write(lease, lambda writer: writer.settle(BOOK, close)) == 1
        with pytest.raises(LedgerConflict, match="version 1"):
            ledger.write(lease, lambda writer: writer.settle(BOOK, other))
        restated = ledger.write(
            lease, lambda writer: writer.settle(BOOK, other, restate_reason="a late fill")
        )
    assert restated == 2
    snapshot = ledger.read(lambda reader: reader.snapshot(BOOK, MONDAY))
    assert snapshot is not None
    assert (snapshot.version, snapshot.tripped, snapshot.reason) == (2, True, "a late fill")


def test_a_late_fill_settles_its_session_and_the_later_ones_again(ledger: Ledger) -> None:
    """20 more shares of MSFT turn out to be Monday's after Tuesday was settled."""
    open_book(ledger)
    trade_monday(ledger)
    with ledger.lease(BOOK, TUESDAY, "open") as lease:
        decide(ledger, lease, session=TUESDAY)
        late = intent("MSFT", 20, session=TUESDAY)
        decide(ledger, lease, [late], session=WEDNESDAY)
        quiet = replace_session(monday_close(), TUESDAY)
        ledger.write(lease, lambda writer: writer.settle(BOOK, quiet))

        booked = execution(late, 20, 500_000)
        first = _with(monday_close(), Lot("MSFT", 20, 10_000_000))
        second = replace_session(first, TUESDAY)

        def restate(writer: Writer) -> None:
            fact = replace(booked, session=MONDAY)
            assert writer.book_execution(BOOK, BROKER, ACCOUNT, fact)
            for settlement in (first, second):
                assert writer.settle(BOOK, settlement, restate_reason="late fill of MSFT") == 2

        ledger.write(lease, restate)

    lots = (Lot("AAPL", 100, 101_250_000), Lot("MSFT", 20, 10_000_000))
    assert ledger.read(lambda reader: reader.lots(BOOK)) == lots
    assert ledger.read(lambda reader: reader.lots(BOOK, through=MONDAY)) == lots
    assert ledger.read(lambda reader: reader.settlement(BOOK, TUESDAY)).positions == (
        second.positions
    )


def replace_session(settlement, session: date):
    return replace(settlement, snapshot=replace(settlement.snapshot, session=session))


def _with(settlement, lot: Lot):
    """The close with one more lot, bought for cash on the same day and marked at 100."""
    cash = settlement.snapshot.cash_e4 - lot.cost_e4 - 10_000
    commissions = settlement.snapshot.commissions_e4 + 10_000
    lots = (*settlement.lots, lot)
    return closing(
        settlement.snapshot.session, cash, lots, {"AAPL": 102.0}, commissions=commissions
    )


def test_a_symbol_that_was_sold_out_has_no_lots_and_can_be_bought_again(ledger: Ledger) -> None:
    open_book(ledger)
    trade_monday(ledger)
    trade_tuesday(ledger)
    with ledger.lease(BOOK, WEDNESDAY, "open") as lease:
        order = intent("AAPL", -150, session=WEDNESDAY)
        decide(ledger, lease, [order], session=WEDNESDAY)
        send(ledger, lease, order)
        fill(ledger, lease, order, 500_000)
        cash = tuesday_close().snapshot.cash_e4 + 150 * 500_000 - 10_000
        settle(
            ledger,
            lease,
            closing(WEDNESDAY, cash, commissions=30_000, dividends=1_000_000, flows=10_000_000),
        )
    assert ledger.read(lambda reader: reader.lots(BOOK)) == ()
    assert ledger.read(lambda reader: reader.lots(BOOK, through=TUESDAY)) == tuesday_close().lots
    opening = ledger.read(lambda reader: reader.opening_book(BOOK, through=TUESDAY))
    assert opening is not None
    assert opening[0] == TUESDAY


def test_lots_are_written_only_where_they_changed(ledger: Ledger) -> None:
    from sqlalchemy import text

    open_book(ledger)
    trade_monday(ledger)
    with ledger.lease(BOOK, TUESDAY, "close") as lease:
        for session in (TUESDAY, WEDNESDAY):
            quiet = replace_session(monday_close(), session)
            ledger.write(lease, lambda writer, quiet=quiet: writer.settle(BOOK, quiet))
    rows = ledger.read(lambda r: r.connection.execute(text("SELECT count(*) FROM lots")).scalar())
    assert rows == 1
    assert ledger.read(lambda reader: reader.lots(BOOK)) == monday_close().lots


def test_a_break_stays_open_until_it_has_an_end(ledger: Ledger) -> None:
    open_book(ledger)
    ghost = Discrepancy(BreakKind.BROKER_ONLY, "TSLA", "0", "7")
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        reconcile(ledger, lease, ghost)
        reconcile(ledger, lease, replace(ghost, observed="8"))
        (found,) = ledger.read(lambda reader: reader.open_breaks(BOOK))
        assert (found.kind, found.symbol, found.observed) == (BreakKind.BROKER_ONLY, "TSLA", "7")
        end = lambda w: w.end_break(  # noqa: E731
            found.break_id, how="cleared", author="stocker", reason="equal again"
        )
        assert ledger.write(lease, end)
        assert not ledger.write(lease, end)
        assert ledger.read(lambda reader: reader.open_breaks(BOOK)) == []
        reconcile(ledger, lease, ghost)
    assert len(ledger.read(lambda reader: reader.breaks(BOOK))) == 2
    last = ledger.read(lambda reader: reader.latest_reconciliation(BOOK, MONDAY))
    assert last is not None
    assert last.discrepancies == (ghost,)
    assert not last.clean


def test_a_strange_fill_waits_in_suspense_until_a_person_adopts_it(ledger: Ledger) -> None:
    open_book(ledger)
    strange = replace(
        execution(intent("TSLA", 7), 7, 1_000_000), client_order_id=None, commission_e4=0
    )
    for _ in range(2):
        ledger.write(None, lambda w: w.suspend_execution(BROKER, ACCOUNT, strange, why="not ours"))
    (waiting,) = ledger.read(lambda reader: reader.open_suspense(BROKER, ACCOUNT))
    assert (waiting.execution, waiting.why) == (strange, "not ours")

    def adopt(writer: Writer) -> bool:
        writer.end_suspense(
            BROKER,
            ACCOUNT,
            strange.execution_id,
            resolution="adopted",
            author="anna",
            reason="bought by hand",
        )
        return writer.book_execution(BOOK, BROKER, ACCOUNT, strange, adopted=True)

    assert ledger.write(None, adopt)
    assert not ledger.write(None, adopt)
    assert ledger.read(lambda reader: reader.open_suspense(BROKER, ACCOUNT)) == []
    (booked,) = ledger.read(lambda reader: reader.executions(BOOK))
    assert booked.execution == strange


def test_an_override_holds_for_its_sessions_and_until_it_is_ended(ledger: Ledger) -> None:
    open_book(ledger)
    half = OverrideRecord(
        BOOK, OverrideKind.MULTIPLIER, "anna", "earnings", TUESDAY, "AAPL", 0.5, TUESDAY
    )
    halt = OverrideRecord(BOOK, OverrideKind.NO_TRADE, "anna", "holiday", TUESDAY)
    first = ledger.write(None, lambda writer: writer.put_override(half))
    assert ledger.write(None, lambda writer: writer.put_override(half)) == first
    second = ledger.write(None, lambda writer: writer.put_override(halt))

    def kinds(session: date) -> list[OverrideKind]:
        return [item.kind for item in ledger.read(lambda r: r.overrides(BOOK, session))]

    assert kinds(MONDAY) == []
    assert kinds(TUESDAY) == [OverrideKind.MULTIPLIER, OverrideKind.NO_TRADE]
    assert kinds(WEDNESDAY) == [OverrideKind.NO_TRADE]
    ledger.write(None, lambda w: w.end_override(second, author="anna", reason="back"))
    assert kinds(WEDNESDAY) == []
    with pytest.raises(LedgerRefused):
        ledger.write(None, lambda writer: writer.put_override(replace(half, value=None)))


def test_what_a_person_does_is_in_the_audit_log(ledger: Ledger) -> None:
    open_book(ledger)
    jump = Confirmation(BOOK, MONDAY, "account_value", "anna", "I moved money")
    assert ledger.write(None, lambda writer: writer.put_confirmation(jump))
    assert not ledger.write(None, lambda writer: writer.put_confirmation(jump))
    ledger.write(None, lambda writer: writer.put_flow(DEPOSIT))
    found = ledger.read(lambda reader: reader.confirmation(BOOK, MONDAY, "account_value"))
    assert found is not None
    assert found.author == "anna"
    log = ledger.read(lambda reader: reader.audit())
    assert [(entry.actor, entry.action) for entry in log] == [
        ("stocker", "portfolio_opened"),
        ("stocker", "control"),
        ("stocker", "config_version"),
        ("anna", "confirmation"),
        ("anna", "cash_flow"),
    ]
    assert ledger.read(lambda reader: reader.verify_audit()) == []


def test_the_same_alert_of_a_session_pages_once(ledger: Ledger) -> None:
    open_book(ledger)
    alert = Alert(Severity.CRITICAL, "break", "TSLA 7 at the broker alone", BOOK, MONDAY)
    first = ledger.write(None, lambda writer: writer.put_alert(alert))
    assert ledger.write(None, lambda writer: writer.put_alert(alert)) == first
    tuesday = replace(alert, session=TUESDAY)
    assert ledger.write(None, lambda writer: writer.put_alert(tuesday)) > first
    assert len(ledger.read(lambda reader: reader.alerts(BOOK))) == 2
    assert len(ledger.read(lambda reader: reader.alerts(after_id=first))) == 1


def test_a_cursor_is_the_last_value_it_was_moved_to(ledger: Ledger) -> None:
    read = lambda: ledger.read(lambda reader: reader.cursor(ACCOUNT, "fills"))  # noqa: E731
    assert read() == ""
    for value, moved in (("a", True), ("a", False), ("b", True), ("a", True)):
        assert (
            ledger.write(None, lambda w, to=value: w.advance_cursor(ACCOUNT, "fills", to)) is moved
        )
    assert read() == "a"


@pytest.mark.parametrize("amount", [1.5, float("nan"), "12"])
def test_an_amount_that_is_no_integer_is_refused(ledger: Ledger, amount: object) -> None:
    open_book(ledger)
    flow = replace(DEPOSIT, amount_e4=amount)
    with pytest.raises(LedgerRefused, match="exactly"):
        ledger.write(None, lambda writer: writer.put_flow(flow))


def test_a_number_that_is_not_finite_is_refused(ledger: Ledger) -> None:
    open_book(ledger)
    close = closing(MONDAY, CAPITAL_E4)
    broken = replace(close, snapshot=replace(close.snapshot, drawdown=float("nan")))
    with (
        ledger.lease(BOOK, MONDAY, "close") as lease,
        pytest.raises(LedgerRefused, match="finite"),
    ):
        settle(ledger, lease, broken)
