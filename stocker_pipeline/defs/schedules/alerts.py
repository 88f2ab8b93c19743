"""The sensors that deliver alerts and hear of failures, and the daily canary."""

import dagster as dg

from stocker_pipeline.orchestration.alert_sensors import alert_definitions


@dg.definitions
def alerts() -> dg.Definitions:
    """All of them."""
    return alert_definitions()
