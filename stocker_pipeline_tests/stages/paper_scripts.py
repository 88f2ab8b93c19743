"""Short lives of a paper book in which everything happens that a day can bring.

Each is a script that may be begun again at any moment: what is done already stays as it is, and
what the broker and people do is fixed by instants and orders, never by how often we asked. So a
life that was killed and begun again must end exactly as one that was not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from stocker_pipeline.domain.orders import OrderKey
from stocker_pipeline.gateways.brokers.broker import ExecutionPage
from stocker_pipeline.gateways.brokers.misbehaving import Misbehaving
from stocker_pipeline.gateways.brokers.misbehaviour import Call, Fault, FaultKind, ListedFaults
from stocker_pipeline.gateways.brokers.simulated import SimulatedBroker
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.ledger.records import CashFlow, FlowKind
from stocker_pipeline.stages.day import close_session, collect_session, open_session
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.walk import move_to, whole_day
from stocker_pipeline_tests.killing import SharedClock
from stocker_pipeline_tests.stages.paper_day import BOOK, ENVIRONMENT, PaperHome, sample_market

MARKET = sample_market(date(2005, 3, 4), buffer=0.0)
"""Without a buffer nearly every symbol is ordered in every session."""
DAYS = MARKET.sessions(date(2005, 2, 24), 5)
"""Thursday to Wednesday; AAPL splits 2:1 on the Monday."""

Live = Callable[[PaperHome, SharedClock], None]


def order_id(session: date, symbol: str) -> str:
    """The id under which a symbol is ordered in a session."""
    return OrderKey(ENVIRONMENT, f"SIM-{BOOK}", BOOK, session, symbol).client_order_id()


@dataclass(frozen=True)
class Remembered:
    """Faults that happen once in the life of the broker, however often we begin again.

    Attributes:
        always: Faults at every call that they fit: what a broker refuses, it refuses again.
    """

    path: Path
    once: Sequence[Fault]
    always: Sequence[Fault] = ()

    def faults(self, call: Call) -> Iterator[Fault]:
        """See ``Plan.faults``."""
        yield from ListedFaults(self.always).faults(call)
        spent = self.path.read_text().split() if self.path.exists() else []
        for number, fault in enumerate(self.once):
            if str(number) in spent or not fault.fits(call):
                continue
            with self.path.open("a") as file:
                file.write(f"{number} ")
            yield fault
            return


class FillsOnlyFrom(Misbehaving):
    """A broker that shows its fills from an instant on, and its positions at once."""

    def __init__(self, broker: SimulatedBroker, shown_from: datetime) -> None:
        super().__init__(broker, ListedFaults())
        self._shown_from = shown_from

    def executions(self, cursor: str) -> ExecutionPage:
        """Nothing yet, or the truth."""
        if self.now() < self._shown_from:
            return ExecutionPage([], cursor)
        return super().executions(cursor)


def ordinary_days(home: PaperHome, clock: SharedClock) -> None:
    """Three sessions: a deposit, fills collected before the close, a split."""
    with home.desk(clock) as desk:
        whole_day(desk, clock, DAYS[0])
        _day_with_a_deposit(desk, clock, DAYS[1])
        whole_day(desk, clock, DAYS[2])


def _day_with_a_deposit(desk: Desk, clock: SharedClock, session: date) -> None:
    times = desk.day(session)
    move_to(clock, times.open_stage_at)
    open_session(desk, session)
    flow = CashFlow(
        BOOK, session, FlowKind.DEPOSIT, 50_000_000, "transfer 1", "anna", "savings of a year"
    )
    desk.ledger.write(None, lambda w: w.put_flow(flow))
    move_to(clock, times.closes_at + timedelta(minutes=20))
    collect_session(desk, session)
    move_to(clock, times.close_stage_at)
    assert not close_session(desk, session).waits


def unclear_answers(home: PaperHome, clock: SharedClock) -> None:
    """Two sessions in which the broker answers late, wrongly, or not at all."""
    first, second = DAYS[:2]
    lost, nothing, refused = (order_id(first, symbol) for symbol in ("AAPL", "IBM", "MSFT"))
    silent = order_id(second, "AAPL")
    plan = Remembered(
        home.folder / "faults",
        once=[
            Fault(FaultKind.ANSWER_LOST, "submit", client_order_id=lost),
            Fault(FaultKind.NO_EFFECT, "submit", client_order_id=nothing, status=503),
            Fault(FaultKind.ANSWER_LOST, "submit", client_order_id=silent),
            *[Fault(FaultKind.READ_FAILS, "order", client_order_id=silent) for _ in range(7)],
        ],
        always=[Fault(FaultKind.REFUSED, "submit", client_order_id=refused)],
    )
    with home.desk(clock, plan) as desk:
        assert isinstance(desk.broker, Misbehaving)
        control = desk.broker.control
        control.fill_in_parts(lost, [10, 20, 30, 40])
        control.reject_later(order_id(second, "IBM"), "halted by the exchange")
        for session in (first, second):
            whole_day(desk, clock, session)


def fills_after_the_close(home: PaperHome, clock: SharedClock) -> None:
    """Nobody closes the first session, and its fills are shown when it is settled already."""
    first, second, third = DAYS[:3]
    with home.desk(clock) as plain:
        times = plain.day(second)
        shown_from = times.closes_at - timedelta(hours=4)
        desk = _with_broker(plain, lambda broker: FillsOnlyFrom(broker, shown_from))
        if clock.now() < desk.day(first).closes_at:
            open_session(desk, first)
        move_to(clock, times.open_stage_at)
        whole_day(desk, clock, second)
        # The third begins when its window has closed.
        move_to(clock, desk.day(third).window_closes_at + timedelta(minutes=40))
        whole_day(desk, clock, third)


def other_hands(home: PaperHome, clock: SharedClock) -> None:
    """Somebody trades in the account and undoes it; then answers come too slowly; then a stop."""
    first, second, third, fourth = DAYS[:4]
    slow = [order_id(third, symbol) for symbol in ("AAPL", "IBM", "MSFT")]
    plan = Remembered(
        home.folder / "faults",
        once=[
            Fault(FaultKind.NO_EFFECT, "submit", client_order_id=name, status=500) for name in slow
        ],
    )
    with home.desk(clock, plan) as desk:
        _day_with_a_foreign_trade(desk, clock, first, 7)
        _day_with_a_foreign_trade(desk, clock, second, -7)
        move_to(clock, desk.day(third).window_closes_at - timedelta(seconds=30))
        whole_day(desk, clock, third)
        _stop(desk)
        whole_day(desk, clock, fourth)


def _day_with_a_foreign_trade(desk: Desk, clock: SharedClock, session: date, quantity: int) -> None:
    assert isinstance(desk.broker, Misbehaving)
    times, control = desk.day(session), desk.broker.control
    move_to(clock, times.open_stage_at)
    open_session(desk, session)
    move_to(clock, times.opens_at + timedelta(hours=2))
    by_hand = [order.quantity for order in control.truth().orders if not order.client_order_id]
    if quantity not in by_hand:
        control.trade_by_hand("GOOG", quantity, 1_900_000)
    move_to(clock, times.close_stage_at)
    assert not close_session(desk, session).waits


def _stop(desk: Desk) -> None:
    desk.ledger.write(
        None, lambda w: w.set_control(BOOK, ControlState.KILLED, author="anna", reason="away")
    )


def _with_broker(desk: Desk, wrapped: Callable[[SimulatedBroker], Misbehaving]) -> Desk:
    assert isinstance(desk.broker, SimulatedBroker)
    return replace(desk, broker=wrapped(desk.broker))


SCRIPTS: Mapping[str, Live] = {
    script.__name__: script
    for script in (ordinary_days, unclear_answers, fills_after_the_close, other_hands)
}
