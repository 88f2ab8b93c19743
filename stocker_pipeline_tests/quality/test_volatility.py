import numpy as np

from stocker_pipeline.quality.intake import received
from stocker_pipeline.quality.thresholds import DEFAULTS
from stocker_pipeline.quality.volatility import stress, volatility
from stocker_pipeline_tests.quality.builders import quiet, scaled, without

PRICES = ("open", "high", "low", "close")


def series_of(market):
    return received(
        market.bars, market.actions, calendar_last=market.calendar_last, hole_sessions_long=60
    ).series


def test_volatility_is_that_of_the_returns_before_the_bar():
    market = quiet("AAA", sigma=0.02)
    sigma = volatility(series_of(market), DEFAULTS)
    returns = np.diff(np.log(market.bars["close"].to_numpy()))
    # The larger of a slow and a fast estimate lies above the plain one.
    assert 1 <= sigma[200] / returns[139:199].std() <= 1.5
    changed = scaled(market, "AAA", 200, 219, 3.0, *PRICES)
    assert volatility(series_of(changed), DEFAULTS)[200] == sigma[200]


def test_one_wrong_print_hardly_widens_the_bounds_after_it():
    market = quiet("AAA")
    wrong = scaled(market, "AAA", 150, 150, 100.0, *PRICES)
    before = volatility(series_of(market), DEFAULTS)
    after = volatility(series_of(wrong), DEFAULTS)
    assert (after[152:] < 2.2 * before[152:]).all()


def test_a_rise_of_volatility_widens_the_bounds_within_days():
    random = np.random.default_rng(1)
    market = quiet("AAA")
    for place in range(150, 165):
        by = float(np.exp(0.05 * random.choice([-1, 1])))
        market = scaled(market, "AAA", place, 219, by, *PRICES)
    sigma = volatility(series_of(market), DEFAULTS)
    assert sigma[160] > 2.5 * sigma[150]


def test_a_young_symbol_has_the_stand_in_and_a_new_security_starts_anew():
    market = quiet("AAA", sigma=0.002)
    sigma = volatility(series_of(market), DEFAULTS)
    assert sigma[0] == DEFAULTS.volatility_unknown
    assert sigma[10] > sigma[40]
    holed = volatility(series_of(without(market, "AAA", 100, 169)), DEFAULTS)
    assert holed[100] == DEFAULTS.volatility_unknown


def test_a_symbol_that_never_moves_has_half_a_cent():
    market = quiet("AAA", sigma=0.0, price=50.0)
    assert np.allclose(volatility(series_of(market), DEFAULTS)[40:], 0.005 / 50.0)


def test_stress_is_the_market_s_and_not_one_symbol_s():
    symbols = ("AAA", "BBB", "CCC", "DDD", "EEE")
    calm = quiet(*symbols)
    one = scaled(calm, "AAA", 150, 150, 0.9, "low")
    every = calm
    for symbol in symbols:
        every = scaled(every, symbol, 150, 150, 0.9, "low")
    rows = np.arange(5) * 220 + 150
    assert (stress(series_of(one), DEFAULTS)[rows] < 1.7).all()
    assert (stress(series_of(every), DEFAULTS)[rows] > 3).all()
    assert stress(series_of(every), DEFAULTS).max() <= DEFAULTS.stress_max


def test_too_few_symbols_tell_nothing_of_the_market():
    assert (stress(series_of(quiet("AAA", "BBB")), DEFAULTS) == DEFAULTS.stress_unknown).all()
