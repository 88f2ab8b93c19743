"""The SQL of a revision as it was on the day it shipped, one file for each database.

Later tables and triggers must not change what an old revision does: it reads its statements from
here instead of from the metadata.
"""

from collections.abc import Sequence
from importlib import resources

from sqlalchemy import create_mock_engine

_BETWEEN = "\n\n-- next\n\n"


def statements(name: str, dialect: str) -> list[str]:
    """The statements of revision ``name``, in order."""
    file = resources.files("stocker_pipeline.ledger.migrations") / "sql" / f"{name}.{dialect}.sql"
    return file.read_text(encoding="utf-8").rstrip("\n").split(_BETWEEN)


def frozen(parts: Sequence[str]) -> str:
    """Statements as the text of such a file."""
    return _BETWEEN.join(part.strip() for part in parts) + "\n"


def current(dialect: str) -> list[str]:
    """What makes an empty database what the tables and triggers are now."""
    from stocker_pipeline.ledger import triggers
    from stocker_pipeline.ledger.tables import metadata

    parts: list[str] = []
    driver = {"sqlite": "sqlite://", "postgresql": "postgresql+psycopg://"}[dialect]

    def collect(statement: object, *_: object, **__: object) -> None:
        parts.append(str(statement.compile(dialect=engine.dialect)))  # type: ignore[attr-defined]

    engine = create_mock_engine(driver, collect)
    metadata.create_all(engine, checkfirst=False)
    lines = ["\n".join(line.rstrip() for line in part.strip().splitlines()) for part in parts]
    return lines + triggers.statements(dialect)
