"""The end of one session: nothing of it works any more, its book is settled, it has an outcome.

One transaction writes snapshot and outcome. Stays out: how fills came in, and the day around it.
"""

from datetime import date

import numpy as np

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.domain.orders import OrderState
from stocker_pipeline.engine.rebalance import Decision
from stocker_pipeline.ledger import Lease, Reader, Writer
from stocker_pipeline.ledger.limit_records import LimitStage
from stocker_pipeline.ledger.records import OutcomeRecord, SessionKind
from stocker_pipeline.risk.outcome import Outcome, OutcomeCode, outcome_of
from stocker_pipeline.stages.decide import session_record
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.patience import Waits
from stocker_pipeline.stages.settle import settle_session
from stocker_pipeline.stages.submit import submit

_WITHHELD = {
    "late": OutcomeCode.LATE,
    "control": OutcomeCode.KILLED,
    "locked": OutcomeCode.LOCKED,
    "cash_break": OutcomeCode.BREAKS,
}
"""Word in front of a withheld order's reason → what it makes of the session."""


def close_book(desk: Desk, lease: Lease, session: date, *, waits_for_orders: bool = True) -> None:
    """Settle a session and give it its outcome.

    Args:
        waits_for_orders: Whether an order that may still fill holds the close up. The next
            session's start does not wait: a fill that comes later restates the book.

    Raises:
        Waits: There is no bar of the session yet, or an order may still fill.
    """
    row = desk.panel.row_of(session)
    if np.isnan(desk.panel.market.close[row]).all():
        raise Waits("no_bars", f"there is no bar of {session} yet")
    # What was decided and never sent is withheld now: its window has passed.
    submit(desk, lease, session)
    if waits_for_orders:
        _refuse_working(desk, session)
    crash_point("close.settle.before")
    desk.ledger.write(lease, lambda w: _settle(w, desk, session))
    crash_point("close.settle.after")


def _refuse_working(desk: Desk, session: date) -> None:
    working = [
        order
        for order in desk.ledger.read(lambda r: r.orders(desk.name, session=session))
        if order.state.working
    ]
    if working:
        named = ", ".join(f"{order.intent.key.symbol} ({order.state})" for order in working)
        raise Waits("unfilled", f"{desk.broker.name} has not said what became of {named}")


def _settle(writer: Writer, desk: Desk, session: date) -> None:
    if writer.session(desk.name, session) is None:
        writer.put_config(desk.config_hash, desk.config)
        writer.open_session(session_record(desk, session, SessionKind.CAUGHT_UP))
    crash_point("close.settle.begun")
    settle_session(writer, desk, session)
    crash_point("close.settle.inside")
    if writer.outcome(desk.name, session) is None:
        ended = outcome_from(writer, desk.name, session)
        writer.put_outcome(
            OutcomeRecord(desk.name, session, ended.outcome, ended.code.value, ended.reason)
        )


def outcome_from(reader: Reader, portfolio: str, session: date) -> Outcome:
    """The outcome that the session's own rows give."""
    record = reader.session(portfolio, session)
    if record is None or record.kind is SessionKind.CAUGHT_UP:
        return outcome_of(skipped=OutcomeCode.NOT_DECIDED)
    orders = reader.orders(portfolio, session=session)
    withheld = _withheld(reader, [o.client_order_id for o in orders if o.attempts == 0])
    halted = withheld if withheld and withheld.outcome.value == "HALTED" else None
    if any(row.decision == Decision.HALTED.name for row in reader.decisions(portfolio, session)):
        halted = OutcomeCode.DATA_OUTAGE
    made = {order.intent.key.symbol for order in orders}
    stopped = {
        found.symbol
        for found in reader.limit_rejections(portfolio, session)
        if found.stage is LimitStage.SIZING and found.symbol not in made
    }
    return outcome_of(
        wanted=len(orders) + len(stopped),
        sent=sum(order.attempts > 0 for order in orders),
        filled=sum(order.state is OrderState.FILLED for order in orders),
        executions=sum(order.filled_quantity != 0 for order in orders),
        skipped=withheld if withheld is OutcomeCode.LATE else None,
        halted=halted,
        detail=f"limits stopped {len(stopped)} before they were made" if stopped else "",
    )


def _withheld(reader: Reader, unsent: list[str]) -> OutcomeCode | None:
    """Why orders did not leave, as the last of them says."""
    for key in reversed(unsent):
        for event in reversed(reader.order_events(key)):
            word = event.reason.partition(":")[0]
            if event.kind == "withheld" and word in _WITHHELD:
                return _WITHHELD[word]
    return None
