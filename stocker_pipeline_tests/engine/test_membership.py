"""Who is in the universe when: by list, by filter, and what the kernel does with a leaver."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.engine.membership import (
    Bounds,
    broken_bounds,
    first_of_months,
    listed,
    measured,
    passing,
)
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.simulate import OpeningBook, rules_of, simulate
from stocker_pipeline.engine.tables import decisions_table, fills_table, orders_table
from stocker_pipeline_tests.engine.builders import (
    FIRST_DAY,
    free_of_charge,
    market,
    run,
    sessions_from,
)

NONE = float("nan")
ANY = Bounds(NONE, NONE, 1, 1, 0)


def among(panel: Panel, text: str) -> Panel:
    """The panel with membership written one line per row, ``x`` = member."""
    member = np.array([[cell == "x" for cell in line.split()] for line in text.split("\n")])
    return replace(panel, market=panel.market._replace(member=member))


def filled(outcome) -> list[tuple]:
    """Row, symbol, signed shares and price of every fill."""
    rows = fills_table(outcome).to_pylist()
    panel = outcome.panel
    return [
        (panel.row_of(row["session"]), row["symbol"], row["quantity"], float(row["price"]))
        for row in rows
    ]


def test_a_symbol_that_leaves_is_closed_at_the_open_of_that_session_and_no_other_is_touched():
    panel = market("A B\n10 10\n10 10\n12/11 10\n13 10")
    outcome = run(among(panel, "x x\nx x\n. x\n. x"), ".5 .5\n. .\n. .")
    assert filled(outcome) == [(1, "A", 50, 10.0), (1, "B", 50, 10.0), (2, "A", -50, 12.0)]
    (closing,) = [row for row in orders_table(outcome).to_pylist() if row["quantity"] < 0]
    assert (closing["decision"], closing["desired"]) == ("LEFT_UNIVERSE", 0)
    decisions = decisions_table(outcome, 1).to_pylist()
    assert [row["decision"] for row in decisions if row["symbol"] == "A"] == [
        "OPEN",
        "LEFT_UNIVERSE",
        "NOT_IN_UNIVERSE",
    ]


def test_a_symbol_without_a_signal_that_stays_in_the_universe_is_kept():
    panel = market("A B\n10 10\n10 10\n12/11 10\n13 10")
    outcome = run(among(panel, "x x\nx x\nx x\nx x"), ".5 .5\n. .\n. .")
    assert filled(outcome) == [(1, "A", 50, 10.0), (1, "B", 50, 10.0)]


def test_a_short_position_whose_symbol_leaves_is_bought_back():
    panel = market("A\n10\n10\n12\n13")
    outcome = run(among(panel, "x\nx\n.\n."), "-.5\n.\n.")
    assert filled(outcome) == [(1, "A", -50, 10.0), (2, "A", 50, 12.0)]


def test_a_leaver_without_a_bar_is_kept_until_the_session_after_its_next_one():
    panel = market("A\n10\n10\n-\n-\n9\n8")
    outcome = run(among(panel, "x\nx\n.\n.\n.\n."), ".5\n.\n.\n.\n.")
    assert filled(outcome)[1:] == [(5, "A", -50, 8.0)]
    decisions = [row["decision"] for row in decisions_table(outcome, 1).to_pylist()]
    assert decisions == [
        "OPEN",
        "LEFT_UNIVERSE",
        "NO_PREVIOUS_BAR",
        "NO_PREVIOUS_BAR",
        "LEFT_UNIVERSE",
    ]


def test_a_symbol_that_comes_back_may_be_held_again():
    panel = market("A\n10\n10\n10\n10\n10")
    outcome = run(among(panel, "x\nx\n.\nx\nx"), ".5\n.\n.5\n.5")
    assert filled(outcome) == [(1, "A", 50, 10.0), (2, "A", -50, 10.0), (3, "A", 50, 10.0)]


def test_a_universe_without_members_holds_cash_whatever_the_volatility_target():
    panel = market("A B\n10 10\n11 9\n10 10\n11 9\n10 10")
    members = among(panel, "x x\nx x\nx x\n. .\n. .")
    for target_vol in (None, 0.1):
        outcome = run(members, ".5 .5\n.5 .5\n. .\n. .", free_of_charge(target_vol=target_vol))
        assert (outcome.record.quantity[1] != 0).all()
        assert (outcome.record.quantity[-1] == 0).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 50.0]))
def test_a_run_that_keeps_no_detail_closes_the_same_leavers(seed, min_notional):
    generator = np.random.default_rng(seed)
    shape = (12, 3)
    prices = [
        " ".join("-" if generator.random() < 0.2 else f"{price:.2f}" for price in row)
        for row in generator.uniform(8, 12, shape)
    ]
    panel = market("A B C\n" + "\n".join(prices))
    member = generator.random(shape) > 0.4
    panel = replace(panel, market=panel.market._replace(member=member))
    weights = generator.uniform(-0.4, 0.4, shape)
    known = member.copy()
    known[1:] &= ~np.isnan(panel.market.close[:-1])
    known[0] = False
    weights[~known] = np.nan
    rules = rules_of(free_of_charge(min_notional=min_notional, flips="two_step"), 20)
    whole, short = (
        simulate(
            panel,
            weights,
            rules,
            OpeningBook.of_cash(10**7),
            first=1,
            last=11,
            detail=detail,
        )
        for detail in (True, False)
    )
    assert fills_table(whole).equals(fills_table(short))
    assert np.array_equal(whole.record.totals, short.record.totals)


def test_a_change_holds_from_the_first_session_on_or_after_its_date():
    sessions = sessions_from(date(2020, 1, 2), 6)  # Thursday, Friday, Monday, …
    changes = [
        (date(2020, 1, 4), ["C"], ["A"]),
        (date(2020, 1, 8), ["A"], []),
        (date(2030, 1, 1), [], ["B"]),
    ]
    member = listed(("A", "B", "C", "D"), sessions, ["A", "B"], changes)
    assert member.astype(int).tolist() == [
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [0, 1, 1, 0],
        [0, 1, 1, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 0],
    ]


def test_a_change_before_the_first_session_holds_on_it():
    member = listed(("A", "B"), sessions_from(FIRST_DAY, 2), ["A"], [(date(2019, 1, 1), ["B"], [])])
    assert member.all()


EVERY = np.ones(6, bool)


def one_symbol(bounds: Bounds, close: list[float], volume: list[float] | None = None) -> list[int]:
    volumes = np.full(len(close), 10.0) if volume is None else np.array(volume)
    reviewed = np.ones(len(close), bool)
    member = passing(np.array(close)[:, None], volumes[:, None], reviewed, bounds)
    return member[:, 0].astype(int).tolist()


@pytest.mark.parametrize(
    ("bounds", "close", "expected"),
    [
        (ANY, [NONE, 1, NONE, 1], [0, 0, 1, 1]),
        (ANY._replace(price_min_usd=5.0), [5, 4.99, 5.01, 9], [0, 1, 0, 1]),
        (ANY._replace(price_min_usd=5.0), [5, NONE, NONE, 1], [0, 1, 1, 1]),
        (ANY._replace(history_min_sessions=2), [1, NONE, 1, 1], [0, 0, 0, 1]),
        (ANY._replace(bar_age_max_sessions=1), [1, NONE, 1, 1], [0, 1, 0, 1]),
        (ANY._replace(bar_age_max_sessions=2), [1, NONE, NONE, 1], [0, 1, 1, 0]),
    ],
)
def test_each_bound_looks_at_own_bars_before_the_session(bounds, close, expected):
    assert one_symbol(bounds, close) == expected


def test_dollar_volume_is_the_mean_over_exactly_so_many_own_bars_and_no_volume_counts_as_none():
    bounds = ANY._replace(dollar_volume_min_usd=100.0, dollar_volume_sessions=2)
    assert one_symbol(bounds, [10, NONE, 10, 10, 9, 9], [10, NONE, 10, 10, 10, 10]) == [
        *(0, 0, 0),
        *(1, 1, 0),
    ]
    assert one_symbol(bounds, [50, 50, 50], [4, NONE, 4]) == [0, 0, 1]
    assert one_symbol(bounds, [50, 50, 50], [3, NONE, 4]) == [0, 0, 0]


def test_between_reviews_membership_stays_as_it_was():
    bounds = ANY._replace(price_min_usd=5.0)
    close = np.array([[9.0], [1.0], [1.0], [9.0], [9.0], [9.0]])
    reviewed = np.array([False, True, False, True, False, True])
    member = passing(close, close, reviewed, bounds)
    assert member[:, 0].astype(int).tolist() == [0, 1, 1, 0, 0, 1]


def test_the_first_session_of_a_month_and_the_first_row_are_reviews():
    sessions = sessions_from(date(2020, 1, 30), 25)
    found = sessions[first_of_months(sessions)]
    assert found.astype(str).tolist() == ["2020-01-30", "2020-02-03", "2020-03-02"]
    assert len(first_of_months(sessions[:0])) == 0


@st.composite
def filtered_markets(draw: st.DrawFn):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (40, 4)
    close = np.round(generator.uniform(1, 10, shape), 2)
    volume = np.round(generator.uniform(0, 100, shape))
    close[generator.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.9]))] = np.nan
    volume[generator.random(shape) < 0.1] = np.nan
    bounds = Bounds(
        draw(st.sampled_from([NONE, 4.0])),
        draw(st.sampled_from([NONE, 200.0])),
        draw(st.integers(1, 5)),
        draw(st.integers(1, 10)),
        draw(st.sampled_from([0, 1, 3])),
    )
    reviewed = generator.random(shape[0]) < draw(st.sampled_from([0.2, 1.0]))
    return close, volume, reviewed, bounds


def keeps(close: np.ndarray, volume: np.ndarray, t: int, bounds: Bounds) -> bool:
    """The definition for one symbol and session, written out slowly."""
    rows = [row for row in range(t) if not np.isnan(close[row])]
    if len(rows) < bounds.history_min_sessions:
        return False
    if bounds.bar_age_max_sessions and t - rows[-1] > bounds.bar_age_max_sessions:
        return False
    if not np.isnan(bounds.price_min_usd) and close[rows[-1]] < bounds.price_min_usd:
        return False
    if np.isnan(bounds.dollar_volume_min_usd):
        return True
    last = rows[-bounds.dollar_volume_sessions :]
    if len(last) < bounds.dollar_volume_sessions:
        return False
    dollars = [close[row] * (0.0 if np.isnan(volume[row]) else volume[row]) for row in last]
    return sum(dollars) / len(dollars) >= bounds.dollar_volume_min_usd


@given(filtered_markets())
def test_a_range_at_once_equals_the_definition_session_by_session(case):
    close, volume, reviewed, bounds = case
    member = passing(close, volume, reviewed, bounds)
    for j in range(close.shape[1]):
        now = False
        for t in range(len(close)):
            if reviewed[t]:
                now = keeps(close[:, j], volume[:, j], t, bounds)
            assert member[t, j] == now


@given(filtered_markets(), st.integers(0, 39))
def test_a_symbol_passes_a_review_where_no_bound_is_broken_and_only_there(case, t):
    close, volume, _, bounds = case
    broken = broken_bounds(measured(close[:t], volume[:t], bounds.dollar_volume_sessions), bounds)
    passes = ~np.any(list(broken.values()), axis=0)
    everywhere = passing(close, volume, np.ones(len(close), bool), bounds)
    assert passes.tolist() == everywhere[t].tolist()


def test_measures_are_those_of_own_bars_before_the_session():
    close = np.array([[4.0, NONE], [5.0, NONE], [NONE, NONE]])
    volume = np.array([[10.0, NONE], [NONE, NONE], [NONE, NONE]])
    found = measured(close, volume, 2)
    assert found.bars.tolist() == [2, 0]
    assert found.bar_age_sessions.tolist() == [2, 0]
    assert found.price_usd[0] == 5.0
    assert found.dollar_volume_usd[0] == 20.0
    assert np.isnan([found.price_usd[1], found.dollar_volume_usd[1]]).all()
    assert np.isnan(measured(close, volume, 3).dollar_volume_usd).all()


@given(filtered_markets(), st.integers(0, 39))
def test_poisoning_a_session_and_all_later_ones_does_not_change_its_membership(case, t):
    close, volume, reviewed, bounds = case
    honest = passing(close, volume, reviewed, bounds)
    close[t:], volume[t:] = 1e9 - close[t:], np.nan
    assert np.array_equal(honest[: t + 1], passing(close, volume, reviewed, bounds)[: t + 1])


def test_poison_in_the_session_before_does_change_something():
    """The test above can fail: yesterday's bar is known, and matters."""
    close = np.full((6, 1), 9.0)
    bounds = ANY._replace(price_min_usd=5.0)
    assert passing(close, close, EVERY, bounds)[5, 0]
    close[4] = 1.0
    assert not passing(close, close, EVERY, bounds)[5, 0]
