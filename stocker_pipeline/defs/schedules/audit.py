"""The daily check of the audit log."""

import dagster as dg

from stocker_pipeline.orchestration.audit_job import audit_definitions


@dg.definitions
def audit() -> dg.Definitions:
    """All of it."""
    return audit_definitions()
