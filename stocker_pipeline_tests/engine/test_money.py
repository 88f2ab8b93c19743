"""Integer money is exact: compared with fractions of unbounded integers."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.engine.money import share_of, to_e4
from stocker_pipeline.engine.tables import e4_array, money_array

WHOLE = st.integers(-(10**18), 10**18)
PART = st.integers(0, 10**15)


@given(WHOLE, PART, st.integers(1, 10**15))
def test_a_share_of_money_is_rounded_half_even_without_overflow(whole, part, total):
    part = min(part, total)
    assert share_of(whole, part, total) == round(Fraction(whole) * part / total)


@pytest.mark.parametrize(
    ("whole", "part", "total", "share"),
    [(5, 1, 2, 2), (7, 1, 2, 4), (-5, 1, 2, -2), (-7, 1, 2, -4), (1, 3, 2, 2), (15, 3, 2, 22)],
)
def test_ties_go_to_the_even_neighbour_on_either_side_of_zero(whole, part, total, share):
    assert share_of(whole, part, total) == share


@pytest.mark.parametrize("whole", [3 * 10**9 - 1, 3 * 10**9, 3_037_000_499, 2**33 + 1])
@pytest.mark.parametrize("part", [3 * 10**9 - 1, 3 * 10**9, 3_037_000_500])
def test_a_product_beyond_64_bits_is_no_other_case(whole, part):
    for total in (part + 1, 2 * part, 10**15 + 1):
        assert share_of(-whole, part, total) == round(Fraction(-whole) * part / total)


@given(st.lists(st.integers(-(10**18) + 1, 10**18 - 1)))
def test_money_survives_the_way_into_a_table_and_back(amounts):
    array = money_array(np.array(amounts, np.int64))
    assert array.to_pylist() == [Decimal(amount).scaleb(-4) for amount in amounts]
    assert e4_array(array).tolist() == amounts


@given(st.integers(-(10**15), 10**15))
def test_dollars_and_integers_agree(amount):
    assert to_e4(Decimal(amount).scaleb(-4)) == amount


def test_dollars_are_rounded_half_even():
    assert [to_e4(Decimal(text)) for text in ("0.00005", "0.00015", "-0.00025")] == [0, 2, -2]
