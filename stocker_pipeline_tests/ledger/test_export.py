"""Whole tables as Arrow: the same on both databases, exact, and of one moment."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.engine.tables import MONEY
from stocker_pipeline.ledger import LedgerUnavailable
from stocker_pipeline.ledger.export import EXPORTED, exported_tables
from stocker_pipeline_tests.ledger.builders import (
    BOOK,
    MONDAY,
    MORNING,
    TUESDAY,
    open_book,
    trade_monday,
    trade_tuesday,
)

CLOCK = FixedClock(MORNING)


@pytest.fixture
def exported(ledger, ledger_url) -> dict[str, pa.Table]:
    open_book(ledger)
    trade_monday(ledger)
    trade_tuesday(ledger)
    return exported_tables(ledger_url, clock=CLOCK)


def test_every_table_comes_over_with_its_own_types(exported):
    counts = {name: table.num_rows for name, table in exported.items()}
    assert counts.keys() == {table.name for table in EXPORTED}
    assert counts["snapshots"] == counts["executions"] == counts["decisions"] == 2
    snapshot = exported["snapshots"].sort_by("session").to_pylist()[1]
    assert (snapshot["portfolio"], snapshot["session"], snapshot["version"]) == (BOOK, TUESDAY, 1)
    assert snapshot["nav"] == Decimal("101248.0000")
    assert exported["snapshots"].schema.field("nav").type == MONEY
    assert snapshot["tripped"] is False
    assert snapshot["recorded_at"] == MORNING


def test_a_ratio_keeps_every_bit_and_what_is_not_there_is_null(exported):
    decision = exported["decisions"].sort_by("session").to_pylist()[0]
    assert decision["weight"] == 1 / 3
    assert decision["sigma_p"] is None
    assert decision["session"] == MONDAY


def test_a_price_keeps_its_last_digit(exported):
    prices = exported["executions"].sort_by("session")["price"].to_pylist()
    assert prices == [Decimal("101.2500"), Decimal("51.0000")]


def test_where_no_ledger_was_begun_every_table_is_there_without_rows(exported, empty_url):
    found = exported_tables(empty_url, clock=CLOCK)
    assert {name: table.num_rows for name, table in found.items()} == dict.fromkeys(exported, 0)
    assert {name: table.schema for name, table in found.items()} == {
        name: table.schema for name, table in exported.items()
    }


def test_asking_for_a_ledger_makes_no_file(tmp_path):
    exported_tables(f"sqlite:///{tmp_path / 'none.db'}", clock=CLOCK)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_ledger_is_refused_and_not_taken_for_an_empty_one(tmp_path: Path):
    (tmp_path / "other.db").write_text("a letter to my aunt, long enough to be read as a header")
    with pytest.raises((ConfigurationRefused, LedgerUnavailable)):
        exported_tables(f"sqlite:///{tmp_path / 'other.db'}", clock=CLOCK)


def test_a_server_that_does_not_answer_is_no_empty_ledger():
    with pytest.raises(LedgerUnavailable) as refused:
        exported_tables("postgresql://me:secret@127.0.0.1:1/none", clock=CLOCK)
    assert "secret" not in str(refused.value)
