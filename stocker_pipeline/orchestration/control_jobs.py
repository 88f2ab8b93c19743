"""Control in Dagster: a job that kills, a sweep after every kill, the drill. None that arms.

Belongs here: from a run's config to the stage, and what its run page shows. Stays out: what a kill
is (``stages.control``), and when orders may leave.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from stocker_pipeline.domain.errors import BookRefused, InputRefused
from stocker_pipeline.domain.session import SessionCalendar, SystemClock
from stocker_pipeline.domain.trading_day import TradingDay
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Reader
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.ledger.records import OrderRecord
from stocker_pipeline.orchestration.fills_sensor import ENVIRONMENTS
from stocker_pipeline.orchestration.partitions import session_partitions
from stocker_pipeline.orchestration.schedules import Tick, each_session, session_schedule
from stocker_pipeline.settings import Environment, Settings
from stocker_pipeline.stages.adopt import desk_now
from stocker_pipeline.stages.cancel import Swept
from stocker_pipeline.stages.control import kill, take_back, target_of
from stocker_pipeline.stages.drill import drill
from stocker_pipeline.stages.kill_file import write_kill_file
from stocker_pipeline.stages.permission import FLATTEN
from stocker_pipeline.stages.portfolios import named_portfolio, portfolio_names
from stocker_pipeline.stages.trading import Venue

_INTERVAL_SECONDS = 60


class KillConfig(dg.Config):
    """Whom to stop, and why. Exactly one of portfolio, account and everything."""

    portfolio: str = ""
    account: str = ""
    everything: bool = False
    reason: str


@dg.op(name="stop", description="Commits the kill, then takes back open orders.")
def kill_op(
    context: dg.OpExecutionContext,
    config: KillConfig,
    lake: dg.ResourceParam[Lake],
    venue: dg.ResourceParam[Venue],
) -> None:
    """Stop, and fail where an order could not be taken back: the state is set all the same."""
    target = target_of(config.portfolio or None, config.account or None, config.everything)
    author = f"Dagster run {context.run_id[:8]}"
    reason = config.reason.strip() or "no reason given"
    try:
        with venue.ledger() as ledger:
            names = kill(ledger, target, author=author, reason=reason)
    except (BookRefused, InputRefused):
        raise
    except Exception:
        # The ledger cannot be written: the last resort, and the run fails with what was wrong.
        write_kill_file(venue.kill_file, f"{target} by {author}: {reason}")
        raise
    context.log.info(f"{target} is KILLED")
    swept = take_back(venue, lake, names, f"killed by {author}: {reason}")
    metadata = _metadata(swept)
    context.add_output_metadata(metadata)
    if any(found.left for found in swept.values()):
        raise dg.Failure(
            f"{target} is KILLED; some orders could not be taken back", metadata=metadata
        )


@dg.job(name="kill", description="Stops a portfolio, an account or all. Only `stocker arm` lifts.")
def kill_job() -> None:
    """One step."""
    kill_op()


@dg.op(name="take_back", description="Takes back open orders of portfolios that are killed.")
def take_back_op(
    context: dg.OpExecutionContext,
    lake: dg.ResourceParam[Lake],
    venue: dg.ResourceParam[Venue],
) -> None:
    """Whoever killed: a person, a monitor, the file. Fails where an order is left."""
    with venue.ledger() as ledger:
        names = sorted(ledger.read(killed_with_orders))
    swept = take_back(venue, lake, names, "the portfolio is killed")
    metadata = _metadata(swept)
    context.add_output_metadata(metadata)
    if any(found.left for found in swept.values()):
        raise dg.Failure("some orders could not be taken back", metadata=metadata)


@dg.job(name="take_back_orders", description="Takes back open orders of killed portfolios.")
def take_back_job() -> None:
    """One step."""
    take_back_op()


def killed_with_orders(reader: Reader) -> dict[str, list[OrderRecord]]:
    """Portfolios that are killed, with the orders of theirs that may still trade."""
    found = {}
    for book in reader.portfolios():
        leaves = {leave.session for leave in reader.leaves(book.portfolio)}
        orders = [
            order
            for order in reader.working_orders(book.portfolio)
            if not (order.intent.key.leg == FLATTEN and order.intent.key.session in leaves)
        ]
        if orders and reader.control(book.portfolio).state is ControlState.KILLED:
            found[book.portfolio] = orders
    return found


def to_take_back(found: Mapping[str, Sequence[OrderRecord]], now: datetime) -> list[str] | str:
    """Killed portfolios with orders whose open is still to come, or why there are none."""
    if not found:
        return "no killed portfolio has an open order"
    wanted = []
    for name, orders in sorted(found.items()):
        sessions = {order.intent.key.session for order in orders}
        days = (TradingDay.of(day, SessionCalendar.between(day, day)) for day in sessions)
        if any(now < day.opens_at for day in days):
            wanted.append(name)
    return wanted or f"the open has passed for the orders of {', '.join(sorted(found))}"


@dg.sensor(
    name="control__take_back",
    job=take_back_job,
    minimum_interval_seconds=_INTERVAL_SECONDS,
    description="After a kill, whoever said it: takes back orders that may still trade, and writes "
    f"the kill file into the ledger. Runs in: {', '.join(ENVIRONMENTS)}.",
    default_status=dg.DefaultSensorStatus.RUNNING
    if Settings().env in ENVIRONMENTS
    else dg.DefaultSensorStatus.STOPPED,
)
def take_back_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One run for each interval in which there is something to take back."""
    settings, now = Settings(), SystemClock().now()
    if settings.env not in ENVIRONMENTS:
        return dg.SkipReason(f"runs in {', '.join(ENVIRONMENTS)}; STOCKER_ENV is {settings.env}")
    with Venue(settings.env, settings.ledger, settings.accounts).ledger() as ledger:
        wanted = to_take_back(ledger.read(killed_with_orders), now)
    if isinstance(wanted, str):
        return dg.SkipReason(wanted)
    slot = int(now.timestamp()) // _INTERVAL_SECONDS
    return dg.RunRequest(run_key=f"take_back:{','.join(wanted)}:{slot}")


@dg.op(name="hold_drill", description="Kills each armed paper portfolio, proves it, arms it.")
def drill_op(
    context: dg.OpExecutionContext,
    lake: dg.ResourceParam[Lake],
    venue: dg.ResourceParam[Venue],
) -> None:
    """Hold the drill on every paper portfolio that has begun; fail where one was not clean."""
    if venue.environment == "live":
        raise dg.Failure("drills are held on paper only")
    metadata: dict[str, Any] = {}
    failed = []
    with venue.ledger() as ledger:
        books = {book.portfolio for book in ledger.read(lambda r: r.portfolios())}
    for name in sorted(books & set(portfolio_names())):
        try:
            with desk_now(venue, name, named_portfolio(name), lake) as desk:
                found = drill(desk)
        except Exception as error:
            # One that cannot be drilled does not stop the others.
            failed.append(f"{name}: {error}")
            continue
        metadata[f"{name}_seconds"] = found.seconds
        metadata[f"{name}_cancelled"] = len(found.swept.cancelled)
        failed += [f"{name}: {fault}" for fault in found.faults]
    context.add_output_metadata(metadata)
    if failed:
        raise dg.Failure("; ".join(failed), metadata=metadata)


def _metadata(swept: dict[str, Swept]) -> dict[str, Any]:
    rows = [
        f"| {name} | {len(one.withheld)} | {len(one.cancelled)} | {len(one.filled)} | "
        f"{'; '.join(f'{left.symbol} {left.quantity:+d}: {left.why}' for left in one.left)} |"
        for name, one in swept.items()
    ]
    head = "| portfolio | never sent | taken back | filled before | left |\n|---|---|---|---|---|\n"
    return {"orders": dg.MetadataValue.md(head + "\n".join(rows))}


def after_the_first_session(tick: Tick) -> tuple[Any, ...] | str:
    """The tick's own date where it is the first session of its month."""
    sessions = each_session(tick)
    if isinstance(sessions, str):
        return sessions
    first = tick.calendar.session_on_or_after(tick.day.replace(day=1))
    if tick.day != first:
        return f"the drill of this month was due on {first}"
    return sessions


def control_definitions() -> dg.Definitions:
    """The kill job, the drill and its schedule."""
    settings = Settings()
    environments: tuple[Environment, ...] = ("paper",)

    @dg.job(
        name="kill_drill",
        description="Kills each armed paper portfolio, shows that nothing can be sent, arms it "
        "again and records how long it took.",
        partitions_def=session_partitions(settings.first_session, SystemClock().now().date()),
    )
    def drill_job() -> None:
        drill_op()

    return dg.Definitions(
        jobs=[kill_job, take_back_job, drill_job],
        sensors=[take_back_sensor],
        schedules=[
            session_schedule(
                "kill_drill",
                job=drill_job,
                cron="30 18 1-10 * *",
                environments=environments,
                decide=after_the_first_session,
                description="18:30 of a month's first session, after its close.",
            )
        ],
    )
