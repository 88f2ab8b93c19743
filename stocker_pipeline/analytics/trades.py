"""Round trips: what was bought and sold again, lot by lot, first in first out.

A fill that closes several lots makes one round trip per lot; a fill that closes half a lot makes
one of half its shares. This follows the lots of the book itself (ENGINE E26, and E15 for splits),
in the same integers, so profits of round trips add up to the book's realised profit. Trips from
flat to flat would be fewer, but a book that is rebalanced daily is never flat. Lots still open are
no trades.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.record import (
    TrackRecord,
    coded_symbols,
    days_of,
    e4_of,
    floats_of,
    integers_of,
    symbols_of,
)
from stocker_pipeline.domain.bars import split_fraction
from stocker_pipeline.domain.errors import InputRefused


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Shares of one lot, closed by one fill.

    Attributes:
        symbol: What was traded.
        quantity: Shares closed, on the basis of the closing day; negative for a short.
        opened_row, closed_row: Rows of the snapshots, so that their difference is in sessions.
        entry_value_usd: What the shares cost (a short: what they were sold for), ≥ 0.
        profit_usd: Proceeds less cost: after slippage, before commissions and dividends.
    """

    symbol: str
    quantity: int
    opened_row: int
    closed_row: int
    entry_value_usd: float
    profit_usd: float

    @property
    def sessions_held(self) -> int:
        """Sessions from the opening fill to the closing one; 0 within one session."""
        return self.closed_row - self.opened_row


@dataclass(slots=True)
class _Lot:
    quantity: int
    cost_e4: int
    opened_row: int


@dataclass(frozen=True, slots=True)
class _Execution:
    """All buys, or all sells, of one symbol on one session: an order's executions are one fill."""

    row: int
    quantity: int
    value_e4: int


def round_trips(record: TrackRecord) -> list[RoundTrip]:
    """Round trips of a record, by symbol, then in order of closing, oldest lot first.

    Executions of one symbol, session and side count as one fill at their average price, so their
    order within the day does not matter; where both sides occur, buys come first.

    Raises:
        InputRefused: The lots left over disagree with the positions of the last session, which
            means that fills or corporate actions are missing.
    """
    trips: list[RoundTrip] = []
    left: dict[str, int] = {}
    splits = _splits(record)
    for symbol, executions in _executions(record):
        lots: list[_Lot] = []
        pending = splits.get(symbol, [])
        for execution in executions:
            while pending and pending[0][0] <= execution.row:
                trips += _split(symbol, lots, *pending.pop(0))
            trips += _fill(symbol, lots, execution)
        for row, ratio in pending:
            trips += _split(symbol, lots, row, ratio)
        left[symbol] = sum(lot.quantity for lot in lots)
    _require_same_holdings(record, left)
    return trips


def _executions(record: TrackRecord) -> Iterator[tuple[str, list[_Execution]]]:
    codes, names = coded_symbols(record.fills)
    rows = record.session_rows(record.fills)
    quantity = integers_of(record.fills, "quantity")
    value_e4 = quantity * e4_of(record.fills, "price")
    side = (quantity < 0).astype(np.int64)
    order = np.lexsort((side, rows, codes))
    keys = np.stack((codes, rows, side))[:, order]
    if not len(order):
        return
    starts = np.flatnonzero(np.any(np.diff(keys, axis=1, prepend=-1) != 0, axis=0))
    quantities = np.add.reduceat(quantity[order], starts).tolist()
    values = np.add.reduceat(value_e4[order], starts).tolist()
    starts_rows = keys[1, starts].tolist()
    bounds = np.searchsorted(keys[0, starts], np.arange(len(names) + 1)).tolist()
    for code, name in enumerate(names):
        span = range(bounds[code], bounds[code + 1])
        yield name, [_Execution(starts_rows[i], quantities[i], values[i]) for i in span]


def _splits(record: TrackRecord) -> dict[str, list[tuple[int, Fraction]]]:
    """Splits by symbol in order of date, with the row of the session on which each takes effect."""
    actions = record.split_table
    if actions is None or not actions.num_rows:
        return {}
    days, ratios = days_of(actions), floats_of(actions, "split")
    # E4: an action on a day that is no session takes effect on the next one.
    rows = np.searchsorted(record.sessions, days)
    names = symbols_of(actions)
    found: dict[str, list[tuple[int, Fraction]]] = {}
    for i in np.argsort(days, kind="stable").tolist():
        if ratios[i] != 1.0 and rows[i] < len(record.sessions):
            found.setdefault(names[i], []).append((int(rows[i]), split_fraction(ratios[i])))
    return found


def _fill(symbol: str, lots: list[_Lot], execution: _Execution) -> Iterator[RoundTrip]:
    """Consume lots of the other side, oldest first; open a lot with what is left (E26)."""
    total, done, spent_e4 = execution.quantity, 0, 0
    while done != total and lots and (lots[0].quantity < 0) != (total < 0):
        lot = lots[0]
        shares = min(abs(lot.quantity), abs(total - done))
        signed = shares if total > 0 else -shares
        done += signed
        through_e4 = _share(execution.value_e4, abs(done), abs(total))
        value_e4, spent_e4 = through_e4 - spent_e4, through_e4
        cost_e4 = _share(lot.cost_e4, shares, abs(lot.quantity))
        yield RoundTrip(
            symbol=symbol,
            quantity=-signed,
            opened_row=lot.opened_row,
            closed_row=execution.row,
            entry_value_usd=abs(cost_e4) / 10_000,
            profit_usd=(-value_e4 - cost_e4) / 10_000,
        )
        lot.quantity += signed
        lot.cost_e4 -= cost_e4
        if lot.quantity == 0:
            lots.pop(0)
    if done != total:
        lots.append(_Lot(total - done, execution.value_e4 - spent_e4, execution.row))


def _split(symbol: str, lots: list[_Lot], row: int, ratio: Fraction) -> Iterator[RoundTrip]:
    """Bring lots to the new share basis (E15); a position that vanishes is a trade at zero."""
    cumulative, before, carried_e4 = 0, 0, 0
    last: _Lot | None = None
    old_quantity = sum(lot.quantity for lot in lots)
    for lot in lots:
        cumulative += lot.quantity
        after = _truncated(cumulative * ratio.numerator, ratio.denominator)
        lot.quantity, before = after - before, after
        if lot.quantity:
            lot.cost_e4 += carried_e4
            carried_e4, last = 0, lot
        else:
            carried_e4 += lot.cost_e4
    if last is not None:
        last.cost_e4 += carried_e4
    elif lots:
        yield RoundTrip(
            symbol=symbol,
            quantity=old_quantity,
            opened_row=lots[0].opened_row,
            closed_row=row,
            entry_value_usd=abs(carried_e4) / 10_000,
            profit_usd=-carried_e4 / 10_000,
        )
    lots[:] = [lot for lot in lots if lot.quantity]


def _truncated(numerator: int, denominator: int) -> int:
    whole = abs(numerator) // denominator
    return whole if numerator >= 0 else -whole


def _share(whole: int, part: int, total: int) -> int:
    """``whole · part / total`` to the nearest integer, ties to even."""
    quotient, remainder = divmod(whole * part, total)
    if 2 * remainder > total or (2 * remainder == total and quotient % 2):
        quotient += 1
    return quotient


def _require_same_holdings(record: TrackRecord, left: dict[str, int]) -> None:
    positions = record.positions
    final = days_of(positions) == record.sessions[-1] if len(record.sessions) else []
    last = positions.filter(pa.array(final, pa.bool_()))
    held = dict(zip(symbols_of(last), integers_of(last, "quantity").tolist(), strict=True))
    for symbol in sorted(held.keys() | left.keys()):
        if held.get(symbol, 0) != left.get(symbol, 0):
            raise InputRefused(
                f"lots that add up to the position of {held.get(symbol, 0)} shares",
                f"{left.get(symbol, 0)} shares from the fills",
                where=f"round trips of {symbol} up to {record.sessions[-1]}",
                remedy="Give every fill since the book's first session, the corporate actions that"
                " the book was run with, and its price basis.",
            )
