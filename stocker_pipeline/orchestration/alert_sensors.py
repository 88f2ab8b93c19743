"""Deliver alerts, hear of failed checks and runs, prove each day that somebody would be told.

Two sensors, so that a broken one does not stop the other, and one schedule. None of them can be
configured in a run. Without Dagster, ``stocker alerts deliver`` does the same as the first.
"""

import dagster as dg

from stocker_pipeline.domain.errors import StockerError
from stocker_pipeline.domain.session import NEW_YORK, Clock, SystemClock
from stocker_pipeline.gateways.alerts.choice import chosen_channels, chosen_deadman
from stocker_pipeline.orchestration.failures import Cursor, look
from stocker_pipeline.orchestration.schedules import TIMEZONE
from stocker_pipeline.risk.check_alerts import check_alert, run_alert
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.alert_targets import targets_of
from stocker_pipeline.stages.alerts import Report, deliver, put_alerts, put_canary, tell_deadman
from stocker_pipeline.stages.trading import Venue

ENVIRONMENTS = ("paper", "live")
_INTERVAL_SECONDS = 60
_CANARY_CRON = "0 9 * * *"


def deliver_sensor(*, clock: Clock | None = None) -> dg.SensorDefinition:
    """A sensor that delivers the outbox and tells the outside watch of ended sessions."""
    reader = clock or SystemClock()

    @dg.sensor(
        name="alerts__deliver",
        minimum_interval_seconds=_INTERVAL_SECONDS,
        description="Sends alerts of the ledger to Slack, e-mail and PagerDuty, and tells the "
        f"outside watch that a session has its outcome. Runs in: {', '.join(ENVIRONMENTS)}.",
        default_status=_status(),
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        settings = Settings()
        if settings.env not in ENVIRONMENTS:
            return _elsewhere(settings)
        targets = targets_of(settings)
        with Venue(settings.env, settings.ledger, settings.accounts).ledger() as ledger:
            report = deliver(ledger, chosen_channels(targets), reader)
            try:
                watch = tell_deadman(ledger, chosen_deadman(targets))
            except StockerError as error:
                watch = str(error)
        return dg.SkipReason(f"{report.words}. Outside watch: {watch}")

    return evaluate


def failures_sensor(*, clock: Clock | None = None) -> dg.SensorDefinition:
    """A sensor that writes an alert for each failed check and run, and for its recovery."""
    reader = clock or SystemClock()

    @dg.sensor(
        name="alerts__failures",
        minimum_interval_seconds=_INTERVAL_SECONDS,
        description="Writes an alert for every failed asset check and run, also where the run is "
        f"green, and one when it passes again. Runs in: {', '.join(ENVIRONMENTS)}.",
        default_status=_status(),
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        settings = Settings()
        if settings.env not in ENVIRONMENTS:
            return _elsewhere(settings)
        now = reader.now()
        if not context.cursor:
            context.update_cursor(str(Cursor(now)))
            return dg.SkipReason("the first look: what happened before is not told")
        seen = look(context.instance, Cursor.parse(context.cursor))
        today = now.astimezone(NEW_YORK).date()
        with Venue(settings.env, settings.ledger, settings.accounts).ledger() as ledger:
            books = {item.portfolio for item in ledger.read(lambda r: r.portfolios())}
            found = [check_alert(item, books, today) for item in seen.checks]
            raised, over = put_alerts(ledger, found + [run_alert(item) for item in seen.runs])
        context.update_cursor(str(seen.cursor))
        return dg.SkipReason(
            f"{len(seen.checks)} evaluations and {len(seen.runs)} ended runs: "
            f"{raised} alerts raised, {over} over"
        )

    return evaluate


@dg.op(name="send_canary")
def _send_canary() -> None:
    settings, clock = Settings(), SystemClock()
    with Venue(settings.env, settings.ledger, settings.accounts).ledger() as ledger:
        put_canary(ledger, clock)
        report = deliver(ledger, chosen_channels(targets_of(settings)), clock)
    _refuse_silence(report)


def _refuse_silence(report: Report) -> None:
    """A canary that did not reach a channel is a failed run; its alert is tried again."""
    if report.failed or not (report.sent or report.busy):
        raise dg.Failure(f"the canary did not go through every channel: {report.words}")


@dg.job(
    name="alert_canary",
    description="Sends one INFO through every channel, and fails where one does not take it.",
)
def canary_job() -> None:
    """The daily proof that somebody would be told."""
    _send_canary()


def canary_schedule() -> dg.ScheduleDefinition:
    """Every day, also on days without a session."""

    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        settings = Settings()
        if settings.env not in ENVIRONMENTS:
            return _elsewhere(settings)
        return dg.RunRequest(run_key=f"canary:{context.scheduled_execution_time.isoformat()}")

    return dg.ScheduleDefinition(
        name="alert_canary",
        job=canary_job,
        cron_schedule=_CANARY_CRON,
        execution_timezone=TIMEZONE,
        execution_fn=evaluate,
        description="Each day at 09:00: an INFO through every alert channel. "
        f"Runs in: {', '.join(ENVIRONMENTS)}.",
        default_status=dg.DefaultScheduleStatus.RUNNING
        if Settings().env in ENVIRONMENTS
        else dg.DefaultScheduleStatus.STOPPED,
    )


def alert_definitions() -> dg.Definitions:
    """Both sensors, the canary's job and its schedule."""
    return dg.Definitions(
        jobs=[canary_job],
        sensors=[deliver_sensor(), failures_sensor()],
        schedules=[canary_schedule()],
    )


def _status() -> dg.DefaultSensorStatus:
    running = Settings().env in ENVIRONMENTS
    return dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED


def _elsewhere(settings: Settings) -> dg.SkipReason:
    return dg.SkipReason(f"runs in {', '.join(ENVIRONMENTS)}; STOCKER_ENV is {settings.env}")
