"""The files behind the SQLite event log: what stays open, and rows that SQLAlchemy would write."""

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from sqlalchemy import create_engine, select

from stocker_pipeline.orchestration import event_log_files
from stocker_pipeline.orchestration.event_log_files import Databases, insert_rows

ROW = {
    "run_id": "4711",
    "event": '{"text": "naïve – 1 %s ? :name"}',
    "dagster_event_type": "ASSET_MATERIALIZATION",
    "timestamp": datetime(2024, 3, 1, 9, 30, 0, 250),
    "step_key": None,
    "asset_key": '["orders"]',
    "partition": "2024-03-01",
}


@pytest.fixture
def databases(tmp_path: Path) -> Databases:
    return Databases(lambda shard: f"sqlite:///{tmp_path / shard}.db")


def connection_of(databases: Databases, shard: str) -> Any:
    with databases.engine(shard).connect() as conn:
        return conn.connection.dbapi_connection


def test_rows_are_those_that_sqlalchemy_writes():
    written = []
    rows = [ROW, ROW | {"partition": None, "timestamp": datetime(1999, 12, 31)}]
    for ours in (True, False):
        engine = create_engine("sqlite://")
        SqlEventLogStorageTable.create(engine)
        with engine.begin() as conn:
            if ours:
                insert_rows(conn, SqlEventLogStorageTable, rows)
            else:
                conn.execute(SqlEventLogStorageTable.insert(), rows)
            raw = conn.exec_driver_sql("select * from event_logs order by id").fetchall()
            written.append((raw, conn.execute(select(SqlEventLogStorageTable)).fetchall()))
    assert written[0] == written[1]
    assert len(written[0][0]) == 2


def test_no_rows_are_no_statement():
    insert_rows(create_engine("sqlite://").connect(), SqlEventLogStorageTable, [])


def test_the_index_stays_open_and_a_run_is_closed_so_that_its_file_changes(databases):
    assert connection_of(databases, "index") is connection_of(databases, "index")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection_of(databases, "4711").cursor()


def test_what_was_closed_is_opened_again(databases):
    before = connection_of(databases, "index")
    databases.close()
    assert connection_of(databases, "index") is not before


def test_engines_of_runs_that_nobody_asks_for_are_forgotten(databases, monkeypatch):
    monkeypatch.setattr(event_log_files, "_MOST_ENGINES", 2)
    index, first = databases.engine("index"), databases.engine("first")
    assert databases.engine("index") is index
    databases.engine("second")
    assert databases.engine("index") is index
    assert databases.engine("first") is not first
