"""The only door into the asset graph."""

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from stocker_pipeline.orchestration.resources import (
    LakeResource,
    MarketDataResource,
    OverridesResource,
    VenueResource,
)
from stocker_pipeline.paths import PROJECT_ROOT
from stocker_pipeline.redaction import install
from stocker_pipeline.settings import Settings


def build_definitions(
    *, settings: Settings | None = None, overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Everything under ``defs``, with resources bound for one environment.

    Args:
        settings: Where state lives; None = from the environment.
        overrides: Resource key → resource, in place of the bound one.
    """
    # Dagster gives it to itself when it copies a sensor that has jobs; nobody here can act on it.
    warnings.filterwarnings("ignore", "Parameter `owners` of initializer `SensorDefinition")
    chosen = settings or Settings()
    resources: dict[str, Any] = {
        "lake": LakeResource(root=chosen.lake_root),
        "sources": MarketDataResource(
            providers=list(chosen.providers),
            reference=chosen.reference_provider,
            files_path=str(chosen.files_path) if chosen.files_path else None,
        ),
        "overrides": OverridesResource(),
        "venue": VenueResource(),
    } | dict(overrides or {})
    loaded = dg.load_from_defs_folder(path_within_project=PROJECT_ROOT / "stocker_pipeline")
    return dg.Definitions.merge(
        loaded,
        dg.Definitions(
            resources=resources,
            # The chain is one process: an executor that forks would pay seconds of import a step.
            executor=dg.in_process_executor,
        ),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What ``dagster dev``, ``dg`` and the code location load."""
    install()
    return build_definitions()
