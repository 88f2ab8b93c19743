"""Bars, splits, halts and the calendar of the exchange."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.gateways.market_data.sample import SYMBOLS, SampleMarket
from stocker_pipeline.stages.day import close_session, open_session
from stocker_pipeline.stages.market import panel_of
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline_tests.killing import SharedClock
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, SECOND, THIRD, Day, control
from stocker_pipeline_tests.stages.faults.matrix import Cell, cells, one_day
from stocker_pipeline_tests.stages.faults.places import finished
from stocker_pipeline_tests.stages.paper_day import (
    BOOK,
    Market,
    PaperHome,
    morning,
    sample_market,
)
from stocker_pipeline_tests.stages.paper_homes import sqlite_home
from stocker_pipeline_tests.stages.paper_scripts import MARKET


def _market(
    last: date = date(2005, 3, 4),
    without: Callable[[str, date], bool] = lambda symbol, session: False,
    actions: bool = True,
) -> Market:
    """The sample without some of its bars, or without its corporate actions."""
    portfolio = MARKET.portfolio
    sample = SampleMarket().fetch(SYMBOLS, date(2000, 3, 1), last)
    names, dates = (sample.bars[name].to_pylist() for name in ("symbol", "session"))
    kept = [not without(*row) for row in zip(names, dates, strict=True)]
    bars = sample.bars.filter(np.array(kept))
    told = sample.actions if actions else sample.actions.slice(0, 0)
    return Market(portfolio, panel_of(bars, told, portfolio, last, where="sample"))


def _elsewhere(day: Day, market: Market) -> Day:
    """The same book and account, on other bars."""
    return Day(PaperHome(market, day.home.ledger_url, day.home.folder), day.clock)


@cells("F21", "S5", "S7", quick=("S7",))
def test_bars_of_the_day_before_are_late(day: Day, undisturbed: str, cell: Cell):
    nothing = _elsewhere(day, _market(without=lambda _, d: d == date(2005, 2, 23)))
    assert nothing.open(FIRST).waits == "no_bars"
    assert day.home.truth().orders == ()
    if cell.step == "S5":
        finished(day, "S8")
        assert day.digest() == undisturbed
        return
    nothing.at(FIRST, 9, 20)
    assert nothing.open(FIRST).outcome is SessionOutcome.SKIPPED
    assert day.outcome(FIRST) == (SessionOutcome.SKIPPED, "NO_BARS")
    assert not day.close(FIRST).waits
    assert day.intended_orders() == 0


def test_a_symbol_without_a_bar_is_not_ordered_and_the_others_are(day: Day):
    one = _elsewhere(day, _market(without=lambda s, d: (s, d) == ("IBM", date(2005, 2, 23))))
    one.open(FIRST)
    assert set(one.states(FIRST)) == {"AAPL", "GOOG", "MSFT"}


@cells("F21", "S12", quick=("S12",))
def test_bars_of_the_day_are_late(day: Day, undisturbed: str, cell: Cell):
    day.open(FIRST)
    with day.desk() as desk:
        nothing = replace(desk, panel=_market(without=lambda _, d: d >= FIRST).panel)
        move_to(day.clock, desk.day(FIRST).close_stage_at)
        for _ in range(3):
            assert close_session(nothing, FIRST).waits == "no_bars"
            day.clock.advance(timedelta(hours=1))
    finished(day, "S8")
    assert day.digest() == undisturbed


@cells("F22", "S5", quick=("S5",))
def test_bars_corrected_after_the_decision_change_no_order(day: Day, undisturbed: str, cell: Cell):
    day.open(FIRST)
    rows = day.rows()
    other = _elsewhere(day, _market(without=lambda s, d: (s, d) == ("IBM", date(2005, 2, 23))))
    other.open(FIRST)
    assert day.rows() == rows
    finished(day, "S8")
    assert day.digest() == undisturbed


@one_day("F23", "S5", "S9", "S10", "S12")
def test_split_on_the_day_of_a_fill(day: Day, cell: Cell):
    day.trade(FIRST, SECOND)
    held = day.home.truth().positions["AAPL"].quantity
    day.open(THIRD)
    with day.home.ledger(day.clock) as ledger:
        decision = ledger.read(lambda r: r.decision(BOOK, THIRD, "AAPL"))
    assert decision is not None
    assert decision.held == 2 * held
    assert not day.close(THIRD).waits
    order = day.orders(THIRD)["AAPL"]
    assert order.state is OrderState.FILLED
    assert day.home.truth().positions["AAPL"].quantity == 2 * held + order.filled_quantity
    assert day.open_breaks() == set()
    assert day.intended_orders() == len(day.filled())
    day.digest()


@one_day("F23", "S6", "S7", "S8", "S11")
def test_split_that_only_the_broker_knows(day: Day, cell: Cell):
    day.trade(FIRST, SECOND)
    # The broker's day has the split in it; ours has not, and neither is the session after it.
    unaware = _market(actions=False)
    day.open(THIRD)
    with day.desk() as desk:
        move_to(day.clock, desk.day(THIRD).close_stage_at)
        desk.broker.holdings()
        ours = replace(desk, panel=unaware.panel)
        assert not close_session(ours, THIRD).waits
        assert ("quantity", "AAPL") in day.open_breaks()
        fourth = desk.calendar.next_session(THIRD)
        move_to(day.clock, desk.day(fourth).open_stage_at)
        open_session(ours, fourth)
    assert "AAPL" not in day.orders(fourth)
    assert "break_quantity" in day.pages()


@one_day("F24", "S5", "S7", "S8", "S9", "S10", "S12")
def test_symbol_without_trade_at_the_open(day: Day, cell: Cell):
    halted = _elsewhere(day, _market(without=lambda s, d: (s, d) == ("IBM", FIRST)))
    halted.open(FIRST)
    assert not halted.close(FIRST).waits
    states = halted.states(FIRST)
    assert states.pop("IBM") is OrderState.EXPIRED
    assert set(states.values()) == {OrderState.FILLED}
    assert halted.outcome(FIRST) == (SessionOutcome.TRADED, "PARTLY_FILLED")
    # Without a bar at the session before, it is not ordered in the next one either.
    halted.open(SECOND)
    assert "IBM" not in halted.states(SECOND)
    assert {"AAPL", "MSFT"} & set(halted.states(SECOND))
    assert not halted.close(SECOND).waits
    assert halted.intended_orders() == 4 + len(halted.orders(SECOND))
    halted.filled()
    halted.digest()


@cells("F24", "S6", "S11", quick=("S6",))
def test_shares_taken_away_by_the_broker(day: Day, cell: Cell):
    # As in a merger for cash that nobody told us of: the shares go, cash comes.
    day.trade(FIRST)
    held = day.home.truth().positions["IBM"].quantity
    day.at(FIRST, 19)
    with day.desk() as desk:
        control(desk).ghost_fill("IBM", -held, 930_000)
    if cell.step == "S6":
        day.open(SECOND)
        assert day.outcome(SECOND) == (SessionOutcome.HALTED, "BREAKS")
    else:
        assert not day.close(FIRST).waits
    assert ("ledger_only", "IBM") in day.open_breaks()
    assert "ghost_fill" in day.pages()


HALF_DAY = date(2004, 11, 26)


def _day_of(session: date, home: PaperHome) -> Day:
    return Day(home, SharedClock(morning(session).now()))


@one_day("F25", "S0", "S7", "S8", "S9", "S12", "S13")
def test_half_day(sqlite_template: Path, tmp_path: Path, cell: Cell):
    market = sample_market(date(2004, 12, 3), buffer=0.0)
    with sqlite_home(sqlite_template, tmp_path, market) as home:
        half = _day_of(HALF_DAY, home)
        half.open(HALF_DAY)
        with half.desk() as desk:
            times = desk.day(HALF_DAY)
            assert times.closes_at == datetime(2004, 11, 26, 18, 0, tzinfo=UTC)
            move_to(half.clock, times.closes_at - timedelta(minutes=1))
            assert close_session(desk, HALF_DAY).waits == "early"
        assert not half.close(HALF_DAY).waits
        assert half.clock.now() == datetime(2004, 11, 26, 19, 30, tzinfo=UTC)
        assert half.outcome(HALF_DAY) == (SessionOutcome.TRADED, "FILLED")
        assert half.intended_orders() == len(half.filled())
        half.digest()


CHANGES = {"spring": date(2005, 4, 1), "autumn": date(2004, 10, 29)}


@one_day("F26", "S0", "S7", "S8", "S9", "S12", "S13")
@pytest.mark.parametrize("season", ["spring", pytest.param("autumn", marks=pytest.mark.slow)])
def test_clocks_change(sqlite_template: Path, tmp_path: Path, cell: Cell, season: str):
    market = sample_market(date(2005, 4, 8), buffer=0.0)
    friday, monday = market.sessions(CHANGES[season], 2)
    with sqlite_home(sqlite_template, tmp_path, market) as home:
        change = _day_of(friday, home).trade(friday, monday)
        with change.desk() as desk:
            before, after = desk.day(friday), desk.day(monday)
        moved = timedelta(hours=-1 if season == "spring" else 1)
        assert after.opens_at - before.opens_at == timedelta(days=3) + moved
        assert after.window_opens_at.utctimetuple().tm_hour == (23 if season == "spring" else 0)
        assert change.intended_orders() == len(change.filled())
        change.digest()
