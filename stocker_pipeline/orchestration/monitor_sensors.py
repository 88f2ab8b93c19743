"""Sensors that watch a paper book: one for each group of monitors, so that none stops another.

A sensor looks, and what follows is written by the stage in the ledger; it starts no run. Each
evaluation says what was found. The cursor is the last session that each monitor has judged.
"""

from collections.abc import Sequence

import dagster as dg

from stocker_pipeline.domain.session import Clock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages import monitor as stage
from stocker_pipeline.stages.monitor_facts import GROUPS
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline.strategies.portfolio import Portfolio

ENVIRONMENTS = ("paper", "live")
_INTERVAL_SECONDS = {"losses": 300, "truth": 600, "day": 300, "shape": 900}
_WATCHES = {
    "losses": "the loss of a session and the drawdown from the peak",
    "truth": "the ledger's rules, the differences with the broker, and activity that is not ours",
    "day": "bars before the decision, orders without an end, and orders beside targets",
    "shape": "the distance from the targets, the largest position, and realised volatility",
}


def monitor_sensors(
    name: str, portfolio: Portfolio, *, clock: Clock | None = None
) -> list[dg.SensorDefinition]:
    """The sensors of one paper book, one for each group of monitors."""
    return [_sensor(name, portfolio, group, clock) for group in GROUPS]


def _sensor(
    name: str, portfolio: Portfolio, group: str, clock: Clock | None
) -> dg.SensorDefinition:
    running = Settings().env in ENVIRONMENTS

    @dg.sensor(
        name=f"{name}__watch_{group}",
        minimum_interval_seconds=_INTERVAL_SECONDS[group],
        description=f"Watches {_WATCHES[group]} ({', '.join(GROUPS[group])}); tightens the control "
        f"state and tells. Runs in: {', '.join(ENVIRONMENTS)}.",
        default_status=dg.DefaultSensorStatus.RUNNING
        if running
        else dg.DefaultSensorStatus.STOPPED,
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        settings = Settings()
        if settings.env not in ENVIRONMENTS:
            return dg.SkipReason(
                f"runs in {', '.join(ENVIRONMENTS)}; STOCKER_ENV is {settings.env}"
            )
        venue = Venue(settings.env, settings.ledger, settings.accounts)
        with venue.ledger() as ledger:
            if ledger.read(lambda r: r.portfolio(name)) is None:
                return dg.SkipReason(f"{name} has not begun: there is no book to watch")
        lake, monitors = Lake(settings.lake_root), GROUPS[group]
        found = stage.watch(venue, lake, name, portfolio, clock=clock, monitors=monitors)
        context.update_cursor(_cursor(found))
        return dg.SkipReason(told(found))

    return evaluate


def told(found: Sequence[stage.Judged]) -> str:
    """What the monitors found, and why nothing more happened, for a person."""
    return "; ".join(
        f"{item.monitor} {item.session or 'without a session'} {item.word}: "
        f"{item.verdict.sentence} ({item.done or item.why_nothing})"
        for item in found
    )


def _cursor(found: Sequence[stage.Judged]) -> str:
    return " ".join(f"{item.monitor}@{item.session}" for item in found if item.session)
