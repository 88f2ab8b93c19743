"""Rows as a vendor sent them, put together into one ``MarketData``.

Belongs here: which rows cannot be bars at all, and that every symbol asked for ends up in exactly
one of bars, missing and failed. Stays out: a vendor's field names, and judging prices.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa

from stocker_pipeline.domain.bars import (
    ACTIONS_SCHEMA,
    BARS_SCHEMA,
    PRICE_USD_MAX,
    PRICES,
    SPLIT_DENOMINATOR_MAX,
)
from stocker_pipeline.domain.portfolio import SYMBOL_PATTERN
from stocker_pipeline.domain.session import NEW_YORK, SessionCalendar
from stocker_pipeline.domain.xnys import EARLIEST, LATEST
from stocker_pipeline.gateways.market_data.duplicates import settled
from stocker_pipeline.gateways.market_data.provider import (
    REFUSED_ROWS_SCHEMA,
    MarketData,
    with_origin,
)

SETTLED_AFTER = timedelta(hours=1)
"""Vendors correct a day's bar for a while after the close; before this it is not kept."""
_LONGEST_WEEKEND = timedelta(days=20)
_EVIDENCE_MAX = 300
_BELIEVABLE = ("not_a_session", "no_numbers", "live_row")
"""Where all rows of a symbol were refused for these, the source has answered: there is no bar."""


def number(value: object) -> float | None:
    """A number as sent; null and what is not finite are unknown.

    Raises:
        ValueError: It is no number, or too large for one.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{value!r} is no number")
    try:
        finite = float(value)
    except OverflowError:
        raise ValueError(f"{value!r} is too large") from None
    return finite if math.isfinite(finite) else None


def split_ratio(value: Fraction) -> Fraction:
    """New shares per old share as the nearest fraction with denominator ≤ 1000 (ENGINE E4).

    Raises:
        ValueError: It is not from 1/1000 to 1000.
    """
    limit = SPLIT_DENOMINATOR_MAX
    if not Fraction(1, limit) <= value <= limit:
        raise ValueError(f"a split of {float(value):.10g} is not from 1/{limit} to {limit}")
    return value.limit_denominator(limit)


def dividend_usd(value: object) -> Decimal:
    """Dollars per share as sent.

    Raises:
        ValueError: It is no amount from 0 to ``PRICE_USD_MAX``.
    """
    amount = number(value)
    if amount is None or not 0 <= amount <= PRICE_USD_MAX:
        raise ValueError(f"a dividend of {value!r} dollars")
    return Decimal(str(amount))


def last_final_session(now: datetime, settled_after: timedelta) -> date:
    """The latest session whose bar is no longer expected to change."""
    at = now - settled_after
    day = at.astimezone(NEW_YORK).date()
    return SessionCalendar.between(day - _LONGEST_WEEKEND, day).last_closed_session(at)


class Answer:
    """Collects what a source says about ``asked`` over ``first`` … ``last``.

    Args:
        source: What the rows' ``source`` is to be.
        final: The last session whose bar is kept; a later one is a live row.
    """

    def __init__(
        self, source: str, asked: Collection[str], first: date, last: date, *, final: date
    ) -> None:
        self._source, self._asked = source, frozenset(asked)
        self._first, self._last, self._final = first, last, final
        low, high = max(first, EARLIEST), min(last, LATEST)
        self._sessions: frozenset[date] = frozenset()
        if low <= high:
            days = SessionCalendar.between(low, high).sessions(low, high)
            self._sessions = frozenset(days.tolist())
        self._bars: dict[str, dict[date, tuple[float | None, ...]]] = defaultdict(dict)
        self._again: dict[tuple[str, date], list[tuple[float | None, ...]]] = defaultdict(list)
        self._splits: dict[tuple[str, date], Fraction] = {}
        self._dividends: dict[tuple[str, date], Decimal] = {}
        self._refused: list[tuple[str, date | None, str, str]] = []
        self._refused_bars: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._missing: dict[str, str] = {}
        self._failed: dict[str, str] = {}

    def askable(self) -> list[str]:
        """The symbols that can be asked about, sorted; the others have failed.

        A comma or a slash in one would make it a question about something else.
        """
        for symbol in self._asked:
            if re.fullmatch(SYMBOL_PATTERN, symbol) is None:
                self.fail(symbol, f"{symbol!r} is no symbol ({SYMBOL_PATTERN.strip('^$')})")
        return sorted(self._asked - self._failed.keys())

    def bar(self, symbol: str, session: date, cells: Sequence[object]) -> None:
        """One daily bar: open, high, low, close, volume, adj_close as sent."""
        refusal = self._refusal(symbol, session)
        if refusal is not None:
            self.refuse_bar(symbol, session, *refusal)
            return
        try:
            numbers = tuple(number(cell) for cell in cells)
        except ValueError as error:
            self.refuse_bar(symbol, session, "unreadable", str(error))
            return
        if all(price is None for price in numbers[: len(PRICES)]):
            self.refuse_bar(symbol, session, "no_numbers", f"no price in {list(cells)}")
            return
        if session in self._bars[symbol]:
            self._again[symbol, session].append(numbers)
        else:
            self._bars[symbol][session] = numbers

    def refuse_bar(self, symbol: str, session: date | None, reason: str, evidence: str) -> None:
        """A row that was sent as a bar and is none."""
        self.refuse(symbol, session, reason, evidence)
        self._refused_bars[symbol].append((reason, evidence))

    def refuse(self, symbol: str, session: date | None, reason: str, evidence: str) -> None:
        """A row that is not kept; ``reason`` is one of ``REFUSAL_REASONS``."""
        self._refused.append((symbol, session, reason, evidence[:_EVIDENCE_MAX]))

    def action(self, symbol: str, ex_date: date, split: Fraction, dividend: Decimal) -> None:
        """A split, a dividend or both; those of one date are taken together."""
        if symbol in self._asked and self._first <= ex_date <= self._last:
            key = (symbol, ex_date)
            self._splits[key] = self._splits.get(key, Fraction(1)) * split
            self._dividends[key] = self._dividends.get(key, Decimal(0)) + dividend

    def miss(self, symbol: str, reason: str) -> None:
        """The source has no bar of the symbol."""
        self._missing[symbol] = reason

    def fail(self, symbol: str, reason: str) -> None:
        """Nothing that was said about the symbol is to be believed."""
        self._failed[symbol] = reason

    def market_data(self, known_at: datetime, absent: Callable[[str], str]) -> MarketData:
        """The answer; ``absent`` says why a symbol about which nothing was sent has no bar."""
        self._settle_duplicates()
        for symbol in sorted(self._asked - self._failed.keys()):
            if not self._bars.get(symbol) and symbol not in self._missing:
                self._explain(symbol, absent)
        return MarketData(
            with_origin(self._bars_table(), self._source, known_at),
            with_origin(self._actions_table(), self._source, known_at),
            {symbol: self._missing[symbol] for symbol in sorted(self._missing)},
            {symbol: self._failed[symbol] for symbol in sorted(self._failed)},
            self._refused_table(),
        )

    def _settle_duplicates(self) -> None:
        for (symbol, session), again in self._again.items():
            rows = [self._bars[symbol].pop(session), *again]
            kept, refused = settled(rows, [str(list(row)) for row in rows])
            if kept is not None:
                self._bars[symbol][session] = rows[kept]
            for _, evidence in refused:
                self.refuse_bar(symbol, session, "duplicate", evidence)
        self._again.clear()

    def _refusal(self, symbol: str, session: date) -> tuple[str, str] | None:
        if symbol not in self._asked:
            return "unreadable", "a symbol that was not asked for"
        if not self._first <= session <= self._last:
            return "unreadable", f"a date outside {self._first} to {self._last}, which was asked"
        if session not in self._sessions:
            return "not_a_session", f"{session} ({session:%A}) is no session of XNYS"
        if session > self._final:
            return "live_row", f"the last bar that no longer changes is that of {self._final}"
        return None

    def _explain(self, symbol: str, absent: Callable[[str], str]) -> None:
        refused = self._refused_bars.get(symbol, [])
        if not refused:
            self._missing[symbol] = absent(symbol)
            return
        reason, evidence = refused[0]
        sentence = f"none of the {len(refused)} rows sent is a bar; the first: {reason}, {evidence}"
        answered = all(reason in _BELIEVABLE for reason, _ in refused)
        (self._missing if answered else self._failed)[symbol] = sentence

    def _bars_table(self) -> pa.Table:
        kept = sorted(self._bars.keys() - self._failed.keys() - self._missing.keys())
        rows = [
            (symbol, day, *numbers)
            for symbol in kept
            for day, numbers in sorted(self._bars[symbol].items())
        ]
        return _table(rows, BARS_SCHEMA)

    def _actions_table(self) -> pa.Table:
        rows = []
        for key in sorted(self._splits):
            split, dividend = float(self._splits[key]), float(self._dividends[key])
            if key[0] not in self._failed and (split, dividend) != (1.0, 0.0):
                rows.append((*key, split, dividend))
        return _table(rows, ACTIONS_SCHEMA)

    def _refused_table(self) -> pa.Table:
        rows = sorted(self._refused, key=lambda row: (row[0], row[1] or date.min, *row[2:]))
        return _table(rows, REFUSED_ROWS_SCHEMA)


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(values, field.type) for field, values in zip(schema, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
