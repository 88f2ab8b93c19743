import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from stocker_pipeline.engine.sums import LANES, ordered_dot, ordered_gross

SIZES = [0, 1, 4, LANES - 1, LANES, LANES + 1, 20, 3 * LANES + 5, 500]


def written_out(terms):
    """The order of the docstring, by Python's own floats."""
    lanes = [0.0] * LANES
    whole = len(terms) - len(terms) % LANES
    for i in range(whole):
        lanes[i % LANES] += terms[i]
    a, b, c, d, e, f, g, h = lanes
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for term in terms[whole:]:
        total += term
    return total


def bits(value):
    return struct.pack("<d", value)


@pytest.mark.parametrize("size", SIZES)
def test_a_gross_sum_has_the_order_that_is_written_to_the_last_bit(size):
    values = np.random.default_rng(size).normal(size=size) * 10.0 ** np.arange(size).clip(max=7)
    assert bits(ordered_gross(values)) == bits(written_out([abs(value) for value in values]))


def test_the_order_matters_for_the_values_of_these_tests():
    """Else a kernel in any order would pass."""
    values = np.random.default_rng(500).normal(size=500)
    assert bits(ordered_gross(values)) != bits(sum(abs(value) for value in values.tolist()))


@pytest.mark.parametrize("size", SIZES)
def test_two_kernels_that_take_a_sum_in_have_the_same_bits(size):
    @njit(error_model="numpy")
    def by_row(rows, out):
        for i in range(rows.shape[0]):
            out[i] = ordered_gross(rows[i]) + ordered_dot(rows[i], rows[0])

    rows = np.random.default_rng(size).normal(size=(7, size))
    out = np.empty(7)
    by_row(rows, out)
    alone = [ordered_gross(row) + ordered_dot(row, rows[0]) for row in rows]
    assert out.tobytes() == np.array(alone).tobytes()


@given(arrays(np.float64, st.integers(0, 40), elements=st.integers(-(2**20), 2**20).map(float)))
def test_of_whole_numbers_the_sums_are_exact(values):
    assert ordered_gross(values) == np.abs(values).sum()
    assert ordered_dot(values, values) == (values * values).sum()


def test_one_missing_term_makes_the_sum_missing():
    assert np.isnan(ordered_gross(np.array([1.0, np.nan, 2.0])))
