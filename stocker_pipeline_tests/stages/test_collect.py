"""Fills that the broker shows late, behind where the account was read already."""

from dataclasses import replace

from stocker_pipeline.gateways.brokers.broker import ExecutionPage
from stocker_pipeline.gateways.brokers.misbehaving import Misbehaving
from stocker_pipeline.gateways.brokers.misbehaviour import ListedFaults
from stocker_pipeline.gateways.brokers.simulated import SimulatedBroker
from stocker_pipeline.ledger.invariants import run_invariants
from stocker_pipeline.stages.collect import collect
from stocker_pipeline.stages.day import close_session, collect_session, open_session
from stocker_pipeline.stages.walk import move_to, whole_day
from stocker_pipeline_tests.stages.paper_day import BOOK, morning
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    dialect,
    new_home,
    postgres_template,
    sqlite_template,
)
from stocker_pipeline_tests.stages.paper_scripts import DAYS, MARKET, order_id


class HidesOne(Misbehaving):
    """A broker whose pages go past the fills of one order until they are shown."""

    def __init__(self, broker: SimulatedBroker, hidden: str) -> None:
        super().__init__(broker, ListedFaults())
        self.hidden = hidden

    def executions(self, cursor: str) -> ExecutionPage:
        """The broker's page without them, its cursor behind them."""
        page = super().executions(cursor)
        shown = [found for found in page.executions if found.client_order_id != self.hidden]
        return replace(page, executions=shown)


def test_an_old_session_closed_once_more_does_not_lose_a_fill_that_is_still_to_be_shown(
    new_home: Homes,  # noqa: F811
) -> None:
    first, second, third, fourth = DAYS[:4]
    key = order_id(second, "AAPL")
    clock = morning(first)
    with new_home(MARKET).desk(clock) as plain:
        assert isinstance(plain.broker, SimulatedBroker)
        broker = HidesOne(plain.broker, key)
        desk = replace(plain, broker=broker)
        whole_day(desk, clock, first)
        move_to(clock, desk.day(second).open_stage_at)
        open_session(desk, second)
        move_to(clock, desk.day(second).close_stage_at)
        collect_session(desk, second)
        # The second session is settled without that fill, and the first is closed once more.
        whole_day(desk, clock, third)
        assert not close_session(desk, first).waits
        assert desk.ledger.read(lambda r: r.executions(BOOK, client_order_id=key)) == []

        broker.hidden = ""
        move_to(clock, desk.day(fourth).open_stage_at)
        with desk.ledger.lease(BOOK, fourth, "open") as lease:
            found = collect(desk, lease, fourth)

        (booked,) = desk.ledger.read(lambda r: r.executions(BOOK, client_order_id=key))
        assert (found.booked, booked.execution.session) == (1, second)
        assert list(found.restated) == [second, third]
        assert run_invariants(desk.ledger, BOOK) == []
