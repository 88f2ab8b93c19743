"""What an answer of Yahoo's chart interface says: rows, splits, dividends, or why there are none.

The document is read without judging a price. An answer is believed only if it is about the symbol
asked for, in dollars, in New York, one row a day; a symbol is missing only if Yahoo says so in its
own words. Stays out: asking (``yahoo_transport``), which rows are bars (``yahoo_rows``).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.bars import SPLIT_DENOMINATOR_MAX, split_fraction
from stocker_pipeline.domain.session import NEW_YORK
from stocker_pipeline.gateways.market_data.asking import Passing, Rejected
from stocker_pipeline.gateways.market_data.basis import Split

NUMBERS = ("open", "high", "low", "close", "volume", "adj_close")

_ZONE, _CURRENCY, _GRANULARITY = NEW_YORK.key, "USD", "1d"
_UNKNOWN_SYMBOL, _NO_ROWS = "No data found", "Data doesn't exist"
"""How Yahoo begins the two sentences that mean there is nothing."""
_NOTHING_STATUSES = (200, 400, 404)
"""It says them with one of these. With another status the sentence is not believed."""
_SECONDS_MAX = 4_102_444_800
"""2100-01-01; a larger stamp is in milliseconds, or nonsense."""
_EVENING = 18
"""Hour in New York. A daily bar is stamped at the open, at the latest at the close; one stamped in
the evening is meant for midnight in another zone, and which day it belongs to is not known."""
_CELL_TYPES = {float, int, type(None)}
"""A bool is an int too, but no number of a market."""
_EXCERPT_LENGTH = 160


class NothingThere(Exception):
    """The source answered that it has no bar."""


@dataclass(frozen=True)
class Chart:
    """One symbol as sent, rows in the order sent.

    Attributes:
        stamps: datetime64[s], wall time in New York; NaT where unreadable.
        numbers: ``NUMBERS`` → float64, split-adjusted; NaN = unknown or not finite.
        unreadable: Row → what cannot be read in it.
        splits: Not those of 1:1.
        dividends: Ex-date → split-adjusted dollars per share.
        gains: Ex-date → split-adjusted capital gain of a fund, dollars per share.
    """

    stamps: np.ndarray
    numbers: Mapping[str, np.ndarray]
    unreadable: Mapping[int, str]
    splits: tuple[Split, ...]
    dividends: Mapping[date, float]
    gains: Mapping[date, float]


def read_chart(status: int, body: str, symbol: str) -> Chart:
    """The chart in an answer about ``symbol``, as Yahoo writes it.

    Raises:
        NothingThere: Yahoo says that it does not have the symbol, or no row in the range.
        Passing: The answer is damaged, or is no answer.
        Rejected: The answer is about something else, or contradicts itself.
    """
    try:
        chart = json.loads(body)["chart"]
        error, results = chart["error"], chart["result"]
    except (ValueError, KeyError, TypeError) as broken:
        raise Passing(f"HTTP {status} with a body that is no chart: {_excerpt(body)}") from broken
    if error:
        _raise_for(status, error)
    if status != 200 or not isinstance(results, list) or len(results) != 1:
        raise Passing(f"HTTP {status} with a chart of no result: {_excerpt(body)}")
    try:
        return _chart(results[0], symbol)
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as broken:
        reason = f"{type(broken).__name__}: {in_one_line(str(broken))}"
        raise Passing(f"a chart that cannot be read ({reason}): {_excerpt(body)}") from broken


def in_one_line(text: str) -> str:
    """The text without line breaks, cut to a length that fits a message."""
    text = " ".join(text.split())
    return text if len(text) <= _EXCERPT_LENGTH else text[:_EXCERPT_LENGTH] + " …"


def _raise_for(status: int, error: Any) -> None:
    text = str(error.get("description") if isinstance(error, dict) else error)
    said = f"HTTP {status}, {in_one_line(text)!r}"
    if status in _NOTHING_STATUSES and text.startswith(_UNKNOWN_SYMBOL):
        raise NothingThere(f"yfinance does not have this symbol ({said})")
    if status in _NOTHING_STATUSES and text.startswith(_NO_ROWS):
        raise NothingThere(f"no bar in the range asked for ({said})")
    raise Passing(f"Yahoo reports an error ({said})")


def _chart(result: dict[str, Any], symbol: str) -> Chart:
    meta = result["meta"]
    for key, wanted in (
        ("symbol", symbol),
        ("currency", _CURRENCY),
        ("exchangeTimezoneName", _ZONE),
        ("dataGranularity", _GRANULARITY),
    ):
        if meta.get(key) != wanted:
            raise Rejected(f"an answer whose {key} is {meta.get(key)!r}, not {wanted!r}")
    stamps = result.get("timestamp") or []
    columns = dict(result["indicators"]["quote"][0]) if stamps else {}
    if stamps:
        adjusted = result["indicators"].get("adjclose")
        columns["adj_close"] = adjusted[0]["adjclose"] if adjusted else [None] * len(stamps)
    unreadable: dict[int, str] = {}
    numbers = {name: np.empty(0) for name in NUMBERS}
    for name in NUMBERS if stamps else ():
        if len(columns[name]) != len(stamps):
            raise Passing(f"{len(stamps)} rows with {len(columns[name])} cells of {name}")
        numbers[name] = _floats(columns[name], name, unreadable)
    times = _wall_times(stamps, unreadable)
    if stamps and len(unreadable) == len(stamps):
        raise Passing(f"{len(stamps)} rows of which none can be read: {unreadable[0]}")
    events = result.get("events") or {}
    return Chart(
        times,
        numbers,
        unreadable,
        _splits(events),
        _amounts(events, "dividends"),
        _amounts(events, "capitalGains"),
    )


def _floats(cells: list[Any], name: str, unreadable: dict[int, str]) -> np.ndarray:
    """Cells as float64; NaN for null and for what is not finite. Text and truth are unreadable."""
    if not set(map(type, cells)) <= _CELL_TYPES:
        for row, cell in enumerate(cells):
            if type(cell) not in _CELL_TYPES:
                unreadable.setdefault(row, f"{name} is {in_one_line(repr(cell))}")
        cells = [cell if type(cell) in _CELL_TYPES else None for cell in cells]
    numbers = np.array(cells, dtype=np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _wall_times(stamps: list[Any], unreadable: dict[int, str]) -> np.ndarray:
    readable = [type(s) is int and 0 <= s < _SECONDS_MAX for s in stamps]
    for row in (row for row, fine in enumerate(readable) if not fine):
        unreadable[row] = f"its time is {in_one_line(repr(stamps[row]))}"
    seconds = [stamp if fine else None for stamp, fine in zip(stamps, readable, strict=True)]
    zoned = pa.array(seconds, pa.timestamp("s", "UTC")).cast(pa.timestamp("s", _ZONE))
    times = np.asarray(pc.local_timestamp(zoned)).astype("datetime64[s]")
    hour = (times - times.astype("datetime64[D]")).astype("timedelta64[h]").astype(np.int64)
    for row in np.flatnonzero((hour >= _EVENING) & ~np.isnat(times)).tolist():
        unreadable.setdefault(row, f"it is stamped {times[row]} in New York, after the close")
    return times


def _splits(events: Mapping[str, Any]) -> tuple[Split, ...]:
    found: dict[date, Split] = {}
    for day, event in _events(events, "splits"):
        ratio = _number(event["numerator"]) / (_number(event["denominator"]) or np.nan)
        if not 1 / SPLIT_DENOMINATOR_MAX <= ratio <= SPLIT_DENOMINATOR_MAX:
            raise Rejected(f"a split that is no ratio: {in_one_line(str(event))}")
        split = Split(day, split_fraction(ratio))
        if found.setdefault(day, split) != split:
            said = f"{found[day].ratio} and {split.ratio}"
            raise Rejected(f"two different splits on {day}: {said}")
    return tuple(split for split in found.values() if split.ratio != 1)


def _amounts(events: Mapping[str, Any], kind: str) -> dict[date, float]:
    found: dict[date, float] = {}
    for day, event in _events(events, kind):
        amount = _number(event["amount"])
        if not 0 <= amount < np.inf or event.get("currency") not in (None, "", _CURRENCY):
            said = in_one_line(str(event))
            raise Rejected(f"{kind} that are no amount in {_CURRENCY}: {said}")
        if amount:
            found[day] = found.get(day, 0.0) + amount
    return found


def _events(events: Mapping[str, Any], kind: str) -> Iterator[tuple[date, dict[str, Any]]]:
    """Each event once with its date in New York: the key is a stamp too, but only mostly."""
    for event in (events.get(kind) or {}).values():
        unreadable: dict[int, str] = {}
        time = _wall_times([event["date"]], unreadable)[0]
        if unreadable:
            raise Rejected(f"{kind}: {unreadable[0]}")
        yield time.astype("datetime64[D]").item(), event


def _number(value: Any) -> float:
    if type(value) not in (float, int):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _excerpt(body: str) -> str:
    return repr(in_one_line(body))
