"""Breaks are found over the union of both sides, and each is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.risk.reconciliation import BreakKind, Statement, breaks_between, dollars


def kinds(ours: Statement, brokers: Statement) -> list[tuple[str, str]]:
    return [(found.kind.value, found.symbol) for found in breaks_between(ours, brokers)]


def holding(**quantities: int) -> Statement:
    return Statement(quantities, 0)


@pytest.mark.parametrize(
    ("ours", "brokers", "found"),
    [
        (holding(), holding(), []),
        (holding(AAPL=5), holding(AAPL=5), []),
        (holding(AAPL=0), holding(), []),
        (holding(AAPL=5), holding(AAPL=4), [("quantity", "AAPL")]),
        (holding(AAPL=5), holding(AAPL=-5), [("quantity", "AAPL")]),
        (holding(AAPL=5), holding(), [("ledger_only", "AAPL")]),
        (holding(), holding(IBM=-1), [("broker_only", "IBM")]),
        (holding(), holding(IBM=1, AAPL=1), [("broker_only", s) for s in ("AAPL", "IBM")]),
        (Statement({}, 10), Statement({}, 11), [("cash", "")]),
        (Statement({}, 0, {"a": "IBM"}), Statement({}, 0), [("stale_order", "IBM")]),
        (Statement({}, 0), Statement({}, 0, {"b": "IBM"}), [("orphan_order", "IBM")]),
        (Statement({}, 0, {"a": "IBM"}), Statement({}, 0, {"a": "IBM"}), []),
    ],
)
def test_each_difference_has_its_kind(ours, brokers, found):
    assert kinds(ours, brokers) == found


def test_a_break_says_both_numbers_as_a_person_reads_them():
    (position, cash) = breaks_between(Statement({"IBM": 7}, -1), Statement({"IBM": 9}, 12_345_678))
    assert (position.expected, position.observed) == ("7 shares", "9 shares")
    assert (cash.expected, cash.observed) == ("-0.0001 dollars", "1,234.5678 dollars")


SIDES = st.builds(
    Statement,
    st.dictionaries(st.sampled_from("ABC"), st.integers(-3, 3)),
    st.integers(-2, 2),
    st.dictionaries(st.sampled_from("xyz"), st.just("A")),
)


@given(SIDES, SIDES)
def test_two_sides_agree_exactly_when_nothing_differs(ours, brokers):
    def told(side: Statement) -> tuple[object, ...]:
        held = {symbol: shares for symbol, shares in side.quantities.items() if shares}
        return held, side.cash_e4, set(side.open_orders)

    assert (breaks_between(ours, brokers) == ()) == (told(ours) == told(brokers))


@given(SIDES, SIDES)
def test_the_other_side_sees_the_same_breaks(ours, brokers):
    there, back = kinds(ours, brokers), kinds(brokers, ours)
    assert sorted(symbol for _, symbol in there) == sorted(symbol for _, symbol in back)


def test_several_orders_of_one_symbol_are_one_difference_that_names_them_all():
    (found,) = breaks_between(Statement({}, 0), Statement({}, 0, {"b": "IBM", "a": "IBM"}))
    assert (found.expected, found.observed) == ("no such order", "working: a, b")


def test_every_kind_has_a_sentence():
    assert all(kind.meaning for kind in BreakKind)


def test_dollars_show_every_tenthousandth():
    assert dollars(-10_000) == "-1.0000 dollars"
