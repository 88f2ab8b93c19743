"""The data version of each session: the instant since which what is known of it is known.

Dagster calls a materialisation stale where one of its inputs has another data version than it had.
A session that was fetched again and says the same keeps its version, whoever fetched it and however
many sessions with it. A run over a range hands Dagster one version for all its partitions: the most
frequent one. The few sessions that have another are told again, with their own. Stays out: what
counts as a change (``retrievals``).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import (
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
)
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata

NOTHING = dg.DataVersion("nothing")
"""Of a session of which the lake knows nothing."""


@dataclass(frozen=True)
class Versions:
    """What a run says of its partitions.

    Attributes:
        of_run: The version that most of them have.
        others: Partition → version, where it is another.
    """

    of_run: dg.DataVersion
    others: Mapping[str, dg.DataVersion]


def data_versions(partitions: Sequence[str], known_since: Mapping[date, datetime]) -> Versions:
    """The versions of the partitions of a run.

    Args:
        partitions: Sessions as partition keys, at least one.
        known_since: Session → instant; a session that is absent has no content.
    """
    found = {key: _version(known_since.get(date.fromisoformat(key))) for key in partitions}
    ((of_run, _),) = Counter(found.values()).most_common(1)
    return Versions(of_run, {key: each for key, each in found.items() if each != of_run})


def log_other_versions(
    context: dg.AssetExecutionContext,
    asset: dg.AssetKey,
    versions: Versions,
    metadata: Mapping[str, Mapping[str, Any]],
) -> None:
    """Tell the partitions again that have a version of their own; call it behind the result.

    Args:
        metadata: Partition → what its materialisation says, where it says something.
    """
    step = context.op_execution_context.get_step_execution_context()
    batch, last = f"{step.run_id}-{asset.to_user_string()}-versions", len(versions.others) - 1
    for at, (partition, version) in enumerate(versions.others.items()):
        told = dg.AssetMaterialization(
            asset_key=asset,
            partition=partition,
            metadata=metadata.get(partition, {}),
            tags={DATA_VERSION_TAG: version.value, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"},
        )
        DagsterEvent.asset_materialization(step, told, DagsterEventBatchMetadata(batch, at == last))


def _version(at: datetime | None) -> dg.DataVersion:
    return NOTHING if at is None else dg.DataVersion(at.astimezone(UTC).isoformat())
