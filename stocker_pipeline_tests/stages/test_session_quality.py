"""Which sessions have the bars that were expected of them."""

from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.session_quality import GONE_AFTER_SESSIONS, quality_by_session
from stocker_pipeline_tests.stages.fake_gate import judge
from stocker_pipeline_tests.stages.scripted_market import DAYS, FIRST, LAST, numbers, quiet_market

BOTH = ["AAA", "BBB"]


def by_session(lake, market, symbols=BOTH):
    ingest(market, lake, symbols, FIRST, LAST, clock=market.clock, judge=judge)
    return {each.session: each for each in quality_by_session(lake, symbols, FIRST, LAST)}


def test_a_quiet_market_is_complete_trusted_and_tradable_on_every_session(lake):
    found = by_session(lake, quiet_market())
    assert list(found) == DAYS
    for each in found.values():
        assert (each.expected, each.arrived, each.usable) == (2, 2, 2)
        assert each.complete
        assert each.trusted
        assert each.tradable


def test_a_symbol_without_its_bar_leaves_the_session_incomplete(lake):
    market = quiet_market()
    del market.bars["BBB", DAYS[4]]
    found = by_session(lake, market)
    assert [day for day, each in found.items() if not each.complete] == [DAYS[4]]
    assert (found[DAYS[4]].expected, found[DAYS[4]].arrived) == (2, 1)
    assert found[DAYS[4]].tradable


def test_a_symbol_counts_from_its_first_bar_until_some_days_after_its_last(lake):
    market = quiet_market()
    for day in DAYS[:3]:
        del market.bars["AAA", day]
    for day in DAYS[2:]:
        del market.bars["BBB", day]
    found = by_session(lake, market)
    assert [found[day].expected for day in DAYS] == [
        sum((step >= 3, step < 2 + GONE_AFTER_SESSIONS)) for step in range(len(DAYS))
    ]


def test_a_quarantined_bar_has_arrived_and_cannot_be_used(lake):
    market = quiet_market()
    market.bars["AAA", DAYS[5]] = numbers(5_000.0)
    day = by_session(lake, market)[DAYS[5]]
    assert (day.arrived, day.usable) == (2, 1)
    assert day.complete
    assert not day.trusted
    assert day.tradable
    assert day.excluded[0]["symbol"] == "AAA"
    assert day.excluded[0]["why"] == "close 5000.0"
    assert [finding["rule"] for finding in day.number_findings] == ["spike"]


def test_a_session_with_hardly_a_usable_bar_is_not_tradable(lake):
    market = quiet_market()
    for symbol in BOTH:
        market.bars[symbol, DAYS[5]] = numbers(5_000.0)
    assert not by_session(lake, market)[DAYS[5]].tradable


def test_a_lake_without_bars_expects_nothing_and_is_not_tradable(lake):
    market = quiet_market()
    market.failed = set(BOTH)
    found = by_session(lake, market)
    assert {each.expected for each in found.values()} == {0}
    assert not any(each.tradable for each in found.values())
