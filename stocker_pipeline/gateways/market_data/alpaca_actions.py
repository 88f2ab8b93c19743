"""Splits and dividends from Alpaca's corporate actions, of the company behind each symbol.

The endpoint knows symbols, not companies: what happened under an earlier symbol of the same company
must be asked for by that symbol, and what happened under this symbol to another company must go.
Its dates are those on which Alpaca processed the action, often weeks after the ex-date (a dividend
when it is paid), so a wider range is asked for and ex-dates choose. Stays out: HTTP, prices.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import parsed_date
from stocker_pipeline.gateways.market_data.alpaca_client import AlpacaReader, in_groups
from stocker_pipeline.gateways.market_data.answer import Answer, dividend_usd, split_ratio
from stocker_pipeline.gateways.market_data.asking import Rejected

_PATH = "/corporate-actions"
_ROWS_PER_PAGE = 1000
_PROCESSED_BEFORE = timedelta(days=31)
_PROCESSED_AFTER = timedelta(days=92)
"""Dividends are paid, and so processed, up to a quarter after the ex-date."""
_RENAMES_MAX = 10
_DATES = ("ex_date", "effective_date", "process_date")
_NOT_EVIDENCE = ("id", "record_date", "due_bill_on_date", "due_bill_off_date")


@dataclass(frozen=True)
class Rename:
    """A company's symbol changed before the open of ``day``."""

    old: str
    new: str
    day: date


@dataclass(frozen=True)
class Tenure:
    """A company bore ``symbol`` from ``since`` until before ``until``."""

    symbol: str
    since: date = date.min
    until: date = date.max

    def covers(self, day: date) -> bool:
        """Whether it was the company's symbol on this day."""
        return self.since <= day < self.until


def tenures(symbol: str, renames: Sequence[Rename], until: date = date.max) -> list[Tenure]:
    """Under which symbols the company that bears ``symbol`` traded, the latest first."""
    into = [rename for rename in renames if rename.new == symbol and rename.day < until]
    if not into:
        return [Tenure(symbol, until=until)]
    latest = max(into, key=lambda rename: rename.day)
    earlier = tenures(latest.old, renames, latest.day)
    return [Tenure(symbol, latest.day, until), *earlier]


def add_actions(
    reader: AlpacaReader,
    answer: Answer,
    symbols: Sequence[str],
    *,
    first: date,
    last: date,
    today: date,
) -> None:
    """Add the actions of ``symbols`` with ex-dates ``first`` … ``last`` to the answer.

    Cash dividends are taken as declared per share on the ex-date. Alpaca does not say whether the
    dividend of a split's own ex-date is per new share; it is taken to be. A symbol whose actions
    are not known fails: prices without a split are worse than none. What is neither a split nor a
    dividend (spin-offs, mergers, …) becomes a refused row that names it.
    """
    renames, unknown = _renames(reader, symbols, first, today)
    histories = {symbol: tenures(symbol, renames) for symbol in symbols}
    keys = sorted({tenure.symbol for history in histories.values() for tenure in history})
    window = (first - _PROCESSED_BEFORE, last + _PROCESSED_AFTER)
    answers, unanswered = in_groups(
        [key for key in keys if key not in unknown],
        lambda group: _rows(reader, group, window, today),
    )
    unknown.update(unanswered)
    rows = _Rows(answer, first, last)
    for _, found in answers:
        rows.add(found)
    for symbol, history in histories.items():
        absent = [tenure.symbol for tenure in history if tenure.symbol in unknown]
        if absent:
            under = "" if absent[0] == symbol else f" as {absent[0]}"
            reason = f"its corporate actions{under} are not known: {unknown[absent[0]]}"
            answer.fail(symbol, reason)
        else:
            rows.attribute(symbol, history)


def _renames(
    reader: AlpacaReader, symbols: Sequence[str], first: date, today: date
) -> tuple[list[Rename], dict[str, str]]:
    """All changes of symbol since ``first`` that lead to ``symbols``; symbol → why not known.

    Up to today, however early the range ends: bars are those of today's bearer of a symbol.
    """
    found: set[Rename] = set()
    unknown: dict[str, str] = {}
    asked: set[str] = set()
    following = set(symbols)
    for _ in range(_RENAMES_MAX):
        fresh = sorted(following - asked)
        if not fresh or first > today:
            break
        asked |= set(fresh)
        answers, unanswered = in_groups(
            fresh,
            lambda group: _rows(reader, group, (first, today), today, types="name_change"),
        )
        unknown.update(unanswered)
        fresh_renames = {r for _, rows in answers for r in _read_renames(rows)} - found
        found |= fresh_renames
        following = {rename.old for rename in fresh_renames if rename.new in asked}
    return sorted(found, key=lambda rename: (rename.day, rename.old, rename.new)), unknown


def _read_renames(rows: Sequence[tuple[str, Any]]) -> Iterator[Rename]:
    for kind, row in rows:
        if kind == "name_changes" and isinstance(row, dict):
            day, old, new = _day(row), row.get("old_symbol"), row.get("new_symbol")
            # A change of CUSIP alone keeps the symbol.
            if day is not None and isinstance(old, str) and isinstance(new, str) and old != new:
                yield Rename(old, new, day)


def _rows(
    reader: AlpacaReader,
    symbols: Sequence[str],
    window: tuple[date, date],
    today: date,
    **filters: str,
) -> list[tuple[str, Any]]:
    """(Group, row) of every action processed in the window."""
    start, end = window
    if start > end:
        return []
    params = {
        "symbols": ",".join(symbols),
        "start": start.isoformat(),
        "end": end.isoformat(),
        "limit": _ROWS_PER_PAGE,
        "sort": "asc",
        **filters,
    }
    try:
        pages = list(reader.pages(_PATH, params, "corporate_actions"))
    except Rejected as error:
        # Whether the future may be asked about is not documented; announced dividends lie there.
        if end <= today or "symbol" in error.reason.lower():
            raise
        return _rows(reader, symbols, (start, today), today, **filters)
    return [
        (str(kind), row)
        for page in pages
        for kind, rows in page.items()
        for row in (rows if isinstance(rows, list) else [rows])
    ]


class _Rows:
    """Rows by the symbol they are filed under, each once."""

    def __init__(self, answer: Answer, first: date, last: date) -> None:
        self._answer, self._first, self._last = answer, first, last
        self._by_symbol: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self._seen: set[str] = set()

    def add(self, rows: Sequence[tuple[str, Any]]) -> None:
        """File rows under each symbol they name; a row that comes twice counts once."""
        for kind, row in rows:
            content = row if isinstance(row, dict) else {}
            # A reverse split may name the new symbol too, which is not another company.
            names = ["symbol"] if kind in _READERS else [k for k in content if k.endswith("symbol")]
            symbols = {str(content[name]) for name in names if content.get(name)}
            mark = f"{kind} {content.get('id') or json.dumps(row, sort_keys=True, default=str)}"
            if mark in self._seen:
                continue
            self._seen.add(mark)
            for symbol in sorted(symbols):
                self._by_symbol.setdefault(symbol, []).append((kind, content))
            if not symbols:
                self._answer.refuse("?", None, "unreadable", f"{kind}, without a symbol: {row!r}")

    def attribute(self, symbol: str, history: Sequence[Tenure]) -> None:
        """Hand the answer what happened to one company."""
        known: set[tuple[object, ...]] = set()
        for tenure in history:
            for kind, row in self._by_symbol.get(tenure.symbol, []):
                day = _day(row)
                if day is not None and not self._first <= day <= self._last:
                    continue
                if day is not None and not tenure.covers(day):
                    if tenure.symbol == symbol:
                        self._refuse(symbol, day, kind, row, "of the earlier bearer of the symbol")
                    continue
                self._take(symbol, day, kind, row, known)

    def _take(
        self,
        symbol: str,
        day: date | None,
        kind: str,
        row: dict[str, Any],
        known: set[tuple[object, ...]],
    ) -> None:
        if kind not in _READERS:
            text = f"{kind}, neither a split nor a dividend: {_evidence(row)}"
            self._answer.refuse(symbol, day, "other_action", text)
            return
        try:
            if day is None or not row.get("ex_date"):
                raise ValueError("no ex_date")
            split, dividend = _READERS[kind](row)
        except (ValueError, KeyError, ZeroDivisionError) as error:
            self._refuse(symbol, day, kind, row, f"unreadable: {error!s}")
            return
        content = (kind, day, split, dividend, row.get("special"), row.get("sub_type"))
        if content in known:
            text = f"{kind} again under another id: {_evidence(row)}"
            self._answer.refuse(symbol, day, "duplicate", text)
            return
        known.add(content)
        self._answer.action(symbol, day, split, dividend)

    def _refuse(
        self, symbol: str, day: date | None, kind: str, row: dict[str, Any], why: str
    ) -> None:
        self._answer.refuse(symbol, day, "unreadable", f"{kind}, {why}: {_evidence(row)}")


def _day(row: Mapping[str, Any]) -> date | None:
    """The ex-date, or what stands for it where a kind of action has none."""
    text = next((row[name] for name in _DATES if row.get(name)), None)
    try:
        return parsed_date(str(text), where=_PATH)
    except InputRefused:
        return None


def _evidence(row: Mapping[str, Any]) -> str:
    parts = (
        f"{name} {value}"
        for name, value in sorted(row.items())
        if value not in (None, "", False) and name not in _NOT_EVIDENCE and "cusip" not in name
    )
    return ", ".join(parts)


def _split(row: Mapping[str, Any]) -> tuple[Fraction, Decimal]:
    # Through text: 0.1 means a tenth, not the nearest binary fraction.
    ratio = Fraction(str(row["new_rate"])) / Fraction(str(row["old_rate"]))
    return split_ratio(ratio), Decimal(0)


def _stock_dividend(row: Mapping[str, Any]) -> tuple[Fraction, Decimal]:
    rate = Fraction(str(row["rate"]))
    if rate <= 0:
        raise ValueError(f"a stock dividend of {row['rate']!r} shares per share")
    return split_ratio(1 + rate), Decimal(0)


def _cash_dividend(row: Mapping[str, Any]) -> tuple[Fraction, Decimal]:
    if row.get("currency") not in (None, "", "USD"):
        raise ValueError(f"paid in {row['currency']}")
    amount = dividend_usd(row["rate"])
    if amount == 0:
        raise ValueError("a dividend of nothing")
    return Fraction(1), amount


_READERS = {
    "forward_splits": _split,
    "reverse_splits": _split,
    "stock_dividends": _stock_dividend,
    "cash_dividends": _cash_dividend,
}
