"""An answer that was cut short does not empty the lake; a bar taken back in earnest still goes."""

from datetime import date, timedelta

import pytest

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.gateways.market_data.fallback import FallbackMarket
from stocker_pipeline.lake.schemas import BARS, CORPORATE_ACTIONS, REFERENCE_BARS, REFUSED_ROWS
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.judgement import live_actions, live_bars
from stocker_pipeline.stages.withdrawals import WITHDRAWN_MAX
from stocker_pipeline_tests.stages.fake_gate import judge
from stocker_pipeline_tests.stages.scripted_market import ScriptedMarket, numbers

FIRST, LAST = date(2020, 1, 2), date(2022, 12, 30)
DAYS: list[date] = SessionCalendar.between(FIRST, LAST).sessions(FIRST, LAST).tolist()
SYMBOLS = ("AAA", "BBB", "CCC", "DDD")


def wide_market(clock, name: str = "vendor") -> ScriptedMarket:
    market = ScriptedMarket(clock, name)
    for symbol in SYMBOLS:
        for step, day in enumerate(DAYS):
            market.bars[symbol, day] = numbers(10.0 + step % 7)
    for day in DAYS[60::60]:
        market.actions["AAA", day] = (1.0, 0.1)
    return market


@pytest.fixture
def market(clock):
    return wide_market(clock)


@pytest.fixture
def bring(lake, market, clock):
    def once(**others):
        clock.advance(timedelta(hours=1))
        span = {"first": FIRST, "last": LAST, **others}
        return ingest(market, lake, SYMBOLS, clock=clock, judge=judge, **span)

    return once


def sessions(lake, symbol: str = "AAA") -> int:
    return live_bars(lake, [symbol]).num_rows


def test_where_an_answer_is_not_believed_the_next_source_is_asked(bring, lake, market, clock):
    bring()
    for day in DAYS[:300]:
        del market.bars["AAA", day]
    clock.advance(timedelta(hours=1))
    sources = FallbackMarket([market, wide_market(clock, "other")])
    result = ingest(sources, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
    assert result.failed == {}
    assert result.answered == {"other": len(DAYS), "vendor": 3 * len(DAYS)}
    assert sessions(lake) == len(DAYS)
    clock.advance(timedelta(hours=1))
    accepted = ingest(
        sources, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge, accept_withdrawals=True
    )
    assert accepted.answered == {"vendor": 4 * len(DAYS) - 300}


def test_where_no_source_is_believed_both_reasons_are_told(bring, market, clock, lake):
    bring()
    other = wide_market(clock, "other")
    other.failed = {"AAA"}
    for day in DAYS[:300]:
        del market.bars["AAA", day]
    clock.advance(timedelta(hours=1))
    sources = FallbackMarket([market, other])
    result = ingest(sources, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
    assert result.failed["AAA"].startswith("vendor: vendor lacks 300 of")
    assert "; other: " in result.failed["AAA"]


def test_a_history_that_was_cut_short_is_not_believed(bring, lake, market):
    bring()
    before = lake.versions((BARS, CORPORATE_ACTIONS, REFUSED_ROWS))
    for day in DAYS[:300]:
        del market.bars["AAA", day]
    market.bars["AAA", DAYS[400]] = numbers(99.0)
    result = bring()
    assert lake.versions((BARS, CORPORATE_ACTIONS, REFUSED_ROWS)) == before
    assert result.failed == {
        "AAA": f"vendor lacks 300 of the {len(DAYS)} bars that it sent before, {DAYS[0]} to "
        f"{DAYS[299]}; more than {WITHDRAWN_MAX} at once: that is not taken for withdrawn unless "
        "--accept-withdrawals says so"
    }
    assert result.bars.withdrawn == result.bars.changed == 0
    assert result.answered == {"vendor": 3 * len(DAYS)}


def test_the_other_symbols_of_such_an_answer_are_believed(bring, market):
    bring()
    for day in DAYS[:300]:
        del market.bars["AAA", day]
    market.bars["BBB", DAYS[3]] = numbers(42.0)
    assert bring().bars.changed == 1


@pytest.mark.parametrize(("gone", "believed"), [(1, True), (WITHDRAWN_MAX, True), (6, False)])
def test_a_few_bars_of_a_long_history_may_be_taken_back(bring, lake, market, gone, believed):
    bring()
    for day in DAYS[10 : 10 + gone]:
        del market.bars["AAA", day]
    result = bring()
    assert result.bars.withdrawn == (gone if believed else 0)
    assert ("AAA" in result.failed) != believed
    assert sessions(lake) == len(DAYS) - result.bars.withdrawn


@pytest.mark.parametrize(("gone", "believed"), [(1, True), (2, False)])
def test_of_a_short_range_one_bar_may_be_taken_back(bring, market, gone, believed):
    bring()
    for day in DAYS[-3 : -3 + gone]:
        del market.bars["AAA", day]
    result = bring(first=DAYS[-10], last=DAYS[-1])
    assert ("AAA" not in result.failed) == believed


def test_actions_that_are_all_gone_are_not_believed_and_neither_are_the_bars(bring, lake, market):
    bring()
    market.actions.clear()
    market.bars["AAA", DAYS[5]] = numbers(99.0)
    result = bring()
    assert "12 of the 12 actions" in result.failed["AAA"]
    assert live_actions(lake).num_rows == 12
    assert result.bars.changed == 0


def test_a_session_that_most_symbols_lose_is_not_believed(bring, lake, market):
    bring()
    for symbol in SYMBOLS[:3]:
        del market.bars[symbol, DAYS[-1]]
    result = bring()
    assert set(result.failed) == set(SYMBOLS[:3])
    assert f"vendor lacks {DAYS[-1]}, which it sent before, for 3 of 4" in result.failed["AAA"]
    assert result.bars.withdrawn == 0


def test_a_person_can_accept_that_rows_are_gone(bring, lake, market):
    bring()
    for day in DAYS[:300]:
        del market.bars["AAA", day]
    market.actions.clear()
    result = bring(accept_withdrawals=True)
    assert result.failed == {}
    assert (result.bars.withdrawn, result.actions.withdrawn) == (300, 12)
    assert sessions(lake) == len(DAYS) - 300
    assert bring().failed == {}, "what is withdrawn is not missed again"


def test_rows_of_another_source_are_not_missed(bring, lake, market):
    bring()
    market.name = "another"
    for day in DAYS[:300]:
        del market.bars["AAA", day]
    assert bring().failed == {}
    assert sessions(lake) == len(DAYS)


def test_the_source_to_compare_with_is_held_to_the_same_bound(bring, lake, market, clock):
    second = wide_market(clock, "other")
    bring(reference=second)
    for day in DAYS[:300]:
        del second.bars["AAA", day]
    result = bring(reference=second)
    assert set(result.reference_failed) == {"AAA"}
    assert result.failed == {}
    assert lake.read(REFERENCE_BARS).num_rows == lake.read(BARS).num_rows
    assert bring(reference=second, accept_withdrawals=True).reference.withdrawn == 300
