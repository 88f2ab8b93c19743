"""A broker that lies: a simulated one behind faults that a plan names.

Without a fault it is the broker behind it. What fired is kept, so that a failed test can say what
happened. When something goes wrong is the plan's matter (``misbehaviour``), what the account then
is the simulated broker's.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NoReturn, Self, TypeVar

from stocker_pipeline.domain.orders import Execution
from stocker_pipeline.gateways.brokers.broker import (
    Account,
    BrokerOrder,
    ExecutionPage,
    Holdings,
    OrderRefused,
    OrderRequest,
    OutcomeUnclear,
    ReadFailed,
)
from stocker_pipeline.gateways.brokers.misbehaviour import Call, Fault, FaultKind, Plan
from stocker_pipeline.gateways.brokers.simulated import SimulatedBroker
from stocker_pipeline.gateways.brokers.simulated_control import BrokerControl

_T = TypeVar("_T")
_WRITES = ("submit", "cancel")
_WORDS: Mapping[int | None, str] = {
    None: "read timed out",
    200: "the answer is not JSON",
    429: "rate limit exceeded",
    500: "internal server error",
    502: "bad gateway",
    503: "service unavailable",
    504: "gateway time-out",
}
_REPEATED_MAX = 10


@dataclass(frozen=True)
class Fired:
    """A fault that happened: at which call, and when by the broker's clock."""

    fault: Fault
    call: Call
    at: datetime

    def __str__(self) -> str:
        about = f" of {self.call.client_order_id}" if self.call.client_order_id else ""
        return (
            f"{self.at.isoformat()} {self.call.name} #{self.call.turn}{about}: "
            f"{self.fault.kind.name}, {self.fault.kind.value}"
        )


class Misbehaving:
    """A broker with the faults of a plan; see ``FaultKind`` for what each does.

    Attributes:
        fired: What happened, in order.
    """

    def __init__(self, broker: SimulatedBroker, plan: Plan) -> None:
        self._broker = broker
        self._plan = plan
        self._turns: dict[str, int] = {}
        self._readings: dict[tuple[str, str], object] = {}
        self._hidden_orders: dict[str, int] = {}
        self._hidden_fills: dict[str, int] = {}
        self._shown_until = ("", 0)
        self.fired: list[Fired] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The name of the broker behind."""
        return self._broker.name

    @property
    def control(self) -> BrokerControl:
        """The control of the broker behind."""
        return self._broker.control

    def report(self) -> str:
        """What fired, a line each."""
        return "\n".join(str(fired) for fired in self.fired) or "no fault fired"

    def close(self) -> None:
        """Close the broker behind."""
        self._broker.close()

    def move_cash(self, amount_e4: int, session: date, reference: str) -> bool:
        """See ``SimulatedBroker.move_cash``; faultless."""
        return self._broker.move_cash(amount_e4, session, reference)

    def submit(self, order: OrderRequest) -> BrokerOrder:
        after = self._begin("submit", order.client_order_id, order.quantity)
        answer = self._broker.submit(order)
        for fault in after:
            if fault.kind is FaultKind.LOOKUP_LAGS:
                self._hidden_orders[order.client_order_id] = fault.reads
        self._lose(after)
        return answer

    def cancel(self, client_order_id: str) -> None:
        after = self._begin("cancel", client_order_id)
        self._broker.cancel(client_order_id)
        self._lose(after)

    def order(self, client_order_id: str) -> BrokerOrder | None:
        after = self._begin("order", client_order_id)
        for fault in after:
            if fault.kind is FaultKind.LOOKUP_LAGS:
                self._hidden_orders[client_order_id] = fault.reads
        truth = self._broker.order(client_order_id)
        seen = self._reading("order", client_order_id, truth, after)
        return None if self._is_hidden(client_order_id) else seen

    def open_orders(self) -> Sequence[BrokerOrder]:
        after = self._begin("open_orders")
        seen = self._reading("open_orders", "", self._broker.open_orders(), after)
        hidden = {name for name in list(self._hidden_orders) if self._is_hidden(name)}
        return [order for order in seen if order.client_order_id not in hidden]

    def executions(self, cursor: str) -> ExecutionPage:
        after = {fault.kind: fault for fault in self._begin("executions")}
        if tail := after.get(FaultKind.TAIL_MISSING):
            # Rows are numbered without gaps, and the cursor is the number of the last one shown.
            shown = int(cursor) if cursor.isdigit() else 0
            self._shown_until = (str(shown + tail.keep), tail.reads)
        until, reads = self._shown_until
        self._shown_until = (until, max(reads - 1, 0))
        page = self._broker.executions(cursor, until=until if reads else None)
        if hole := after.get(FaultKind.HOLE):
            missing = page.executions[hole.keep :]
            self._hidden_fills |= {fill.execution_id: hole.reads for fill in missing}
        fills = self._without_hidden(page.executions)
        if FaultKind.DUPLICATED in after:
            before = self._broker.executions("", until=cursor or "0").executions[-_REPEATED_MAX:]
            fills = [*self._without_hidden(before), *fills, *fills, *fills]
        if shuffled := after.get(FaultKind.SHUFFLED):
            fills = _shuffled(fills, shuffled.seed)
        self._hidden_fills = {
            name: left - 1 for name, left in self._hidden_fills.items() if left > 1
        }
        return ExecutionPage(fills, page.cursor, page.more)

    def holdings(self) -> Holdings:
        after = self._begin("holdings")
        return self._reading("holdings", "", self._broker.holdings(), after)

    def account(self) -> Account:
        after = self._begin("account")
        return self._reading("account", "", self._broker.account(), after)

    def now(self) -> datetime:
        after = self._begin("now")
        skew = sum(fault.seconds for fault in after)
        return self._broker.now() + timedelta(seconds=skew)

    def _begin(self, name: str, client_order_id: str = "", quantity: int = 0) -> list[Fault]:
        """Do what comes before the call; returns the faults that come with its answer."""
        self._turns[name] = self._turns.get(name, 0) + 1
        call = Call(name, self._turns[name], client_order_id, quantity)
        after = []
        for fault in self._plan.faults(call):
            if not self._possible(fault, call):
                continue
            self.fired.append(Fired(fault, call, self._broker.now()))
            if not self._before(fault, call):
                after.append(fault)
        return after

    def _possible(self, fault: Fault, call: Call) -> bool:
        if fault.kind is FaultKind.REFUSED:
            # A refusal proves that there is no order; of one that is there it would be a lie that
            # no broker tells.
            return self._broker.order(call.client_order_id) is None
        if fault.kind is FaultKind.STALE:
            return (call.name, call.client_order_id) in self._readings
        return True

    def _before(self, fault: Fault, call: Call) -> bool:
        """Whether the fault belongs before the call; it may end it."""
        control, kind, name = self._broker.control, fault.kind, call.client_order_id
        if kind is FaultKind.NO_EFFECT:
            raise OutcomeUnclear(_words(fault.status), status=fault.status)
        if kind is FaultKind.REFUSED:
            raise OrderRefused("insufficient buying power", status=403)
        if kind is FaultKind.READ_FAILS:
            raise ReadFailed(_words(fault.status), status=fault.status)
        if kind is FaultKind.RATE_LIMITED:
            _rate_limited(call)
        if kind is FaultKind.RESTART:
            control.restart()
        elif kind is FaultKind.BROKER_SIDE and fault.do is not None:
            fault.do(self._broker)
        elif kind in (FaultKind.IN_PARTS, FaultKind.CUT, FaultKind.UNFILLED):
            control.fill_in_parts(name, _parts(fault, abs(call.quantity)))
        elif kind is FaultKind.REJECTED_LATER:
            control.reject_later(name)
        elif kind is FaultKind.CANCEL_LOSES:
            control.lose_cancel(name)
        elif kind is FaultKind.FILLS_THOUGH_CANCELED:
            control.fill_though_canceled(name)
        else:
            return False
        return True

    def _lose(self, after: Sequence[Fault]) -> None:
        for fault in after:
            if fault.kind is FaultKind.ANSWER_LOST:
                raise OutcomeUnclear(_words(fault.status), status=fault.status)

    def _reading(self, call: str, about: str, truth: _T, after: Sequence[Fault]) -> _T:
        """The reading, or the one before it where it is stale."""
        if any(fault.kind is FaultKind.STALE for fault in after):
            older: _T = self._readings[call, about]  # type: ignore[assignment]
            return older
        self._readings[call, about] = truth
        return truth

    def _is_hidden(self, client_order_id: str) -> bool:
        left = self._hidden_orders.pop(client_order_id, 0)
        if left > 1:
            self._hidden_orders[client_order_id] = left - 1
        return left > 0

    def _without_hidden(self, fills: Sequence[Execution]) -> list[Execution]:
        return [fill for fill in fills if fill.execution_id not in self._hidden_fills]


def _rate_limited(call: Call) -> NoReturn:
    error = OutcomeUnclear if call.name in _WRITES else ReadFailed
    raise error(_words(429), status=429)


def _words(status: int | None) -> str:
    return _WORDS.get(status, "unexpected answer")


def _parts(fault: Fault, shares: int) -> Sequence[int]:
    if fault.kind is FaultKind.UNFILLED:
        return ()
    if fault.parts:
        return fault.parts
    half = shares // 2
    return (half,) if fault.kind is FaultKind.CUT else (half, shares - half)


def _shuffled(fills: Sequence[Execution], seed: int) -> list[Execution]:
    mixed = list(fills)
    random.Random(seed).shuffle(mixed)
    return mixed if mixed != list(fills) else mixed[::-1]
