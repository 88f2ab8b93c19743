"""The tables of the tear sheet as rows: months by year, results by symbol, facts of the run."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.benchmarks import Benchmark
from stocker_pipeline.analytics.charts import SYMBOLS_SHOWN
from stocker_pipeline.analytics.record import (
    TrackRecord,
    days_of,
    floats_of,
    symbols_of,
)
from stocker_pipeline.analytics.returns import monthly_returns
from stocker_pipeline.analytics.trades import RoundTrip, round_trips

MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_SHADE_STEP = 0.02
"""A cell is one shade darker for every 2% of return, up to four."""


@dataclass(frozen=True, slots=True)
class MonthCell:
    """One month's return: percent with one decimal, and how it is shaded."""

    text: str
    shade: str


@dataclass(frozen=True, slots=True)
class YearRow:
    """One calendar year: twelve months (None = none in the record), the year, the benchmarks."""

    year: int
    months: tuple[MonthCell | None, ...]
    total: MonthCell
    compared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SymbolResult:
    """What one symbol contributed, dollars; dividends are not kept by symbol.

    Attributes:
        symbol: Name, or how many others are folded in.
        trades: Round trips closed.
        wins: Those with a profit.
        sessions_held: Mean length of a trip, weighted by dollars at entry; None without trips.
        realised, unrealised, commissions: Dollars; commissions are a positive cost.
    """

    symbol: str
    trades: int
    wins: int
    sessions_held: float | None
    realised: float
    unrealised: float
    commissions: float

    @property
    def total(self) -> float:
        """Realised and unrealised profit less commissions."""
        return self.realised + self.unrealised - self.commissions


@dataclass(frozen=True, slots=True)
class SymbolTable:
    """Results by symbol, the largest first whatever their sign.

    Attributes:
        shown: Up to 20 symbols.
        folded: The rest, to be shown on demand.
        others: The rest summed up; None where there is no rest.
        total: All symbols.
    """

    shown: Sequence[SymbolResult]
    folded: Sequence[SymbolResult]
    others: SymbolResult | None
    total: SymbolResult


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of the run: a label with text, or with facts below it."""

    label: str
    text: str
    below: tuple["Fact", ...] = ()


def months_by_year(record: TrackRecord, benchmarks: Sequence[Benchmark]) -> list[YearRow]:
    """Monthly returns, the latest year first, beside the yearly returns of the benchmarks."""
    monthly = monthly_returns(record.sessions, record.returns)
    others = [monthly_returns(record.sessions, other.returns).values for other in benchmarks]
    years = monthly.months.astype("datetime64[Y]").astype(int) + 1970
    numbers = monthly.months.astype(int) % 12
    rows = []
    for year in sorted(set(years.tolist()), reverse=True):
        of_year = years == year
        cells: list[MonthCell | None] = [None] * 12
        for i in np.flatnonzero(of_year & monthly.has_session).tolist():
            cells[int(numbers[i])] = _month_cell(float(monthly.values[i]))
        total = _compounded(monthly.values[of_year])
        compared = tuple(_short_percent(_compounded(other[of_year])) for other in others)
        rows.append(YearRow(int(year), tuple(cells), _month_cell(total, steps=4), compared))
    return rows


def symbol_results(record: TrackRecord) -> SymbolTable:
    """Results by symbol of the whole record."""
    trips: dict[str, list[RoundTrip]] = {}
    for trip in round_trips(record):
        trips.setdefault(trip.symbol, []).append(trip)
    commissions = _sums(record.fills, floats_of(record.fills, "commission"))
    unrealised = _unrealised(record)
    names = sorted(trips.keys() | commissions.keys() | unrealised.keys())
    results = [
        _result(name, trips.get(name, []), unrealised.get(name, 0.0), commissions.get(name, 0.0))
        for name in names
    ]
    results.sort(key=lambda result: (-abs(result.total), result.symbol))
    shown, folded = results[:SYMBOLS_SHOWN], results[SYMBOLS_SHOWN:]
    rest = _merged(f"{len(folded)} others", folded, trips) if folded else None
    return SymbolTable(shown, folded, rest, _merged("All", results, trips))


def facts_of(mapping: Mapping[str, Any]) -> list[Fact]:
    """A mapping as facts, in its own order; nested mappings become facts below."""
    facts = []
    for key, value in mapping.items():
        label = str(key).replace("_", " ")
        if isinstance(value, Mapping):
            below = tuple(facts_of(value))
            facts.append(Fact(label, "" if below else "none", below))
        else:
            facts.append(Fact(label, _fact_text(value)))
    return facts


def _fact_text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.10g}"
    if isinstance(value, int):
        return f"{value:,d}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple, set, frozenset)):
        parts: Iterable[Any] = (
            sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        )
        return ", ".join(_fact_text(part) for part in parts) or "none"
    return str(value)


def _month_cell(value: float, steps: int = 1) -> MonthCell:
    text = _short_percent(value)
    level = min(4, math.ceil(abs(value) / (_SHADE_STEP * steps) - 1e-9))
    flat = text.strip("-%") == "0.0"
    return MonthCell(text, "" if flat else f"{'gain' if value > 0 else 'loss'}{level}")


def _short_percent(value: float) -> str:
    return f"{round(value * 100, 1) + 0.0:,.1f}%"


def _compounded(values: np.ndarray) -> float:
    return float(np.prod(1.0 + values) - 1.0)


def _unrealised(record: TrackRecord) -> dict[str, float]:
    """Market value less cost at the last close, by symbol."""
    if not len(record.sessions):
        return {}
    final = pa.array(days_of(record.positions) == record.sessions[-1])
    last = record.positions.filter(final)
    return _sums(last, floats_of(last, "market_value") - floats_of(last, "cost"))


def _sums(table: pa.Table, values: np.ndarray) -> dict[str, float]:
    sums: dict[str, list[float]] = {}
    for name, value in zip(symbols_of(table).tolist(), values.tolist(), strict=True):
        sums.setdefault(name, []).append(value)
    return {name: math.fsum(parts) for name, parts in sums.items()}


def _result(
    name: str, trips: Sequence[RoundTrip], unrealised: float, commissions: float
) -> SymbolResult:
    weight = math.fsum(trip.entry_value_usd for trip in trips)
    held = math.fsum(trip.entry_value_usd * trip.sessions_held for trip in trips)
    return SymbolResult(
        symbol=name,
        trades=len(trips),
        wins=sum(trip.profit_usd > 0 for trip in trips),
        sessions_held=held / weight if weight else None,
        realised=math.fsum(trip.profit_usd for trip in trips),
        unrealised=unrealised,
        commissions=commissions,
    )


def _merged(
    label: str, results: Sequence[SymbolResult], trips: Mapping[str, list[RoundTrip]]
) -> SymbolResult:
    together = [trip for result in results for trip in trips.get(result.symbol, [])]
    unrealised = math.fsum(result.unrealised for result in results)
    commissions = math.fsum(result.commissions for result in results)
    return _result(label, together, unrealised, commissions)
