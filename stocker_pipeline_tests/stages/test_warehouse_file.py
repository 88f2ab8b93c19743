"""Who has the marts open, and what a person is told about it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.stages.warehouse_file import (
    WarehouseBusy,
    opened_warehouse,
    refuse_in_use,
)


@pytest.fixture
def warehouse(tmp_path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table marts as select 1 as one")
    return path


@contextmanager
def another_process(path: Path, *, read_only: bool) -> Iterator[int]:
    """A process that has the file open until it is told to go."""
    script = (
        f"import duckdb; c = duckdb.connect({str(path)!r}, read_only={read_only});"
        "print('open', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process.pid
    finally:
        process.communicate("\n")


def test_a_file_that_another_process_writes_is_refused_with_who_and_what_to_do(warehouse):
    with another_process(warehouse, read_only=False) as pid:
        with pytest.raises(WarehouseBusy) as writing:
            refuse_in_use(warehouse)
        with pytest.raises(WarehouseBusy) as reading, opened_warehouse(warehouse):
            pass
    assert f"process {pid} (python" in writing.value.received
    assert f"process {pid} (python" in reading.value.received
    assert "Wait until that process is done, or end it" in str(writing.value)
    refuse_in_use(warehouse)


def test_a_reader_keeps_the_writer_out_and_no_other_reader(warehouse):
    with another_process(warehouse, read_only=True):
        with pytest.raises(WarehouseBusy, match="the warehouse to write"):
            refuse_in_use(warehouse)
        with opened_warehouse(warehouse) as connection:
            assert connection.sql("select one from marts").fetchall() == [(1,)]


def test_what_is_not_there_can_be_built_and_cannot_be_read(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    refuse_in_use(path)
    with pytest.raises(InputRefused, match="stocker marts"), opened_warehouse(path):
        pass
    assert not path.exists()


def test_what_is_no_database_is_said_as_it_is(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    path.write_text("not a database at all, but long enough to have a header of some sort")
    with pytest.raises(duckdb.Error):
        refuse_in_use(path)
