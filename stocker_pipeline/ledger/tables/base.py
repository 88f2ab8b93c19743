"""How a table of the ledger is written: strict types, and a bound on every text and number.

Belongs here: what holds for every table. Stays out: the tables, and the triggers over them.
"""

import enum
from collections.abc import Iterable
from typing import Any

from sqlalchemy import CheckConstraint, Column, Constraint, Index, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from stocker_pipeline.ledger.types import MONEY_LIMIT_DOLLARS, Flag, Money, Ratio, Said

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

NAME_LENGTH = 64
SENTENCE_LENGTH = 1000
LONG_TEXT = 20_000


def column(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]], *rules: Any) -> Column[Any]:
    """A column that always has a value."""
    return Column(name, kind, *rules, nullable=False)


def key(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]], *rules: Any) -> Column[Any]:
    """A part of the primary key."""
    return Column(name, kind, *rules, primary_key=True, nullable=False, autoincrement=False)


def optional(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]], *rules: Any) -> Column[Any]:
    """A column that may have none."""
    return Column(name, kind, *rules, nullable=True)


def words(
    name: str,
    *rules: Any,
    least: int = 1,
    most: int = NAME_LENGTH,
    null: bool = False,
    **options: Any,
) -> Column[Any]:
    """A text between two lengths; a long one is said by somebody, and may quote anything."""
    options.setdefault("nullable", null)
    kind = Said if most >= SENTENCE_LENGTH else Text
    return Column(name, kind, *rules, info={"lengths": (least, most)}, **options)


def one_of(name: str, choices: Iterable[str] | type[enum.StrEnum], **options: Any) -> Column[Any]:
    """A text out of a closed set."""
    options.setdefault("nullable", False)
    return Column(name, Text, info={"choices": tuple(str(item) for item in choices)}, **options)


def table(name: str, *parts: Column[Any] | Constraint | Index) -> Table:
    """A table, with the checks that its columns' types call for."""
    made = Table(name, metadata, *parts, sqlite_strict=True)
    for item in list(made.columns):
        for rule in _rules(item):
            made.append_constraint(rule)
    return made


def check(name: str, rule: str) -> CheckConstraint:
    """A rule between columns."""
    return CheckConstraint(rule, name=name)


def _rules(item: Column[Any]) -> list[Constraint]:
    name = item.name
    if "lengths" in item.info:
        least, most = item.info["lengths"]
        return [check(f"{name}_length", f"length({name}) BETWEEN {least} AND {most}")]
    if "choices" in item.info:
        listed = ", ".join(f"'{choice}'" for choice in item.info["choices"])
        return [check(f"{name}_choice", f"{name} IN ({listed})")]
    if isinstance(item.type, Money):
        # PostgreSQL puts NaN above every number: the bound refuses it too.
        dollars = MONEY_LIMIT_DOLLARS
        return [
            _money_bound(name, dollars * 10_000).ddl_if(dialect="sqlite"),
            _money_bound(name, dollars).ddl_if(dialect="postgresql"),
        ]
    if isinstance(item.type, Ratio):
        bad = "'nan', '-nan', 'inf', '-inf', 'infinity', '-infinity'"
        return [check(f"{name}_finite", f"lower({name}) NOT IN ({bad})")]
    if isinstance(item.type, Flag):
        return [check(f"{name}_flag", f"{name} IN (0, 1)").ddl_if(dialect="sqlite")]
    return []


def _money_bound(name: str, most: int) -> CheckConstraint:
    return check(f"{name}_bound", f"{name} BETWEEN -{most} AND {most}")
