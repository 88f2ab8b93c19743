"""Which instruments Alpaca has, and what it lets an account do with them.

Rows are read raw: the SDK's models refuse the whole list for one new exchange, and still require
``easy_to_borrow``, which Alpaca replaced by ``borrow_status`` and removed in September 2026. Stays
out: prices, and the account's own permissions.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from alpaca.trading.client import TradingClient

from stocker_pipeline.domain.portfolio import SYMBOL_PATTERN
from stocker_pipeline.domain.session import Clock
from stocker_pipeline.gateways.market_data.alpaca_client import AlpacaReader, Credentials
from stocker_pipeline.gateways.market_data.asking import Backoff, Conversation, Unanswered
from stocker_pipeline.gateways.market_data.instruments import INSTRUMENTS_SCHEMA
from stocker_pipeline.gateways.market_data.provider import REFUSED_ROWS_SCHEMA
from stocker_pipeline.gateways.market_data.transport import Timeouts, encrypted_url

_SOURCE = "alpaca"
_CURRENCY = "USD"
"""Alpaca trades US equities in dollars, and does not say so in the row."""
_TEXTS = ("symbol", "class", "exchange", "status")
_TRUTHS = ("tradable", "shortable")


@dataclass(frozen=True)
class InstrumentsAnswer:
    """What Alpaca answered about instruments.

    Attributes:
        instruments: ``INSTRUMENTS_SCHEMA``; sector and sessions are null.
        missing: Symbol asked for → why it is not among them.
        failed: Why nothing can be believed (``instruments`` is empty); None = it can.
        refused_rows: ``REFUSED_ROWS_SCHEMA``; reasons are duplicate and unreadable.
    """

    instruments: pa.Table
    missing: Mapping[str, str]
    failed: str | None
    refused_rows: pa.Table


def fetch_alpaca_instruments(
    key_id: str | None,
    secret_key: str | None,
    clock: Clock,
    *,
    symbols: Collection[str] | None = None,
    paper: bool = True,
    trading_url: str | None = None,
    backoff: Backoff | None = None,
    timeouts: Timeouts | None = None,
) -> InstrumentsAnswer:
    """The US equities that Alpaca has, active or not.

    ``tradable`` means active and tradable. ``shortable`` means besides shortable and easy to
    borrow: anything else needs a locate, which Stocker does not ask for. These flags are advice; an
    order may still be refused.

    Args:
        key_id, secret_key: ``APCA_API_KEY_ID`` and ``APCA_API_SECRET_KEY``.
        clock: For ``known_at``.
        symbols: Only these; None = all.
        paper: Whether the keys are those of a paper account.
        trading_url: Another server; None = Alpaca's.

    Raises:
        ConfigurationRefused: A key is not set, or the URL is not encrypted.
    """
    credentials = Credentials.required(key_id, secret_key)
    url = None if trading_url is None else encrypted_url(trading_url, source="Alpaca")
    client = TradingClient(*credentials.parts, paper=paper, raw_data=True, url_override=url)
    conversation = Conversation(backoff or Backoff())
    with AlpacaReader(
        client, conversation, clock, credentials=credentials, timeouts=timeouts or Timeouts()
    ) as reader:
        try:
            rows = reader.rows("/assets", {"asset_class": "us_equity"})
        except Unanswered as error:
            return _failed(error.reason)
    if not rows:
        return _failed("a list without any instrument")
    return _answer(rows, None if symbols is None else frozenset(symbols), clock.now())


def _failed(reason: str) -> InstrumentsAnswer:
    nothing = INSTRUMENTS_SCHEMA.empty_table()
    return InstrumentsAnswer(nothing, {}, reason, REFUSED_ROWS_SCHEMA.empty_table())


def _answer(
    rows: Sequence[Any], symbols: Collection[str] | None, known_at: datetime
) -> InstrumentsAnswer:
    found: dict[str, dict[str, Any]] = {}
    refused: list[tuple[str, None, str, str]] = []
    for row in rows:
        fault = _fault(row)
        symbol = str(row.get("symbol") or "?") if isinstance(row, dict) else "?"
        if symbols is not None and symbol not in symbols and symbol != "?":
            continue
        if fault is not None:
            refused.append((symbol, None, "unreadable", f"{fault} in {row!r}"[:300]))
            continue
        rival = found.get(symbol)
        if rival is None:
            found[symbol] = row
            continue
        # A symbol that a new company took over is there twice; the old one is inactive.
        kept, other = (row, rival) if _rank(row) > _rank(rival) else (rival, row)
        found[symbol] = kept
        evidence = f"{other['status']} {other.get('name')!r} beside {kept.get('name')!r}"
        refused.append((symbol, None, "duplicate", evidence))
    absent = set(symbols or ()) - found.keys()
    return InstrumentsAnswer(
        _table([_instrument(found[symbol], known_at) for symbol in sorted(found)]),
        dict.fromkeys(sorted(absent), "Alpaca does not have this symbol"),
        None,
        _refused_table(refused),
    )


def _fault(row: object) -> str | None:
    """Why a row is no instrument."""
    if not isinstance(row, dict):
        return f"a {type(row).__name__} where a row was expected"
    for name in _TEXTS:
        if not isinstance(row.get(name), str):
            return f"{name} is {row.get(name)!r}"
    for name in _TRUTHS:
        if not isinstance(row.get(name), bool):
            return f"{name} is {row.get(name)!r}"
    if re.fullmatch(SYMBOL_PATTERN, row["symbol"]) is None:
        return f"a symbol that does not match {SYMBOL_PATTERN.strip('^$')}"
    return None


def _rank(row: Mapping[str, Any]) -> tuple[bool, bool, str]:
    return row["status"] == "active", row["tradable"], str(row.get("id"))


def _instrument(row: Mapping[str, Any], known_at: datetime) -> dict[str, object]:
    tradable = row["status"] == "active" and row["tradable"]
    easy = row.get("easy_to_borrow") is True or row.get("borrow_status") == "easy_to_borrow"
    if row.get("borrow_status") == "hard_to_borrow":
        easy = False
    return {
        "symbol": row["symbol"],
        "name": str(row["name"]) if row.get("name") else None,
        "asset_class": row["class"],
        "exchange": row["exchange"],
        "currency": _CURRENCY,
        "sector": None,
        "first_session": None,
        "last_session": None,
        "tradable": tradable,
        "shortable": tradable and row["shortable"] and easy,
        "source": _SOURCE,
        "known_at": known_at,
    }


def _table(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=INSTRUMENTS_SCHEMA)


def _refused_table(rows: Sequence[tuple[str, None, str, str]]) -> pa.Table:
    names = REFUSED_ROWS_SCHEMA.names
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in sorted(rows, key=lambda row: row[::3])],
        schema=REFUSED_ROWS_SCHEMA,
    )
