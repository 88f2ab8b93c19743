"""The job that kills, and the monthly drill of it."""

import dagster as dg

from stocker_pipeline.orchestration.control_jobs import control_definitions


@dg.definitions
def control() -> dg.Definitions:
    """Both."""
    return control_definitions()
