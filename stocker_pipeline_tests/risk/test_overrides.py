"""What a person's overrides make of the engine's decisions: below, at and above every bound."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.engine.day import decide
from stocker_pipeline.engine.rebalance import Decision, Restraint, order_for
from stocker_pipeline.engine.simulate import Lot, OpeningBook, rules_of
from stocker_pipeline.risk.overrides import (
    Adjusted,
    Override,
    OverrideKind,
    OverrideReason,
    Wanted,
    adjusted,
    wanted_of,
)
from stocker_pipeline_tests.engine.builders import free_of_charge, market

TODAY = date(2020, 1, 6)
NAV_E4 = 10_000_000  # 1,000 dollars
NAN = float("nan")


def rules(**changes: object):
    return rules_of(free_of_charge(**changes), 252)


def override(kind: str, value: float | None = None, symbol: str | None = "A", **changes: object):
    plain: dict[str, object] = {
        "kind": OverrideKind(kind),
        "symbol": symbol,
        "value": value,
        "from_session": TODAY,
        "until_session": None,
        "author": "ada",
        "reason": "earnings",
    }
    return Override(**(plain | changes))


def wanted(
    held: int,
    target: float,
    *,
    reference: float = 10.0,
    with_rules=None,
    decision: Decision = Decision.NO_FORECAST,
) -> Wanted:
    """What the engine makes of a target; a target of NaN is a symbol without a signal."""
    if np.isnan(target):
        return Wanted("A", held, NAN, held, reference, 0, decision)
    desired = int(target * NAV_E4 / 1e4 / reference)
    quantity, code = order_for(desired, held, reference, with_rules or rules())
    return Wanted("A", held, target, desired, reference, int(quantity), Decision(int(code)))


def under(
    row: Wanted,
    *overrides: Override,
    with_rules=None,
    nav_e4: int = NAV_E4,
    restraint: Restraint = Restraint.NONE,
) -> Adjusted:
    (found,) = adjusted(
        [row],
        overrides,
        session=TODAY,
        nav_e4=nav_e4,
        rules=with_rules or rules(),
        restraint=restraint,
    )
    return found


@pytest.mark.parametrize(
    ("held", "target", "change", "order", "code"),
    [
        # A factor scales the target, and the engine's own rule makes shares of it.
        (0, 0.55, ("multiplier", 1.0), 55, "OPEN"),
        (0, 0.55, ("multiplier", 0.5), 27, "MULTIPLIED"),
        (0, -0.55, ("multiplier", 0.5), -27, "MULTIPLIED"),
        (30, 0.55, ("multiplier", 0.5), -3, "MULTIPLIED"),
        (30, 0.55, ("multiplier", 0.0), -30, "MULTIPLIED"),
        (30, NAN, ("multiplier", 0.5), 0, "NO_FORECAST"),
        # Reduce only: smaller, never larger, never across zero.
        (10, 0.05, ("reduce_only",), -5, "REDUCE"),
        (10, 0.10, ("reduce_only",), 0, "AT_TARGET"),
        (10, 0.11, ("reduce_only",), 0, "REDUCE_ONLY"),
        (10, -0.05, ("reduce_only",), -10, "REDUCE_ONLY"),
        (-10, 0.05, ("reduce_only",), 10, "REDUCE_ONLY"),
        (-10, -0.11, ("reduce_only",), 0, "REDUCE_ONLY"),
        (0, 0.05, ("reduce_only",), 0, "REDUCE_ONLY"),
        (10, 0.0, ("reduce_only",), -10, "CLOSE"),
        # Close only: no shares are wanted.
        (10, 0.30, ("close_only",), -10, "CLOSE_ONLY"),
        (-10, -0.30, ("close_only",), 10, "CLOSE_ONLY"),
        (0, 0.30, ("close_only",), 0, "CLOSE_ONLY"),
        (10, 0.0, ("close_only",), -10, "CLOSE"),
        (10, NAN, ("close_only",), -10, "CLOSE_ONLY"),
        (0, NAN, ("close_only",), 0, "NO_FORECAST"),
        # No trade: no order, whatever it is.
        (10, 0.0, ("no_trade",), 0, "NO_TRADE"),
        (0, 0.3, ("no_trade",), 0, "NO_TRADE"),
        (10, 0.1, ("no_trade",), 0, "AT_TARGET"),
        # Limits: below, at, above; the excess is closed, with or without a signal.
        (0, 0.29, ("max_shares", 30), 29, "OPEN"),
        (0, 0.30, ("max_shares", 30), 30, "OPEN"),
        (0, 0.31, ("max_shares", 30), 30, "LIMITED"),
        (0, -0.31, ("max_shares", 30), -30, "LIMITED"),
        (30, 0.31, ("max_shares", 30), 0, "LIMITED"),
        (31, 0.31, ("max_shares", 30), -1, "LIMIT_BREACH"),
        (-31, -0.31, ("max_shares", 30), 1, "LIMIT_BREACH"),
        (31, 0.20, ("max_shares", 30), -11, "REDUCE"),
        (31, -0.31, ("max_shares", 30), -61, "LIMIT_BREACH"),
        (30, NAN, ("max_shares", 30), 0, "NO_FORECAST"),
        (31, NAN, ("max_shares", 30), -1, "LIMIT_BREACH"),
        (-31, NAN, ("max_shares", 30), 1, "LIMIT_BREACH"),
        (5, 0.05, ("max_shares", 0), -5, "LIMIT_BREACH"),
        (0, 0.30, ("max_weight", 0.3), 30, "OPEN"),
        (0, 0.31, ("max_weight", 0.3), 30, "LIMITED"),
        (30, NAN, ("max_weight", 0.3), 0, "NO_FORECAST"),
        (31, NAN, ("max_weight", 0.3), -1, "LIMIT_BREACH"),
        (31, 0.31, ("max_weight", 0.309), -1, "LIMIT_BREACH"),
        (5, 0.05, ("max_weight", 0.0), -5, "LIMIT_BREACH"),
    ],
)
def test_one_override_makes_of_a_decision(held, target, change, order, code):
    found = under(wanted(held, target), override(*change))
    assert (found.quantity, found.code) == (order, code)
    assert bool(found.overridden_by) == (found.reason is not None)
    assert not found.beyond_limit
    assert found.meaning


@pytest.mark.parametrize(
    ("held", "target", "changes", "order", "code"),
    [
        (0, 0.8, [("multiplier", 0.5), ("multiplier", 0.5)], 20, "MULTIPLIED"),
        (0, 0.8, [("multiplier", 0.5), ("max_shares", 15)], 15, "LIMITED"),
        (0, 0.8, [("multiplier", 0.1), ("max_shares", 15)], 8, "MULTIPLIED"),
        (0, 0.8, [("max_weight", 0.2), ("max_shares", 15)], 15, "LIMITED"),
        (0, 0.8, [("max_weight", 0.1), ("max_shares", 15)], 10, "LIMITED"),
        (10, 0.8, [("reduce_only",), ("close_only",)], -10, "CLOSE_ONLY"),
        (10, 0.8, [("no_trade",), ("close_only",)], 0, "NO_TRADE"),
        (10, -0.8, [("no_trade",), ("reduce_only",)], 0, "NO_TRADE"),
        (20, 0.8, [("reduce_only",), ("max_shares", 15)], -5, "LIMIT_BREACH"),
        (20, -0.8, [("reduce_only",), ("max_shares", 15)], -20, "REDUCE_ONLY"),
        (10, 0.8, [("multiplier", 0.05), ("reduce_only",)], -6, "MULTIPLIED"),
        (10, 0.8, [("multiplier", 0.5), ("reduce_only",)], 0, "REDUCE_ONLY"),
    ],
)
def test_of_several_the_most_careful_wins_in_whatever_order_they_were_given(
    held, target, changes, order, code
):
    overrides = [override(*change) for change in changes]
    for given_order in (overrides, overrides[::-1]):
        found = under(wanted(held, target), *given_order)
        assert (found.quantity, found.code) == (order, code)


@pytest.mark.parametrize("changes", [{"buffer": 0.9}, {"min_notional": 1e6}])
def test_a_breach_is_closed_whatever_buffer_and_min_notional_say(changes):
    strict = rules(**changes)
    limit = override("max_shares", 30)
    for target in (0.31, 0.29, NAN):
        row = wanted(31, target, with_rules=strict)
        assert row.quantity == 0
        found = under(row, limit, with_rules=strict)
        assert abs(31 + found.quantity) <= 30
        assert found.reason is OverrideReason.LIMIT_BREACH
        assert found.overridden_by == (limit,)
    # Not beyond the limit: the tests hold as ever.
    at_limit = under(wanted(30, 0.31, with_rules=strict), limit, with_rules=strict)
    assert at_limit.quantity == 0


def test_orders_of_other_overrides_keep_buffer_and_min_notional():
    strict = rules(buffer=0.5, min_notional=50.0)
    half = under(wanted(30, 0.3, with_rules=strict), override("multiplier", 0.9), with_rules=strict)
    assert (half.quantity, half.decision, half.desired) == (0, Decision.WITHIN_BUFFER, 27)
    small = under(wanted(4, 0.04, with_rules=strict), override("close_only"), with_rules=strict)
    assert (small.quantity, small.decision) == (0, Decision.BELOW_MIN_NOTIONAL)


def test_a_two_step_flip_still_closes_first():
    two_step = rules(flips="two_step")
    row = wanted(10, -0.8, with_rules=two_step)
    halved = under(row, override("multiplier", 0.5), with_rules=two_step)
    assert (halved.quantity, halved.desired) == (-10, -40)
    assert halved.decision is Decision.FLIP_CLOSE_FIRST
    breached = under(
        wanted(40, -0.8, with_rules=two_step), override("max_shares", 30), with_rules=two_step
    )
    assert (breached.quantity, breached.decision) == (-40, Decision.FLIP_CLOSE_FIRST)


@pytest.mark.parametrize(
    ("held", "change", "code", "beyond"),
    [
        (31, ("max_shares", 30), "UNPRICED", True),
        (-31, ("max_shares", 30), "UNPRICED", True),
        (30, ("max_shares", 30), "NO_PREVIOUS_BAR", False),
        (31, ("max_weight", 0.3), "UNPRICED", False),
        (0, ("max_weight", 0.3), "NO_PREVIOUS_BAR", False),
        (5, ("close_only",), "UNPRICED", False),
        (0, ("close_only",), "NO_PREVIOUS_BAR", False),
        (5, ("reduce_only",), "NO_PREVIOUS_BAR", False),
        (5, ("no_trade",), "NO_PREVIOUS_BAR", False),
        (5, ("multiplier", 0.5), "NO_PREVIOUS_BAR", False),
    ],
)
def test_without_a_reference_price_what_cannot_be_ordered_is_told(held, change, code, beyond):
    row = wanted(held, NAN, reference=NAN, decision=Decision.NO_PREVIOUS_BAR)
    found = under(row, override(*change))
    assert (found.quantity, found.code, found.beyond_limit) == (0, code, beyond)
    assert (found.overridden_by == (override(*change),)) == (code == "UNPRICED")


def test_a_breach_that_no_trade_or_a_data_outage_holds_back_is_told():
    limit = override("max_shares", 30)
    banned = under(wanted(31, 0.31), limit, override("no_trade"))
    assert (banned.quantity, banned.code, banned.beyond_limit) == (0, "NO_TRADE", True)
    assert set(banned.overridden_by) == {limit, override("no_trade")}
    halted = replace(wanted(31, 0.4), quantity=0, decision=Decision.HALTED)
    found = under(halted, limit, restraint=Restraint.HALTED)
    assert (found.quantity, found.code, found.beyond_limit) == (0, "HALTED", True)
    silent = under(wanted(31, NAN), limit, restraint=Restraint.HALTED)
    assert (silent.quantity, silent.beyond_limit) == (0, True)


def test_a_data_outage_binds_orders_that_an_override_makes():
    held_back = replace(wanted(10, 0.8), quantity=0, decision=Decision.REDUCE_ONLY)
    found = under(held_back, override("multiplier", 0.5), restraint=Restraint.REDUCE_ONLY)
    assert (found.desired, found.quantity, found.decision) == (40, 0, Decision.REDUCE_ONLY)


def test_a_book_worth_nothing_wants_nothing():
    for nav_e4 in (0, -10_000):
        found = under(wanted(10, 0.3), override("max_weight", 0.5), nav_e4=nav_e4)
        assert (found.quantity, found.code) == (-10, "LIMIT_BREACH")


@pytest.mark.parametrize(
    ("first", "last", "applies"),
    [
        (date(2020, 1, 6), None, True),
        (date(2020, 1, 6), date(2020, 1, 6), True),
        (date(2020, 1, 7), None, False),
        (date(2020, 1, 2), date(2020, 1, 5), False),
        (date(2020, 1, 2), date(2020, 1, 7), True),
    ],
)
def test_an_override_holds_from_its_first_session_to_its_last(first, last, applies):
    ban = override("no_trade", from_session=first, until_session=last)
    assert ban.in_force(TODAY) is applies
    assert (under(wanted(0, 0.3), ban).quantity == 0) is applies


@pytest.mark.parametrize(("symbol", "applies"), [("A", True), (None, True), ("B", False)])
def test_an_override_is_of_a_symbol_or_of_every_symbol(symbol, applies):
    found = under(wanted(0, 0.3), override("no_trade", symbol=symbol))
    assert (found.quantity == 0) is applies


@pytest.mark.parametrize(
    ("kind", "value", "refused"),
    [
        ("multiplier", 0.0, False),
        ("multiplier", 1.0, False),
        ("multiplier", 1.0001, True),
        ("multiplier", -0.0001, True),
        ("multiplier", None, True),
        ("multiplier", NAN, True),
        ("multiplier", float("inf"), True),
        ("max_weight", 0.0, False),
        ("max_weight", 10.0, False),
        ("max_weight", 10.01, True),
        ("max_weight", -0.1, True),
        ("max_weight", NAN, True),
        ("max_weight", None, True),
        ("max_shares", 0, False),
        ("max_shares", 10**12, False),
        ("max_shares", 10**12 + 1, True),
        ("max_shares", 1.5, True),
        ("max_shares", -1, True),
        ("max_shares", NAN, True),
        ("max_shares", None, True),
        ("reduce_only", None, False),
        ("reduce_only", 1.0, True),
        ("close_only", 0.0, True),
        ("no_trade", 0.0, True),
    ],
)
def test_values_out_of_bounds_are_refused(kind, value, refused):
    if not refused:
        assert override(kind, value).value == value
        return
    with pytest.raises(ConfigurationRefused) as error:
        override(kind, value)
    assert str(value) in str(error.value)
    assert kind in str(error.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"until_session": date(2020, 1, 5)}, "2020-01-05"),
        ({"author": " "}, "author"),
        ({"reason": ""}, "reason"),
        ({"symbol": "aapl"}, "aapl"),
        ({"symbol": "A\n"}, "symbol"),
    ],
)
def test_an_override_without_author_reason_or_sense_is_refused(changes, named):
    with pytest.raises(ConfigurationRefused, match=named):
        override("no_trade", **changes)


def test_a_kind_as_it_is_stored_is_the_kind():
    stored = replace(override("max_shares", 30), kind="max_shares")
    assert stored.kind is OverrideKind.MAX_SHARES
    assert under(wanted(0, 0.5), stored).quantity == 30
    with pytest.raises(ConfigurationRefused, match="whole number"):
        replace(override("max_shares", 30), kind="max_shares", value=1.5)


def test_every_kind_and_reason_has_a_sentence():
    assert all(kind.meaning for kind in OverrideKind)
    assert all(reason.meaning for reason in OverrideReason)


def test_decisions_of_the_engine_are_taken_symbol_by_symbol():
    panel = market("A B C\n10 20 5\n10 20 -\n10 20 -")
    book = replace(OpeningBook.of_cash(NAV_E4), cash_e4=9_950_000, lots=(Lot("C", 1, 50_000),))
    decided = decide(panel, np.array([0.5, np.nan, np.nan]), rules(), book, 2)
    a, b, c = wanted_of(decided)
    assert (a.symbol, a.target, a.quantity, a.decision) == ("A", 0.5, 50, Decision.OPEN)
    assert (b.held, b.desired, b.quantity, b.reference) == (0, 0, 0, 20.0)
    assert np.isnan(b.target)
    assert (c.held, c.desired, c.decision) == (1, 1, Decision.NO_PREVIOUS_BAR)
    assert np.isnan(c.reference)
    assert decided.restraint is Restraint.NONE
