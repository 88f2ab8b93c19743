"""The interface of a source of market data, and what its answer is made of.

Stays out: judging prices. A provider hands over what was sent, in one shape; ``quality`` judges it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA
from stocker_pipeline.domain.errors import InputRefused

_ORIGIN = (pa.field("source", pa.string()), pa.field("known_at", pa.timestamp("us", "UTC")))

RECEIVED_BARS_SCHEMA = pa.schema([*BARS_SCHEMA, *_ORIGIN])
"""``BARS_SCHEMA``, who said so, and since when we know it. Any number may be null or wrong."""

RECEIVED_ACTIONS_SCHEMA = pa.schema([*ACTIONS_SCHEMA, *_ORIGIN])
"""``ACTIONS_SCHEMA``, who said so, and since when we know it."""

REFUSED_ROWS_SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("session", pa.date32()),
        ("reason", pa.string()),
        ("evidence", pa.string()),
    ]
)
"""Rows that were sent and cannot be bars at all; ``reason`` is one of ``REFUSAL_REASONS``."""

REFUSAL_REASONS = (
    "not_a_session",
    "duplicate",
    "no_numbers",
    "live_row",
    "unreadable",
    "other_action",
)


@dataclass(frozen=True)
class MarketData:
    """What a provider answered. Every symbol asked for is in one of bars, missing and failed.

    Attributes:
        bars: ``RECEIVED_BARS_SCHEMA``, sorted by (symbol, session), unique, on sessions only.
        actions: ``RECEIVED_ACTIONS_SCHEMA``, sorted by (symbol, session), unique.
        missing: Symbol → why there is no bar of it, though the source answered.
        failed: Symbol → why no answer about it can be believed; asking again may help.
        refused_rows: ``REFUSED_ROWS_SCHEMA``.
    """

    bars: pa.Table
    actions: pa.Table
    missing: Mapping[str, str]
    failed: Mapping[str, str] = field(default_factory=dict)
    refused_rows: pa.Table = field(default_factory=REFUSED_ROWS_SCHEMA.empty_table)


class MarketDataProvider(Protocol):
    """A source of raw bars and corporate actions."""

    @property
    def name(self) -> str:
        """What the rows' ``source`` is called, such as ``sample``."""

    def symbols(self) -> tuple[str, ...]:
        """The symbols that the source lists itself, sorted; empty where it has them all."""

    def fetch(self, symbols: Collection[str], first: date, last: date) -> MarketData:
        """Bars and actions of ``symbols`` dated ``first`` … ``last``, both included.

        The dates need not be sessions. A failure of the source is an answer (``failed``), not an
        exception.

        Raises:
            InputRefused: No symbols, ``first`` after ``last``, or a file broke a rule of bars.
            ConfigurationRefused: The provider is not configured, such as a key that is not set.
        """


def refuse_empty_request(symbols: Collection[str], first: date, last: date) -> None:
    """Refuse a question that has no answer.

    Raises:
        InputRefused: No symbols, or ``first`` after ``last``.
    """
    if not symbols or first > last:
        raise InputRefused(
            "at least one symbol, and a first date that is not after the last",
            f"{len(symbols)} symbols, {first} to {last}",
            where="market data request",
            remedy="Correct the request.",
        )


def with_origin(table: pa.Table, source: str, known_at: datetime) -> pa.Table:
    """The table with who said it and since when it is known."""
    for name, value in (("source", source), ("known_at", known_at)):
        kind = RECEIVED_BARS_SCHEMA.field(name).type
        table = table.append_column(name, pa.repeat(pa.scalar(value, kind), table.num_rows))
    return table


def selection(
    bars: pa.Table, actions: pa.Table, symbols: Collection[str], first: date, last: date
) -> MarketData:
    """Answer a question from complete tables, with a reason for every symbol without a bar."""
    refuse_empty_request(symbols, first, last)
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
