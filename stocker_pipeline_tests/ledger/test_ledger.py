from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.engine.simulate import Lot, OpeningBook
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline_tests.ledger.builders import (
    BOOK,
    CAPITAL_E4,
    MONDAY,
    monday_close,
    open_book,
    trade_monday,
)


def test_a_day_from_decision_to_close_reads_back_as_it_was_written(ledger: Ledger) -> None:
    open_book(ledger)
    order = trade_monday(ledger)

    held = ledger.read(lambda reader: reader.order(order.client_order_id))
    assert held is not None
    assert held.intent == order
    assert (held.state, held.filled_quantity, held.attempts) == (OrderState.FILLED, 100, 1)
    assert held.broker_order_id == f"b-{order.client_order_id[4:20]}"
    assert ledger.read(lambda reader: reader.settlement(BOOK, MONDAY)).positions == (
        monday_close().positions
    )
    outcome = ledger.read(lambda reader: reader.outcome(BOOK, MONDAY))
    assert outcome is not None
    assert outcome.outcome is SessionOutcome.TRADED


def test_the_opening_book_is_the_last_close(ledger: Ledger) -> None:
    open_book(ledger)
    assert ledger.read(lambda reader: reader.opening_book(BOOK)) is None
    trade_monday(ledger)

    opening = ledger.read(lambda reader: reader.opening_book(BOOK))

    cost = 100 * 1_012_500
    assert opening == (
        MONDAY,
        OpeningBook(
            initial_e4=CAPITAL_E4,
            cash_e4=CAPITAL_E4 - cost - 10_000,
            nav_e4=CAPITAL_E4 + 75 * 10_000 - 10_000,
            peak_e4=CAPITAL_E4 + 75 * 10_000 - 10_000,
            commissions_e4=10_000,
            lots=(Lot("AAPL", 100, cost),),
        ),
    )


def test_opening_a_simulated_portfolio_arms_it(ledger: Ledger) -> None:
    assert ledger.read(lambda reader: reader.control(BOOK)).state is ControlState.KILLED
    open_book(ledger)
    control = ledger.read(lambda reader: reader.control(BOOK))
    assert (control.epoch, control.state) == (1, ControlState.ARMED)
