"""Bars and corporate actions as tables: their columns, and what every value must satisfy.

A table that passes here is clean for every reader below: sorted by symbol and session, unique, in
range. Nothing is repaired: a table that breaks a rule is refused whole. Stays out: files, vendors
and judgements about plausible but odd prices.
"""

import re
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.cells import (
    Rule,
    Source,
    date_cells,
    number_cells,
    refuse_broken,
    refuse_columns,
    text_cells,
)
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.portfolio import SYMBOL_PATTERN
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.domain.xnys import EARLIEST, LATEST

PRICES = ("open", "high", "low", "close")

BARS_SCHEMA = pa.schema(
    [("symbol", pa.string()), ("session", pa.date32())]
    + [(name, pa.float64()) for name in (*PRICES, "volume", "adj_close")]
)
"""Raw prices in dollars as traded, volume in shares (null = unknown, which E23 reads as 0), and the
adjusted close (null = unknown)."""

ACTIONS_SCHEMA = pa.schema(
    [("symbol", pa.string()), ("session", pa.date32())]
    + [(name, pa.float64()) for name in ("split", "dividend")]
)
"""New shares per old (1.0 = none) and dollars per post-split share (0.0 = none), by ex-date."""

PRICE_USD_MIN = 0.0001
"""The book's smallest unit; a price below it could be marked at zero (E25, E27)."""
PRICE_USD_MAX = 1e9
"""Far above any share ever traded, and far below what int64 money can hold."""
SPLIT_DENOMINATOR_MAX = 1000
"""E4: a split is the nearest fraction with at most this denominator."""
RANGE_TOLERANCE = 1e-6
"""How far, relatively, an open or close may lie outside low … high.

Vendors store float32 (6e-8) and multiply each field by its adjustment factor on its own, so prices
that were equal can differ by a few such steps. A real error is a tick: 1e-6 is one cent at a price
of 10,000 dollars.
"""


@lru_cache(maxsize=256)
def split_fraction(split: float) -> Fraction:
    """New shares per old share as the nearest fraction with denominator ≤ 1000 (ENGINE E4)."""
    return Fraction(float(split)).limit_denominator(SPLIT_DENOMINATOR_MAX)


def validated_bars(
    table: pa.Table,
    *,
    where: str,
    first_row: int = 1,
    calendar: SessionCalendar | None = None,
) -> pa.Table:
    """The same bars as ``BARS_SCHEMA``, sorted by (symbol, session).

    Args:
        table: Columns symbol, session, open, high, low, close, volume and perhaps adj_close, in
            any order; rows sorted by symbol then session or by session then symbol. A missing row
            is a session without a bar.
        where: File or table, for messages.
        first_row: Number of the first row, for messages: 2 where line 1 of the file is a header.
        calendar: Whose sessions count; None = XNYS over the dates of the table.

    Raises:
        InputRefused: Names file, row, column, value and bound of the first wrong row, and how
            many rows are wrong.
    """
    source = Source(where, first_row)
    refuse_columns(table, BARS_SCHEMA, source, optional=("adj_close",))
    if table.num_rows == 0:
        raise InputRefused(
            "at least one bar", "no rows", where=where, remedy="Give the file that holds the bars."
        )
    symbols = text_cells(table, "symbol", source)
    days = date_cells(table, "session", source)
    numbers = {name: number_cells(table, name, source) for name in (*PRICES, "volume")}
    if "adj_close" in table.column_names:
        numbers["adj_close"] = number_cells(table, "adj_close", source)
    else:
        numbers["adj_close"] = np.full(table.num_rows, np.nan)
    codes, names = _codes(symbols)
    refuse_broken(
        [
            _symbol_rule(codes, names),
            _session_rule(days, calendar),
            *(_price_rule(name, numbers[name]) for name in PRICES),
            *_range_rules(numbers),
            _volume_rule(numbers["volume"]),
            _adjusted_rule(numbers["adj_close"]),
        ],
        source,
    )
    order = _order(codes, names, days, source)
    return _table(BARS_SCHEMA, symbols, days, numbers, order)


def validated_actions(table: pa.Table, *, where: str, first_row: int = 1) -> pa.Table:
    """The same actions as ``ACTIONS_SCHEMA``, sorted by (symbol, session).

    A table without rows is fine, and so is a row that does nothing (split 1, dividend 0). The date
    may be any date: an action on a day that is no session takes effect on the next one (E4).

    Args:
        table: Columns symbol, session, split, dividend, sorted like bars.
        where: File or table, for messages.
        first_row: Number of the first row, for messages.

    Raises:
        InputRefused: Names file, row, column, value and bound of the first wrong row, and how
            many rows are wrong.
    """
    source = Source(where, first_row)
    refuse_columns(table, ACTIONS_SCHEMA, source)
    symbols = text_cells(table, "symbol", source)
    days = date_cells(table, "session", source)
    numbers = {name: number_cells(table, name, source) for name in ("split", "dividend")}
    codes, names = _codes(symbols)
    rules = [
        _symbol_rule(codes, names),
        _split_rule(numbers["split"]),
        _dividend_rule(numbers["dividend"]),
    ]
    refuse_broken(rules, source)
    order = _order(codes, names, days, source)
    return _table(ACTIONS_SCHEMA, symbols, days, numbers, order)


def _table(
    schema: pa.Schema,
    symbols: pa.Array,
    days: np.ndarray,
    numbers: dict[str, np.ndarray],
    order: np.ndarray | None,
) -> pa.Table:
    columns = [symbols, pa.array(days, pa.date32())]
    # from_pandas: NaN, an unknown volume or adjusted close, becomes null.
    columns += [pa.array(values, pa.float64(), from_pandas=True) for values in numbers.values()]
    table = pa.Table.from_arrays(columns, schema=schema)
    return table if order is None else table.take(pa.array(order)).combine_chunks()


def _codes(symbols: pa.Array) -> tuple[np.ndarray, list[str]]:
    """Each row's symbol as its place among the sorted names, and those names."""
    encoded = symbols.dictionary_encode()
    found = encoded.dictionary.to_pylist()
    names = sorted(found)
    place = {name: i for i, name in enumerate(names)}
    ranks = np.array([place[name] for name in found], dtype=np.int64)
    return ranks[encoded.indices.to_numpy()], names


def _symbol_rule(codes: np.ndarray, names: list[str]) -> Rule:
    unfit = np.array([re.fullmatch(SYMBOL_PATTERN, name) is None for name in names], dtype=bool)
    return Rule(
        "symbol",
        f"a symbol that matches {SYMBOL_PATTERN.strip('^$')}",
        unfit[codes],
        lambda row: repr(names[codes[row]]),
        "Write it in capitals, at most ten characters, as the exchange does.",
    )


def _session_rule(days: np.ndarray, calendar: SessionCalendar | None) -> Rule:
    known = (days >= np.datetime64(EARLIEST)) & (days <= np.datetime64(LATEST))
    closed = ~known
    if known.any():
        inside = days[known]
        chosen = calendar or SessionCalendar.between(inside.min().item(), inside.max().item())
        closed[known] = ~chosen.are_sessions(inside)

    def received(row: int) -> str:
        if not known[row]:
            return f"{days[row]}, outside the years {EARLIEST.year} to {LATEST.year}"
        day = days[row].item()
        nearest = SessionCalendar.between(day, day).nearest(day)
        return f"{day} ({day:%A}); the sessions beside it are {nearest}"

    return Rule(
        "session",
        "a session of XNYS",
        closed,
        received,
        "Leave the row out, or correct its date: the exchange did not trade on it.",
    )


def _price_rule(name: str, price: np.ndarray) -> Rule:
    # Written so that NaN, which compares false, is caught too.
    return Rule(
        name,
        f"a finite price from {PRICE_USD_MIN} to {PRICE_USD_MAX:,.0f} dollars",
        ~((price >= PRICE_USD_MIN) & (price <= PRICE_USD_MAX)),
        lambda row: _number(price[row]),
        "Correct the price; a bar without a price is a missing row, so leave the row out.",
    )


def _range_rules(prices: dict[str, np.ndarray]) -> list[Rule]:
    high, low = prices["high"], prices["low"]
    # An absurd price may overflow; its own rule refuses it.
    with np.errstate(over="ignore"):
        ceiling, floor = high * (1 + RANGE_TOLERANCE), low * (1 - RANGE_TOLERANCE)
    remedy = "Ask another source what was traded, and correct the row or leave it out."
    high_rule = Rule(
        "high",
        "a high at or above the low of its row",
        ceiling < low,
        lambda row: f"high {_number(high[row])} with low {_number(low[row])}",
        remedy,
    )

    def inside(name: str, phrase: str) -> Rule:
        price = prices[name]
        return Rule(
            name,
            f"{phrase} from low to high of its row (relative tolerance {RANGE_TOLERANCE})",
            (price > ceiling) | (price < floor),
            lambda row: (
                f"{_number(price[row])} with low {_number(low[row])} and high {_number(high[row])}"
            ),
            remedy,
        )

    return [high_rule, inside("open", "an open"), inside("close", "a close")]


def _volume_rule(volume: np.ndarray) -> Rule:
    return Rule(
        "volume",
        "a finite number of shares, 0 or more, or an empty cell where it is not known",
        (volume < 0) | np.isinf(volume),
        lambda row: _number(volume[row]),
        "Correct the volume.",
    )


def _adjusted_rule(adjusted: np.ndarray) -> Rule:
    return Rule(
        "adj_close",
        "a finite adjusted close above 0, or an empty cell where it is not known",
        (adjusted <= 0) | np.isinf(adjusted),
        lambda row: _number(adjusted[row]),
        "Correct the value, or leave the column out: only price_basis adjusted reads it.",
    )


def _split_rule(split: np.ndarray) -> Rule:
    limit = SPLIT_DENOMINATOR_MAX
    return Rule(
        "split",
        f"new shares per old share from 1/{limit} to {limit}, 1.0 where there is no split",
        ~((split >= 1 / limit) & (split <= limit)),
        lambda row: _number(split[row]),
        "Write 2.0 for two new shares per old one, 0.125 for one new share per eight.",
    )


def _dividend_rule(dividend: np.ndarray) -> Rule:
    return Rule(
        "dividend",
        f"dollars per share from 0 to {PRICE_USD_MAX:,.0f}, 0.0 where there is no dividend",
        ~((dividend >= 0) & (dividend <= PRICE_USD_MAX)),
        lambda row: _number(dividend[row]),
        "Correct the dividend.",
    )


def _number(value: float) -> str:
    return "no number (NaN or an empty cell)" if np.isnan(value) else repr(float(value))


def _order(
    codes: np.ndarray, names: list[str], days: np.ndarray, source: Source
) -> np.ndarray | None:
    """Row numbers that sort by (symbol, session); None = the rows are sorted so already.

    Raises:
        InputRefused: The rows are in neither of the two orders, or a pair is there twice.
    """
    if len(codes) == 0:
        return None
    day = days.astype(np.int64) - days.min().astype(np.int64)
    by_symbol = codes * (int(day.max()) + 1) + day
    by_session = day * len(names) + codes
    if (np.diff(by_symbol) > 0).all():
        return None
    if (np.diff(by_session) > 0).all():
        return np.argsort(by_symbol, kind="stable")
    # The order that holds longer is the one that was meant.
    steps = max(by_symbol, by_session, key=lambda keys: int((np.diff(keys) <= 0).argmax()))
    broken = np.concatenate(([False], np.diff(steps) <= 0))

    def received(row: int) -> str:
        this = f"{names[codes[row]]} {days[row]}"
        same = np.flatnonzero(by_symbol[:row] == by_symbol[row])
        if len(same):
            return f"{this} again, a duplicate of row {source.first_row + int(same[0])}"
        return f"{this} after {names[codes[row - 1]]} {days[row - 1]}"

    rule = Rule(
        "session",
        "unique rows sorted by symbol then session, or by session then symbol",
        broken,
        received,
        "Sort the rows by symbol and session, and keep one of each pair.",
    )
    refuse_broken([rule], source)
    return None
