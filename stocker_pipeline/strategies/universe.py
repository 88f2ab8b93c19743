"""Which symbols a portfolio may hold, and when: a list, a list with dates, or a filter over it.

Belongs here: the part of the YAML under ``universe``, and its translation into what the engine
knows. Stays out: how membership is computed from arrays (``engine.membership``), and what happens
to a position whose symbol leaves (ENGINE E20).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

from stocker_pipeline.domain.errors import StockerError
from stocker_pipeline.domain.portfolio import Symbol, bounded
from stocker_pipeline.domain.session import parsed_date
from stocker_pipeline.engine.membership import Bounds, first_of_months, listed, passing
from stocker_pipeline.engine.panel import bar_matrix

_SCIENTIFIC = r"^[0-9]+(\.[0-9]+)?[eE][0-9]+$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_FORMS = "a list of symbols, or a mapping with symbols and, where wanted, changes and filter"


def _day(value: object) -> object:
    """A date as YAML readers give it: some as a date, some as text."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return parsed_date(str(value), where="from")
    except StockerError:
        raise ValueError("a date as YYYY-MM-DD, like 2010-01-04") from None


def _number(value: object) -> object:
    """YAML 1.1 reads 1e6 as text; a person means the number."""
    if isinstance(value, str) and re.fullmatch(_SCIENTIFIC, value):
        return float(value)
    return value


def _each_once(value: list[str]) -> list[str]:
    twice = sorted({symbol for symbol in value if value.count(symbol) > 1})
    if twice:
        raise ValueError(f"universe names {', '.join(twice)} more than once")
    return sorted(value)


def _dollars(ceiling: float) -> WithJsonSchema:
    """The schema of an amount up to ``ceiling``, 1e6 allowed; a NaN breaks it too."""
    return WithJsonSchema(
        {
            "type": ["number", "string"],
            "minimum": 0,
            "maximum": ceiling,
            "pattern": _SCIENTIFIC,
            "not": {"type": "number", "exclusiveMinimum": ceiling},
        }
    )


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "pattern": _DATE})]
Symbols = Annotated[list[Symbol], AfterValidator(_each_once)]
Price = Annotated[float, bounded(ge=0, le=1e6), BeforeValidator(_number), _dollars(1e6)]
Turnover = Annotated[float, bounded(ge=0, le=1e12), BeforeValidator(_number), _dollars(1e12)]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, serialize_by_alias=True)


class UniverseChange(_Checked):
    """Symbols that join and leave a universe on one date."""

    since: Day = Field(
        alias="from",
        description="Date of the change, YYYY-MM-DD; it holds from the first session on or after.",
    )
    add: Symbols = Field([], description="Symbols that may be held from this date on.")
    remove: Symbols = Field(
        [], description="Symbols that may not any more; what is held of them is closed."
    )


class UniverseFilter(_Checked):
    """What a symbol must keep to be held, decided from its own bars before the session."""

    price_min_usd: Price | None = Field(
        None, description="Smallest close of the newest own bar, dollars as traded; null = any."
    )
    dollar_volume_min_usd: Turnover | None = Field(
        None,
        description="Smallest mean of close times volume over the last dollar_volume_sessions own "
        "bars, dollars per session; null = any.",
    )
    dollar_volume_sessions: Annotated[int, bounded(ge=1, le=1260)] = Field(
        63, description="Own bars in the mean of dollar volume; a symbol with fewer stays out."
    )
    history_min_sessions: Annotated[int, bounded(ge=1, le=10080)] = Field(
        1, description="Smallest number of own bars before the session."
    )
    bar_age_max_sessions: Annotated[int, bounded(ge=1, le=1260)] | None = Field(
        21, description="Largest age of the newest own bar, sessions; null = any."
    )
    review: Literal["daily", "monthly"] = Field(
        "monthly",
        description="When membership may change: every session, or the first one of each month.",
    )

    def bounds(self) -> Bounds:
        """The same for the engine: null becomes NaN, or 0 for the age."""

        def number(value: float | None) -> float:
            return float("nan") if value is None else float(value)

        return Bounds(
            price_min_usd=number(self.price_min_usd),
            dollar_volume_min_usd=number(self.dollar_volume_min_usd),
            dollar_volume_sessions=self.dollar_volume_sessions,
            history_min_sessions=self.history_min_sessions,
            bar_age_max_sessions=self.bar_age_max_sessions or 0,
        )


class Universe(_Checked):
    """A universe as the YAML has it. A plain list is the one without changes and filter."""

    symbols: Annotated[list[Symbol], Field(min_length=1), AfterValidator(_each_once)] = Field(
        description="Symbols from the beginning on, or candidates of the filter; each once."
    )
    changes: list[UniverseChange] = Field([], description="Who joins and leaves, oldest first.")
    filter: UniverseFilter | None = Field(
        None, description="Bounds that a listed symbol must keep; null = none."
    )

    @model_validator(mode="before")
    @classmethod
    def _list_or_mapping(cls, data: Any) -> Any:
        if isinstance(data, list):
            return {"symbols": data}
        if isinstance(data, (Mapping, cls)):
            return data
        raise ValueError(_FORMS)

    @model_validator(mode="after")
    def _changes_fit(self) -> Self:
        """Each change is later than the one before and changes what it says."""
        members, before = set(self.symbols), None
        for change in self.changes:
            at = f"the change from {change.since}"
            if before is not None and change.since <= before:
                raise ValueError(f"{at} follows the one from {before}: write the oldest first")
            for wrong, sentence in (
                (set(change.add) & set(change.remove), "adds and removes"),
                (set(change.add) & members, "adds, though listed already,"),
                (set(change.remove) - members, "removes, though not listed,"),
            ):
                if wrong:
                    raise ValueError(f"{at} {sentence} {', '.join(sorted(wrong))}")
            if not (change.add or change.remove):
                raise ValueError(f"{at} neither adds nor removes a symbol")
            members = (members | set(change.add)) - set(change.remove)
            before = change.since
        return self

    @model_serializer(mode="wrap")
    def _plain_where_it_is(self, handler: SerializerFunctionWrapHandler) -> Any:
        """What says no more than a list is written as one, so that equal universes look equal."""
        return list(self.symbols) if self.is_plain else handler(self)

    @property
    def is_plain(self) -> bool:
        """Whether the same symbols are members on every session."""
        return not self.changes and self.filter is None

    @property
    def candidates(self) -> list[str]:
        """Every symbol that may ever be held, sorted."""
        return sorted({*self.symbols, *(name for change in self.changes for name in change.add)})

    def listed_on(self, day: date) -> list[str]:
        """The symbols that the list has on a date, sorted; the filter is not asked."""
        found = set(self.symbols)
        for change in self.changes:
            if change.since <= day:
                found = (found | set(change.add)) - set(change.remove)
        return sorted(found)

    def member(self, symbols: Sequence[str], sessions: np.ndarray, bars: pa.Table) -> np.ndarray:
        """Whether a symbol may be held, bool; one row for ever, or ``[sessions, symbols]``.

        A row depends on bars before its session alone.

        Args:
            symbols: Column names; those that the universe does not name are never members.
            sessions: Row dates, datetime64[D], ascending, from the first bar on.
            bars: symbol, session, close and volume, raw.
        """
        if self.is_plain:
            return np.array([[symbol in self.symbols for symbol in symbols]])
        changes = [(change.since, change.add, change.remove) for change in self.changes]
        member = listed(symbols, sessions, self.symbols, changes)
        if self.filter is not None:
            daily = self.filter.review == "daily"
            member &= passing(
                bar_matrix(bars, sessions, tuple(symbols), "close"),
                bar_matrix(bars, sessions, tuple(symbols), "volume"),
                np.ones(len(sessions), bool) if daily else first_of_months(sessions),
                self.filter.bounds(),
            )
        return member


def keys_at(path: Sequence[str]) -> list[str]:
    """The keys that the YAML may have in the mapping that contains the last part of ``path``.

    Args:
        path: Under ``universe``, like ``("changes", "0", "added")``.
    """
    inner: dict[str, type[BaseModel]] = {"changes": UniverseChange, "filter": UniverseFilter}
    model = inner.get(path[0], Universe) if len(path) > 1 else Universe
    return [field.alias or name for name, field in model.model_fields.items()]
