"""What the event storage leans on inside Dagster is as it was when the storage was written."""

import inspect
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import dagster_postgres
import dagster_postgres.utils
import pytest
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster_postgres.event_log import PostgresEventLogStorage

# The names that the storage leans on, with the parameters they had when it was written.
LEANED_ON: Mapping[str, tuple[Any, str]] = {
    "handle_new_event": (dg.DagsterInstance, "self event batch_metadata"),
    "_get_event_batch_size": (dg.DagsterInstance, "self"),
    "register_instance": (SqlEventLogStorage, "self instance"),
    "_event_to_row": (SqlEventLogStorage, "self event"),
    "_event_insert_timestamp": (SqlEventLogStorage, "self event"),
    "_store_asset_event_tags": (SqlEventLogStorage, "self conn events event_ids"),
    "_store_asset_event": (SqlEventLogStorage, "self conn event event_id"),
    "_store_asset_check_evaluation_planned": (SqlEventLogStorage, "self event event_id"),
    "index_transaction": (SqlEventLogStorage, "self"),
    "index_connection": (SqliteEventLogStorage, "self"),
    "run_connection": (SqliteEventLogStorage, "self run_id"),
    "_connect": (SqliteEventLogStorage, "self shard"),
    "_initdb": (SqliteEventLogStorage, "self engine for_index_shard"),
    "conn_string_for_shard": (SqliteEventLogStorage, "self shard_name"),
    "store_event": (SqliteEventLogStorage, "self event"),
    "store_event_batch": (PostgresEventLogStorage, "self events"),
    "pg_url_from_config": (dagster_postgres.utils, "config_value"),
    "get_token_provider_from_config": (dagster_postgres.utils, "config_value"),
}
INITIALISERS = {
    SqliteEventLogStorage: "base_dir inst_data",
    PostgresEventLogStorage: ("postgres_url should_autocreate_tables inst_data token_provider"),
}
COLUMNS = {
    SqlEventLogStorageTable: (
        "id run_id event dagster_event_type timestamp step_key asset_key partition"
    ),
    AssetCheckExecutionsTable: (
        "id asset_key check_name partition run_id execution_status evaluation_event"
        " evaluation_event_timestamp evaluation_event_storage_id materialization_event_storage_id"
        " create_timestamp"
    ),
}
ADVICE = (
    "stocker_pipeline/orchestration/event_log.py leans on it. Compare the new code of Dagster with"
    " the overrides there, correct them, then this table and the versions in its docstring."
)


def test_dagster_is_of_the_versions_that_the_storage_was_written_for() -> None:
    found = (dg.__version__, dagster_postgres.__version__)
    assert found[0].startswith("1.13."), f"Dagster was {found[0]}, wanted 1.13.x. {ADVICE}"
    assert found[1].startswith("0.29."), f"dagster-postgres was {found[1]}, wanted 0.29.x. {ADVICE}"


@pytest.mark.parametrize("name", LEANED_ON)
def test_a_private_name_has_the_parameters_it_had(name: str) -> None:
    owner, parameters = LEANED_ON[name]
    found = " ".join(inspect.signature(getattr(owner, name)).parameters)
    assert found == parameters, f"{name} now takes ({found}), wanted ({parameters}). {ADVICE}"


def test_the_constructors_and_tables_are_what_they_were(tmp_path: Path) -> None:
    for storage, parameters in INITIALISERS.items():
        found = " ".join(inspect.signature(storage).parameters)
        assert found == parameters, f"{storage.__name__} now takes ({found}). {ADVICE}"
    for table, columns in COLUMNS.items():
        assert set(table.columns.keys()) == set(columns.split()), f"{table.name} changed. {ADVICE}"
    stock = SqliteEventLogStorage(str(tmp_path))
    lock = stock._db_lock
    assert isinstance(lock, type(threading.Lock())), f"_db_lock was {lock!r}. {ADVICE}"
    assert stock._initialized_dbs == {"index"}, f"{stock._initialized_dbs!r}. {ADVICE}"
