"""Which book a range of a backtest starts from, rebuilt from what the lake holds.

A session is done when its snapshot is there. Cash and totals come from the last snapshot before
the range; lots are folded from fills and corporate-action entries and must explain the positions.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.engine.replay import lots_from
from stocker_pipeline.engine.simulate import Lot, OpeningBook
from stocker_pipeline.engine.tables import e4_array
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import CORPORATE_ACTION_ENTRIES, FILLS, POSITIONS, SNAPSHOTS
from stocker_pipeline.strategies.portfolio import Portfolio


@dataclass(frozen=True)
class Opening:
    """Where a range begins.

    Attributes:
        book_start: The first session of the book.
        after: The session whose close is the opening state; None = a new book.
        replaces_from: Everything of the portfolio from this session on is replaced.
    """

    book_start: date
    after: date | None
    replaces_from: date


def opening_of(
    lake: Lake, name: str, calendar: SessionCalendar, first: date, *, restart: bool
) -> Opening:
    """Decide what a range that begins at ``first`` starts from.

    A new book begins where nothing is done yet, at or before the book's first session, or on
    ``restart``. Otherwise the session before ``first`` must be done.

    Raises:
        BookRefused: There would be a hole between the sessions done and the range.
    """
    done = lake.read(SNAPSHOTS, portfolio=name, columns=["session"])["session"]
    if len(done) == 0:
        return Opening(first, None, first)
    earliest, latest = pc.min(done).as_py(), pc.max(done).as_py()
    if restart or first <= earliest:
        return Opening(first, None, min(first, earliest))
    if first > calendar.next_session(latest):
        raise BookRefused(
            f"a range that starts at {calendar.next_session(latest)} at the latest, or a restart",
            f"a range from {first}",
            where=f"portfolio {name}, done from {earliest} to {latest}",
            remedy=(
                f"Backfill {calendar.next_session(latest)} to {calendar.previous_session(first)} "
                f"first, or set restart: true to begin a new book at {first}."
            ),
        )
    return Opening(earliest, calendar.previous_session(first), first)


def refuse_capital_on_continuation(name: str, opening: Opening) -> None:
    """Initial capital belongs to a book's first session; elsewhere it would do nothing."""
    if opening.after is not None:
        raise BookRefused(
            "initial_capital only where the book begins",
            f"initial_capital on a range that continues the book of {opening.after}",
            where=f"portfolio {name}, whose book began at {opening.book_start}",
            remedy="Leave it out, or set restart: true to begin a new book.",
        )


def opening_book(lake: Lake, name: str, portfolio: Portfolio, opening: Opening) -> OpeningBook:
    """The book at the close of ``opening.after``, or cash.

    Raises:
        BookRefused: Fills and entries do not add up to the positions stored.
    """
    if opening.after is None:
        return OpeningBook.of_cash(to_e4(portfolio.initial_capital))
    rows = lake.read(SNAPSHOTS, portfolio=name, first=opening.after, last=opening.after)

    def money(column: str) -> int:
        return int(e4_array(rows[column])[0])

    lots, realised = _lots(lake, name, opening.after)
    _refuse_unexplained(lake, name, opening.after, lots, realised, money("realised"))
    return OpeningBook(
        initial_e4=money("initial_capital"),
        cash_e4=money("cash"),
        nav_e4=money("nav"),
        peak_e4=money("peak_nav"),
        realised_e4=money("realised"),
        dividends_e4=money("dividends"),
        cash_in_lieu_e4=money("cash_in_lieu"),
        commissions_e4=money("commissions"),
        flows_e4=money("flows"),
        tripped=rows["tripped"][0].as_py(),
        lots=lots,
    )


def _lots(lake: Lake, name: str, last: date) -> tuple[tuple[Lot, ...], int]:
    fills = lake.read(FILLS, portfolio=name, last=last)
    entries = lake.read(CORPORATE_ACTION_ENTRIES, portfolio=name, last=last)
    named = pa.chunked_array([*fills["symbol"].chunks, *entries["symbol"].chunks], pa.string())
    symbols = tuple(sorted(set(named.to_pylist())))
    known = pa.array(symbols, pa.string())

    def keys(rows: pa.Table) -> list[np.ndarray]:
        days = rows["session"].to_numpy().astype("datetime64[D]").astype(np.int64)
        return [days, pc.index_in(rows["symbol"], value_set=known).to_numpy().astype(np.int64)]

    fill_rows = [*keys(fills), fills["quantity"].to_numpy(), e4_array(fills["price"])]
    entry_rows = [
        *keys(entries),
        entries["split_new"].to_numpy(),
        entries["split_old"].to_numpy(),
    ]
    return lots_from(np.column_stack(fill_rows), np.column_stack(entry_rows), symbols)


def _refuse_unexplained(
    lake: Lake, name: str, session: date, lots: tuple[Lot, ...], realised: int, stored: int
) -> None:
    folded: dict[str, tuple[int, int]] = {}
    for lot in lots:
        quantity, cost = folded.get(lot.symbol, (0, 0))
        folded[lot.symbol] = (quantity + lot.quantity, cost + lot.cost_e4)
    rows = lake.read(POSITIONS, portfolio=name, first=session, last=session)
    costs = e4_array(rows["cost"])
    positions = {
        symbol: (quantity, int(cost))
        for symbol, quantity, cost in zip(
            rows["symbol"].to_pylist(), rows["quantity"].to_pylist(), costs, strict=True
        )
    }
    if folded != positions or realised != stored:
        raise BookRefused(
            f"fills and corporate-action entries that add up to the book of {session}",
            f"positions {positions}, realised {stored}; folded {folded}, realised {realised} "
            "(shares and cost in 1/10,000 dollar)",
            where=f"portfolio {name}",
            remedy="The lake was changed by hand: run the backtest again from its first session.",
        )
