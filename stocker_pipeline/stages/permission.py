"""Whether control lets an order leave: the kill file, the states of every scope, leave to close.

Read in the transaction that commits the attempt; the database judges the states once more. Stays
out: how the states come to be (``control``), and the other gates (``submit``).
"""

from datetime import timedelta

from stocker_pipeline.domain.orders import OrderIntent
from stocker_pipeline.ledger import Reader
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.ledger.records import OrderRecord
from stocker_pipeline.risk.alert_policy import CANARY
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.kill_file import kill_file_reason

FLATTEN = "flatten"
"""The leg of orders that close a book by a person's word."""
CANARY_WITHIN = timedelta(hours=26)
"""A day, and what a channel may need that was dead at its hour."""


def why_forbidden(reader: Reader, desk: Desk, order: OrderRecord) -> str | None:
    """The sentence that stops an order now, whatever was true when it was decided."""
    stopped = kill_file_reason(desk.kill_file)
    if stopped is not None:
        return stopped
    if order.intent.key.leg == FLATTEN:
        return _not_closing(reader, desk, order.intent)
    control = reader.control(desk.name)
    if control.state is ControlState.ARMED:
        return None
    if control.state is ControlState.REDUCE_ONLY and _reduces(reader, desk, order.intent):
        return None
    return f"the portfolio is {control.state}: {control.reason}"


def why_unheard(reader: Reader, desk: Desk, order: OrderRecord) -> str | None:
    """The sentence that stops an order of live while nobody would be told of what goes wrong.

    A canary has to arrive each day. What closes a book by a person's word needs none.
    """
    if desk.environment != "live" or order.intent.key.leg == FLATTEN:
        return None
    heard, now = reader.last_heard(CANARY), desk.ledger.now()
    if heard is not None and now - heard <= CANARY_WITHIN:
        return None
    last = "ever" if heard is None else f"since {heard:%Y-%m-%d %H:%M} UTC"
    return f"no canary was delivered {last}: nobody would be told; run stocker alerts test"


def _reduces(reader: Reader, desk: Desk, intent: OrderIntent) -> bool:
    """Whether the order brings a position closer to zero and not beyond it."""
    decided = reader.decision(desk.name, intent.key.session, intent.key.symbol)
    if decided is None:
        return False
    closes_at_most = 0 < abs(intent.quantity) <= abs(decided.held)
    return closes_at_most and (intent.quantity < 0) == (decided.held > 0)


def _not_closing(reader: Reader, desk: Desk, intent: OrderIntent) -> str | None:
    key = intent.key
    if reader.flatten(desk.name, key.session) is None:
        control = reader.control(desk.name)
        return f"the leave to close the book is over: {control.state} since: {control.reason}"
    last = reader.latest_snapshot(desk.name)
    rows = [] if last is None else reader.positions(desk.name, last.session)
    held = {row.symbol: row.quantity for row in rows}.get(key.symbol, 0)
    if held * intent.quantity >= 0:
        return f"{intent.quantity:+d} shares close nothing of {held} held"
    return None
