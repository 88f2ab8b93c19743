"""The audit log verified each day, so that a change is told though nobody asks.

Belongs here: the job and its schedule. Stays out: what is verified (``stages.audit``).
"""

import dagster as dg

from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.orchestration.schedules import TIMEZONE
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.audit import noted_heads, watch_audit
from stocker_pipeline.stages.trading import Venue

ENVIRONMENTS = ("paper", "live")
_CRON = "30 19 * * *"


@dg.op(name="verify", description="Compares the log, the facts it binds and the heads noted.")
def verify_op(
    context: dg.OpExecutionContext,
    lake: dg.ResourceParam[Lake],
    venue: dg.ResourceParam[Venue],
) -> None:
    """Fail where something was changed, removed or inserted; the alert is written before."""
    with venue.ledger(notes_head=False) as ledger:
        faults = watch_audit(ledger, lake, noted_heads(venue.audit_heads))
    context.add_output_metadata({"faults": len(faults)})
    if faults:
        raise dg.Failure(f"{len(faults)} faults: see stocker audit verify")


@dg.job(
    name="audit_verify",
    description="Finds what was changed, removed or inserted in the audit log and what it binds.",
)
def audit_job() -> None:
    """One step."""
    verify_op()


def audit_definitions() -> dg.Definitions:
    """The job and its schedule."""

    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        settings = Settings()
        if settings.env not in ENVIRONMENTS:
            return dg.SkipReason(
                f"runs in {', '.join(ENVIRONMENTS)}; STOCKER_ENV is {settings.env}"
            )
        return dg.RunRequest(run_key=f"audit:{context.scheduled_execution_time.isoformat()}")

    schedule = dg.ScheduleDefinition(
        name="audit_verify",
        job=audit_job,
        cron_schedule=_CRON,
        execution_timezone=TIMEZONE,
        execution_fn=evaluate,
        description=f"Each day at 19:30: stocker audit verify. Runs in: {', '.join(ENVIRONMENTS)}.",
        default_status=dg.DefaultScheduleStatus.RUNNING
        if Settings().env in ENVIRONMENTS
        else dg.DefaultScheduleStatus.STOPPED,
    )
    return dg.Definitions(jobs=[audit_job], schedules=[schedule])
