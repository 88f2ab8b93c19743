"""A session decided before its open and settled after its close is a session of a backtest."""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.domain.errors import BookRefused, ConfigurationRefused
from stocker_pipeline.engine.day import before_open, decide, reference_prices
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.rebalance import Decision, Restraint
from stocker_pipeline.engine.settlement import Settled, closing_book
from stocker_pipeline.engine.simulate import Lot, OpeningBook, Run, rules_of, simulate
from stocker_pipeline.engine.tables import (
    decisions_table,
    entries_table,
    fills_table,
    orders_table,
    positions_table,
    snapshots_table,
    targets_table,
)
from stocker_pipeline_tests.effort import examples
from stocker_pipeline_tests.engine.builders import free_of_charge, market
from stocker_pipeline_tests.engine.random_markets import World, worlds
from stocker_pipeline_tests.engine.walking import CAPITAL, walked, without_withdrawals

FREE = rules_of(free_of_charge(), 252)


def whole(world: World) -> Run:
    return simulate(
        world.panel,
        world.weights,
        world.rules,
        CAPITAL,
        first=1,
        last=world.last,
        flows_e4=world.flows,
    )


@settings(max_examples=examples(60, 150))
@given(worlds())
def test_a_range_of_a_backtest_is_its_sessions_decided_and_settled_one_by_one(world):
    try:
        backtest = whole(world)
    except ConfigurationRefused as refused:
        with pytest.raises(ConfigurationRefused, match=re.escape(str(refused))):
            walked(world)
        return
    days = walked(world)
    assert_same_books(backtest, [settled for _, settled in days])
    required = 3
    decided = [day.tables(required) for day, _ in days]
    expected = {
        "targets": targets_table(backtest, world.weights),
        "decisions": decisions_table(backtest, required),
        "orders": orders_table(backtest).drop_columns(["filled", "status"]),
    }
    for name, table in expected.items():
        assert same(pa.concat_tables([day[name] for day in decided]), table), name
    assert closing_book(backtest) == days[-1][1].closing


def assert_same_books(backtest: Run, days: list[Settled]) -> None:
    expected = {
        "snapshots": snapshots_table(backtest),
        "positions": positions_table(backtest),
        "fills": fills_table(backtest),
        "corporate_action_entries": entries_table(backtest),
    }
    tables = [day.tables() for day in days]
    for name, table in expected.items():
        assert same(pa.concat_tables([day[name] for day in tables]), table), name


def same(one: pa.Table, other: pa.Table) -> bool:
    """Equal to the last bit, NaN equal to NaN."""
    if one.schema != other.schema or one.num_rows != other.num_rows:
        return False
    for name in one.column_names:
        left, right = one[name].combine_chunks(), other[name].combine_chunks()
        if pa.types.is_floating(left.type):
            a = left.to_numpy(zero_copy_only=False).view(np.int64)
            b = right.to_numpy(zero_copy_only=False).view(np.int64)
            if not np.array_equal(a, b):
                return False
        elif not left.equals(right):
            return False
    return True


@settings(max_examples=examples(20, 40))
@given(worlds(), st.integers(1, 30))
def test_the_range_may_be_cut_at_any_session_and_go_on_from_its_closing_book(world, cut):
    cut, world = min(cut, world.last - 1), without_withdrawals(world)
    backtest = whole(world)
    flows = world.flows
    before = simulate(
        world.panel, world.weights, world.rules, CAPITAL, first=1, last=cut, flows_e4=flows
    )
    after = simulate(
        world.panel,
        world.weights,
        world.rules,
        closing_book(before),
        first=cut + 1,
        last=world.last,
        flows_e4=flows,
    )
    assert same(snapshots_table(backtest).slice(cut), snapshots_table(after))
    assert closing_book(after) == closing_book(backtest)


@settings(max_examples=examples(20, 40))
@given(worlds(), st.integers(1, 30))
def test_what_is_decided_does_not_change_by_a_bit_when_the_session_and_all_later_ones_are_poison(
    world, row
):
    row = min(row, world.last)
    book = closing_book(
        simulate(world.panel, world.weights, world.rules, CAPITAL, first=1, last=row - 1)
        if row > 1
        else simulate(world.panel, world.weights * np.nan, world.rules, CAPITAL, first=1, last=1)
    )
    honest = decide(world.panel, world.weights, world.rules, book, row)
    poisoned = poison(world.panel, row)
    weights = world.weights.copy()
    weights[row + 1 :] = 1e9
    again = decide(poisoned, weights, world.rules, book, row)
    for name, table in honest.tables(3).items():
        assert same(table, again.tables(3)[name]), name
    assert np.array_equal(honest.reference, again.reference, equal_nan=True)


def poison(panel: Panel, row: int) -> Panel:
    """Other bars at ``row`` and after it, other actions after it."""
    changed = {
        name: getattr(panel.market, name).copy() for name in ("open", "close", "volume", "returns")
    }
    for matrix in changed.values():
        matrix[row:] = 7.77
    index = panel.index.copy()
    index[row:] = 1e6
    later = slice(int(panel.market.event_start[row + 1]), None)
    for name in ("event_new", "event_dividend"):
        changed[name] = getattr(panel.market, name).copy()
        changed[name][later] = 99
    first_bar = np.where(panel.market.first_bar >= row, row, panel.market.first_bar)
    return replace(panel, index=index, market=panel.market._replace(first_bar=first_bar, **changed))


def test_poison_before_the_session_does_change_something():
    """The test above can fail: yesterday's close is known, and matters."""
    panel = market("A\n10\n10\n10")
    other = market("A\n10\n20\n10")
    orders = [decide(p, np.array([0.5]), FREE, CAPITAL, 2).orders() for p in (panel, other)]
    assert [order.quantity for (order,) in orders] == [5000, 2500]


def test_before_the_open_the_session_has_its_actions_and_no_bar():
    panel = market("A B\n10 10\n10 10\n12/11 10\n13 10", "2 A 2:1 0.5\n3 B 3:1 0")
    known = before_open(panel, 2)
    assert known.sessions.tolist() == panel.sessions[:3].tolist()
    for matrix in (known.market.open, known.market.close, known.market.volume, known.index):
        assert matrix.shape == (3, 2)
        assert np.isnan(matrix[2]).all()
    assert np.array_equal(known.market.close[:2], panel.market.close[:2])
    assert np.array_equal(known.index[:2], panel.index[:2])
    assert len(known.market.returns) == 2
    assert known.market.event_new.tolist() == [2]
    assert known.market.event_dividend.tolist() == [0.5]
    assert not np.isnan(panel.market.close[2]).any()


def test_a_market_that_ends_before_the_open_is_taken_as_it_is():
    panel = market("A B\n10 10\n10 10\n- -")
    assert before_open(panel, 2) is panel
    assert before_open(before_open(panel, 1), 1).sessions.tolist() == panel.sessions[:2].tolist()


def test_a_symbol_whose_first_bar_is_the_sessions_own_is_not_known_before_the_open():
    panel = market("A B\n10 -\n10 -\n10 5\n10 5")
    assert before_open(panel, 2).market.first_bar.tolist() == [0, 3]
    assert before_open(panel, 3).market.first_bar.tolist() == [0, 2]


def test_what_is_held_and_the_reference_are_those_after_the_sessions_split():
    panel = market("A B\n10 10\n12 -\n6 10", "2 A 2:1 1.0")
    lots = (Lot("A", 7, 700_000), Lot("A", 2, 210_000))
    book = replace(CAPITAL, cash_e4=10**9 - 910_000, lots=lots)
    decided = decide(panel, np.array([0.0, np.nan]), FREE, book, 2)
    assert decided.held.tolist() == [18, 0]
    assert decided.reference.tolist()[0] == 6.0
    assert np.isnan(decided.reference[1])
    (order,) = decided.orders()
    assert (order.symbol, order.quantity, order.decision) == ("A", -18, Decision.CLOSE)
    assert (order.reference, order.desired, order.held) == (6.0, 0, 18)
    assert str(decided.session) == "2020-01-06"
    assert decided.nav_e4 == CAPITAL.nav_e4


def test_nothing_has_a_reference_on_the_first_row():
    assert np.isnan(reference_prices(market("A\n10\n10").market, 0)).all()


@settings(max_examples=examples(20, 40))
@given(worlds())
def test_every_order_has_the_reference_of_its_symbol(world):
    for decided, _ in walked(without_withdrawals(world)):
        for order in decided.orders():
            assert order.reference == decided.reference[decided.symbols.index(order.symbol)]


def test_a_held_symbol_that_the_market_does_not_know_is_refused_by_name():
    panel = market("A\n10\n10")
    book = replace(CAPITAL, lots=(Lot("GONE", 7, 700_000),))
    with pytest.raises(BookRefused, match="GONE"):
        decide(panel, np.array([0.5]), FREE, book, 1)


def test_sizes_that_do_not_fit_the_book_are_refused():
    panel = market("A\n0.0001\n0.0001")
    with pytest.raises(ConfigurationRefused, match="1e12 shares"):
        decide(panel, np.array([10.0]), FREE, OpeningBook.of_cash(10**14), 1)


def test_two_splits_on_one_session_without_a_bar_divide_the_mark_once():
    """10.01/7/3 and 10.01/21 are two floats; a range and a day must take the same one."""
    panel = market("A\n10.01\n10.01\n-\n-\n-", "2 A 7:1 0\n2 A 3:1 0")
    assert 10.01 / 7 / 3 != 10.01 / 21
    weights = np.array([[np.nan], [0.5], [np.nan], [np.nan], [np.nan]])
    world = World(panel, weights, FREE, {})
    days = walked(world)
    assert_same_books(whole(world), [settled for _, settled in days])
    assert days[-1][1].tables()["positions"]["mark"].to_pylist() == [10.01 / 21]


@pytest.mark.parametrize(
    ("policy", "restraint", "row"),
    [
        ("hold", Restraint.NONE, 2),
        ("reduce", Restraint.REDUCE_ONLY, 2),
        ("halt", Restraint.HALTED, 2),
        ("halt", Restraint.NONE, 1),
    ],
)
def test_a_session_that_opens_without_bars_says_how_far_its_orders_may_go(policy, restraint, row):
    panel = market("A B\n10 20\n10 -\n10 20")
    rules = rules_of(free_of_charge(data_outage=policy), 252)
    decided = decide(panel, np.array([0.5, np.nan]), rules, CAPITAL, row)
    assert decided.restraint is restraint
    assert bool(decided.orders()) == (restraint is Restraint.NONE)
