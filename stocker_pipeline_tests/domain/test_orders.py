"""Identity and states of an order."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.domain.orders import (
    LEGAL_EDGES,
    WORKING,
    Execution,
    OrderIntent,
    OrderKey,
    OrderState,
)

KEY = OrderKey("paper", "SIM-1", "trend_paper", date(2026, 11, 23), "AAPL")


def test_the_id_is_the_same_in_every_process_and_on_every_day():
    # Written down: a change of this text would make every order of a running book a new one.
    assert KEY.client_order_id() == "stk-lkvfbvgsxcuk3mlbumouppae5gncuisx7xuiy3dl"


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, environment="live"),
        replace(KEY, account="SIM-2"),
        replace(KEY, portfolio="other"),
        replace(KEY, session=date(2026, 11, 24)),
        replace(KEY, symbol="AAPL.B"),
        replace(KEY, leg="flatten"),
        replace(KEY, revision=1),
    ],
)
def test_every_part_of_the_key_makes_another_order(other):
    assert other.client_order_id() != KEY.client_order_id()


@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))
def test_parts_that_run_together_to_the_same_text_stay_different(a, b, c, d):
    first = replace(KEY, account=a, portfolio=b).client_order_id()
    second = replace(KEY, account=c, portfolio=d).client_order_id()
    assert (first == second) == ((a, b) == (c, d))


@given(st.text(), st.text())
def test_an_id_fits_every_broker(account, portfolio):
    found = replace(KEY, account=account, portfolio=portfolio).client_order_id()
    assert len(found) <= 48
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz234567-")


def test_an_intent_is_sent_under_the_id_of_its_key():
    intent = OrderIntent(KEY, 10, 101.25, "OPEN")
    assert intent.client_order_id == KEY.client_order_id()


def test_every_state_says_what_may_follow_it():
    assert set(LEGAL_EDGES) == set(OrderState)
    assert {state for state in OrderState if state.working} == WORKING


def test_no_order_that_has_ended_becomes_working_again():
    for state in set(OrderState) - WORKING:
        assert not LEGAL_EDGES[state] & WORKING


def test_what_is_unknown_is_never_an_end_without_an_answer_and_can_be_sent_again():
    assert OrderState.SENDING in LEGAL_EDGES[OrderState.UNKNOWN]
    assert OrderState.INTENT not in LEGAL_EDGES[OrderState.UNKNOWN]


def test_fills_of_one_order_are_folded_by_what_the_order_had_filled_so_far():
    def fill(execution_id: str, cumulative: int) -> Execution:
        return Execution(
            execution_id,
            "b-1",
            KEY.client_order_id(),
            "AAPL",
            -5,
            10_000,
            0,
            cumulative,
            KEY.session,
            datetime(2026, 11, 23, 14, 30, tzinfo=UTC),
        )

    arrived = [fill("c", -15), fill("a", -10), fill("b", -5)]
    assert [f.execution_id for f in sorted(arrived, key=lambda f: f.booking_order)] == [
        "b",
        "a",
        "c",
    ]
