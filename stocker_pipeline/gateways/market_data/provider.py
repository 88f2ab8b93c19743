"""The interface of a source of market data."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.errors import InputRefused


@dataclass(frozen=True)
class MarketData:
    """What a provider answered.

    Attributes:
        bars: ``BARS_SCHEMA``, sorted by (symbol, session), checked. A missing row = no bar.
        actions: ``ACTIONS_SCHEMA``, sorted by (symbol, session), checked.
        missing: Symbol → why there is no bar of it. Every symbol asked for is in ``bars`` or here.
    """

    bars: pa.Table
    actions: pa.Table
    missing: Mapping[str, str]


class MarketDataProvider(Protocol):
    """A source of raw bars and corporate actions."""

    @property
    def name(self) -> str:
        """What the rows' ``source`` is called, such as ``sample``."""

    def symbols(self) -> tuple[str, ...]:
        """The symbols that the source is known to have, sorted."""

    def fetch(self, symbols: Collection[str], first: date, last: date) -> MarketData:
        """Bars and actions of ``symbols`` dated ``first`` … ``last``, both included.

        The same question to the same source has the same answer. The dates need not be sessions.

        Raises:
            InputRefused: No symbols, ``first`` after ``last``, or the source broke a rule of bars.
        """


def selection(
    bars: pa.Table, actions: pa.Table, symbols: Collection[str], first: date, last: date
) -> MarketData:
    """Answer a question from complete tables, with a reason for every symbol without a bar."""
    if not symbols or first > last:
        raise InputRefused(
            "at least one symbol, and a first date that is not after the last",
            f"{len(symbols)} symbols, {first} to {last}",
            where="market data request",
            remedy="Correct the request.",
        )
    asked = sorted(set(symbols))
    chosen = _rows(bars, asked, first, last)
    absent = sorted(set(asked) - set(pc.unique(chosen["symbol"]).to_pylist()))
    return MarketData(
        chosen,
        _rows(actions, asked, first, last),
        MappingProxyType({symbol: _reason(bars, symbol) for symbol in absent}),
    )


def _rows(table: pa.Table, symbols: Sequence[str], first: date, last: date) -> pa.Table:
    session = table["session"]
    kept = pc.and_(
        pc.is_in(table["symbol"], value_set=pa.array(symbols, pa.string())),
        pc.and_(
            pc.greater_equal(session, pa.scalar(first, pa.date32())),
            pc.less_equal(session, pa.scalar(last, pa.date32())),
        ),
    )
    return table.filter(kept).combine_chunks()


def _reason(bars: pa.Table, symbol: str) -> str:
    sessions = bars.filter(pc.equal(bars["symbol"], symbol))["session"]
    if len(sessions) == 0:
        return "the source does not have this symbol"
    span = pc.min_max(sessions).as_py()
    return f"no bar in the range asked for; its bars run from {span['min']} to {span['max']}"
