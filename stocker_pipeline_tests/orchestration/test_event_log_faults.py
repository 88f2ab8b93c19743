"""No event is lost or stored twice when a batch fails half-way, whatever fails."""

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from stocker_pipeline_tests.orchestration.conftest import REPOSITORY, OpenInstance
from stocker_pipeline_tests.orchestration.events import (
    PARTITIONS,
    RUN_ID,
    contents,
    materialised,
    mixed_batch,
    planned,
    report,
)


def fail_once(
    monkeypatch: pytest.MonkeyPatch, storage: Any, name: str, error: BaseException
) -> None:
    """Have a method of the storage raise at its first call and then work again."""
    method, calls = getattr(storage, name), []

    def fail(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise error
        return method(*arguments)

    monkeypatch.setattr(storage, name, fail)


on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


class SurpriseError(Exception):
    """Something that no code expects."""


@pytest.fixture
def expected(new_instance: OpenInstance) -> dict[str, Any]:
    """What the stock storage holds after the mixed batch."""
    stock = new_instance("stock")
    report(stock, mixed_batch())
    return contents(stock)


def test_a_mixed_batch_leaves_what_single_events_leave(
    new_instance: OpenInstance, expected: dict[str, Any]
) -> None:
    batched = new_instance("batched")
    batched.event_log_storage.store_event_batch(mixed_batch())
    assert contents(batched) == expected
    assert all(expected.values())


@pytest.mark.parametrize("step", ["_store_asset_event_tags", "_store_asset_event"])
def test_an_error_in_the_middle_of_a_batch_leaves_nothing_of_it(
    new_instance: OpenInstance, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    batched = new_instance("batched")
    fail_once(monkeypatch, batched.event_log_storage, step, SurpriseError())
    with pytest.raises(SurpriseError):
        batched.event_log_storage.store_event_batch(mixed_batch())
    assert not any(contents(batched).values())


@pytest.mark.parametrize("step", ["_insert_batch", "_store_asset_event", "_store_check_plans"])
def test_a_batch_that_failed_is_stored_once_by_the_fallback(
    new_instance: OpenInstance,
    expected: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    step: str,
) -> None:
    batched = new_instance("batched")
    fail_once(monkeypatch, batched.event_log_storage, step, SurpriseError("out of luck"))
    report(batched, mixed_batch())
    assert contents(batched) == expected
    assert "out of luck" in capsys.readouterr().err


def test_an_interruption_in_the_middle_of_a_batch_leaves_nothing_of_it(
    new_instance: OpenInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    batched = new_instance("batched")
    fail_once(monkeypatch, batched.event_log_storage, "_store_check_plans", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        report(batched, mixed_batch())
    assert not any(contents(batched).values())


def test_an_event_that_cannot_be_stored_costs_what_it_costs_in_the_stock_storage(
    new_instance: OpenInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = []
    for kind in ("stock", "batched"):
        instance = new_instance(kind)
        storage: Any = instance.event_log_storage
        to_row = storage._event_to_row

        def refuse(entry: dg.EventLogEntry, to_row: Callable[..., Any] = to_row) -> Any:
            row = to_row(entry)
            # No database takes this type.
            return row | {"partition": object()} if row["partition"] == PARTITIONS[2] else row

        monkeypatch.setattr(storage, "_event_to_row", refuse)
        with pytest.raises(Exception, match="object"):
            report(instance, mixed_batch())
        stored.append(contents(instance))
    assert stored[1] == stored[0]
    assert len(stored[0]["run log"]) == 6


def test_storages_in_two_threads_do_not_mix_their_batches(
    new_instance: OpenInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = new_instance("batched")
    second = dg.DagsterInstance.from_ref(first.get_ref())
    assets = ["orders", "fills"]

    def write(instance: dg.DagsterInstance, order: list[str]) -> None:
        for partition in PARTITIONS[:8]:
            events = [materialised(asset, partition) for asset in order for _ in range(20)]
            instance.event_log_storage.store_event_batch(events)

    threads = [
        threading.Thread(target=write, args=(first, assets)),
        threading.Thread(target=write, args=(second, assets[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    held = contents(first)
    assert len(held["run log"]) == len(held["index"]) == len(held["tags"]) == 2 * 8 * 40
    assert sorted(row[:2] for row in held["tags"]) == [
        (number, row[1]) for number, row in enumerate(held["index"])
    ]
    second.dispose()


def test_a_watcher_sees_every_event_of_a_batch(new_instance: OpenInstance) -> None:
    batched = new_instance("batched")
    storage = batched.event_log_storage
    storage.store_event(planned("orders", PARTITIONS[0]))
    seen: list[dg.EventLogEntry] = []
    done = threading.Event()

    def watch(entry: dg.EventLogEntry, _cursor: str) -> None:
        seen.append(entry)
        if len(seen) == len(PARTITIONS):
            done.set()

    cursor = storage.get_records_for_run(RUN_ID).cursor
    batched.watch_event_logs(RUN_ID, cursor, watch)
    events = [materialised("orders", partition) for partition in PARTITIONS]
    storage.store_event_batch(events)
    assert done.wait(timeout=30)
    batched.end_watch_event_logs(RUN_ID, watch)
    assert seen == events


@on_sqlite
def test_a_failed_commit_of_the_index_is_mended_without_doubling_the_run_log(
    new_instance: OpenInstance,
    expected: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batched = new_instance("batched")
    storage: Any = batched.event_log_storage
    index_connection, failures = (
        storage.index_connection,
        [OperationalError("", (), ConnectionError())],
    )

    @contextmanager
    def fail_to_commit() -> Iterator[Any]:
        with index_connection() as conn:
            yield conn
            if failures:
                raise failures.pop()

    monkeypatch.setattr(storage, "index_connection", fail_to_commit)
    report(batched, mixed_batch())
    assert not failures
    assert contents(batched) == expected
    assert not storage._in_run_shard_alone


@on_sqlite
def test_a_full_disk_leaves_what_it_leaves_in_the_stock_storage(
    new_instance: OpenInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = []
    for kind in ("stock", "batched"):
        instance = new_instance(kind)
        with full_disk(("index",)), pytest.raises(OperationalError, match="is full"):
            report(instance, [materialised("orders" * 2_000, key) for key in PARTITIONS])
        stored.append(contents(instance))
    assert stored[1] == stored[0]
    assert len(stored[0]["run log"]) == len(stored[0]["index"]) + 1


@on_sqlite
def test_a_full_disk_below_the_run_shard_leaves_the_index_empty_too(
    new_instance: OpenInstance,
) -> None:
    batched = new_instance("batched")
    storage = batched.event_log_storage
    storage.get_records_for_run(RUN_ID)
    with full_disk((RUN_ID,)), pytest.raises(OperationalError, match="is full"):
        storage.store_event_batch([materialised("x" * 9_000, key) for key in PARTITIONS])
    assert not any(contents(batched).values())


@on_sqlite
def test_a_kill_between_the_commits_leaves_whole_batches_that_a_rerun_mends(
    new_instance: OpenInstance,
) -> None:
    batched = new_instance("batched")
    home = Path(batched.root_directory) / "history" / "runs"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_BETWEEN_COMMITS, str(home)], cwd=REPOSITORY, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    for name in (RUN_ID, "index"):
        with sqlite3.connect(home / f"{name}.db") as conn:
            assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    held = contents(batched)
    assert len(held.pop("run log")) == len(mixed_batch())
    assert not any(held.values())
    report(batched, mixed_batch())
    assert len(contents(batched)["index"]) == len(mixed_batch())


@on_postgres
def test_a_connection_lost_before_the_commit_costs_nothing(
    new_instance: OpenInstance, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    batched = new_instance("batched")
    storage: Any = batched.event_log_storage
    store_indexed, cut = storage._store_indexed, list[Any]()

    def cut_off(conn: Connection, events: Any, rows: Any) -> Any:
        event_ids = store_indexed(conn, events, rows)
        if not cut:
            cut.append(conn.scalar(text("select pg_backend_pid()")))
            with storage.run_connection(RUN_ID) as other:
                other.execute(text("select pg_terminate_backend(:pid)"), {"pid": cut[0]})
        return event_ids

    monkeypatch.setattr(storage, "_store_indexed", cut_off)
    report(batched, mixed_batch())
    assert cut
    assert contents(batched) == expected


@on_postgres
def test_a_commit_whose_answer_was_lost_is_not_stored_again(
    new_instance: OpenInstance, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    batched = new_instance("batched")
    storage: Any = batched.event_log_storage
    index_transaction, failures = (
        storage.index_transaction,
        [OperationalError("", (), ConnectionError())],
    )

    @contextmanager
    def lose_the_answer() -> Iterator[Any]:
        with index_transaction() as conn:
            yield conn
        if failures:
            raise failures.pop()

    monkeypatch.setattr(storage, "index_transaction", lose_the_answer)
    report(batched, mixed_batch())
    assert not failures
    assert contents(batched) == expected


KILLED_BETWEEN_COMMITS = """
import os, signal, sys
from contextlib import contextmanager
from stocker_pipeline.orchestration.event_log import BatchedSqliteEventLogStorage
from stocker_pipeline_tests.orchestration.events import mixed_batch

class Killed(BatchedSqliteEventLogStorage):
    @contextmanager
    def run_connection(self, run_id=None):
        with super().run_connection(run_id) as conn:
            yield conn
        os.kill(os.getpid(), signal.SIGKILL)

Killed(sys.argv[1]).store_event_batch(mixed_batch())
"""


@contextmanager
def full_disk(shards: tuple[str, ...]) -> Iterator[None]:
    """Let no database of these names grow: SQLite then reports that the disk is full."""

    def limit(connection: Any, _record: Any) -> None:
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        if Path(path).stem in shards:
            # The limit never falls below the pages that exist.
            connection.execute("PRAGMA max_page_count = 1")

    event.listen(Engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(Engine, "connect", limit)
