"""A data outage from the lake to the book: a bar that is left out, and what is traded then."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.engine.day import decide
from stocker_pipeline.engine.rebalance import Decision, Restraint
from stocker_pipeline.engine.simulate import rules_of
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BOOK_DATASETS, DECISIONS, SNAPSHOTS
from stocker_pipeline.stages.books import opening_book, opening_of
from stocker_pipeline.stages.forecast import forecast, forecast_rows
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.market import read_panel
from stocker_pipeline.stages.review import decide as decide_on_bar
from stocker_pipeline.stages.trade import trade
from stocker_pipeline_tests.stages.market_day import (
    CALENDAR,
    FIRST,
    KNOWN_AT,
    LAST,
    SYMBOLS,
    TwoSymbolMarket,
    small_portfolio,
)

HELD_BACK = date(2020, 4, 1)
DARK = CALENDAR.next_session(HELD_BACK)
"""The session that opens without BBB's bar."""


@pytest.fixture
def holed(tmp_path: Path) -> Lake:
    """The market with one bar of BBB that a person holds back."""
    lake = Lake(str(tmp_path / "lake"))
    ingest(TwoSymbolMarket(), lake, SYMBOLS, FIRST, LAST)
    clock = FixedClock(KNOWN_AT + timedelta(hours=1))
    reason = {"author": "a person", "reason": "asked the vendor", "clock": clock}
    decide_on_bar(lake, "BBB", HELD_BACK, "hold", **reason)
    return lake


def traded(lake: Lake, name: str, policy: str, *ends: date) -> list:
    """A book of the whole span, in ranges that end at ``ends`` and at the last session."""
    portfolio = small_portfolio(data_outage=policy, min_notional=0.0, buffer=0.0)
    found, first = [], FIRST
    for last in (*ends, LAST):
        opening = opening_of(lake, name, CALENDAR, first, restart=False)
        forecast(lake, name, portfolio, opening, first, last)
        found.append(trade(lake, name, portfolio, opening, first, last))
        first = CALENDAR.next_session(last)
    return found


def decisions(lake: Lake, name: str, session: date) -> dict[str, str]:
    rows = lake.read(DECISIONS, portfolio=name, first=session, last=session).to_pylist()
    return {row["symbol"]: row["decision"] for row in rows}


def test_a_bar_that_a_person_holds_back_is_an_outage_of_the_next_session(holed):
    (free,) = traded(holed, "hold", "hold")
    (halted,) = traded(holed, "halt", "halt")
    assert free.outages == ()
    (outage,) = halted.outages
    assert (outage.session, outage.dark, outage.expected) == (DARK, ("BBB",), 2)
    assert outage.restraint is Restraint.HALTED
    assert decisions(holed, "hold", DARK)["AAA"] == "INCREASE", "into the room of the one not seen"
    assert decisions(holed, "halt", DARK) == {"AAA": "HALTED", "BBB": "NO_PREVIOUS_BAR"}


def test_the_book_is_the_same_up_to_the_outage_and_goes_on_after_it(holed):
    for policy in ("hold", "reduce", "halt"):
        traded(holed, policy, policy)
    before = [
        holed.read(SNAPSHOTS, portfolio=policy, last=HELD_BACK).drop_columns("portfolio")
        for policy in ("hold", "reduce", "halt")
    ]
    assert before[0].equals(before[1])
    assert before[0].equals(before[2])
    for policy in ("reduce", "halt"):
        assert decisions(holed, policy, LAST).keys() == set(SYMBOLS)
        assert "HALTED" not in decisions(holed, policy, CALENDAR.next_session(DARK)).values()


@pytest.mark.parametrize("policy", ["reduce", "halt"])
@pytest.mark.parametrize("cut", [HELD_BACK, DARK])
def test_a_range_that_begins_in_or_after_an_outage_trades_like_one_range(holed, policy, cut):
    traded(holed, "one", policy)
    traded(holed, "two", policy, cut)
    for dataset in BOOK_DATASETS:
        one, two = (
            holed.read(dataset, portfolio=name).drop_columns("portfolio") for name in ("one", "two")
        )
        assert one.equals(two), dataset.name


@pytest.mark.parametrize("policy", ["hold", "reduce", "halt"])
def test_a_session_decided_before_its_open_is_restrained_like_a_backtest(holed, policy):
    traded(holed, policy, policy, HELD_BACK)
    portfolio = small_portfolio(data_outage=policy, min_notional=0.0, buffer=0.0)
    panel = read_panel(holed, portfolio, LAST).panel
    row, rule = panel.row_of(DARK), portfolio.rule()
    weights, _ = forecast_rows(rule, panel, first=row, last=row, book_start=panel.row_of(FIRST))
    after_the_last = opening_of(holed, policy, CALENDAR, DARK, restart=False)
    decided = decide(
        panel,
        weights.weights,
        rules_of(portfolio.parameters, rule.window_bars),
        opening_book(holed, policy, portfolio, after_the_last),
        row,
    )
    names = [Decision(code).name for code in decided.decision.tolist()]
    assert dict(zip(panel.symbols, names, strict=True)) == decisions(holed, policy, DARK)
    assert len(decided.orders()) == (1 if policy == "hold" else 0)
