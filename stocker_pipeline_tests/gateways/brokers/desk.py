"""A broker over a market written as text, with its clock in the test's hand."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from stocker_pipeline.domain.session import NEW_YORK, FixedClock
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.gateways.brokers.broker import Broker, BrokerOrder, OrderRequest
from stocker_pipeline.gateways.brokers.misbehaving import Misbehaving
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, ListedFaults
from stocker_pipeline.gateways.brokers.simulated import SimulatedBroker
from stocker_pipeline.gateways.brokers.simulated_market import Costs, PanelMarket
from stocker_pipeline_tests.engine.builders import market

NUMBER = "SIM-1"
CASH = "100000"
PLAIN = """
A B Q
10/11 20/21 5
12/13 22/23 -
14/15 24/25 -
16/17 26/27 5
"""
"""Row 0 is history: an account is opened before row 1. Q has no bar at rows 1 and 2."""


class Desk:
    """One account, the market behind it and the hands of the clock.

    Attributes:
        broker: What is under test: the simulated broker, or what wraps it.
        simulated: The simulated broker behind it.
        sessions: The market's sessions, row by row; row 1 is the first to trade in.
    """

    number = NUMBER

    def __init__(
        self,
        path: Path,
        text: str = PLAIN,
        actions: str = "",
        *,
        costs: Costs | None = None,
        cash: str = CASH,
        page_size: int = 100,
        wrap: Callable[[SimulatedBroker], Broker] | None = None,
        panel: Panel | None = None,
    ) -> None:
        self.path = path
        self.panel = panel or market(text, actions)
        self.sessions: list[date] = self.panel.sessions.tolist()
        self.cash_e4 = to_e4(Decimal(cash))
        self.clock = FixedClock(new_york(self.sessions[1], 8))
        self.market = PanelMarket(self.panel, self.clock)
        self.costs = costs or Costs()
        self.page_size = page_size
        self.simulated = self.another()
        self.broker: Broker = wrap(self.simulated) if wrap else self.simulated

    def another(self) -> SimulatedBroker:
        """The same account opened once more, as another process would."""
        return SimulatedBroker(
            self.path,
            NUMBER,
            self.clock,
            self.market,
            self.costs,
            initial_cash_e4=self.cash_e4,
            page_size=self.page_size,
        )

    @property
    def control(self):
        return self.simulated.control

    def at(self, row: int, hour: int, minute: int = 0, *, days: int = 0) -> datetime:
        """Move the clock to a time in New York, ``days`` after the session's date."""
        instant = new_york(self.sessions[row] + timedelta(days=days), hour, minute)
        self.clock.advance(instant - self.clock.now())
        return instant

    def morning(self, row: int) -> None:
        """Inside the order window of the session, unless it is later already."""
        self._not_before(new_york(self.sessions[row], 8))

    def evening(self, row: int) -> None:
        """After the close: the session's bars are known."""
        self._not_before(new_york(self.sessions[row], 17, 30))

    def _not_before(self, instant: datetime) -> None:
        self.clock.advance(max(instant - self.clock.now(), timedelta(0)))

    def request(self, row: int, symbol: str, quantity: int, name: str = "") -> OrderRequest:
        """A request for the open of a row, named after all that it says."""
        session = self.sessions[row]
        return OrderRequest(name or f"{session}-{symbol}-{quantity}", symbol, quantity, session)

    def send(self, row: int, symbol: str, quantity: int, name: str = "") -> BrokerOrder:
        """Submit in the morning of a row."""
        self.morning(row)
        return self.broker.submit(self.request(row, symbol, quantity, name))

    def trade(self, row: int, symbol: str, quantity: int, name: str = "") -> BrokerOrder:
        """Submit in the morning, and the order as it is in the evening."""
        sent = self.send(row, symbol, quantity, name)
        self.evening(row)
        order = self.broker.order(sent.client_order_id)
        assert order is not None
        return order


class FaultyDesk(Desk):
    """A desk whose broker has these faults."""

    broker: Misbehaving

    def __init__(self, path: Path, *faults: Fault, **changes) -> None:
        self.plan = ListedFaults(faults)
        super().__init__(path, wrap=lambda broker: Misbehaving(broker, self.plan), **changes)


def new_york(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), NEW_YORK)


def all_fills(broker: Broker) -> list:
    """Every execution, page by page."""
    fills, cursor, more = [], "", True
    while more:
        page = broker.executions(cursor)
        fills += page.executions
        cursor, more = page.cursor, page.more
    return fills
