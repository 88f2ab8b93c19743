"""Column types that hold the same value on SQLite and on PostgreSQL, to the last bit.

Money is an integer in Python and never passes through a float; a float that is no money is kept as
the text that Python reads back to the same bits. Every type refuses what it cannot hold exactly.
"""

import json
import math
import operator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Dialect,
    Integer,
    Numeric,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

from stocker_pipeline.redaction import redacted, redacted_value

MONEY_LIMIT_DOLLARS = 400_000_000_000_000
"""The engine's own bound: what an int64 in 1/10,000 dollar holds, with room to add."""


def _refused(wanted: str, value: object) -> TypeError:
    return TypeError(f"wanted {wanted}; received {value!r} ({type(value).__name__})")


class Money(TypeDecorator[int]):
    """1/10,000 dollar as int; INTEGER on SQLite, NUMERIC(20,4) dollars on PostgreSQL."""

    impl = Numeric(20, 4)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            Integer() if dialect.name == "sqlite" else Numeric(20, 4)  # type: ignore[arg-type]
        )

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        whole = _whole(value, "money as int in 1/10,000 dollar")
        return whole if dialect.name == "sqlite" else Decimal(whole).scaleb(-4)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return _whole(value, "money stored as INTEGER")
        if not isinstance(value, Decimal):
            raise _refused("money stored as NUMERIC", value)
        scaled = value.scaleb(4)
        whole = int(scaled)
        if whole != scaled:
            raise _refused("money stored with four decimals", value)
        return whole


class Whole(TypeDecorator[int]):
    """A signed 64-bit integer; a float is refused even where it is whole."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else _whole(value, "an int")

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        # PostgreSQL adds integers up to a NUMERIC.
        return None if value is None else int(value)


class Ratio(TypeDecorator[float]):
    """A float64 that is no money, as the shortest text with the same bits. No NaN, no infinity."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        number = float(value)
        if not math.isfinite(number):
            raise _refused("a finite number, or None where there is none", value)
        return repr(number)

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:
        return None if value is None else float(value)


class Day(TypeDecorator[date]):
    """A date without a time zone, such as a session; ISO text on SQLite."""

    impl = Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Date())  # type: ignore[arg-type]

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not isinstance(value, date) or isinstance(value, datetime):
            raise _refused("a date", value)
        return value.isoformat() if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> date | None:
        return date.fromisoformat(value) if isinstance(value, str) else value


class Instant(TypeDecorator[datetime]):
    """A UTC instant; ISO text with microseconds on SQLite, which sorts as the instants do."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            Text() if dialect.name == "sqlite" else DateTime(timezone=True)  # type: ignore[arg-type]
        )

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise _refused("an instant with a time zone", value)
        utc = value.astimezone(UTC)
        return utc.isoformat(timespec="microseconds") if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        return found.astimezone(UTC)


class Flag(TypeDecorator[bool]):
    """True or false; 1 or 0 on SQLite."""

    impl = Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            Integer() if dialect.name == "sqlite" else Boolean()  # type: ignore[arg-type]
        )

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        return int(bool(value)) if dialect.name == "sqlite" else bool(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


class Said(TypeDecorator[str]):
    """A sentence by a person, a program or a vendor, without the secrets that are in it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return redacted(value) if isinstance(value, str) else value


class JsonText(TypeDecorator[Any]):
    """JSON in one spelling: sorted keys, no spaces, so that equal content is equal text.

    Secrets in its texts are taken out.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical_json(redacted_value(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def canonical_json(content: object) -> str:
    """JSON with sorted keys and without spaces.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _whole(value: Any, wanted: str) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise _refused(wanted, value) from None
