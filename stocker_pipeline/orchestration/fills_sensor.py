"""After the open: collect fills of a paper book while there are orders without an end.

The sensor decides from the ledger alone whether there is anything to wait for; asking the broker is
the run's work. Each evaluation without a run says why.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg

from stocker_pipeline.domain.session import Clock, SessionCalendar, SystemClock
from stocker_pipeline.domain.trading_day import TradingDay, shown
from stocker_pipeline.ledger.records import OrderRecord
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.trading import Venue

_INTERVAL_SECONDS = 300
_AFTER_OPEN = timedelta(minutes=1)
ENVIRONMENTS = ("paper", "live")


def to_collect(orders: Sequence[OrderRecord], now: datetime) -> OrderRecord | str:
    """The first order whose open has passed and that has no end, or why there is none."""
    if not orders:
        return "no order is working"
    first = min(orders, key=lambda order: order.intent.key.session)
    session = first.intent.key.session
    day = TradingDay.of(session, SessionCalendar.between(session, session))
    if now < day.opens_at + _AFTER_OPEN:
        return f"{len(orders)} orders wait for the open of {shown(day.opens_at)}"
    return first


def fills_sensor(name: str, *, clock: Clock | None = None) -> dg.SensorDefinition:
    """A sensor that runs the asset ``fills`` of the session whose orders are not done."""
    reader = clock or SystemClock()
    running = Settings().env in ENVIRONMENTS

    @dg.sensor(
        name=f"{name}__fills",
        asset_selection=[dg.AssetKey([name, "fills"])],
        minimum_interval_seconds=_INTERVAL_SECONDS,
        description="After the open: collects fills until every order has its end. "
        f"Runs in: {', '.join(ENVIRONMENTS)}.",
        default_status=dg.DefaultSensorStatus.RUNNING
        if running
        else dg.DefaultSensorStatus.STOPPED,
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        settings = Settings()
        if settings.env not in ENVIRONMENTS:
            return dg.SkipReason(
                f"runs in {', '.join(ENVIRONMENTS)}; STOCKER_ENV is {settings.env}"
            )
        now = reader.now()
        with Venue(settings.env, settings.ledger, settings.accounts).ledger() as ledger:
            found = to_collect(ledger.read(lambda r: r.working_orders(name)), now)
        if isinstance(found, str):
            return dg.SkipReason(found)
        session = found.intent.key.session.isoformat()
        # One run for each interval: a key of the session alone would run once and never again.
        slot = int(now.timestamp()) // _INTERVAL_SECONDS
        return dg.RunRequest(run_key=f"{name}:fills:{session}:{slot}", partition_key=session)

    return evaluate
