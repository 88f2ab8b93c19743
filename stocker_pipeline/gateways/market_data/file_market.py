"""A folder of files as a source of market data: bars as traded, and corporate actions.

Prices that are wrong are handed on for ``quality`` to judge. docs/market-data-files.md says which
folders are understood. Stays out: the strict reader of a simulation (``files``).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, PRICES, split_fraction
from stocker_pipeline.domain.session import Clock, SystemClock
from stocker_pipeline.gateways.market_data.basis import (
    Split,
    detected_basis,
    unapplied_splits,
    unsplit_dividends,
    unsplit_prices,
    unsplit_volumes,
)
from stocker_pipeline.gateways.market_data.file_actions import FileActions, file_actions
from stocker_pipeline.gateways.market_data.file_bars import FileBars, file_bars
from stocker_pipeline.gateways.market_data.file_layouts import MAPPING_FILE, laid_out
from stocker_pipeline.gateways.market_data.provider import (
    RECEIVED_ACTIONS_SCHEMA,
    RECEIVED_BARS_SCHEMA,
    REFUSED_ROWS_SCHEMA,
    MarketData,
    refuse_empty_request,
    selection,
    with_origin,
)


@dataclass(frozen=True)
class _Content:
    """Everything in the files, as the interface wants it."""

    symbols: tuple[str, ...]
    bars: pa.Table
    actions: pa.Table
    failed: Mapping[str, str]
    refused: pa.Table


class FileMarket:
    """The market in a folder, whose files are found when it is made and read once, when asked.

    Args:
        path: A folder, its ``mapping.yaml``, or its file of bars.
        clock: Says since when the rows are known: since the files were read.

    Raises:
        InputRefused: No layout fits the path.
        ConfigurationRefused: The mapping file says what it may not.
    """

    def __init__(self, path: Path | str, clock: Clock | None = None) -> None:
        self._files = laid_out(Path(path))
        self._clock = clock or SystemClock()

    @property
    def name(self) -> str:
        """``files``, or the ``source`` of the mapping file."""
        return self._files.layout.source

    def symbols(self) -> tuple[str, ...]:
        """The symbols in the files of bars."""
        return self._content.symbols

    def fetch(self, symbols: Collection[str], first: date, last: date) -> MarketData:
        """See ``MarketDataProvider.fetch``."""
        refuse_empty_request(symbols, first, last)
        content = self._content
        asked = sorted(set(symbols))
        failed = {symbol: content.failed[symbol] for symbol in asked if symbol in content.failed}
        refused = _asked_of(content.refused, asked, first, last)
        believed = [symbol for symbol in asked if symbol not in failed]
        if not believed:
            bars, actions = RECEIVED_BARS_SCHEMA, RECEIVED_ACTIONS_SCHEMA
            return MarketData(
                bars.empty_table(), actions.empty_table(), {}, MappingProxyType(failed), refused
            )
        found = selection(content.bars, content.actions, believed, first, last)
        missing = dict(found.missing)
        for symbol, reason in _unreadable(refused, missing).items():
            failed[symbol] = reason
            del missing[symbol]
        return MarketData(
            found.bars,
            found.actions.filter(pc.invert(_is_one_of(found.actions, failed))),
            MappingProxyType(missing),
            MappingProxyType(failed),
            refused,
        )

    @cached_property
    def _content(self) -> _Content:
        now = self._clock.now()
        bars, refused = file_bars(self._files)
        actions = file_actions(self._files)
        undecided = _to_as_traded(bars, actions, self._files.layout.price_basis)
        failed = {**undecided, **actions.failed}
        rows = sorted([*refused, *actions.refused], key=lambda row: (row[0], row[1] or date.min))
        return _Content(
            tuple(bars.names),
            with_origin(bars.table(), self.name, now),
            with_origin(_actions_table(actions), self.name, now),
            failed,
            _rows_table(rows),
        )


def _to_as_traded(bars: FileBars, actions: FileActions, price_basis: str) -> dict[str, str]:
    """Turn split-adjusted numbers into those as traded, in place.

    Returns:
        Symbol → why its basis cannot be known; its numbers are as they were.
    """
    failed = {}
    remedy = f"set price_basis in {MAPPING_FILE}, or correct the file of corporate actions"
    for symbol, stated in actions.splits.items():
        splits = [Split(day, split_fraction(ratio)) for day, ratio in stated.items()]
        rows = bars.rows(symbol)
        days = bars.days[rows]
        basis, reason = price_basis, ""
        if basis == "auto":
            verdict = detected_basis(days, bars.numbers["close"][rows], splits)
            basis, reason = verdict.basis or "", verdict.reason
        if not basis:
            failed[symbol] = f"as traded or split-adjusted? {reason}; {remedy}"
        elif basis == "split_adjusted":
            later = unapplied_splits(days, splits)
            if later:
                failed[symbol] = (
                    f"its split on {later[0].ex_date} is after its last bar, and whether its "
                    f"split-adjusted prices contain it cannot be seen; leave the split out until "
                    "there is a bar"
                )
            else:
                _unsplit(symbol, rows, splits, bars, actions)
    return failed


def _unsplit(
    symbol: str, rows: slice, splits: list[Split], bars: FileBars, actions: FileActions
) -> None:
    days = bars.days[rows]
    for name in PRICES:
        bars.numbers[name][rows] = unsplit_prices(days, bars.numbers[name][rows], splits)
    bars.numbers["volume"][rows] = unsplit_volumes(days, bars.numbers["volume"][rows], splits)
    paid = sorted(actions.dividends.get(symbol, {}).items())
    if paid:
        ex_dates = np.array([day for day, _ in paid], dtype="datetime64[D]")
        amounts = unsplit_dividends(ex_dates, np.array([amount for _, amount in paid]), splits)
        actions.dividends[symbol] = {
            day: float(amount) for (day, _), amount in zip(paid, amounts, strict=True)
        }


def _actions_table(actions: FileActions) -> pa.Table:
    def rows() -> Iterator[dict[str, object]]:
        for symbol in sorted({*actions.splits, *actions.dividends}):
            splits = actions.splits.get(symbol, {})
            dividends = actions.dividends.get(symbol, {})
            for day in sorted({*splits, *dividends}):
                yield {
                    "symbol": symbol,
                    "session": day,
                    "split": splits.get(day, 1.0),
                    "dividend": dividends.get(day, 0.0),
                }

    return pa.Table.from_pylist(list(rows()), schema=ACTIONS_SCHEMA)


def _rows_table(rows: list[tuple[str, date | None, str, str]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(REFUSED_ROWS_SCHEMA)
    return pa.Table.from_arrays(
        [
            pa.array(column, kind)
            for column, kind in zip(columns, REFUSED_ROWS_SCHEMA.types, strict=True)
        ],
        schema=REFUSED_ROWS_SCHEMA,
    )


def _asked_of(refused: pa.Table, symbols: list[str], first: date, last: date) -> pa.Table:
    """Refused rows of the symbols that are dated in the range, or not dated."""
    session = refused["session"]
    inside = pc.and_(
        pc.greater_equal(session, pa.scalar(first, pa.date32())),
        pc.less_equal(session, pa.scalar(last, pa.date32())),
    )
    asked = _is_one_of(refused, symbols)
    return refused.filter(pc.and_(asked, pc.fill_null(inside, True))).combine_chunks()


def _unreadable(refused: pa.Table, missing: Collection[str]) -> dict[str, str]:
    """Symbols without a bar of which a row cannot be read: it may have been the bar."""
    rows = refused.filter(
        pc.and_(_is_one_of(refused, missing), pc.equal(refused["reason"], "unreadable"))
    )
    return {
        row["symbol"]: f"no bar, and a row that cannot be read: {row['evidence']}"
        for row in reversed(rows.to_pylist())
    }


def _is_one_of(table: pa.Table, symbols: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(table["symbol"], value_set=pa.array(sorted(symbols), pa.string()))
