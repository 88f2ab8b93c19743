"""Defects planted at random places: what share the gate finds, and whom else it hits."""

from datetime import date

import pytest

from stocker_pipeline_tests.quality.clean_market import clean_market
from stocker_pipeline_tests.quality.injection import KINDS, injected
from stocker_pipeline_tests.quality.real_sets import YAHOO, only, real_set, up_to
from stocker_pipeline_tests.quality.scorecard import planted_shares
from stocker_pipeline_tests.quality.verdicts import judged, keys, rows

CERTAIN = (
    "null price",
    "zero price",
    "negative price",
    "high below low",
    "open outside the range",
    "close outside the range",
    "bar, in cents instead of dollars",
    "yesterday's bar again",
    "zero volume",
    "missing session",
)
"""Kinds that leave no room for a judgement."""


@pytest.fixture(scope="module")
def generated():
    return [clean_market(seed, symbols=6, sessions=320) for seed in (11, 12)]


def demanded(kind) -> float:
    return 1.0 if kind in CERTAIN else 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_a_defect_planted_in_a_generated_market_is_found(generated, kind):
    shares = planted_shares(generated, 10, [kind])[kind]
    assert shares.found >= demanded(kind)
    assert shares.innocent == 0
    if KINDS[kind].refuse:
        assert shares.refused >= demanded(kind)
    elif kind not in ("yesterday's prices again",):
        assert shares.refused == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_defect_planted_in_real_prices_is_found(shared_dir, kind):
    market = up_to(real_set(YAHOO), date(2008, 6, 30))
    markets = [only(market, ["SPY", "QQQ", "IWM", "EEM", "EFA", "TLT", "GLD"])]
    shares = planted_shares(markets, 25, [kind])[kind]
    assert shares.found >= demanded(kind) - 0.05
    assert shares.innocent <= 1
    if KINDS[kind].refuse:
        assert shares.refused >= demanded(kind) - 0.05


def test_a_clean_market_of_two_hundred_thousand_bars_has_next_to_no_bar_refused():
    refused, bars = 0, 0
    for seed in range(20, 36):
        market = clean_market(seed, symbols=12, sessions=1050)
        refused += len(keys(judged(market), treatment="quarantined"))
        bars += market.bars.num_rows
    assert bars > 200_000
    assert refused / bars <= 1e-5


def test_a_clean_market_has_no_finding_but_about_highs_lows_and_doubtful_prints():
    found = {
        row["rule"]
        for seed in (40, 41, 42)
        for row in rows(judged(clean_market(seed, symbols=12, sessions=500)))
    }
    assert found <= {"high_print", "low_print", "doubtful_open", "doubtful_close", "large_gap"}


def test_planting_changes_the_market_at_the_place_it_names(generated):
    for kind in KINDS:
        market, symbol, day = injected(generated[0], kind, 5)
        before = {
            (bar["symbol"], str(bar["session"])): bar for bar in generated[0].bars.to_pylist()
        }
        after = {(bar["symbol"], str(bar["session"])): bar for bar in market.bars.to_pylist()}
        same_bars = repr(before.get((symbol, day))) == repr(after.get((symbol, day)))
        assert not same_bars or market.actions.num_rows > generated[0].actions.num_rows
