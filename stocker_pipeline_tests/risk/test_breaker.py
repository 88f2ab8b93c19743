"""The drawdown breaker in words and dollars, which are the engine's own rule turned round."""

import pytest

from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.risk.breaker import breaker_of

PEAK_E4 = 100_000 * 10_000
WITH_MEMORY = PortfolioParameters()
WITHOUT = PortfolioParameters(drawdown_recover=None)


@pytest.mark.parametrize(
    ("nav", "before", "after"),
    [
        (100_000, False, False),
        (90_000, False, False),
        (89_999.99, False, True),
        (90_001, True, True),
        (95_000, True, True),
        (95_000.01, True, False),
    ],
)
def test_its_levels_in_dollars_are_where_it_changes(nav, before, after):
    found = breaker_of(round(nav * 1e4), PEAK_E4, before, WITH_MEMORY)
    assert found.tripped is after
    assert (found.trips_below_nav, found.releases_above_nav) == (90_000.0, 95_000.0)
    assert ("tripped: targets" in found.sentence) is after


def test_without_a_memory_it_is_released_where_it_trips():
    found = breaker_of(round(90_000 * 1e4), PEAK_E4, True, WITHOUT)
    assert not found.tripped
    assert found.releases_above_nav == found.trips_below_nav == 90_000.0


def test_the_sentences_name_dollars_and_drawdowns():
    whole = breaker_of(PEAK_E4, PEAK_E4, False, WITH_MEMORY)
    assert whole.sentence.startswith("not tripped: a close below 90,000.00 dollars trips it")
    fallen = breaker_of(PEAK_E4 // 2, PEAK_E4, False, WITH_MEMORY)
    assert "above 95,000.00 dollars (drawdown below 5.00%)" in fallen.sentence
    assert fallen.values()["drawdown"] == 0.5
