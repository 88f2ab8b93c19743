"""What must always hold of a ledger, each rule as one named query that finds what breaks it.

The database refuses most of these itself; this looks again, so that a rule which was lost on the
way (a dropped trigger, a copy, a hand in the file) does not stay unnoticed. Numbers are those of
the reliability charter. Reads only. Belongs here: running them. The rules are beside it, by
concern: ``invariants_orders``, ``invariants_book``, ``invariants_control``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Dialect, bindparam, text
from sqlalchemy.exc import SQLAlchemyError

from stocker_pipeline.domain.errors import StockerError
from stocker_pipeline.ledger.ledger import Ledger
from stocker_pipeline.ledger.reader import Reader
from stocker_pipeline.ledger.types import Day, Money

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Scope:
    """What is looked at: one moment of the ledger, one portfolio or all of them."""

    reader: Reader
    now: datetime
    portfolio: str | None = None

    @property
    def portfolios(self) -> list[str]:
        """The portfolios that are looked at."""
        names = [item.portfolio for item in self.reader.portfolios()]
        return [name for name in names if self.portfolio in (None, name)]

    @property
    def is_sqlite(self) -> bool:
        """Whether money is an integer in 1/10,000 dollar to SQL."""
        return self.reader.connection.dialect.name == "sqlite"

    def rows(self, sql: str) -> list[Row]:
        """Rows of a query that both databases read alike.

        ``{only:x}`` stands for the condition on the portfolio of the table called ``x``;
        ``{latest:x}`` for "x is of its session's latest settlement". A column called ``…_e4`` is
        money, ``session`` is a day.
        """
        statement = text(_expanded(sql)).bindparams(bindparam("portfolio", self.portfolio))
        result = self.reader.connection.execute(statement)
        dialect = self.reader.connection.dialect
        return [
            {name: _value(str(name), value, dialect) for name, value in row.items()}
            for row in result.mappings()
        ]


@dataclass(frozen=True)
class Invariant:
    """One rule.

    Attributes:
        name: ``inv_NN_…``, by the number of the charter.
        sentence: What must hold, in one sentence.
        broken: The rows that break it, or SQL for them.
    """

    name: str
    sentence: str
    broken: str | Callable[[Scope], Sequence[Row]]

    def find(self, scope: Scope) -> list[Row]:
        """Rows that break the rule."""
        if isinstance(self.broken, str):
            return scope.rows(self.broken)
        return list(self.broken(scope))


@dataclass(frozen=True)
class Violation:
    """A rule that does not hold, and the rows that show it."""

    invariant: str
    sentence: str
    rows: list[Row] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """One line for each row, to be read by a person."""
        return [", ".join(f"{name} {value}" for name, value in row.items()) for row in self.rows]

    def __str__(self) -> str:
        return "\n".join([f"{self.invariant}: {self.sentence}", *(f"  {x}" for x in self.lines)])


def invariants() -> tuple[Invariant, ...]:
    """Every rule, by number."""
    from stocker_pipeline.ledger import (
        invariants_book,
        invariants_control,
        invariants_limits,
        invariants_orders,
    )

    found = (
        *invariants_orders.INVARIANTS,
        *invariants_book.INVARIANTS,
        *invariants_control.INVARIANTS,
        *invariants_limits.INVARIANTS,
    )
    return tuple(sorted(found, key=lambda item: item.name))


def run_invariants(ledger: Ledger, portfolio: str | None = None) -> list[Violation]:
    """Check every rule in one moment of the ledger; empty where all of them hold."""

    def check(reader: Reader) -> list[Violation]:
        scope = Scope(reader, ledger.now(), portfolio)
        found = ((rule, _found(rule, scope)) for rule in invariants())
        return [Violation(rule.name, rule.sentence, rows) for rule, rows in found if rows]

    return ledger.read(check)


def _found(rule: Invariant, scope: Scope) -> list[Row]:
    """Rows that break a rule; a rule that cannot be checked counts as broken."""
    try:
        # Else PostgreSQL answers nothing more after the first query that failed.
        with scope.reader.connection.begin_nested():
            return rule.find(scope)
    except (SQLAlchemyError, StockerError, TypeError, ValueError) as error:
        return [{"fault": f"cannot be checked: {str(error).partition(chr(10))[0]}"}]


def _value(name: str, value: Any, dialect: Dialect) -> Any:
    """A value as Python has it, by the name of its column."""
    if name == "session":
        return Day().process_result_value(value, dialect)
    if not name.endswith("_e4") or value is None:
        return value
    exact = value if dialect.name == "sqlite" else Decimal(value)
    return Money().process_result_value(exact, dialect)


def _expanded(sql: str) -> str:
    for table in ("a", "c", "d", "e", "g", "o", "p", "r", "s", "x"):
        only = f"(CAST(:portfolio AS TEXT) IS NULL OR {table}.portfolio = :portfolio)"
        latest = (
            "NOT EXISTS (SELECT 1 FROM snapshots newer WHERE newer.portfolio = "
            f"{table}.portfolio AND newer.session = {table}.session "
            f"AND newer.version > {table}.version)"
        )
        sql = sql.replace(f"{{only:{table}}}", only).replace(f"{{latest:{table}}}", latest)
    return sql
