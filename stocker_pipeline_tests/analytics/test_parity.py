"""A gap between two books is split by cause, and the parts sum to it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.analytics.parity import Attribution, Gap, GapCause, SymbolDay, Trade

DAY = date(2024, 1, 2)
DOLLAR = 10_000


def bought(quantity: int, dollars: float, commission: float = 0.0) -> Trade:
    return Trade(quantity, round(quantity * dollars * DOLLAR), round(commission * DOLLAR))


def on(mark: float, paper: Trade, twin: Trade, cause: GapCause = GapCause.DATA) -> SymbolDay:
    return SymbolDay("AAA", round(mark * DOLLAR), paper, twin, cause)


def walked(*days: SymbolDay) -> list[Gap]:
    """Both books begin with nothing; their values follow from the trades, splits and dividends."""
    walk, gaps = Attribution(), []
    held, worth = {"paper": 0, "twin": 0}, {"paper": 0, "twin": 0}
    for number, day in enumerate(days):
        for side in held:
            trade = getattr(day, side)
            held[side] = held[side] * day.split_new // day.split_old
            worth[side] += held[side] * day.dividend_e4
            worth[side] -= trade.notional_e4 + trade.commission_e4
            held[side] += trade.quantity
        navs = {side: worth[side] + held[side] * day.mark_e4 for side in held}
        session = DAY + timedelta(days=number)
        gaps.append(walk.session(session, navs["paper"], navs["twin"], [day]))
    return gaps


def causes(gap: Gap) -> dict[str, float]:
    return {cause.value: amount / DOLLAR for cause, amount in gap.causes.items() if amount}


NOTHING = Trade()


def test_equal_books_have_no_gap():
    same = bought(10, 50.0, 1.0)
    assert causes(walked(on(51.0, same, same))[-1]) == {}


def test_a_better_fill_is_a_gap_of_price():
    (gap,) = walked(on(51.0, bought(10, 49.5), bought(10, 50.0)))
    assert causes(gap) == {"price": 5.0}


def test_another_commission_is_a_gap_of_price():
    (gap,) = walked(on(51.0, bought(10, 50.0, 2.0), bought(10, 50.0, 1.0)))
    assert causes(gap) == {"price": -1.0}


def test_a_missed_trade_earns_its_loss_until_the_books_hold_the_same_again():
    missed = GapCause.MISSED_TRADES
    gaps = walked(
        on(51.0, NOTHING, bought(10, 50.0), missed),
        on(53.0, NOTHING, NOTHING),
        on(52.0, bought(10, 52.0), NOTHING),
        on(60.0, NOTHING, NOTHING),
    )
    assert [causes(gap) for gap in gaps] == [
        {"missed_trades": -10.0},
        {"missed_trades": -30.0},
        {"missed_trades": -20.0},
        {"missed_trades": -20.0},
    ]


def test_an_order_that_an_override_made_smaller_is_the_override_s():
    half, whole = bought(5, 50.0), bought(10, 50.0)
    gaps = walked(on(50.0, half, whole, GapCause.OVERRIDES), on(54.0, NOTHING, NOTHING))
    assert causes(gaps[-1]) == {"overrides": -20.0}


def test_a_dividend_and_a_split_of_shares_held_apart_belong_to_the_same_cause():
    gaps = walked(
        on(50.0, NOTHING, bought(10, 50.0), GapCause.MISSED_TRADES),
        replace(on(25.0, NOTHING, NOTHING), split_new=2, dividend_e4=DOLLAR),
    )
    assert causes(gaps[-1]) == {"missed_trades": -20.0}


TRADES = st.builds(bought, st.integers(-20, 20), st.integers(1, 90).map(float), st.just(0.0))


@given(
    st.lists(
        st.tuples(st.integers(1, 90), TRADES, TRADES, st.sampled_from(list(GapCause)[:5])),
        min_size=1,
        max_size=8,
    )
)
def test_the_parts_sum_to_the_gap_and_rounding_is_small(days):
    for gap in walked(*(on(float(mark), *rest) for mark, *rest in days)):
        assert sum(gap.causes.values()) == gap.gap_e4
        assert abs(gap.causes[GapCause.ROUNDING]) <= 2 * len(days)


@pytest.mark.parametrize("cause", list(GapCause))
def test_every_cause_has_a_sentence(cause):
    assert cause.meaning
