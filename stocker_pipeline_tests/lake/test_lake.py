"""Replacing and reading ranges of Delta tables."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, DATASETS, FILLS, SNAPSHOTS


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def fills(*rows: tuple[str, str, int]) -> pa.Table:
    """Fills of (session, symbol, quantity) at one dollar."""
    money = pa.array([Decimal(1)] * len(rows), pa.decimal128(18, 4))
    return pa.table(
        {
            "session": [date.fromisoformat(row[0]) for row in rows],
            "symbol": [row[1] for row in rows],
            "quantity": [row[2] for row in rows],
            "price": money,
            "commission": money,
            "realised": money,
        }
    )


def quantities(lake: Lake, portfolio: str, **where: object) -> list[tuple[str, int]]:
    rows = lake.read(FILLS, portfolio=portfolio, **where)
    days = rows["session"].cast(pa.string()).to_pylist()
    return list(zip(days, rows["quantity"].to_pylist(), strict=True))


def test_a_range_is_replaced_and_the_rest_stays(lake):
    everything = fills(("2020-01-02", "A", 1), ("2020-01-03", "A", 2), ("2020-01-06", "A", 3))
    lake.replace(FILLS, everything, first=date(2020, 1, 1), portfolio="p")
    lake.replace(FILLS, everything, first=date(2020, 1, 1), portfolio="q")
    day = date(2020, 1, 3)
    lake.replace(FILLS, fills(("2020-01-03", "A", 9)), first=day, last=day, portfolio="p")
    assert quantities(lake, "p") == [("2020-01-02", 1), ("2020-01-03", 9), ("2020-01-06", 3)]
    assert quantities(lake, "q") == [("2020-01-02", 1), ("2020-01-03", 2), ("2020-01-06", 3)]


def test_an_open_end_replaces_everything_after_it(lake):
    lake.replace(
        FILLS,
        fills(("2020-01-02", "A", 1), ("2020-01-06", "A", 3)),
        first=date(2020, 1, 1),
        portfolio="p",
    )
    lake.replace(FILLS, fills(), first=date(2020, 1, 3), portfolio="p")
    assert quantities(lake, "p") == [("2020-01-02", 1)]


def test_a_version_can_be_read_again_after_it_was_replaced(lake):
    first = lake.replace(
        FILLS, fills(("2020-01-02", "A", 1)), first=date(2020, 1, 1), portfolio="p"
    )
    lake.replace(FILLS, fills(("2020-01-02", "A", 2)), first=date(2020, 1, 1), portfolio="p")
    assert quantities(lake, "p", version=first) == [("2020-01-02", 1)]
    assert quantities(lake, "p") == [("2020-01-02", 2)]


def test_rows_outside_the_range_are_refused_and_nothing_is_written(lake):
    day = date(2020, 1, 3)
    with pytest.raises(InputRefused, match="sessions from 2020-01-03 to 2020-01-03"):
        lake.replace(FILLS, fills(("2020-01-06", "A", 1)), first=day, last=day, portfolio="p")
    assert lake.version(FILLS) is None


def test_a_key_that_is_there_twice_is_refused_by_name(lake):
    twice = fills(("2020-01-02", "A", 1), ("2020-01-02", "A", 2))
    with pytest.raises(InputRefused, match="'symbol': 'A'"):
        lake.replace(FILLS, twice, first=date(2020, 1, 1), portfolio="p")


@pytest.mark.parametrize("name", ["p' OR '1'='1", "P", "p\n", "", "1p"])
def test_a_portfolio_name_that_is_no_name_never_reaches_a_predicate(lake, name):
    with pytest.raises(ConfigurationRefused, match="portfolio"):
        lake.replace(FILLS, fills(), first=date(2020, 1, 1), portfolio=name)


def test_tables_that_were_never_written_read_as_empty(lake):
    assert lake.read(SNAPSHOTS, portfolio="p").num_rows == 0
    assert lake.versions((BARS, SNAPSHOTS)) == {"bars": -1, "snapshots": -1}


def test_every_table_can_be_made_before_there_are_rows(lake):
    lake.ensure_tables()
    assert set(lake.versions(DATASETS).values()) == {0}
    lake.ensure_tables()
    assert set(lake.versions(DATASETS).values()) == {0}
