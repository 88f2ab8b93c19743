"""The JSON of events that differ in partition and instant alone, written once for all of them.

A backfill of ten years stores one event per asset and session, and Dagster takes apart and encodes
each anew; that was the longest part of storing them. Belongs here: telling that two events are
alike, and filling in what differs. Stays out: tables, transactions, and how one event is encoded,
which is Dagster's.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from dagster import AssetCheckEvaluation, AssetMaterialization, AssetObservation
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    DagsterEvent,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry


def _fields_but(kind: Any, *left_out: str) -> Callable[[Any], Any]:
    """Read all fields of a named tuple, or of a record of Dagster, but some, as a tuple."""
    names = getattr(kind, "_fields", None) or kind.__annotations__
    return attrgetter(*(name for name in names if name not in left_out))


_OF_ENTRY = _fields_but(EventLogEntry, "timestamp", "dagster_event")
_OF_EVENT = _fields_but(DagsterEvent, "event_specific_data")
_OF_PLAN = _fields_but(AssetMaterializationPlannedData, "partition")
_OF_MATERIALIZATION = _fields_but(AssetMaterialization, "partition", "metadata")
_OF_OBSERVATION = _fields_but(AssetObservation, "partition", "metadata")
_OF_EVALUATION = _fields_but(AssetCheckEvaluation, "partition", "metadata")


def _taken_apart(entry: EventLogEntry) -> tuple[str, Any, Mapping[str, Any]] | None:
    """An event of a partition as that, all else but the instant, and metadata; None for others."""
    event = entry.dagster_event
    data: Any = event.event_specific_data if event is not None else None
    held: Any = None
    rest: Any = None
    metadata: Mapping[str, Any] = {}
    if isinstance(data, AssetMaterializationPlannedData):
        held, rest = data, _OF_PLAN(data)
    elif isinstance(data, StepMaterializationData):
        held = data.materialization
        rest, metadata = (_OF_MATERIALIZATION(held), data.asset_lineage), held.metadata
    elif isinstance(data, AssetObservationData):
        held = data.asset_observation
        rest, metadata = _OF_OBSERVATION(held), held.metadata
    elif isinstance(data, AssetCheckEvaluation):
        held = data
        rest, metadata = _OF_EVALUATION(held), held.metadata
    if held is None or not held.partition:
        return None
    return held.partition, (_OF_ENTRY(entry), _OF_EVENT(event), rest), metadata


@dataclass(frozen=True)
class Pattern:
    """The JSON of one event with two gaps, and what an event must be for its JSON to fit."""

    before: str
    between: str
    after: str
    rest: Any
    metadata: Mapping[str, Any]

    @classmethod
    def of(cls, entry: EventLogEntry, text: str) -> "Pattern | None":
        """The pattern of an event, or None where it has no partition or its gaps are not plain.

        Args:
            entry: An event.
            text: Its JSON, by Dagster.
        """
        parts = _taken_apart(entry)
        if parts is None:
            return None
        partition, rest, metadata = parts
        around = text.split(f'"partition": {json.dumps(partition)}')
        behind = around[-1].split(f'"timestamp": {json.dumps(entry.timestamp)}')
        if len(around) != 2 or len(behind) != 2:
            return None
        before, (between, after) = around[0], behind
        return cls(f'{before}"partition": ', f'{between}"timestamp": ', after, rest, metadata)

    def filled(self, entry: EventLogEntry) -> str | None:
        """The JSON of an event that is alike, or None where it is not."""
        parts = _taken_apart(entry)
        if parts is None:
            return None
        partition, rest, metadata = parts
        if rest != self.rest or not _identical(metadata, self.metadata):
            return None
        gap, instant = json.dumps(partition), json.dumps(entry.timestamp)
        return f"{self.before}{gap}{self.between}{instant}{self.after}"


def _identical(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    # By identity: JSON writes 1, 1.0 and true apart, which are equal.
    return len(one) == len(other) and all(
        name == same and value is held
        for (name, value), (same, held) in zip(one.items(), other.items(), strict=True)
    )
