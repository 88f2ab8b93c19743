"""A session settled on the fills that there were: any order, any parts, early or late."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.domain.errors import BookRefused, ConfigurationRefused, InputRefused
from stocker_pipeline.domain.orders import Execution
from stocker_pipeline.engine.settlement import (
    GivenFills,
    Settled,
    fills_of,
    lots_by_symbol,
    settle,
)
from stocker_pipeline.engine.simulate import Lot, OpeningBook, rules_of
from stocker_pipeline_tests.engine.builders import free_of_charge, market
from stocker_pipeline_tests.engine.random_markets import World, worlds

CAPITAL = OpeningBook.of_cash(10_000_000)
RULES = rules_of(free_of_charge(), 252)
PANEL = market("A B C\n10 20 -\n10 20 -\n11 21 -\n12 22 -")


def execution(
    symbol: str,
    quantity: int,
    price: str = "10",
    *,
    order: str = "o1",
    part: int = 1,
    cumulative: int | None = None,
    commission: str = "0",
) -> Execution:
    return Execution(
        execution_id=f"{order}-{part}",
        broker_order_id=order,
        client_order_id=None,
        symbol=symbol,
        quantity=quantity,
        price_e4=int(Decimal(price) * 10_000),
        commission_e4=int(Decimal(commission) * 10_000),
        cumulative_quantity=quantity if cumulative is None else cumulative,
        session=date(2020, 1, 3),
        executed_at=datetime(2020, 1, 3, 14, 30, tzinfo=UTC),
    )


def settled(*executions: Execution, book: OpeningBook = CAPITAL, row: int = 1) -> Settled:
    return settle(PANEL, RULES, book, row, fills_of(PANEL, executions))


def facts(day: Settled) -> tuple:
    """Everything that is written of a session."""
    return ({name: table.to_pylist() for name, table in day.tables().items()}, day.closing)


def test_fills_are_booked_at_their_own_price_and_commission():
    day = settled(execution("A", 30, "10.5", commission="1.25"))
    (snapshot,) = day.tables()["snapshots"].to_pylist()
    assert snapshot["cash"] == Decimal("683.75")
    assert snapshot["nav"] == Decimal("983.75")
    assert snapshot["commissions"] == Decimal("1.25")
    assert day.closing.lots == (Lot("A", 30, 3_150_000),)
    (position,) = day.tables()["positions"].to_pylist()
    assert (position["quantity"], position["cost"]) == (30, Decimal("315.0000"))


def test_the_next_session_starts_from_the_closing_book():
    first = settled(execution("A", 30), execution("A", 5, "11", order="o2"))
    second = settled(execution("A", -32, "12"), book=first.closing, row=2)
    assert second.realised_e4.tolist() == [30 * 20_000 + 2 * 10_000]
    assert second.closing.lots == (Lot("A", 3, 330_000),)
    assert second.closing.realised_e4 == 620_000


@st.composite
def parted(draw: st.DrawFn) -> list[Execution]:
    """Orders of three symbols, both ways, each filled in parts at its own prices."""
    parts: list[Execution] = []
    for number, symbol in enumerate(draw(st.lists(st.sampled_from("AB"), max_size=4))):
        side, cumulative = draw(st.sampled_from([1, -1])), 0
        for part in range(draw(st.integers(1, 4))):
            quantity = side * draw(st.integers(1, 9))
            cumulative += quantity
            price = draw(st.decimals("9.5", "10.5", places=4))
            parts.append(
                execution(
                    symbol,
                    quantity,
                    str(price),
                    order=f"o{number}",
                    part=part,
                    cumulative=cumulative,
                    commission="0.3333",
                )
            )
    return parts


@given(parted(), st.randoms(use_true_random=False))
def test_fills_in_parts_give_equal_books_in_whatever_order_they_arrive(parts, random):
    held = settled(execution("A", 13, "10.0001"), execution("B", -7, "19.99")).closing
    shuffled = list(parts)
    random.shuffle(shuffled)
    assert facts(settled(*parts, book=held, row=2)) == facts(settled(*shuffled, book=held, row=2))


@given(parted(), st.data())
def test_a_late_fill_settles_its_session_and_those_after_it_again_as_if_it_had_been_on_time(
    parts, data
):
    """Facts of the sessions after it stay; the books are folded again from where it belongs."""
    late = data.draw(st.integers(0, len(parts)))
    after = execution("A", 3, "11")
    on_time = settled(*parts)
    expected = settled(after, book=on_time.closing, row=2)
    settled(after, book=settled(*parts[:late]).closing, row=2)
    again = settled(*parts[late:], *parts[:late])
    assert facts(again) == facts(on_time)
    assert facts(settled(after, book=again.closing, row=2)) == facts(expected)


@given(parted())
def test_cash_commission_and_shares_are_the_sum_of_the_parts(parts):
    day = settled(*parts)
    spent = sum(part.quantity * part.price_e4 + part.commission_e4 for part in parts)
    assert day.closing.cash_e4 == CAPITAL.cash_e4 - spent
    assert day.closing.commissions_e4 == 3_333 * len(parts)
    for symbol, column in (("A", 0), ("B", 1)):
        shares = sum(part.quantity for part in parts if part.symbol == symbol)
        assert day.run.record.quantity[0, column] == shares
        assert sum(lot.quantity for lot in day.closing.lots if lot.symbol == symbol) == shares


@settings(max_examples=60)
@given(worlds(max_rows=12), st.integers(0, 2**32 - 1))
def test_books_balance_and_marks_roll_through_sessions_of_any_fills(world: World, seed: int):
    """Nothing that a broker reports unbalances the book; the identity is asserted inside."""
    generator = np.random.default_rng(seed)
    book, held = OpeningBook.of_cash(10**10), np.zeros(4, np.int64)
    for row in range(1, world.last + 1):
        priced = np.flatnonzero(~np.isnan(world.panel.market.close[: row + 1]).all(axis=0))
        count = int(generator.integers(0, 6))
        fills = GivenFills(
            np.sort(generator.choice(priced, count)),
            generator.choice([-9, -2, 1, 7, 40], count),
            generator.integers(1, 10**6, count),
            generator.integers(0, 20_000, count),
        )
        day = settle(world.panel, world.rules, book, row, fills)
        entries, _ = day.run.entries.used()
        np.add.at(held, entries[:, 1], entries[:, 4])
        np.add.at(held, fills.column, fills.quantity)
        assert day.run.record.quantity[0].tolist() == held.tolist()
        book = day.closing


def test_settling_changes_neither_the_book_nor_the_fills_it_was_given():
    book = replace(CAPITAL, cash_e4=9_000_000, lots=(Lot("A", 10, 1_000_000),))
    fills = fills_of(PANEL, [execution("A", -4)])
    kept = tuple(part.copy() for part in (fills.column, fills.quantity, fills.price_e4))
    before = facts(settle(PANEL, RULES, book, 1, fills))
    assert facts(settle(PANEL, RULES, book, 1, fills)) == before
    assert book.lots == (Lot("A", 10, 1_000_000),)
    for part, copy in zip((fills.column, fills.quantity, fills.price_e4), kept, strict=True):
        assert np.array_equal(part, copy)


def test_symbols_whose_lots_changed_are_named_and_no_others():
    book = replace(
        CAPITAL, cash_e4=6_000_000, lots=(Lot("A", 10, 1_000_000), Lot("B", 150, 3_000_000))
    )
    assert settled(book=book).changed == ()
    assert settled(execution("B", 1, "20"), book=book).changed == ("B",)
    sold = settled(execution("A", -10), book=book)
    assert sold.changed == ("A",)
    assert "A" not in lots_by_symbol(sold.closing)
    there_and_back = [execution("A", 3, order="o1"), execution("A", -3, order="o2")]
    assert settled(*there_and_back).changed == ()


def test_a_split_changes_lots_and_a_dividend_does_not():
    panel = market("A B\n10 20\n5 20", "1 A 2:1 0\n1 B 1 0.5")
    lots = (Lot("A", 10, 1_000_000), Lot("A", 1, 90_000), Lot("B", 5, 1_000_000))
    book = replace(CAPITAL, cash_e4=7_910_000, lots=lots)
    day = settle(panel, RULES, book, 1, GivenFills.none())
    assert day.changed == ("A",)
    assert lots_by_symbol(day.closing)["A"] == (Lot("A", 20, 1_000_000), Lot("A", 2, 90_000))
    assert day.closing.dividends_e4 == 25_000
    entries = day.tables()["corporate_action_entries"].to_pylist()
    assert [(row["symbol"], row["shares_change"], row["cash"]) for row in entries] == [
        ("A", 11, Decimal("0.0000")),
        ("B", 0, Decimal("2.5000")),
    ]


@pytest.mark.parametrize(
    ("nav", "tripped_before", "tripped"),
    [
        (8_999_999, False, True),
        (9_000_000, False, False),  # exactly at the trip
        (9_500_001, True, False),
        (9_500_000, True, True),  # exactly at the recovery level
        (9_500_000, False, False),
    ],
)
def test_the_breaker_is_set_where_nothing_was_decided_too(nav, tripped_before, tripped):
    rules = rules_of(free_of_charge(drawdown_trip=0.1, drawdown_recover=0.05), 252)
    book = replace(CAPITAL, nav_e4=nav, tripped=tripped_before)
    day = settle(PANEL, rules, book, 1, GivenFills.none())
    assert day.closing.tripped is tripped
    assert day.tables()["snapshots"]["tripped"].to_pylist() == [tripped]


def test_a_flow_is_booked_at_the_close_and_leaves_the_drawdown_as_it_is():
    book = replace(CAPITAL, peak_e4=20_000_000)
    day = settle(PANEL, RULES, book, 1, GivenFills.none(), flows_e4=10_000_000)
    assert (day.closing.nav_e4, day.closing.peak_e4) == (20_000_000, 40_000_000)
    assert day.closing.flows_e4 == 10_000_000


@pytest.mark.parametrize(("left", "refused"), [(1, False), (0, True), (-1, True)])
def test_a_withdrawal_that_leaves_nothing_is_refused(left, refused):
    flow = left - CAPITAL.nav_e4
    if not refused:
        assert settle(PANEL, RULES, CAPITAL, 1, GivenFills.none(), flow).closing.nav_e4 == left
        return
    with pytest.raises(ConfigurationRefused, match="withdrawal"):
        settle(PANEL, RULES, CAPITAL, 1, GivenFills.none(), flow)


def test_a_symbol_that_never_had_a_bar_cannot_be_marked():
    with pytest.raises(InputRefused, match="C"):
        settled(execution("C", 5))
    flat = settled(execution("C", 5, "10"), execution("C", -5, "11", order="o2"))
    assert flat.closing.realised_e4 == 50_000


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (execution("X", 5), "X"),
        (execution("A", 0), "0 shares"),
        (execution("A", 5, "-0.0001"), "-0.0001"),
    ],
)
def test_executions_that_cannot_be_booked_are_refused_by_name(wrong, named):
    with pytest.raises(BookRefused, match=named):
        fills_of(PANEL, [execution("A", 1), wrong])


def test_no_executions_are_no_fills():
    assert facts(settled()) == facts(settle(PANEL, RULES, CAPITAL, 1, GivenFills.none()))
