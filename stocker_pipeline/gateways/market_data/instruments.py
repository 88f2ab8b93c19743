"""What is known about instruments beside their prices: name, exchange, whether they can be traded.

Belongs here: the table and reading it from a file. Stays out: a vendor's list (``alpaca_assets``).
"""

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.cells import (
    Rule,
    Source,
    date_cells,
    refuse_broken,
    refuse_columns,
    text_cells,
)
from stocker_pipeline.domain.portfolio import SYMBOL_PATTERN
from stocker_pipeline.gateways.market_data.files import raw_table

INSTRUMENTS_SCHEMA = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("asset_class", pa.string(), nullable=False),
        pa.field("exchange", pa.string(), nullable=False),
        pa.field("currency", pa.string(), nullable=False),
        pa.field("sector", pa.string()),
        pa.field("first_session", pa.date32()),
        pa.field("last_session", pa.date32()),
        pa.field("tradable", pa.bool_(), nullable=False),
        pa.field("shortable", pa.bool_(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("known_at", pa.timestamp("us", "UTC"), nullable=False),
    ]
)
"""One row per symbol, sorted by it.

``asset_class`` and ``exchange`` are the source's words (``us_equity``, ``NASDAQ``); ``currency`` is
the ISO code that it is traded in. ``first_session`` and ``last_session`` are the first and last
trading date (null = not known, or still traded). ``tradable`` and ``shortable`` say what the source
lets an account do today. Null name or sector = not known.
"""

_UNKNOWN_ALLOWED = ("name", "sector")
_SESSIONS = ("first_session", "last_session")
_OPTIONAL = (*_UNKNOWN_ALLOWED, *_SESSIONS, "source", "known_at")
_TRUTH = {"true": True, "false": False}
_CURRENCY = r"[A-Z]{3}"


def read_instruments(path: Path | str, *, known_at: datetime) -> pa.Table:
    """The instruments of a CSV or Parquet file as ``INSTRUMENTS_SCHEMA``, sorted by symbol.

    Args:
        path: ``.csv``, ``.parquet`` or ``.pq`` with the columns of the schema. name, sector,
            first_session and last_session may be left out or empty; source and known_at may be
            left out, and are then the file's name and ``known_at``.
        known_at: Since when the file is known.

    Raises:
        InputRefused: The file cannot be read, or breaks a rule of ``validated_instruments``.
    """
    path = Path(path)
    table, first_row = raw_table(path, INSTRUMENTS_SCHEMA.names)
    for name, value in (("source", f"file:{path.name}"), ("known_at", known_at)):
        if name not in table.column_names:
            kind = INSTRUMENTS_SCHEMA.field(name).type
            table = table.append_column(name, pa.repeat(pa.scalar(value, kind), table.num_rows))
    return validated_instruments(table, where=str(path), first_row=first_row)


def validated_instruments(table: pa.Table, *, where: str, first_row: int = 1) -> pa.Table:
    """The same instruments as ``INSTRUMENTS_SCHEMA``, sorted by symbol.

    Raises:
        InputRefused: Names file, row, column, value and bound of the first wrong row.
    """
    source = Source(where, first_row)
    refuse_columns(table, INSTRUMENTS_SCHEMA, source, optional=_OPTIONAL)
    columns: dict[str, pa.Array] = {}
    for field in INSTRUMENTS_SCHEMA:
        columns[field.name] = _column(table, field, source)
    refuse_broken(
        [
            _pattern_rule(columns["symbol"], "symbol", SYMBOL_PATTERN, "Write it in capitals."),
            _pattern_rule(columns["currency"], "currency", _CURRENCY, "Write it like USD."),
            _twice_rule(columns["symbol"], source),
            _order_rule(columns["first_session"], columns["last_session"]),
        ],
        source,
    )
    instruments = pa.Table.from_arrays(list(columns.values()), schema=INSTRUMENTS_SCHEMA)
    return instruments.sort_by("symbol").combine_chunks()


def _column(table: pa.Table, field: pa.Field, source: Source) -> pa.Array:
    if field.name not in table.column_names:
        return pa.nulls(table.num_rows, field.type)
    if pa.types.is_boolean(field.type):
        return _truths(table, field.name, source)
    if pa.types.is_timestamp(field.type):
        return _instants(table, field, source)
    if pa.types.is_date(field.type):
        return _sparse(table, field, source)
    if field.nullable:
        return _sparse(table, field, source)
    return text_cells(table, field.name, source)


def _sparse(table: pa.Table, field: pa.Field, source: Source) -> pa.Array:
    """A column in which an empty cell means that the value is not known."""
    column = table[field.name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    empty = np.asarray(column.is_null().to_numpy(), dtype=bool)
    if empty.all():
        return pa.nulls(table.num_rows, field.type)
    # The readers of cells refuse empty ones and count rows, so the empty are filled for them.
    filled = column.fill_null(column.drop_null()[0])
    place = table.column_names.index(field.name)
    whole = table.set_column(place, field.name, filled)
    if pa.types.is_date(field.type):
        return pa.array(date_cells(whole, field.name, source), field.type, mask=empty)
    texts = text_cells(whole, field.name, source)
    return pc.if_else(pa.array(empty), pa.scalar(None, field.type), texts)


def _truths(table: pa.Table, name: str, source: Source) -> pa.Array:
    if pa.types.is_boolean(table[name].type):
        whole = table.set_column(
            table.column_names.index(name), name, table[name].cast(pa.string())
        )
    else:
        whole = table
    texts = text_cells(whole, name, source).to_pylist()
    rule = Rule(
        name,
        "true or false",
        np.array([text.lower() not in _TRUTH for text in texts], dtype=bool),
        lambda row: repr(texts[row]),
        "Write true or false.",
    )
    refuse_broken([rule], source)
    return pa.array([_TRUTH[text.lower()] for text in texts], pa.bool_())


def _instants(table: pa.Table, field: pa.Field, source: Source) -> pa.Array:
    column = table[field.name].combine_chunks()
    values = column.to_pylist()
    found = [_instant(value) for value in values]
    rule = Rule(
        field.name,
        "an instant with its time zone",
        np.array([at is None for at in found], dtype=bool),
        lambda row: repr(values[row]),
        "Write it like 2024-01-02T21:30:00+00:00, or leave the column out.",
    )
    refuse_broken([rule], source)
    return pa.array(found, field.type)


def _instant(value: object) -> datetime | None:
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _pattern_rule(texts: pa.Array, name: str, pattern: str, remedy: str) -> Rule:
    values = texts.to_pylist()
    return Rule(
        name,
        f"a {name} that matches {pattern.strip('^$')}",
        np.array([re.fullmatch(pattern, value) is None for value in values], dtype=bool),
        lambda row: repr(values[row]),
        remedy,
    )


def _twice_rule(symbols: pa.Array, source: Source) -> Rule:
    first: dict[str, int] = {}
    values = symbols.to_pylist()
    earlier = [first.setdefault(symbol, row) for row, symbol in enumerate(values)]
    return Rule(
        "symbol",
        "each symbol once",
        np.array([found != row for row, found in enumerate(earlier)], dtype=bool),
        lambda row: f"{values[row]} again, as in row {source.first_row + earlier[row]}",
        "Keep one row of each symbol.",
    )


def _order_rule(first: pa.Array, last: pa.Array) -> Rule:
    return Rule(
        "last_session",
        "a last_session on or after the first_session",
        pc.fill_null(pc.less(last, first), False).to_numpy(zero_copy_only=False),
        lambda row: f"{first[row]} to {last[row]}",
        "Correct the dates, or leave the one that is not known empty.",
    )
