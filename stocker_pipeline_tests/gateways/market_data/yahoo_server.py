"""A Yahoo Finance on this machine: true histories, sent the way Yahoo sends them, and its faults.

``Listing`` is what was traded; ``YahooServer`` adjusts it for all its splits, rounds it to six
decimals and float32, and answers questions for charts and crumbs. Sessions from ``session()`` and
``requests_session()`` reach nothing else, whatever address they are given.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import requests
from yfinance.data import SingletonMeta, YfData  # type: ignore[import-untyped]

from stocker_pipeline.domain.session import NEW_YORK, SessionCalendar
from stocker_pipeline.gateways.market_data.yahoo_transport import BoundedSession
from stocker_pipeline_tests.gateways.market_data.http_faults import FaultyServer, Reply, Request

NOT_FOUND = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
NO_ROWS = {
    "code": "Bad Request",
    "description": "Data doesn't exist for startDate = 1, endDate = 2",
}
PRICES = ("open", "high", "low", "close")


@dataclass
class Listing:
    """One share as traded: prices in dollars, volume in shares, dividends as paid."""

    days: list[date]
    prices: dict[str, np.ndarray]
    volume: np.ndarray
    splits: dict[date, tuple[float, float]] = field(default_factory=dict)
    dividends: dict[date, float] = field(default_factory=dict)
    gains: dict[date, float] = field(default_factory=dict)

    def chart(self, symbol: str, begin: int, end: int) -> dict[str, Any] | None:
        """The result that Yahoo sends for stamps begin … end−1; None = it has no row there."""
        stamps = np.array([stamp(day) for day in self.days])
        asked = (stamps >= begin) & (stamps < end)
        if not asked.any():
            return None
        later = np.array([self._later(day) for day in self.days])
        sent = {name: as_sent(self.prices[name] / later) for name in PRICES}
        volume = np.rint(self.volume * later)
        adjusted = as_sent(sent["close"] * self._dividend_factor(sent["close"]))
        return {
            "meta": {
                "currency": "USD",
                "symbol": symbol,
                "instrumentType": "EQUITY",
                "firstTradeDate": int(stamps[0]),
                "exchangeTimezoneName": "America/New_York",
                "timezone": "EST",
                "gmtoffset": -18000,
                "dataGranularity": "1d",
                "priceHint": 2,
                "validRanges": ["1d", "5d", "max"],
            },
            "timestamp": stamps[asked].tolist(),
            "events": self._events(begin, end),
            "indicators": {
                "quote": [
                    {
                        **{name: sent[name][asked].tolist() for name in PRICES},
                        "volume": volume[asked].astype(int).tolist(),
                    }
                ],
                "adjclose": [{"adjclose": adjusted[asked].tolist()}],
            },
        }

    def _later(self, day: date) -> float:
        return float(np.prod([a / b for ex_date, (a, b) in self.splits.items() if ex_date > day]))

    def _dividend_factor(self, close: np.ndarray) -> np.ndarray:
        factor = np.ones(len(close))
        for ex_date, paid in self.dividends.items():
            row = self.days.index(ex_date)
            factor[:row] *= 1 - paid / self._later(ex_date) / close[row - 1]
        return factor

    def _events(self, begin: int, end: int) -> dict[str, Any]:
        def inside(events: dict[date, Any]) -> list[tuple[date, Any]]:
            return [(day, event) for day, event in events.items() if begin <= stamp(day) < end]

        def amounts(events: dict[date, float]) -> dict[str, Any]:
            return {
                str(stamp(day)): {
                    "amount": round(paid / self._later(day), 6),
                    "date": stamp(day),
                }
                for day, paid in inside(events)
            }

        splits = {
            str(stamp(day)): {
                "date": stamp(day),
                "numerator": new,
                "denominator": old,
                "splitRatio": f"{new:g}:{old:g}",
            }
            for day, (new, old) in inside(self.splits)
        }
        events = {"splits": splits, "dividends": amounts(self.dividends)}
        if self.gains:
            events["capitalGains"] = amounts(self.gains)
        return {kind: found for kind, found in events.items() if found}


class YahooServer(FaultyServer):
    """A local server; use it with ``with``.

    Attributes:
        listings: Yahoo's symbol → what was traded.
        edits: Yahoo's symbol → change to the chart's result before it is sent.
    """

    def __init__(self) -> None:
        self.listings: dict[str, Listing] = {}
        self.edits: dict[str, Callable[[dict[str, Any]], None]] = {}
        super().__init__()

    def fail(self, symbol: str, fault: Any, times: int = 1_000_000) -> None:
        """Let a fault happen to the next requests for the chart of a symbol, ``*`` = of any."""
        part = "/chart/" if symbol == "*" else f"/chart/{symbol}?"
        self.fault(fault, times=times, where=part)

    def asked_symbols(self) -> list[str]:
        """The symbol of every chart request, as Yahoo writes it."""
        return [unquote(request.path.rsplit("/", 1)[1]) for request in self.asked("/chart/")]

    def session(self, timeout_seconds: float = 5.0) -> BoundedSession:
        """The session of the product, bent to this server."""
        address = self.url

        class LocalSession(BoundedSession):
            def request(self, method: Any, url: str, **options: Any) -> Any:  # type: ignore[override]
                return super().request(method, _bent(url, address), **options)

        return LocalSession(timeout_seconds)

    def requests_session(self) -> requests.Session:
        """A session of the package requests, bent to this server."""
        address = self.url

        class LocalSession(requests.Session):
            def request(self, method: Any, url: Any, *args: Any, **options: Any) -> Any:
                return super().request(method, _bent(str(url), address), *args, **options)

        return LocalSession()

    def reply(self, request: Request) -> Reply:
        if request.path == "/v1/test/getcrumb":
            return Reply("crumb")
        if not request.path.startswith("/v8/finance/chart/"):
            return Reply("nothing here", 404)  # cookies and consent: Yahoo does the same
        symbol = unquote(request.path.rsplit("/", 1)[1])
        if symbol not in self.listings:
            return Reply(chart_text(None, NOT_FOUND), 404)
        # A question without a period is that of yfinance's own reader for the time zone.
        begin, end = (int(request.query.get(k, v)) for k, v in (("period1", 0), ("period2", 2**40)))
        result = self.listings[symbol].chart(symbol, begin, end)
        if result is None:
            return Reply(chart_text(None, NO_ROWS), 400)
        if symbol in self.edits:
            self.edits[symbol](result)
        return Reply(chart_text([result]))


def chart_text(result: Any, error: Any = None) -> str:
    """The document around a result or an error."""
    return json.dumps({"chart": {"result": result, "error": error}})


def stamp(day: date, at: time = time(9, 30)) -> int:
    """Seconds since 1970 of a wall time in New York."""
    return int(datetime.combine(day, at, NEW_YORK).timestamp())


def as_sent(price: np.ndarray) -> np.ndarray:
    """Rounded to six decimals and stored as float32."""
    return np.round(price, 6).astype(np.float32).astype(np.float64)


def listing(
    first: date,
    last: date,
    *,
    price: float = 50.0,
    seed: int = 1,
    splits: dict[date, tuple[float, float]] | None = None,
    dividends: dict[date, float] | None = None,
) -> Listing:
    """A random walk in whole cents that falls by each split's ratio at its ex-date."""
    splits = splits or {}
    random = np.random.default_rng(seed)
    days = SessionCalendar.between(first, last).sessions(first, last).tolist()
    count = len(days)
    close = np.exp(np.cumsum(random.normal(0, 0.015, count)))
    for day, (new, old) in splits.items():
        close[days.index(day) :] *= old / new
    close *= price / close[0]
    ahead = np.exp(np.abs(random.normal(0, 0.006, (2, count))))
    open_ = close * np.exp(random.normal(0, 0.004, count))
    prices = {
        "open": open_,
        "high": np.maximum(open_, close) * ahead[0],
        "low": np.minimum(open_, close) / ahead[1],
        "close": close,
    }
    volume = random.integers(100_000, 9_000_000, count).astype(float)
    in_cents = {name: np.round(values, 2) for name, values in prices.items()}
    return Listing(days, in_cents, volume, splits, dividends or {})


FIRST, LAST = date(2019, 1, 2), date(2021, 6, 30)
SPLIT, REVERSE = date(2019, 8, 5), date(2020, 10, 19)
SPLITS = {SPLIT: (4, 1), date(2020, 3, 2): (3, 2), REVERSE: (1, 8)}
DIVIDENDS = {date(2019, 3, 11): 0.47, SPLIT: 0.13, date(2021, 2, 8): 1.205}


@contextmanager
def two_listings() -> Iterator[YahooServer]:
    """ACME, which splits three times, and BRK-B, which never does, to a yfinance that is new."""
    _forget()
    with YahooServer() as server:
        server.listings["ACME"] = listing(
            FIRST, LAST, price=120, splits=SPLITS, dividends=DIVIDENDS
        )
        server.listings["BRK-B"] = listing(FIRST, LAST, price=200, seed=2)
        yield server
    _forget()


def _forget() -> None:
    """yfinance keeps a session, a crumb and answers for the whole process."""
    SingletonMeta._instances.pop(YfData, None)
    YfData.cache_get.cache_clear()


def clock_at(day: date, hour: int = 18, minute: int = 0) -> datetime:
    """An instant by New York's wall time."""
    return datetime.combine(day, time(hour, minute), NEW_YORK).astimezone(UTC)


def _bent(url: str, address: str) -> str:
    parts = urlsplit(url)
    return f"{address}{parts.path}" + (f"?{parts.query}" if parts.query else "")
