"""The engine's panel as the market of a simulated account."""

from datetime import date

from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.brokers.simulated_market import (
    Bar,
    CorporateAction,
    Costs,
    PanelMarket,
)
from stocker_pipeline_tests.engine.builders import market
from stocker_pipeline_tests.gateways.brokers.desk import new_york

PANEL = market("A B\n10/11@500 20\n- 22/23\n5 6", "2 A 3:2 0.5\n2 A 2:1 0\n1 B 1 0.25")
DAYS = PANEL.sessions.tolist()


def test_a_session_has_the_bars_of_its_row_and_no_others():
    seen = PanelMarket(PANEL)
    assert seen.session(DAYS[0]).bars == {"A": Bar(10.0, 11.0, 500.0), "B": Bar(20.0, 20.0, 1e9)}
    assert seen.session(DAYS[1]).bars == {"B": Bar(22.0, 23.0, 1e9)}


def test_actions_come_in_order_as_whole_numbers_and_are_known_before_the_open():
    seen = PanelMarket(PANEL, FixedClock(new_york(DAYS[2], 8)))
    actions = [CorporateAction("A", 3, 2, 0.5), CorporateAction("A", 2, 1, 0.0)]
    assert seen.announced(DAYS[2]) == actions
    assert seen.announced(DAYS[1]) == [CorporateAction("B", 1, 1, 0.25)]
    assert seen.announced(date(2030, 1, 2)) == ()
    assert PanelMarket(PANEL).session(DAYS[2]).actions == actions


def test_bars_are_known_from_the_close_on():
    clock = FixedClock(new_york(DAYS[1], 15, 59))
    seen = PanelMarket(PANEL, clock)
    assert seen.session(DAYS[0]) is not None
    assert seen.session(DAYS[1]) is None
    clock.advance(new_york(DAYS[1], 16) - clock.now())
    assert seen.session(DAYS[1]) is not None


def test_a_session_after_the_last_one_is_not_known_yet():
    assert PanelMarket(PANEL).session(date(2020, 1, 7)) is None


def test_costs_are_those_of_the_portfolio():
    parameters = PortfolioParameters(
        slippage_bps=7, commission_per_order=2, commission_per_share=0.01, max_participation=0.05
    )
    assert Costs.of(parameters) == Costs(7.0, 2.0, 0.01, 0.05)
    assert Costs.of(PortfolioParameters(max_participation=None)).max_participation is None
