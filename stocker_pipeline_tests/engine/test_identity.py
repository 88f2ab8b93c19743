"""The book balances after every session of any market (ENGINE E28), as a property."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.engine.book import CASH, DIVIDENDS, NAV, PEAK
from stocker_pipeline.engine.marking import EXACT_LIMIT, exact_values_at, mark_positions
from stocker_pipeline.engine.panel import panel_from_tables
from stocker_pipeline.engine.simulate import (
    OpeningBook,
    assert_identity,
    rules_of,
    simulate,
)
from stocker_pipeline.engine.tables import e4_array, fills_table, positions_table, snapshots_table
from stocker_pipeline_tests.effort import examples
from stocker_pipeline_tests.engine.builders import (
    FIRST_DAY,
    free_of_charge,
    market,
    run,
    sessions_from,
)

SYMBOLS = ("A", "B", "C")


@st.composite
def markets(draw: st.DrawFn):
    """Bars with gaps, splits, dividends, costs, flows and wild weights."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.integers(3, 40))
    sessions = sessions_from(FIRST_DAY, rows)
    shape = (rows, len(SYMBOLS))
    moves = generator.normal(0, draw(st.sampled_from([0.02, 0.2])), shape)
    close = np.round(20 * np.exp(np.cumsum(moves, axis=0)), 2) + 0.01
    seen = generator.random(shape) > draw(st.sampled_from([0.0, 0.1, 0.5]))
    seen[0, 0] = True
    at, column = np.nonzero(seen)
    bars = pa.table(
        {
            "symbol": np.array(SYMBOLS)[column],
            "session": sessions[at],
            "open": (close * generator.uniform(0.8, 1.2, shape)).round(2)[at, column] + 0.01,
            "close": close[at, column],
            "volume": generator.integers(0, 10_000, len(at)).astype(float),
        }
    )
    ratios = np.array([1.0, 1.0, 2.0, 1.5, 0.125, 0.1, 3.0, 1 / 3, 1.000, 7.0])
    happens = np.argwhere(generator.random(shape) < 0.2)
    actions = pa.table(
        {
            "symbol": np.array(SYMBOLS)[happens[:, 1]],
            "session": sessions[happens[:, 0]],
            "split": generator.choice(ratios, len(happens)),
            "dividend": np.where(generator.random(len(happens)) < 0.5, 0.0, 0.1234567),
        }
    )
    panel = panel_from_tables(
        bars, actions, sessions=sessions, universe=SYMBOLS, price_basis="raw", with_returns=True
    )
    weights = generator.normal(0, draw(st.sampled_from([0.2, 1.0])), shape)
    weights[1:][np.isnan(panel.market.close[:-1])] = np.nan
    weights[0] = np.nan
    flows = {row: int(generator.integers(0, 10**7)) for row in range(1, rows, 5)}
    return panel, weights, flows


@settings(max_examples=examples(60, 150), deadline=None)
@given(
    markets(),
    st.sampled_from([None, 0.1]),
    st.sampled_from([None, 0.05]),
    st.sampled_from(["single", "two_step"]),
    st.booleans(),
)
def test_nav_is_where_it_came_from_and_fills_explain_positions(
    world, target_vol, participation, flips, costs
):
    panel, weights, flows = world
    parameters = free_of_charge(
        target_vol=target_vol,
        max_participation=participation,
        flips=flips,
        slippage_bps=5.0 if costs else 0.0,
        commission_per_order=1.0 if costs else 0.0,
        commission_per_share=0.0035 if costs else 0.0,
        drawdown_trip=0.1,
        drawdown_recover=0.05,
        buffer=0.1 if costs else 0.0,
    )
    last = len(panel.sessions) - 1
    result = simulate(
        panel,
        weights,
        rules_of(parameters, 20),
        OpeningBook.of_cash(10**9),
        first=1,
        last=last,
        flows_e4=flows,
    )
    snapshots = {
        name: e4_array(column)
        for name, column in zip(
            snapshots_table(result).column_names, snapshots_table(result).columns, strict=True
        )
        if pa.types.is_decimal(column.type)
    }
    assert (
        snapshots["nav"]
        == snapshots["initial_capital"]
        + snapshots["flows"]
        + snapshots["realised"]
        + snapshots["unrealised"]
        + snapshots["dividends"]
        + snapshots["cash_in_lieu"]
        - snapshots["commissions"]
    ).all()
    assert (snapshots["nav"] == snapshots["cash"] + snapshots["positions_value"]).all()
    assert (snapshots["peak_nav"] >= snapshots["nav"]).all()
    positions = positions_table(result)
    assert e4_array(positions["market_value"]).sum() == snapshots["positions_value"].sum()
    assert sum(e4_array(fills_table(result)["commission"])) == snapshots["commissions"][-1]
    assert result.book.totals[NAV] == snapshots["nav"][-1]
    assert result.book.totals[PEAK] == snapshots["peak_nav"][-1]
    assert result.book.totals[CASH] == snapshots["cash"][-1]


def test_a_book_that_does_not_balance_is_named_with_its_session_and_both_sums():
    panel = market("A B\n10 1\n10 1\n11 1\n12 1")
    balanced = run(panel, "1 .\n1 .\n1 .")
    assert_identity(balanced)
    totals = balanced.record.totals.copy()
    totals[1, DIVIDENDS] += 1
    broken = replace(balanced, record=balanced.record._replace(totals=totals))
    nav, session = int(totals[1, NAV]), panel.sessions[balanced.first + 1]
    with pytest.raises(RuntimeError, match=f"book of {session} .* {nav} is not {nav + 1} "):
        assert_identity(broken)


@settings(max_examples=examples(12, 25), deadline=None)
@given(markets(), st.integers(2, 30))
def test_a_range_in_two_parts_is_the_range_in_one(world, cut):
    """Book, totals and lots at the cut are all that the second part needs."""
    panel, weights, _ = world
    last = len(panel.sessions) - 1
    cut = min(cut, last - 1)
    rules = rules_of(free_of_charge(slippage_bps=5.0, commission_per_order=1.0), 20)
    whole = simulate(panel, weights, rules, OpeningBook.of_cash(10**9), first=1, last=last)
    before = simulate(panel, weights, rules, OpeningBook.of_cash(10**9), first=1, last=cut)
    after = simulate(panel, weights, rules, carried(before), first=cut + 1, last=last)
    assert np.array_equal(whole.record.totals[cut:], after.record.totals)
    assert np.array_equal(whole.record.quantity[cut:], after.record.quantity)
    assert np.array_equal(whole.record.cost[cut:], after.record.cost)


@settings(max_examples=examples(20, 40), deadline=None)
@given(markets(), st.sampled_from([0.0, 50.0]), st.sampled_from(["single", "two_step"]))
def test_a_run_that_keeps_no_detail_trades_the_same(world, min_notional, flips):
    """Without detail only symbols that may need an order are looked at one by one."""
    panel, weights, flows = world
    parameters = free_of_charge(
        min_notional=min_notional, flips=flips, buffer=0.1, max_participation=0.05
    )
    rules = rules_of(parameters, 20)
    detailed, brief = (
        simulate(
            panel,
            weights,
            rules,
            OpeningBook.of_cash(10**9),
            first=1,
            last=len(panel.sessions) - 1,
            flows_e4=flows,
            detail=detail,
        )
        for detail in (True, False)
    )
    assert np.array_equal(detailed.record.totals, brief.record.totals)
    assert np.array_equal(detailed.record.gross_value, brief.record.gross_value)
    assert np.array_equal(detailed.fills.used()[0], brief.fills.used()[0])
    assert np.array_equal(detailed.entries.used()[0], brief.entries.used()[0])


@settings(max_examples=examples(12, 25), deadline=None)
@given(markets(), st.lists(st.integers(1, 9), min_size=1))
def test_weights_in_parts_make_the_same_run(world, lengths):
    panel, weights, flows = world
    last = len(panel.sessions) - 1
    cuts = np.cumsum(lengths)
    parts = np.split(weights[1:], cuts[cuts < last])
    rules = rules_of(free_of_charge(slippage_bps=5.0, commission_per_order=1.0), 20)
    whole, cut = (
        simulate(
            panel, given, rules, OpeningBook.of_cash(10**9), first=1, last=last, flows_e4=flows
        )
        for given in (weights, iter(parts))
    )
    for one, other in zip(whole.record, cut.record, strict=True):
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    assert np.array_equal(whole.fills.used()[0], cut.fills.used()[0])


def test_a_mark_without_a_bar_is_the_last_one():
    mark = np.array([1.0, 2.0, np.nan])
    close = np.array([np.nan, 3.0, np.nan])
    assert mark_positions(close, mark, np.array([10.0, -10.0, 0.0])) == (-200_000, 400_000, 2)
    assert mark[:2].tolist() == [1.0, 3.0]


@given(
    st.lists(
        st.tuples(st.integers(-(10**12), 10**12), st.floats(0.0001, 1e6)), min_size=1, max_size=40
    )
)
def test_values_added_as_floats_are_exact_or_say_that_they_may_not_be(positions):
    quantity = np.array([shares for shares, _ in positions])
    mark = np.array([price for _, price in positions])
    values = [shares * round(price * 1e4) for shares, price in positions]
    net, gross, _ = mark_positions(mark, np.full(len(mark), np.nan), quantity.astype(np.float64))
    true_gross = sum(abs(value) for value in values)
    assert (gross < EXACT_LIMIT) == (true_gross < EXACT_LIMIT)
    if gross < EXACT_LIMIT:
        assert (int(net), int(gross)) == (sum(values), true_gross)
    if true_gross < 2**63:
        assert exact_values_at(mark, quantity) == (sum(values), true_gross)


def test_a_book_of_trillions_is_added_in_integers():
    """900 billion dollars in 1/10,000 is 2^53; beyond it a float skips integers."""
    panel = market("AAA BBB" + 3 * "\n333.3333 777.7777")
    result = run(panel, "0.4 0.6\n0.4 0.6", capital="90000000000000", first=1)
    for row in range(2):
        held = result.record.quantity[row].tolist()
        worth = held[0] * 3_333_333 + held[1] * 7_777_777
        assert worth > 2**53
        assert result.record.positions_value[row] == worth


def test_a_book_that_runs_out_of_room_goes_on_where_it_stopped(monkeypatch):
    """Lots, fills and entries outgrow what was set aside, at different sessions."""
    from stocker_pipeline.engine import kernel
    from stocker_pipeline.engine import simulate as simulation

    lines = [f"{10 + day % 7} {20 + day % 5}" for day in range(80)]
    panel = market("AAA BBB\n" + "\n".join(lines))
    weights = np.full((80, 2), np.nan)
    # Growing positions: every session opens a lot.
    weights[1:] = np.linspace(0.01, 0.9, 79)[:, None] * [0.5, -0.5]
    rules = rules_of(free_of_charge(), 20)

    def totals():
        opening = OpeningBook.of_cash(10**11)
        return simulate(panel, weights, rules, opening, first=1, last=79).record.totals

    roomy = totals()
    monkeypatch.setattr(kernel, "_LOG_ROWS", 3)
    monkeypatch.setattr(simulation, "_LOTS_PER_SYMBOL", 2)
    assert np.array_equal(totals(), roomy)


def carried(run):
    """The closing book of a run, by way of the facts it left behind."""
    from stocker_pipeline.engine.replay import lots_from

    fills, _ = run.fills.used()
    entries, _ = run.entries.used()
    lots, realised = lots_from(fills[:, :4], entries[:, :4], run.panel.symbols)
    totals = run.book.totals
    assert realised == totals[1]
    return OpeningBook(
        initial_e4=run.opening.initial_e4,
        cash_e4=int(totals[CASH]),
        nav_e4=int(totals[NAV]),
        peak_e4=int(totals[PEAK]),
        realised_e4=int(totals[1]),
        dividends_e4=int(totals[2]),
        cash_in_lieu_e4=int(totals[3]),
        commissions_e4=int(totals[4]),
        flows_e4=int(totals[5]),
        tripped=bool(totals[8]),
        lots=lots,
    )
