"""What goes into a column comes out of it, to the last bit, on both databases."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from stocker_pipeline.ledger.types import Day, Instant, Money, Ratio, Whole, canonical_json

SQLITE, POSTGRES = sqlite.dialect(), postgresql.dialect()
E4 = st.integers(min_value=-4 * 10**18, max_value=4 * 10**18)


@given(E4)
def test_money_comes_back_exactly(amount: int) -> None:
    kind = Money()
    assert kind.process_result_value(kind.process_bind_param(amount, SQLITE), SQLITE) == amount
    dollars = kind.process_bind_param(amount, POSTGRES)
    assert isinstance(dollars, Decimal)
    assert dollars * 10_000 == amount
    # As the server gives it back: with all four decimals.
    stored = Decimal(f"{dollars:.4f}")
    assert kind.process_result_value(stored, POSTGRES) == amount


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_ratio_comes_back_to_the_last_bit(number: float) -> None:
    kind = Ratio()
    stored = kind.process_bind_param(np.float64(number), SQLITE)
    assert stored == kind.process_bind_param(number, POSTGRES)
    back = kind.process_result_value(stored, POSTGRES)
    assert back is not None
    assert math.copysign(1, back) == math.copysign(1, number)
    assert back == number


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-14, 14))
def test_an_instant_comes_back_in_utc_whatever_its_zone(at: datetime, hours: int) -> None:
    kind = Instant()
    elsewhere = timezone(timedelta(hours=hours))
    try:
        there = at.astimezone(elsewhere)
    except OverflowError:
        return
    assert kind.process_result_value(kind.process_bind_param(there, SQLITE), SQLITE) == at


def test_instants_sort_as_text_as_they_do_in_time() -> None:
    instants = [datetime(2010, 1, 4, 9, 30, 0, micro, UTC) for micro in (0, 1, 999_999)]
    instants.append(datetime(2010, 1, 4, 9, 30, 1, tzinfo=UTC))
    texts = [Instant().process_bind_param(at, SQLITE) for at in instants]
    assert all(a < b for a, b in pairwise(texts))


@pytest.mark.parametrize("bad", [1.0, 1.5, "1", Decimal(1), None.__class__, float("nan")])
def test_only_integers_are_money_or_counts(bad: object) -> None:
    for kind in (Money(), Whole()):
        for dialect in (SQLITE, POSTGRES):
            with pytest.raises(TypeError, match="wanted"):
                kind.process_bind_param(bad, dialect)


def test_integers_of_numpy_are_integers() -> None:
    assert Money().process_bind_param(np.int64(15), SQLITE) == 15
    assert type(Whole().process_bind_param(np.int32(15), SQLITE)) is int


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_no_ratio(bad: float) -> None:
    with pytest.raises(TypeError, match="finite"):
        Ratio().process_bind_param(bad, SQLITE)


def test_a_day_is_no_instant_and_an_instant_has_a_zone() -> None:
    with pytest.raises(TypeError, match="a date"):
        Day().process_bind_param(datetime(2010, 1, 4, tzinfo=UTC), SQLITE)
    with pytest.raises(TypeError, match="time zone"):
        Instant().process_bind_param(datetime(2010, 1, 4), SQLITE)
    assert Day().process_bind_param(date(2010, 1, 4), SQLITE) == "2010-01-04"


def test_money_with_a_fifth_decimal_is_noticed() -> None:
    with pytest.raises(TypeError, match="four decimals"):
        Money().process_result_value(Decimal("0.00001"), POSTGRES)


def test_equal_content_is_equal_json() -> None:
    assert canonical_json({"b": 1, "a": [1.5]}) == canonical_json({"a": [1.5], "b": 1})
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})
