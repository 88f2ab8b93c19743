"""Rows of a batch are those that Dagster makes of each event, and of most it does not have to."""

from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stocker_pipeline.orchestration.event_log import BatchedSqliteEventLogStorage
from stocker_pipeline_tests.orchestration.events import (
    PARTITIONS,
    check_evaluated,
    check_planned,
    materialised,
    mixed_batch,
    observed,
    planned,
)


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    return BatchedSqliteEventLogStorage(str(tmp_path_factory.mktemp("events")))


def one_by_one(storage, events: list[dg.EventLogEntry]) -> list[Any]:
    return [storage._event_to_row(event) for event in events]


@pytest.fixture
def encoded(storage, monkeypatch) -> list[dg.EventLogEntry]:
    """The events that Dagster had to encode."""
    seen: list[dg.EventLogEntry] = []
    stock = storage._event_to_row
    monkeypatch.setattr(
        storage, "_event_to_row", lambda event: seen.append(event) or stock(event), raising=True
    )
    return seen


def with_metadata(event: dg.EventLogEntry, metadata: Any) -> dg.EventLogEntry:
    """A materialisation with these metadata, and without the tag that tells its partition."""
    happened = event.dagster_event
    data = happened.event_specific_data
    held = data.materialization._replace(metadata=metadata, tags={"free": "text"})
    data = data._replace(materialization=held)
    return event._replace(dagster_event=happened._replace(event_specific_data=data))


def plain(asset: str, partition: str) -> dg.EventLogEntry:
    return with_metadata(materialised(asset, partition), {})


def passed(asset: str, partition: str) -> dg.EventLogEntry:
    event = check_evaluated(asset, partition, passed=True)
    found = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(asset), check_name="sane", passed=True, partition=partition
    )
    return event._replace(dagster_event=event.dagster_event._replace(event_specific_data=found))


def failed(asset: str, partition: str) -> dg.EventLogEntry:
    return check_evaluated(asset, partition, passed=False)


@pytest.mark.parametrize("make", [planned, plain, observed, passed])
def test_events_that_differ_in_partition_and_instant_are_encoded_once(storage, encoded, make):
    events = [
        make("orders", partition)._replace(timestamp=1.5 + day)
        for day, partition in enumerate(PARTITIONS)
    ]
    rows = storage._event_rows(events)
    assert encoded == events[:1]
    assert rows == one_by_one(storage, events)


def test_every_type_of_event_in_one_batch(storage):
    events = [*mixed_batch(), check_planned("orders"), *mixed_batch()]
    assert storage._event_rows(events) == one_by_one(storage, events)


@pytest.mark.parametrize("values", [(1, True), (1.0, 1), ({"n": 1}, {"n": True})])
def test_metadata_that_are_equal_and_written_apart(storage, values):
    events = [
        with_metadata(
            materialised("orders", "2024-01-01"), {"found": dg.MetadataValue.json({"value": value})}
        )
        for value in values
    ]
    rows = storage._event_rows(events)
    assert rows == one_by_one(storage, events)
    assert rows[0]["event"] != rows[1]["event"]


def test_a_partition_that_is_told_twice(storage):
    told = {"found": dg.MetadataValue.json({"partition": "a", "timestamp": 1.0})}
    events = [
        with_metadata(materialised("orders", partition), told)._replace(timestamp=instant)
        for partition, instant in (("a", 1.0), ("b", 2.0), ("a", 3.0))
    ]
    assert storage._event_rows(events) == one_by_one(storage, events)


words = st.sampled_from(
    ["", "a", "2024-01-01", 'b"c', "\\", "é ☃", '"partition": "a"', '"timestamp": 1.0', "x|y"]
)
SHARED = {"shared": dg.MetadataValue.json({"partition": "a", "nested": {"timestamp": 1.0}})}
metadata = st.sampled_from([{}, SHARED, {"text": dg.MetadataValue.text("a")}])


@st.composite
def events(draw) -> dg.EventLogEntry:
    kind = draw(st.sampled_from([planned, materialised, plain, observed, passed, failed]))
    event = kind(draw(st.sampled_from(["orders", "fills"])), draw(words))
    if kind is plain:
        event = with_metadata(event, draw(metadata))
    return event._replace(
        timestamp=draw(st.sampled_from([1.0, 10.0, 1_700_000_000.123456, 5])),
        user_message=draw(st.sampled_from(["", "said", '"partition": "a"'])),
        level=draw(st.sampled_from([10, 20])),
    )


@given(st.lists(events(), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_events_in_any_order(storage, batch):
    assert storage._event_rows(batch) == one_by_one(storage, batch)
