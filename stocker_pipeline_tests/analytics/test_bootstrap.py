"""The stationary bootstrap: blocks from a circle, the same paths every time."""

import numpy as np
import pytest

from stocker_pipeline.analytics.bootstrap import (
    QUANTILES,
    SESSIONS_MIN,
    bootstrap_band,
    drawn_rows,
)


def returns(count: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0004, 0.01, count)


def test_rows_follow_each_other_and_blocks_have_the_mean_length_asked_for() -> None:
    rows = drawn_rows(500, 400, 20, np.random.default_rng(1))
    assert rows.shape == (400, 500)
    assert (rows.min(), rows.max()) == (0, 499)
    follows = np.diff(rows, axis=1) % 500 == 1
    # A new block begins with probability 1/20, and then rarely where the old one would go on.
    assert 1 / (1 - follows.mean()) == pytest.approx(20, rel=0.03)
    assert np.bincount(rows.ravel(), minlength=500).std() < 0.25 * 400


def test_blocks_run_over_the_end_of_the_record() -> None:
    rows = drawn_rows(100, 50, 30, np.random.default_rng(1))
    last, then = np.nonzero(rows[:, :-1] == 99)
    assert (rows[last, then + 1] == 0).mean() > 0.9


def test_the_band_is_the_same_every_time_and_another_seed_is_another_band() -> None:
    one, again, other = (bootstrap_band(returns(300), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.growth, again.growth)
    assert not np.array_equal(one.growth, other.growth)


def test_quantiles_are_in_order_and_hold_the_median_of_a_plain_record() -> None:
    values = returns(1_000)
    band = bootstrap_band(values)
    assert band.growth.shape == (len(QUANTILES), len(band.rows))
    assert band.rows[0] == 0
    assert band.rows[-1] == 999
    assert (np.diff(band.growth, axis=0) >= 0).all()
    assert (np.diff(band.max_drawdown) >= 0).all()
    expected = 1_000 * np.log1p(values).mean()
    assert np.log(band.growth[2, -1]) == pytest.approx(expected, abs=0.05)
    # The spread of a path's end is about that of as many independent draws.
    wide = np.log(band.growth[4, -1] / band.growth[0, -1]) / (2 * 1.645)
    assert wide == pytest.approx(values.std() * np.sqrt(1_000), rel=0.15)
    assert 0 <= band.losing_frac <= 1


def test_a_record_that_never_moves_has_no_width_and_no_loss() -> None:
    band = bootstrap_band(np.zeros(100))
    assert (band.growth == 1.0).all()
    assert (band.max_drawdown == 0.0).all()
    assert band.losing_frac == 0.0


def test_a_ruined_record_has_a_band_of_numbers() -> None:
    ruined = returns(100)
    ruined[50:] = 0.0
    ruined[50] = -1.0
    band = bootstrap_band(ruined)
    assert np.isfinite(band.growth).all()
    assert band.max_drawdown[-1] == 1.0


def test_too_few_sessions_have_no_band() -> None:
    assert bootstrap_band(returns(SESSIONS_MIN - 1)) is None
    assert bootstrap_band(returns(SESSIONS_MIN)) is not None
