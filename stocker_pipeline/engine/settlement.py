"""One session, settled at its close: corporate actions, the fills there were, flows, the snapshot.

The counterpart of the kernel's loop where fills are facts that someone reports, not the outcome of
a rule: the same functions on the book, in the same order (ENGINE E13, E15, E16, E26–E28). It keeps
no state, so a session is settled again by calling it again. Stays out: where fills come from, which
of them count, and where the result is written.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numba import njit

from stocker_pipeline.domain.errors import BookRefused, InputRefused
from stocker_pipeline.domain.orders import Execution
from stocker_pipeline.engine.book import (
    CASH,
    CASH_IN_LIEU,
    COMMISSIONS,
    DIVIDENDS,
    FLOWS,
    NAV,
    PEAK,
    REALISED,
    TRIPPED,
    Book,
    book_fill,
    lot_rows,
    with_room,
)
from stocker_pipeline.engine.kernel import STATUS_FINE, close_session
from stocker_pipeline.engine.log import (
    ENTRY_NEW,
    ENTRY_OLD,
    ENTRY_SYMBOL,
    FILL_REALISED,
    Log,
    empty_log,
)
from stocker_pipeline.engine.market import Market, apply_actions
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.plan import Plan, empty_plan
from stocker_pipeline.engine.record import Record, empty_record
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.simulate import (
    Lot,
    OpeningBook,
    Run,
    assert_identity,
    opened_book,
    refusal_of,
    typed,
)
from stocker_pipeline.engine.sizing import breaker_trips
from stocker_pipeline.engine.tables import (
    entries_table,
    fills_table,
    positions_table,
    snapshots_table,
)


@dataclass(frozen=True)
class GivenFills:
    """The fills of one session in the order in which they are booked, int64 ``[fills]`` each.

    Attributes:
        column: Column of the panel.
        quantity: Signed shares, never 0.
        price_e4, commission_e4: 1/10,000 dollar; commission of each fill alone.
    """

    column: np.ndarray
    quantity: np.ndarray
    price_e4: np.ndarray
    commission_e4: np.ndarray

    @classmethod
    def none(cls) -> "GivenFills":
        """No fill at all."""
        return cls(*np.zeros((4, 0), np.int64))


@dataclass(frozen=True)
class Settled:
    """A session after its close.

    Attributes:
        run: The session as a run of its own: snapshot, positions, fills and corporate-action
            entries. It has no orders, and nothing of what was decided.
    """

    run: Run

    @property
    def realised_e4(self) -> np.ndarray:
        """What each fill realised before commission (1/10,000 dollar), in the order booked."""
        rows, _ = self.run.fills.used()
        return rows[:, FILL_REALISED]

    @cached_property
    def closing(self) -> OpeningBook:
        """What the next session starts from."""
        return closing_book(self.run)

    @cached_property
    def changed(self) -> tuple[str, ...]:
        """Symbols whose lots are not those of the opening book, by column."""
        fills, _ = self.run.fills.used()
        entries, _ = self.run.entries.used()
        split = entries[entries[:, ENTRY_NEW] != entries[:, ENTRY_OLD], ENTRY_SYMBOL]
        touched = np.union1d(fills[:, 1], split)
        if not len(touched):
            return ()
        before, after = lots_by_symbol(self.run.opening), lots_by_symbol(self.closing)
        names = (self.run.panel.symbols[column] for column in touched)
        return tuple(name for name in names if before.get(name) != after.get(name))

    def tables(self) -> dict[str, pa.Table]:
        """Snapshot, positions, fills and corporate-action entries by name."""
        return {
            "fills": fills_table(self.run),
            "corporate_action_entries": entries_table(self.run),
            "positions": positions_table(self.run),
            "snapshots": snapshots_table(self.run),
        }


def fills_of(panel: Panel, executions: Iterable[Execution]) -> GivenFills:
    """Executions in their canonical order, whatever order they arrived in.

    Raises:
        BookRefused: One is of a symbol without a column, of no shares, or at a price below zero.
    """
    booked = sorted(executions, key=lambda execution: execution.booking_order)
    for execution in booked:
        if execution.quantity == 0 or execution.price_e4 < 0:
            raise BookRefused(
                "fills of one share or more at a price of 0 or more",
                f"{execution.quantity} shares at {execution.price_e4 / 1e4}",
                where=f"execution {execution.execution_id} of {execution.symbol}",
                remedy="Ask the broker what it means; it is not booked.",
            )
    columns = panel.columns_of([execution.symbol for execution in booked])
    numbers = [(fill.quantity, fill.price_e4, fill.commission_e4) for fill in booked]
    return GivenFills(columns, *np.array(numbers, np.int64).reshape(-1, 3).T.copy())


def settle(
    panel: Panel,
    rules: Rules,
    opening: OpeningBook,
    row: int,
    fills: GivenFills,
    flows_e4: int = 0,
) -> Settled:
    """Settle one session on the fills that there were.

    The breaker's state is set as the kernel sets it before deciding, whether or not anything was
    decided: it is a matter of the book.

    Args:
        panel: The market with the session's bars.
        opening: The book at the close of the session before.
        row: The session's row.
        flows_e4: Deposits less withdrawals at the close.

    Raises:
        ConfigurationRefused: A withdrawal takes all there is, or sizes no longer fit the book.
        InputRefused: A symbol held has never had a bar, so there is nothing to mark it with.
    """
    book = with_room(opened_book(panel, opening, row), len(fills.column))
    symbols = len(panel.symbols)
    events = panel.market.event_start[row + 1] - panel.market.event_start[row]
    record = _undecided_record(symbols)
    booked, entries = empty_log(len(fills.column), 6), empty_log(int(events), 6)
    _act_and_fill(
        panel.market,
        typed(rules),
        book,
        row,
        fills.column,
        fills.quantity,
        fills.price_e4,
        fills.commission_e4,
        booked,
        entries,
    )
    _refuse_unmarked(panel, book, row)
    plan = empty_plan(symbols, book.quantity)
    status = _close(panel.market, book, plan, row, flows_e4, record)
    if status != STATUS_FINE:
        raise refusal_of(status, str(panel.sessions[row]), flows_e4)
    run = Run(panel, row, row, opening, record, booked, empty_log(0, 7), entries, book)
    assert_identity(run)
    return Settled(run)


@njit(cache=True, error_model="numpy")
def _act_and_fill(
    market: Market,
    rules: Rules,
    book: Book,
    t: int,
    column: np.ndarray,
    quantity: np.ndarray,
    price: np.ndarray,
    commission: np.ndarray,
    fills: Log,
    entries: Log,
) -> None:
    """Corporate actions, the breaker on the previous close, then every fill."""
    apply_actions(market, book, t, np.ones(market.close.shape[1]), entries)
    totals = book.totals
    tripped = breaker_trips(totals[NAV], totals[PEAK], totals[TRIPPED] != 0, rules)
    totals[TRIPPED] = 1 if tripped else 0
    for i in range(column.shape[0]):
        row = fills.rows[i]
        row[0], row[1], row[2], row[3], row[4] = t, column[i], quantity[i], price[i], commission[i]
        row[5] = book_fill(book, column[i], quantity[i], price[i], commission[i])
    fills.count[0] = column.shape[0]


@njit(cache=True, error_model="numpy")
def _close(market: Market, book: Book, plan: Plan, t: int, flow: int, record: Record) -> int:
    """Marks, the flow and the snapshot; returns a status."""
    return close_session(market, book, plan, t, flow, record, 0, 0, True)


def _undecided_record(symbols: int) -> Record:
    """Room for a session of which nothing was decided here."""
    record = empty_record(1, symbols, True)
    for numbers in (record.factors, record.x_single, record.target):
        numbers[:] = np.nan
    for codes in (record.single_capped, record.desired, record.decision):
        codes[:] = 0
    return record


def _refuse_unmarked(panel: Panel, book: Book, row: int) -> None:
    mark = np.where(np.isnan(panel.market.close[row]), book.mark, panel.market.close[row])
    unmarked = np.flatnonzero((book.quantity != 0) & np.isnan(mark))
    if len(unmarked):
        raise InputRefused(
            "a bar at or before the session for every symbol held",
            "none of " + ", ".join(panel.symbols[column] for column in unmarked),
            where=f"the market at {panel.sessions[row]}",
            remedy="Ingest its bars, or decide on those that are held back; then settle again.",
        )


def closing_book(run: Run) -> OpeningBook:
    """The book at the close of a run: what the session after it starts from."""
    totals = run.book.totals.tolist()
    return OpeningBook(
        initial_e4=run.opening.initial_e4,
        cash_e4=totals[CASH],
        nav_e4=totals[NAV],
        peak_e4=totals[PEAK],
        realised_e4=totals[REALISED],
        dividends_e4=totals[DIVIDENDS],
        cash_in_lieu_e4=totals[CASH_IN_LIEU],
        commissions_e4=totals[COMMISSIONS],
        flows_e4=totals[FLOWS],
        tripped=bool(totals[TRIPPED]),
        lots=_open_lots(run.book, run.panel.symbols),
    )


def lots_by_symbol(book: OpeningBook) -> dict[str, tuple[Lot, ...]]:
    """Lots of each symbol held, oldest first."""
    found: dict[str, list[Lot]] = {}
    for lot in book.lots:
        found.setdefault(lot.symbol, []).append(lot)
    return {symbol: tuple(lots) for symbol, lots in found.items()}


def _open_lots(book: Book, symbols: tuple[str, ...]) -> tuple[Lot, ...]:
    rows = lot_rows(book).tolist()
    return tuple(Lot(symbols[column], quantity, cost) for column, quantity, cost in rows)
