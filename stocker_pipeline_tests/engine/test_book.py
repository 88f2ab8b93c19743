"""Corporate actions, FIFO lots and flows, one statement each (ENGINE E15, E16, E26–E28)."""

import numpy as np
import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.engine.book import (
    CASH,
    CASH_IN_LIEU,
    COMMISSIONS,
    DIVIDENDS,
    NAV,
    PEAK,
    REALISED,
    append_lot,
    book_dividend,
    book_fill,
    book_split,
    empty_book,
    lot_rows,
)
from stocker_pipeline_tests.engine.builders import free_of_charge, market, run


def book_of(*lots: tuple[int, int]):
    """One symbol's book with lots of (quantity, cost in 1/10,000 dollar)."""
    book = empty_book(1, 0, 64)
    for quantity, cost in lots:
        append_lot(book, 0, quantity, cost)
    return book


def lots_of(book) -> list[tuple[int, int]]:
    lots = [(quantity, cost) for _, quantity, cost in lot_rows(book).tolist()]
    assert sum(quantity for quantity, _ in lots) == book.quantity[0]
    assert sum(cost for _, cost in lots) == book.cost[0]
    return lots


def test_a_sale_consumes_the_oldest_lot_first():
    book = book_of((10, 100), (10, 200))
    assert book_fill(book, 0, -15, 30, 7) == 15 * 30 - 100 - 100
    assert lots_of(book) == [(5, 100)]
    assert book.totals[CASH] == 15 * 30 - 7
    assert book.totals[COMMISSIONS] == 7


def test_a_part_of_a_lot_takes_its_share_of_the_cost_half_even():
    book = book_of((4, 10))
    book_fill(book, 0, -1, 0, 0)
    assert lots_of(book) == [(3, 8)]


def test_what_is_left_after_zero_opens_a_lot_the_other_way():
    book = book_of((10, 100))
    assert book_fill(book, 0, -25, 20, 0) == 10 * 20 - 100
    assert lots_of(book) == [(-15, -300)]


def test_covering_a_short_realises_proceeds_less_price():
    book = book_of((-10, -500))
    assert book_fill(book, 0, 4, 30, 0) == -4 * 30 + 200
    assert lots_of(book) == [(-6, -300)]


def test_a_split_gives_lots_the_differences_of_the_truncated_running_total():
    book = book_of((3, 30), (3, 31), (1, 12))
    cash = book_split(book, 0, 3, 2, 10.0)
    assert lots_of(book) == [(4, 30), (5, 31), (1, 12)]
    assert cash == 5 * 10_000
    assert book.totals[CASH_IN_LIEU] == cash


def test_a_reverse_split_moves_the_cost_of_a_vanished_lot_to_the_next_younger_one():
    book = book_of((1, 5), (10, 70), (1, 9))
    book_split(book, 0, 1, 8, 80.0)
    assert lots_of(book) == [(1, 84)]


def test_a_vanished_youngest_lot_hands_its_cost_to_the_youngest_older_one():
    book = book_of((16, 70), (1, 9))
    book_split(book, 0, 1, 8, 80.0)
    assert lots_of(book) == [(2, 79)]


def test_a_position_that_vanishes_realises_its_cost_at_zero_proceeds():
    book = book_of((3, 70), (4, 9))
    cash = book_split(book, 0, 1, 8, 80.0)
    assert lots_of(book) == []
    assert book.totals[REALISED] == -79
    assert cash == round(7 / 8 * 80 * 10_000)


def test_a_short_pays_cash_in_lieu_and_dividends():
    book = book_of((-3, -90))
    assert book_split(book, 0, 3, 2, 10.0) == -5 * 10_000
    assert lots_of(book) == [(-4, -90)]
    assert book_dividend(book, 0, 0.12345) == -4938
    assert book.totals[DIVIDENDS] == -4938


def test_dividends_are_paid_on_the_shares_after_the_split_of_the_same_day():
    panel = market("A\n10\n10\n5\n5", "2 A 2:1 0.5")
    result = run(panel, "1\n1\n1", capital="1000")
    assert result.record.totals[1, DIVIDENDS] == 200 * 5000
    assert result.record.quantity[:, 0].tolist() == [100, 200, 220]


def test_a_missing_bar_keeps_the_last_mark_in_todays_share_basis_and_counts_its_age():
    panel = market("A B\n10 1\n10 1\n- 1\n- 1\n6 1", "3 A 2:1 0")
    result = run(panel, "1 .\n. .\n. .\n. .")
    assert result.record.mark[:, 0].tolist() == [10.0, 10.0, 5.0, 6.0]
    assert result.record.mark_age[:, 0].tolist() == [0, 1, 2, 0]
    assert result.record.quantity[:, 0].tolist() == [100, 100, 200, 200]
    assert (result.record.totals[:, NAV] / 1e4).tolist() == [1000, 1000, 1000, 1200]


def test_two_splits_that_fall_on_one_session_are_applied_one_after_the_other():
    panel = market("A\n12\n12\n2", "2 A 3:1 0\n2 A 2:1 0")
    result = run(panel, "1\n.", capital="1200")
    assert result.record.quantity[:, 0].tolist() == [100, 600]
    assert result.record.totals[1, NAV] == 1200 * 10_000


def test_a_deposit_and_a_withdrawal_leave_the_drawdown_in_percent_where_it_was():
    panel = market("A\n10\n10\n8\n8\n8")
    result = run(panel, "1\n1\n1\n1", capital="1000", flows={3: "500", 4: "-700"})
    totals = result.record.totals
    drawdown = (totals[:, PEAK] - totals[:, NAV]) / totals[:, PEAK]
    assert np.allclose(drawdown, [0, 0.2, 0.2, 0.2], atol=1e-7)
    assert (totals[:, NAV] / 1e4).tolist() == [1000, 800, 1300, 600]


def test_a_withdrawal_of_everything_is_refused_with_session_and_amount():
    panel = market("A\n10\n10\n10")
    with pytest.raises(
        ConfigurationRefused, match=r"1,000\.0000 dollars at the close of 2020-01-06"
    ):
        run(panel, "1\n1", capital="1000", flows={2: "-1000"})


def test_a_book_with_thousands_of_lots_balances():
    rows = "\n".join("10" for _ in range(600))
    panel = market("A\n" + rows)
    weights = "\n".join(str(0.001 * (row + 1)) for row in range(500))
    result = run(panel, weights, free_of_charge(), capital="1000000")
    assert result.record.quantity[-1, 0] == 50_000
