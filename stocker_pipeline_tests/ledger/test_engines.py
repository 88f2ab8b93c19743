"""What every connection to the ledger has, whichever database it is."""

from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.sql.compiler import SQLCompiler

from stocker_pipeline.ledger import engines
from stocker_pipeline.ledger.tables.sessions import portfolios


def test_a_statement_is_compiled_once_for_all_engines_of_a_kind(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    compile_ = SQLCompiler.__init__

    def noted(self: SQLCompiler, *args: object, **named: object) -> None:
        compile_(self, *args, **named)  # type: ignore[arg-type]
        compiled.append(str(self))

    monkeypatch.setattr(SQLCompiler, "__init__", noted)
    label = f"asked_{uuid4().hex}"
    for _ in range(3):
        engine = engines.open_engine(engines.ledger_url(ledger_url))
        with engine.connect() as connection:
            connection.execute(select(portfolios.c.portfolio.label(label))).all()
        engine.dispose()
    assert [sql.count(label) for sql in compiled if label in sql] == [1]
