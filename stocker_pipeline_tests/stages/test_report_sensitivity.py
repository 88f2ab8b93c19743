"""A backtest run again: itself first, then dearer, then later."""

import numpy as np
import pytest

from stocker_pipeline.analytics.tearsheet import tear_sheet
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.engine.tables import e4_array
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import SNAPSHOTS
from stocker_pipeline.stages import report_sensitivity
from stocker_pipeline.stages.books import opening_of
from stocker_pipeline.stages.forecast import forecast
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.market import current_bars
from stocker_pipeline.stages.report import report_from_lake
from stocker_pipeline.stages.report_sensitivity import sensitivity_of
from stocker_pipeline.stages.trade import trade
from stocker_pipeline_tests.stages.market_day import (
    FIRST,
    LAST,
    SYMBOLS,
    TwoSymbolMarket,
    small_portfolio,
)

COSTLY = {"slippage_bps": 10.0, "commission_per_order": 1.0}


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    """A lake in which the backtest ``p`` is done with costs."""
    made = Lake(str(tmp_path_factory.mktemp("again") / "lake"))
    ingest(TwoSymbolMarket(), made, SYMBOLS, FIRST, LAST)
    portfolio = small_portfolio(**COSTLY)
    opening = opening_of(made, "p", SessionCalendar.between(FIRST, LAST), FIRST, restart=True)
    forecast(made, "p", portfolio, opening, FIRST, LAST)
    trade(made, "p", portfolio, opening, FIRST, LAST)
    return made


def again(lake: Lake, **changes: object):
    portfolio = small_portfolio(**(COSTLY | changes))
    bars, actions, *_ = current_bars(lake, SYMBOLS, LAST)
    return sensitivity_of(portfolio, bars, actions, lake.read(SNAPSHOTS, portfolio="p"))


def test_the_first_run_is_the_book_itself(lake):
    found = again(lake)
    nav = e4_array(lake.read(SNAPSHOTS, portfolio="p")["nav"]) / 1e4
    assert found.missing == ""
    assert np.array_equal(found.costs[0].nav, nav)
    assert "same NAV" in found.reproduced


def test_dearer_runs_are_what_the_engine_makes_of_dearer_parameters(lake):
    found = again(lake)
    assert [run.label for run in found.costs] == ["× 1, as it was", "× 2", "× 3"]
    ends = [run.nav[-1] for run in found.costs]
    assert ends[0] > ends[1] > ends[2]
    dear = Lake(lake.root + "-dear")
    ingest(TwoSymbolMarket(), dear, SYMBOLS, FIRST, LAST)
    portfolio = small_portfolio(slippage_bps=30.0, commission_per_order=3.0)
    opening = opening_of(dear, "p", SessionCalendar.between(FIRST, LAST), FIRST, restart=True)
    forecast(dear, "p", portfolio, opening, FIRST, LAST)
    made = trade(dear, "p", portfolio, opening, FIRST, LAST).tables["snapshots"]
    assert np.array_equal(found.costs[2].nav, e4_array(made["nav"]) / 1e4)


def test_a_short_record_has_no_other_first_days_and_says_what_it_needs(lake):
    found = again(lake)
    assert found.starts == ()
    assert "need 294 sessions" in found.starts_missing


def test_later_first_days_are_compared_over_what_all_of_them_have(lake, monkeypatch):
    monkeypatch.setattr(report_sensitivity, "COMMON_SESSIONS_MIN", 20)
    found = again(lake)
    sessions = [run.sessions[0] for run in found.starts]
    days = SessionCalendar.between(FIRST, LAST).sessions(FIRST, LAST)
    assert sessions == [days[0], days[42], days[84]]
    assert found.common_first == days[84].item()
    assert {metrics.sessions for _, metrics in found.common()} == {len(days) - 84}
    assert found.starts[2].initial_capital == found.starts[0].initial_capital
    page = tear_sheet(*_record(lake), sensitivity=found)
    assert f"from {days[84]} on" in page
    assert "42 sessions apart" in page
    assert "Each first day" in page


def _record(lake):
    made = report_from_lake(lake, "p", small_portfolio(**COSTLY))
    return made.record, made.facts


def test_a_book_that_cannot_be_made_again_shows_no_number_and_says_since_when(lake):
    found = again(lake, slippage_bps=11.0)
    assert (found.costs, found.starts) == ((), ())
    assert "cannot be made again" in found.missing
    made = report_from_lake(lake, "p", small_portfolio())
    assert made.facts["reproduced"] == made.sensitivity.missing
    assert made.sensitivity.missing in tear_sheet(
        made.record, made.facts, sensitivity=made.sensitivity
    )


def test_the_small_print_says_what_the_run_was(lake):
    made = report_from_lake(lake, "p", small_portfolio(**COSTLY), {"parameters": COSTLY})
    assert made.facts["overrides"] == {"parameters": COSTLY}
    assert made.facts["program"]
    assert len(made.facts["configuration"]) == 12
    assert made.facts["data versions"]["bars"] >= 0
    assert "every session has the same NAV" in made.facts["reproduced"]


def test_no_sessions_and_no_bars_are_said_and_not_raised(lake):
    bars, actions, *_ = current_bars(lake, SYMBOLS, LAST)
    book = lake.read(SNAPSHOTS, portfolio="p")
    empty = sensitivity_of(small_portfolio(), bars, actions, book.slice(0, 0))
    assert "no session" in empty.missing
    assert (
        "cannot be run again"
        in sensitivity_of(small_portfolio(), bars.slice(0, 0), actions, book).missing
    )
