"""Data outages: when bars that should be there are not, and what is left of a session's orders."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.engine.outage import STILL_TRADED_SESSIONS, outage_of, outages
from stocker_pipeline.engine.rebalance import Decision, Restraint, order_for, restrained
from stocker_pipeline.engine.simulate import OpeningBook, rules_of, simulate
from stocker_pipeline.engine.tables import decisions_table, fills_table, orders_table
from stocker_pipeline_tests.engine.builders import free_of_charge, market, run

# B has no bar on row 2, so session 3 opens without it.
DARK_B = "A B C\n10 10 10\n10 10 10\n10 - 10\n10 10 10\n10 10 10"
MORE_OF_A = ".2 .2 .2\n.2 .2 .2\n.4 . .1\n.4 .2 .1"


def filled(outcome) -> list[tuple]:
    panel = outcome.panel
    return [
        (panel.row_of(row["session"]), row["symbol"], row["quantity"])
        for row in fills_table(outcome).to_pylist()
    ]


def decided(outcome, row: int) -> dict[str, str]:
    session = outcome.panel.sessions[row].item()
    rows = decisions_table(outcome, 1).to_pylist()
    return {each["symbol"]: each["decision"] for each in rows if each["session"] == session}


def test_hold_trades_the_symbols_that_are_seen_and_keeps_the_dark_one():
    outcome = run(market(DARK_B), MORE_OF_A, free_of_charge())
    assert filled(outcome)[3:] == [(3, "A", 20), (3, "C", -10)]
    assert decided(outcome, 3) == {"A": "INCREASE", "B": "NO_PREVIOUS_BAR", "C": "REDUCE"}


def test_reduce_enlarges_nothing_while_a_symbol_is_dark_and_makes_up_for_it_after():
    outcome = run(market(DARK_B), MORE_OF_A, free_of_charge(data_outage="reduce"))
    assert filled(outcome)[3:] == [(3, "C", -10), (4, "A", 20)]
    assert decided(outcome, 3) == {"A": "REDUCE_ONLY", "B": "NO_PREVIOUS_BAR", "C": "REDUCE"}


def test_halt_orders_nothing_in_that_session_and_says_so_of_each_order():
    outcome = run(market(DARK_B), MORE_OF_A, free_of_charge(data_outage="halt"))
    assert filled(outcome)[3:] == [(4, "A", 20), (4, "C", -10)]
    assert decided(outcome, 3) == {"A": "HALTED", "B": "NO_PREVIOUS_BAR", "C": "HALTED"}
    assert 3 not in {
        outcome.panel.row_of(row["session"]) for row in orders_table(outcome).to_pylist()
    }


def test_reduce_opens_nothing_and_turns_a_position_only_to_zero():
    weights = ".2 .2 .\n.2 .2 .\n-.2 . .1\n-.2 .2 .1"
    outcome = run(market(DARK_B), weights, free_of_charge(data_outage="reduce"))
    assert decided(outcome, 3) == {
        "A": "FLIP_CLOSE_FIRST",
        "B": "NO_PREVIOUS_BAR",
        "C": "REDUCE_ONLY",
    }
    assert filled(outcome)[2:] == [(3, "A", -20), (4, "A", -20), (4, "C", 10)]


def test_a_leaver_is_closed_under_reduce_and_waits_under_halt():
    panel = market(DARK_B)
    member = np.ones((5, 3), bool)
    member[3:, 2] = False
    panel = replace(panel, market=panel.market._replace(member=member))
    weights = ".2 .2 .2\n.2 .2 .2\n.2 . .\n.2 .2 ."
    closed = {
        policy: [
            row
            for row, symbol, shares in filled(
                run(panel, weights, free_of_charge(data_outage=policy))
            )
            if symbol == "C" and shares < 0
        ]
        for policy in ("reduce", "halt")
    }
    assert closed == {"reduce": [3], "halt": [4]}


def test_what_is_missing_is_named_with_its_number_and_its_consequence():
    found = outage_of(market(DARK_B), 3, free_of_charge(data_outage="halt"))
    assert found is not None
    assert (found.dark, found.expected, found.restraint) == (("B",), 3, Restraint.HALTED)
    assert found.reason == (
        "1 of 3 symbols have no bar at the session before 2020-01-07 (B): nothing is ordered"
    )
    assert outage_of(market(DARK_B), 4, free_of_charge(data_outage="halt")) is None


@pytest.mark.parametrize(
    ("tolerance", "expected"), [(0.0, [3]), (0.33, [3]), (0.34, []), (1.0, [])]
)
def test_an_outage_is_more_than_the_tolerated_part_of_the_symbols(tolerance, expected):
    panel = market(DARK_B)
    found = outages(panel, 0, 4, tolerance, Restraint.HALTED)
    assert [panel.row_of(each.session) for each in found] == expected


def test_a_symbol_is_expected_from_its_first_bar_until_it_must_be_taken_for_delisted():
    gone = STILL_TRADED_SESSIONS
    lines = ["10 -", "10 -", "10 10"] + ["10 -"] * (gone + 4)
    panel = market("A B\n" + "\n".join(lines))
    found = outages(panel, 0, len(lines) - 1, 0.0, Restraint.HALTED)
    assert [panel.row_of(each.session) for each in found] == list(range(4, 4 + gone))


def test_a_symbol_outside_the_universe_of_the_session_is_not_expected():
    panel = market(DARK_B)
    member = np.ones((5, 3), bool)
    member[3:, 1] = False
    panel = replace(panel, market=panel.market._replace(member=member))
    assert outages(panel, 0, 4, 0.0, Restraint.HALTED) == []


@given(st.integers(0, 2**32 - 1), st.integers(0, 39), st.integers(0, 39))
def test_every_range_agrees_with_the_definition_written_out_slowly(seed, first, last):
    first, last = min(first, last), max(first, last)
    generator = np.random.default_rng(seed)
    close = generator.uniform(1, 2, (40, 3))
    close[generator.random((40, 3)) < 0.9] = np.nan
    panel = market("A B C\n" + "\n".join("1 1 1" for _ in range(40)))
    panel = replace(panel, market=panel.market._replace(close=close))
    found = {
        panel.row_of(each.session): (each.expected, each.dark)
        for each in outages(panel, first, last, 0.0, Restraint.HALTED)
    }
    wanted = {}
    for t in range(first, last + 1):
        newest = [[i for i in range(t) if not np.isnan(close[i, j])][-1:] for j in range(3)]
        ages = [t - 1 - rows[0] if rows else None for rows in newest]
        expected = [j for j in range(3) if ages[j] is not None and ages[j] <= STILL_TRADED_SESSIONS]
        dark = tuple("ABC"[j] for j in expected if ages[j] > 0)
        if dark:
            wanted[t] = (len(expected), dark)
    assert found == wanted


@pytest.mark.parametrize("policy", ["reduce", "halt"])
def test_bars_of_the_session_and_later_ones_change_no_order_of_it(policy):
    panel = market(DARK_B)
    rules = rules_of(free_of_charge(data_outage=policy), 20)
    weights = np.full((5, 3), 0.2)
    weights[0], weights[3, 1] = np.nan, np.nan
    weights[3, 0] = 0.4
    for t in (1, 2, 3, 4):
        close = panel.market.close.copy()
        close[t:] = np.nan
        poisoned = replace(panel, market=panel.market._replace(close=close))
        honest, other = (
            orders_table(
                simulate(each, weights, rules, OpeningBook.of_cash(10**7), first=1, last=t)
            ).to_pylist()
            for each in (panel, poisoned)
        )
        assert honest == other


@given(
    st.integers(-20, 20),
    st.integers(-20, 20),
    st.sampled_from(["single", "two_step"]),
    st.sampled_from(list(Restraint)),
)
def test_no_restrained_order_leaves_a_larger_position_or_one_on_the_other_side(
    desired, held, flips, restraint
):
    rules = rules_of(free_of_charge(flips=flips), 20)
    free = order_for(desired, held, 10.0, rules)
    quantity, code = restrained(*free, held, restraint)
    after = held + quantity
    if restraint is Restraint.NONE:
        assert (quantity, code) == free
    elif restraint is Restraint.HALTED:
        assert quantity == 0
    else:
        assert abs(after) <= abs(held) and after * held >= 0
    assert (Decision(code) >= 20) == (quantity != 0)


def test_the_default_does_nothing_and_other_words_are_refused():
    assert rules_of(PortfolioParameters(), 20).outage_restraint == Restraint.NONE
    assert PortfolioParameters().data_outage == "hold"
    for wrong in ("HALT", "stop", None, True):
        with pytest.raises(ValidationError):
            PortfolioParameters.model_validate({"data_outage": wrong})
    for wrong in (-0.01, 1.01, float("nan")):
        with pytest.raises(ValidationError):
            PortfolioParameters.model_validate({"data_outage_tolerance": wrong})
