"""What the simulated broker refuses, in the words and with the statuses that Alpaca uses.

Pure judgements over what the account holds. That an id is there already is no refusal and is asked
before all of these: a refusal must prove that there is no order.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from stocker_pipeline.domain.portfolio import SYMBOL_PATTERN
from stocker_pipeline.gateways.brokers.broker import (
    BrokerOrder,
    CancelRefused,
    OrderRefused,
    OrderRequest,
)
from stocker_pipeline.gateways.brokers.order_window import REFUSAL, next_window

CLIENT_ORDER_ID_LENGTH_MAX = 128
_SYMBOL = re.compile(SYMBOL_PATTERN)


def malformed(order: OrderRequest) -> OrderRefused | None:
    """Whether the order cannot be one in any state of the account."""
    quantity: object = order.quantity
    if not order.client_order_id:
        return OrderRefused("client_order_id is required", status=422)
    if len(order.client_order_id) > CLIENT_ORDER_ID_LENGTH_MAX:
        return OrderRefused(
            f"client_order_id must be no more than {CLIENT_ORDER_ID_LENGTH_MAX} characters",
            status=422,
        )
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        return OrderRefused("fractional orders must be DAY orders", status=422)
    if quantity == 0:
        return OrderRefused("qty must be > 0", status=422)
    if not _SYMBOL.match(order.symbol):
        return OrderRefused(f'asset "{order.symbol}" not found', status=422)
    return None


def untimely(order: OrderRequest, at: datetime) -> OrderRefused | None:
    """Whether the order comes outside its window, or for another session than the next one."""
    window = next_window(at)
    if not window.takes(at):
        return OrderRefused(REFUSAL, status=403)
    if order.session != window.session:
        return OrderRefused(
            f"an order taken now trades at the open of {window.session}, not of {order.session}",
            status=422,
        )
    return None


def beyond_position(
    order: OrderRequest, held: int, open_orders: Sequence[BrokerOrder]
) -> OrderRefused | None:
    """Whether the order would cross zero, or meets an open order of the other side.

    Args:
        held: Signed shares in the basis of the order's session.
        open_orders: Of the order's symbol.
    """
    selling = order.quantity < 0
    if any((other.quantity < 0) != selling for other in open_orders):
        return OrderRefused(_against_open_order(selling, held), status=403)
    if held == 0 or (held < 0) == selling:
        return None
    reserved = sum(abs(other.quantity) for other in open_orders)
    available = max(abs(held) - reserved, 0)
    if abs(order.quantity) <= available:
        return None
    return OrderRefused(
        "insufficient qty available for order "
        f"(requested: {abs(order.quantity)}, available: {available})",
        status=403,
    )


def _against_open_order(selling: bool, held: int) -> str:
    if held != 0:
        return "potential wash trade detected. use complex orders"
    if selling:
        return "cannot open a short sell while a long buy order is open"
    return "cannot open a long buy while a short sell order is open"


def not_cancelable(
    client_order_id: str, order: BrokerOrder | None, too_late: bool
) -> CancelRefused | None:
    """Whether it is too late for a cancel, or there is nothing to cancel."""
    if order is None:
        return CancelRefused(f"order not found for {client_order_id}", status=404)
    if not order.status.open:
        return CancelRefused(f'order is already in "{order.status.value}" state', status=422)
    if too_late:
        return CancelRefused(
            "market-on-open orders can be neither cancelled nor modified after 9:28am", status=422
        )
    return None
