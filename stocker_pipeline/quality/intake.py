"""From tables to aligned arrays: which rows are bars of a session at all.

Rows that are no bar (a closed day, a day not over yet, the same session twice) become findings
here, because nothing after this module can see them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.bars import PRICE_USD_MAX, SPLIT_DENOMINATOR_MAX
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.domain.xnys import EARLIEST, LATEST
from stocker_pipeline.quality.findings import Finding, Severity, Treatment, dollars
from stocker_pipeline.quality.series import Events, Series

NUMBERS = ("open", "high", "low", "close", "volume", "adj_close")
_BAR_COLUMNS = ("symbol", "session", *NUMBERS[:-1])
_ACTION_COLUMNS = ("symbol", "session", "split", "dividend")
_REFUSED_COLUMNS = ("symbol", "session", "reason", "evidence")

NOT_A_SESSION = "not_a_session"
DUPLICATE = "duplicate_row"
UNREADABLE = "unreadable"
IMPOSSIBLE_ACTION = "impossible_action"
_REFUSED_AS = {"duplicate": DUPLICATE}


@dataclass(frozen=True, eq=False)
class Received:
    """The bars of the sessions, and what was found wrong with the other rows."""

    series: Series
    findings: list[Finding]


def received(
    bars: pa.Table, actions: pa.Table, *, calendar_last: date, hole_sessions_long: int
) -> Received:
    """Sort, align with the calendar, and set aside what is no bar of a session.

    Raises:
        InputRefused: A column is missing or of another kind.
    """
    where = "bars given to the quality gate"
    table, findings = _without_nameless(bars, _BAR_COLUMNS, where)
    codes, names = _codes(table, where)
    days = _days(table, where)
    order = np.lexsort((np.arange(len(codes)), days, codes))
    codes, days = codes[order], days[order]
    numbers = {name: _numbers(table, name, where)[order] for name in NUMBERS}
    calendar = _sessions(days, calendar_last)
    kept = np.isin(days, calendar)
    findings += _closed_days(names, codes, days, ~kept, calendar_last)
    again = np.zeros(len(codes), dtype=bool)
    again[1:] = (codes[1:] == codes[:-1]) & (days[1:] == days[:-1])
    findings += _duplicates(names, codes, days, again & kept, numbers)
    kept &= ~again
    chosen = {name: values[kept] for name, values in numbers.items()}
    sessions = np.searchsorted(calendar, days[kept])
    events, impossible = _events(actions, names, calendar)
    series = Series(
        names=tuple(names),
        calendar=calendar,
        code=codes[kept],
        session=sessions,
        events=events,
        hole_sessions_long=hole_sessions_long,
        **chosen,
    )
    return Received(series, findings + impossible)


def refused_findings(refused_rows: pa.Table | None) -> list[Finding]:
    """What the provider set aside, one finding per row, under the provider's reason.

    Raises:
        InputRefused: A column is missing.
    """
    if refused_rows is None:
        return []
    where = "refused rows given to the quality gate"
    _require(refused_rows, _REFUSED_COLUMNS, where)
    columns = [_cast(refused_rows, name, pa.string(), where) for name in ("symbol", "reason")]
    days = _cast(refused_rows, "session", pa.date32(), where).to_pylist()
    evidence = _cast(refused_rows, "evidence", pa.string(), where).to_pylist()
    rows = zip(columns[0].to_pylist(), days, columns[1].to_pylist(), evidence, strict=True)
    return [
        Finding(
            symbol or "",
            day,
            _REFUSED_AS.get(reason or "", reason or UNREADABLE),
            "info" if reason == "live_row" else "warning",
            f"the source's row is no bar: {text or reason or 'no reason was given'}",
            "a row that the provider can read as a bar of a session",
            "flagged",
        )
        for symbol, day, reason, text in rows
    ]


def _without_nameless(
    bars: pa.Table, columns: Sequence[str], where: str
) -> tuple[pa.Table, list[Finding]]:
    _require(bars, columns, where)
    named = pc.and_(pc.is_valid(bars["symbol"]), pc.is_valid(bars["session"]))
    lost = bars.filter(pc.invert(named))
    findings = [
        Finding(
            str(symbol or ""),
            day if isinstance(day, date) else None,
            UNREADABLE,
            "warning",
            f"a row without {'symbol' if symbol is None else 'session'}",
            "a symbol and a session in every row",
            "flagged",
        )
        for symbol, day in zip(lost["symbol"].to_pylist(), lost["session"].to_pylist(), strict=True)
    ]
    return bars.filter(named), findings


def _sessions(days: np.ndarray, calendar_last: date) -> np.ndarray:
    """The calendar's sessions from the first bar to ``calendar_last``, datetime64[D]."""
    low, high = np.datetime64(EARLIEST), np.datetime64(LATEST)
    known = days[(days >= low) & (days <= high)]
    last = min(max(calendar_last, EARLIEST), LATEST)
    first: date = min(known.min().item(), last) if len(known) else last
    return SessionCalendar.between(first, last).sessions(first, last)


def _closed_days(
    names: list[str],
    codes: np.ndarray,
    days: np.ndarray,
    closed: np.ndarray,
    calendar_last: date,
) -> list[Finding]:
    def reason(day: date) -> str:
        if day > calendar_last:
            return f"dated {day}, after {calendar_last}, the last session that is over"
        return f"dated {day} ({day:%A}), on which the exchange does not trade"

    return [
        Finding(
            names[codes[row]],
            days[row].item(),
            NOT_A_SESSION,
            "error",
            reason(days[row].item()),
            f"a session of XNYS up to {calendar_last}",
            "quarantined",
        )
        for row in np.flatnonzero(closed)
    ]


def _duplicates(
    names: list[str],
    codes: np.ndarray,
    days: np.ndarray,
    again: np.ndarray,
    numbers: dict[str, np.ndarray],
) -> list[Finding]:
    found = []
    for row in np.flatnonzero(again):
        pairs = [(name, values[row - 1], values[row]) for name, values in numbers.items()]
        differ = [
            f"{name} {dollars(one)} and {dollars(two)}"
            for name, one, two in pairs
            if not (one == two or (np.isnan(one) and np.isnan(two)))
        ]
        severity: Severity = "error" if differ else "warning"
        treatment: Treatment = "quarantined" if differ else "flagged"
        what = f"with other numbers: {', '.join(differ)}" if differ else "with the same numbers"
        found.append(
            Finding(
                names[codes[row]],
                days[row].item(),
                DUPLICATE,
                severity,
                f"the session is there again, {what}",
                "one bar per symbol and session",
                treatment,
            )
        )
    return found


def _events(
    actions: pa.Table, names: list[str], calendar: np.ndarray
) -> tuple[Events, list[Finding]]:
    """Splits and dividends of the named symbols, on the session they take effect (ENGINE E4).

    Those after the calendar's end are not in any price yet. Impossible ones are found, not used.
    """
    where = "corporate actions given to the quality gate"
    table, findings = _without_nameless(actions, _ACTION_COLUMNS, where)
    code_of = {name: code for code, name in enumerate(names)}
    symbols = _cast(table, "symbol", pa.string(), where).to_pylist()
    codes = np.array([code_of.get(symbol, -1) for symbol in symbols], dtype=np.int64)
    days = _days(table, where)
    split, dividend = (_numbers(table, name, where) for name in ("split", "dividend"))
    limit = SPLIT_DENOMINATOR_MAX
    sane = (split >= 1 / limit) & (split <= limit) & (dividend >= 0) & (dividend <= PRICE_USD_MAX)
    for row in np.flatnonzero(~sane).tolist():
        findings.append(
            Finding(
                symbols[row],
                days[row].item(),
                IMPOSSIBLE_ACTION,
                "error",
                f"a split of {split[row]:g} and a dividend of {dividend[row]:g} dollars; not used",
                f"a split from 1/{limit} to {limit} and a dividend of 0 or more",
                "flagged",
            )
        )
    sessions = np.searchsorted(calendar, days)
    acts = (split != 1) | (dividend != 0)
    order = np.lexsort((days, codes))
    order = order[(sane & acts & (codes >= 0) & (sessions < len(calendar)))[order]]
    return Events(codes[order], sessions[order], split[order], dividend[order]), findings


def _codes(table: pa.Table, where: str) -> tuple[np.ndarray, list[str]]:
    """Each row's symbol as its place among the sorted names, and those names."""
    encoded = _cast(table, "symbol", pa.string(), where).dictionary_encode()
    found = encoded.dictionary.to_pylist()
    names = sorted(found)
    place = {name: i for i, name in enumerate(names)}
    ranks = np.array([place[name] for name in found], dtype=np.int64)
    return ranks[encoded.indices.to_numpy(zero_copy_only=False)], names


def _days(table: pa.Table, where: str) -> np.ndarray:
    days = _cast(table, "session", pa.date32(), where).cast(pa.int32())
    return days.to_numpy(zero_copy_only=False).astype("datetime64[D]")


def _numbers(table: pa.Table, name: str, where: str) -> np.ndarray:
    """A column as float64; empty cells, and a column that is not there, are NaN."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return _cast(table, name, pa.float64(), where).to_numpy(zero_copy_only=False)


def _require(table: pa.Table, columns: Sequence[str], where: str) -> None:
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise InputRefused(
            f"the columns {', '.join(columns)}",
            f"a table without {', '.join(missing)}",
            where=where,
            remedy="Give the table as the market data provider or the lake hands it over.",
        )


def _cast(table: pa.Table, name: str, kind: Any, where: str) -> Any:
    column = table[name].combine_chunks()
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputRefused(
            f"a column of {kind}",
            f"{column.type}: {error}",
            where=f"{where}, column {name}",
            remedy="Give the table as the market data provider or the lake hands it over.",
        ) from error
