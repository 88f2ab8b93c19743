"""A lake after years: old layouts, old versions and many small files."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.lake import lake as lake_module
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, Dataset

AT = datetime(2024, 1, 15, 12, tzinfo=UTC)
OLD = Dataset(
    "notes",
    pa.schema([("symbol", pa.string()), ("text", pa.string()), ("known_at", BARS.schema[-1].type)]),
    ("symbol", "known_at"),
    versioned_by="known_at",
)
NEW = Dataset(
    "notes",
    pa.schema([*OLD.schema, ("author", pa.string())]),
    ("symbol", "known_at"),
    versioned_by="known_at",
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def row(dataset: Dataset, step: int, **cells: object) -> pa.Table:
    at = AT + timedelta(days=step)
    cells = {"symbol": "AAA", "text": f"note {step}", "known_at": at, **cells}
    return pa.Table.from_pylist([cells], schema=dataset.schema)


def append(lake: Lake, dataset: Dataset, step: int, **cells: object) -> None:
    lake.append(dataset, row(dataset, step, **cells), at=AT)


class TestOldLayout:
    """Tables that an earlier version of Stocker wrote."""

    def test_a_column_that_is_new_is_null_in_old_rows(self, lake):
        append(lake, OLD, 1)
        assert lake.read(NEW).to_pylist()[0]["author"] is None
        assert lake.read(NEW, columns=["author"])["author"].to_pylist() == [None]

    def test_a_new_row_adds_the_column_and_the_old_version_stays_as_it_was(self, lake):
        append(lake, OLD, 1)
        before = lake.version(OLD)
        append(lake, NEW, 2, author="me")
        assert lake.read_versions(NEW)["author"].to_pylist() == [None, "me"]
        assert lake.read(OLD, version=before)["text"].to_pylist() == ["note 1"]

    def test_a_replaced_table_gets_the_column_too(self, lake):
        lake.replace(OLD, row(OLD, 1))
        lake.replace(NEW, row(NEW, 2, symbol="BBB", author="me"), symbols=["BBB"])
        assert sorted(map(str, lake.read_versions(NEW)["author"].to_pylist())) == ["None", "me"]

    def test_a_table_without_its_key_is_refused_by_name(self, lake):
        other = Dataset("notes", OLD.schema.remove(0), ("known_at",), versioned_by="known_at")
        lake.append(other, row(OLD, 1).drop_columns(["symbol"]), at=AT)
        with pytest.raises(InputRefused, match="no column symbol"):
            lake.read(OLD)

    def test_a_column_of_another_type_is_refused(self, lake):
        append(lake, OLD, 1)
        place = OLD.schema.get_field_index("text")
        numbers = OLD.schema.set(place, pa.field("text", pa.date32()))
        other = Dataset("notes", numbers, OLD.key, versioned_by="known_at")
        with pytest.raises(InputRefused, match="columns of other types"):
            lake.read(other)


def test_versions_of_years_ago_can_still_be_read(lake):
    old_s = time.time() - 400 * 86_400
    read = {}
    for step in range(105):
        append(lake, OLD, step)
        if step in (0, 30, 60, 90):
            read[lake.version(OLD)] = lake.read(OLD)["text"].to_pylist()
        # As if it had been written then: Delta goes by the age of the log's files.
        for entry in Path(lake.uri(OLD), "_delta_log").iterdir():
            os.utime(entry, (old_s + step, old_s + step))
    assert {version: lake.read(OLD, version=version)["text"].to_pylist() for version in read} == (
        read
    )


def test_many_small_files_become_one_and_the_rows_stay(lake, monkeypatch):
    monkeypatch.setattr(lake_module, "_FILES_MAX", 5)
    for step in range(12):
        append(lake, OLD, step)
        assert lake.read_versions(OLD).num_rows == step + 1
        assert len(DeltaTable(lake.uri(OLD)).file_uris()) <= 5
    assert lake.read_versions(OLD)["text"].to_pylist() == [f"note {step}" for step in range(12)]
    before = lake.version(OLD)
    append(lake, OLD, 11)
    assert lake.version(OLD) == before, "what says nothing new joins no files either"


def test_versions_from_before_files_were_joined_are_read_from_their_own(lake, monkeypatch):
    monkeypatch.setattr(lake_module, "_FILES_MAX", 3)
    read = {}
    for step in range(9):
        append(lake, OLD, step)
        read[lake.version(OLD)] = lake.read(OLD)["text"].to_pylist()
    assert {version: lake.read(OLD, version=version)["text"].to_pylist() for version in read} == (
        read
    )
