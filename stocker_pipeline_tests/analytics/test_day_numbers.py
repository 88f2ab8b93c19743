"""Profit by symbol adds up to the change of NAV, and what is bad is said."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.analytics.day_numbers import bad_news, costs_of, profits_of
from stocker_pipeline.analytics.day_values import (
    DayAction,
    DayAlert,
    DayBreak,
    DayFill,
    DayFinding,
    DayOrder,
    DayReport,
    Guard,
    Holding,
)
from stocker_pipeline_tests.analytics.days import SESSION, book, busy_day, empty_day

shares = st.integers(-1_000, 1_000)
prices = st.integers(1, 10_000_000)


@given(
    st.lists(st.tuples(st.sampled_from("ABC"), shares.filter(bool), prices), max_size=8),
    st.dictionaries(st.sampled_from("ABCD"), st.tuples(shares, prices)),
    st.integers(-(10**9), 10**9),
    st.integers(-(10**8), 10**8),
)
def test_profits_of_symbols_are_the_change_of_nav_whatever_happens(fills, held, flow, dividend):
    """The book is kept by hand here: cash and positions, and their difference to the day before."""
    before = [Holding(s, q, q * p) for s, (q, p) in held.items() if q]
    quantity = {s: q for s, (q, _) in held.items()}
    cash = 10**12
    nav_before = cash + sum(one.value_e4 for one in before)
    for symbol, count, price in fills:
        cash -= count * price + 7
        quantity[symbol] = quantity.get(symbol, 0) + count
    cash += dividend + flow
    after = [Holding(s, q, q * 12_345) for s, q in quantity.items() if q]
    nav = cash + sum(one.value_e4 for one in after)
    day = DayReport(
        "p",
        SESSION,
        "dev",
        book(nav, nav_before, flows_e4=flow),
        holdings_before=before,
        holdings=after,
        fills=[DayFill(s, q, p, 7) for s, q, p in fills],
        actions=[DayAction("D", 1, 1, 0.1, dividend)],
    )
    found = profits_of(day)
    assert found.rest_e4 == 0
    assert sum(row.profit_e4 for row in found.rows) == found.total_e4 == nav - nav_before - flow
    assert [row.profit_e4 for row in found.rows] == sorted(row.profit_e4 for row in found.rows)


def test_long_and_short_are_told_apart():
    found = profits_of(busy_day(4))
    assert {row.symbol: (row.side, row.profit_e4) for row in found.rows} == {
        "S000": ("long", 90_000),
        "S001": ("short", 90_000),
        "S002": ("long", 90_000),
        "S003": ("short", 90_000),
    }
    assert (found.long_e4, found.short_e4, found.rest_e4) == (180_000, 180_000, 0)


def test_what_belongs_to_no_symbol_is_news_and_not_swallowed():
    day = empty_day()
    day = replace(day, book=replace(day.book, nav_e4=day.book.nav_e4 + 12_345))
    found = profits_of(day)
    assert found.rest_e4 == 12_345
    assert bad_news(day, found) == [
        "1.2345 dollars of the change of NAV belong to no symbol: a fill, action or cash flow is "
        "missing from this book."
    ]


def test_slippage_is_split_at_the_open_and_unknown_where_a_price_is():
    bought = DayFill("A", 10, 101_000, 10_000, 9.9, 10.0)
    sold = DayFill("B", -10, 99_000, 0, 10.0, 10.0)
    found = costs_of([bought, sold])
    assert found.delay_usd == pytest.approx(10 * (10.0 - 9.9))
    assert found.execution_usd == pytest.approx(1.0 + 1.0)
    assert found.commissions_usd == 1.0
    assert found.execution_bps == pytest.approx(2.0 / 200.0 * 1e4)
    unknown = costs_of([bought, replace(sold, open=None)])
    assert (unknown.delay_usd, unknown.execution_usd, unknown.unmeasured) == (None, None, ["B"])


def test_costs_of_nothing_are_nothing():
    found = costs_of([])
    assert (found.notional_usd, found.delay_usd, found.execution_bps) == (0.0, 0.0, None)


@pytest.mark.parametrize(
    ("guard", "broken", "used", "headroom"),
    [
        (Guard("x", 0.9, 1.5, "of NAV", "y"), False, 0.6, 0.6),
        (Guard("x", 1.5, 1.5, "of NAV", "y"), False, 1.0, 0.0),
        (Guard("x", 1.5, 1.5, "of NAV", "y", at_bound=True), True, 1.0, 0.0),
        (Guard("x", 1.6, 1.5, "of NAV", "y"), True, 1.6 / 1.5, -0.1),
        (Guard("x", None, 1.5, "of NAV", "y"), True, None, None),
        (Guard("x", None, 1.5, "of NAV", "y", applies=False), False, None, None),
        (Guard("x", 10.0, 5.0, "dollars", "y", at_least=True), False, 0.5, 5.0),
        (Guard("x", 4.0, 5.0, "dollars", "y", at_least=True), True, 1.25, -1.0),
        (Guard("x", 0.5, -0.5, "of NAV", "y", at_least=True), False, None, 1.0),
    ],
)
def test_headroom_is_what_is_left_up_to_the_bound(guard, broken, used, headroom):
    assert guard.broken is broken
    assert guard.used == (None if used is None else pytest.approx(used))
    assert guard.headroom == (None if headroom is None else pytest.approx(headroom))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"outcome": "HALTED", "outcome_reason": "breaks"}, "HALTED: breaks"),
        ({"outcome": "SKIPPED", "outcome_reason": "late"}, "SKIPPED: late"),
        ({"state": "KILLED", "state_reason": "me: enough"}, "KILLED (me: enough)"),
        ({"breaks": [DayBreak("shares", "AAA", "5", "6")]}, "AAA shares, our book 5, the broker 6"),
        ({"suspense": ["+5 AAA, by hand"]}, "+5 AAA, by hand"),
        ({"alerts": [DayAlert("error", "c", "it burns")]}, "Error: it burns"),
        ({"guards": [Guard("Loss", 0.04, 0.03, "of NAV", "m", "stop")]}, "Loss is 4.00% of NAV"),
        ({"guards": [Guard("Loss", None, 0.03, "of NAV", "m", "stop")]}, "Loss is not known"),
        ({"orders": [DayOrder("AAA", 10, 4, "EXPIRED", "no more")]}, "+10 AAA ended EXPIRED with"),
        ({"stopped": [("AAA", "participation", "too much")]}, "A limit stopped AAA: too much"),
        (
            {"findings": [DayFinding("AAA", SESSION, "r", "error", "e", "quarantined")]},
            "Bars of AAA are quarantined",
        ),
        ({"holdings": [Holding("AAA", 1, 0, 2)]}, "AAA 2"),
    ],
)
def test_each_kind_of_bad_news_is_told_once(changes, word):
    day = empty_day(**changes)
    (line,) = bad_news(day, profits_of(day))
    assert word in line


def test_good_days_and_quiet_words_are_no_news():
    day = empty_day(
        outcome="NO_TRADES",
        state="ARMED",
        alerts=[DayAlert("warning", "c", "x"), DayAlert("error", "c", "over", recovers=True)],
        findings=[DayFinding("AAA", SESSION, "r", "info", "e", "flagged")],
        orders=[DayOrder("AAA", -3, -3, "FILLED")],
    )
    assert bad_news(day, profits_of(day)) == []
