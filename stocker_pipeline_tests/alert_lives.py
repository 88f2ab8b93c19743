"""Short lives of books in which every kind of alert is raised by the code that raises it.

What raises them is a stage, a monitor, or Dagster's own record of a run, never a row that a test
wrote. Stays out: what is sent of it (``test_alert_kinds``).
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from stocker_pipeline.domain.orders import SessionOutcome
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.engine.simulate import Lot
from stocker_pipeline.gateways.alerts.choice import Deadman
from stocker_pipeline.gateways.alerts.slack import SlackChannel
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Ledger, Writer
from stocker_pipeline.ledger.records import OutcomeRecord, SessionKind
from stocker_pipeline.orchestration.failures import Cursor, look
from stocker_pipeline.risk.check_alerts import check_alert, run_alert
from stocker_pipeline.stages import day as days
from stocker_pipeline.stages import monitor_facts
from stocker_pipeline.stages.alerts import deliver, put_alerts, put_canary, tell_deadman
from stocker_pipeline.stages.audit import watch_audit
from stocker_pipeline.stages.control import Target, kill, reduce
from stocker_pipeline.stages.day import open_session
from stocker_pipeline.stages.drill import drill
from stocker_pipeline.stages.flatten import flatten
from stocker_pipeline.stages.monitor import monitor, watch
from stocker_pipeline.stages.reconcile import reconcile as compared
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline.stages.walk import move_to
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from
from stocker_pipeline_tests.gateways.alerts.servers import web_server
from stocker_pipeline_tests.ledger import builders
from stocker_pipeline_tests.ledger.builders import MONDAY, MORNING, WEDNESDAY
from stocker_pipeline_tests.stages.faults.faulty_day import (
    FIRST,
    SECOND,
    Day,
    control,
    fails,
)
from stocker_pipeline_tests.stages.market_day import small_portfolio
from stocker_pipeline_tests.stages.paper_day import BOOK, Market, PaperHome
from stocker_pipeline_tests.stages.paper_scripts import MARKET, FillsOnlyFrom, order_id

NOON = datetime(2010, 1, 4, 17, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """An empty ledger and a folder of its own."""

    template: Path
    folder: Path
    patch: pytest.MonkeyPatch

    @property
    def ledger_url(self) -> str:
        return f"sqlite:///{self.folder / 'ledger.db'}"

    @contextmanager
    def ledger(self, at: datetime = NOON) -> Iterator[Ledger]:
        with Ledger.open(self.ledger_url, clock=FixedClock(at)) as opened:
            yield opened

    def day(self, **limits: float) -> Day:
        """A book on the morning of its first session."""
        data = {**MARKET.portfolio.model_dump(), "limits": limits}
        market = Market(Portfolio.model_validate(data), MARKET.panel)
        return Day.begin(PaperHome(market, self.ledger_url, self.folder))

    def watched(
        self,
        *names: str,
        at: datetime,
        limits: Mapping[str, float] | None = None,
        **bounds: float,
    ) -> None:
        """Monitors of the book, at an instant."""
        changed = {"monitors": bounds, "limits": limits or {}}
        data = {**small_portfolio().model_dump(), **changed}
        with self.ledger(at) as ledger:
            monitor(
                ledger,
                Lake(str(self.folder / "lake")),
                BOOK,
                portfolio_from(data, where="test"),
                at,
                monitors=names,
            )


def answers(place: Place) -> datetime:
    """The broker refuses an order, and does not say what became of another."""
    day = place.day()
    refused = Fault(FaultKind.REFUSED, "submit", client_order_id=order_id(FIRST, "IBM"))
    silent = [
        Fault(FaultKind.NO_EFFECT, "submit", client_order_id=order_id(FIRST, "MSFT"))
        for _ in range(5)
    ]
    day.open(FIRST, refused, *silent)
    return day.clock.now()


def differences(place: Place) -> datetime:
    """Someone trades in the account, and the broker forgets an order of ours."""
    day = place.day().trade(FIRST)
    held = day.home.truth().positions["IBM"].quantity
    with day.desk() as desk:
        hand = control(desk)
        hand.trade_by_hand("MSFT", 5, 250_000)
        hand.ghost_fill("IBM", -held, 930_000)
        hand.trade_by_hand("FB", 7, 300_000)
        hand.foreign_order("AAPL", 5, SECOND)
    day.open(SECOND)
    now = day.clock.now()
    place.watched("reconciliation", "foreign_activity", at=now)
    return now


def forgotten_order(place: Place) -> datetime:
    """An order that we wait for was taken back at the broker."""
    day = place.day()
    day.open(FIRST)
    with day.desk() as desk:
        desk.broker.cancel(order_id(FIRST, "IBM"))
        with desk.ledger.lease(BOOK, FIRST, "open") as lease:
            compared(desk, lease, FIRST, "open")
    return day.clock.now()


def late(place: Place) -> datetime:
    """Fills come to light a day after their session was settled."""
    day = place.day()
    day.open(FIRST)
    with day.desk() as desk:
        shown_from = desk.day(SECOND).closes_at
        broker = FillsOnlyFrom(desk.broker._broker, shown_from)  # type: ignore[attr-defined]
        move_to(day.clock, desk.day(SECOND).open_stage_at)
        open_session(replace(desk, broker=broker), SECOND)
    day.close(SECOND)
    return day.clock.now()


def limited(place: Place) -> datetime:
    """Limits stop orders after sizing, and tighter ones at the last gate."""
    day = place.day(order_notional_usd=15_000.0)
    with day.desk() as desk:
        with place.patch.context() as patch:
            patch.setattr(days, "submit", lambda *_: None)
            open_session(desk, FIRST)
        tight = {**desk.portfolio.model_dump(), "limits": {"order_notional_usd": 1.0}}
        open_session(replace(desk, portfolio=Portfolio.model_validate(tight)), FIRST)
    return day.clock.now()


def a_persons_words(place: Place) -> datetime:
    """A drill that is not clean, then reduce, flatten and kill."""
    day = place.day().trade(FIRST)
    with day.desk(*fails("open_orders", 9)) as desk:
        drill(desk)
    with day.desk() as desk:
        drill(desk)
        reduce(desk.ledger, Target(BOOK), author="anna", reason="less")
        flatten(desk, author="anna", reason="out")
        kill(desk.ledger, Target(BOOK), author="anna", reason="stop")
    return day.clock.now()


def begun(place: Place, at: datetime = MORNING) -> FixedClock:
    """A book that has begun and done nothing."""
    with place.ledger(at) as ledger:
        builders.open_book(ledger)
    return FixedClock(at)


def skipped_session(place: Place) -> datetime:
    """A session is missing between two: a rule does not hold."""
    begun(place)
    with place.ledger(MORNING) as ledger:
        builders.trade_monday(ledger)
    at = MORNING + timedelta(days=2)
    with place.ledger(at) as ledger, ledger.lease(BOOK, WEDNESDAY, "open") as lease:
        builders.decide(ledger, lease, session=WEDNESDAY, kind=SessionKind.SKIPPED)
        outcome = OutcomeRecord(BOOK, WEDNESDAY, SessionOutcome.SKIPPED, "LATE", "late")
        ledger.write(lease, lambda w: w.put_outcome(outcome))
    place.watched("integrity", at=at)
    return at


def tampered(place: Place) -> datetime:
    """Someone takes a trigger away and writes another reason into the log's last entry."""
    begun(place)
    with place.ledger() as ledger:
        kill(ledger, Target(BOOK), author="anna", reason="stop")
    with closing(sqlite3.connect(place.folder / "ledger.db")) as file:
        file.execute("DROP TRIGGER audit_log_no_update")
        file.execute("UPDATE audit_log SET actor = 'bob' WHERE actor = 'anna'")
        file.commit()
    with place.ledger() as ledger:
        assert watch_audit(ledger, Lake(str(place.folder / "lake")), [])
    return NOON


def undecided_order(place: Place) -> datetime:
    """An order that nobody decided, and one that has no end an hour after the open."""
    begun(place)
    order = builders.intent("AAPL", 100)
    with place.ledger(MORNING) as ledger, ledger.lease(BOOK, MONDAY, "open") as lease:
        builders.decide(ledger, lease, [order])
        builders.reconcile(ledger, lease)
        builders.send(ledger, lease, order)
        stray = [builders.intent("MSFT", 5)]
        ledger.write(lease, lambda w: w.put_intents(stray, config_hash=builders.CONFIG))
    at = MORNING + timedelta(hours=2, minutes=30)
    # The kill takes back what is out, and the account of this book is nowhere.
    watch(
        Venue("paper", place.ledger_url, place.folder / "accounts"),
        Lake(str(place.folder / "lake")),
        BOOK,
        small_portfolio(),
        clock=FixedClock(at),
        monitors=("orders_without_targets", "unfilled_orders"),
    )
    return at


def idle(place: Place) -> datetime:
    """A green session without a fill though targets moved."""
    begun(place)
    with place.ledger(MORNING) as ledger:
        with ledger.lease(BOOK, MONDAY, "open") as lease:
            builders.decide(ledger, lease, [builders.intent("AAPL", 100)])
        with ledger.lease(BOOK, MONDAY, "close") as lease:
            same = builders.closing(MONDAY, builders.CAPITAL_E4)
            builders.settle(ledger, lease, same, traded=False)
    place.watched("idle_targets", at=NOON, idle_target_change=0.24)
    return NOON


def swinging(place: Place) -> datetime:
    """A position away from its target, and a book that swings for a week."""
    begun(place)
    with place.ledger(MORNING) as ledger:
        builders.trade_monday(ledger)
        before = ledger.read(lambda r: r.settlement(BOOK, MONDAY))
        assert before is not None
        for number in range(1, 5):
            session = MONDAY + timedelta(days=number)
            mark = {"AAPL": 300.0 if number % 2 else 102.0}
            same = builders.closing(
                session, before.snapshot.cash_e4, before.lots, mark, commissions=10_000
            )
            order = builders.intent("AAPL", 7, session=session)
            with ledger.lease(BOOK, session, "open") as lease:
                builders.decide(ledger, lease, [order], session=session)
            with ledger.lease(BOOK, session, "close") as lease:
                builders.settle(ledger, lease, same, traded=False)
    at = NOON + timedelta(days=4)
    place.watched("target_drift", at=at, drift=0.10, drift_sessions=1)
    place.watched("volatility_spike", at=at, volatility_sessions=5)
    place.watched("concentration", at=at, limits={"single_name": 0.05})
    return at


def worthless(place: Place) -> datetime:
    """More than everything is lost: loss, drawdown, and weights that are not defined."""
    begun(place)
    order, paid = builders.intent("AAPL", 100), 10_000_000
    with place.ledger(MORNING) as ledger:
        with ledger.lease(BOOK, MONDAY, "open") as lease:
            builders.decide(ledger, lease, [order])
            builders.reconcile(ledger, lease)
            builders.send(ledger, lease, order)
        with ledger.lease(BOOK, MONDAY, "close") as lease:
            builders.fill(ledger, lease, order, paid)
            close = builders.closing(
                MONDAY,
                builders.CAPITAL_E4 - 100 * paid - 10_000,
                [Lot("AAPL", 100, 100 * paid)],
                {"AAPL": 0.0001},
                commissions=10_000,
            )
            builders.settle(ledger, lease, close)
    place.watched("daily_loss", "drawdown", at=NOON)
    place.watched("target_drift", at=NOON, drift_sessions=1)
    return NOON


def without_bars(place: Place) -> datetime:
    """A lake without bars on the morning of a session, and a monitor that breaks."""
    begun(place)
    with place.ledger(MORNING) as ledger:
        builders.trade_monday(ledger)
    at = MORNING + timedelta(days=1)

    def breaks(look: monitor_facts.Look) -> monitor_facts.Judgements:
        raise ZeroDivisionError("no peak")

    with place.patch.context() as patch:
        patch.setitem(monitor_facts.MONITORS, "drawdown", breaks)  # type: ignore[arg-type]
        place.watched("stale_data", "drawdown", at=at)
    return at


class Fate(dg.Config):
    """Whether the asset breaks before its check can fail."""

    breaks: bool


@dg.asset(check_specs=[dg.AssetCheckSpec("sane", asset="bars")])
def bars(config: Fate) -> Iterator[object]:
    """An asset with a check that does not block."""
    if config.breaks:
        raise RuntimeError("the source is down")
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(passed=False, check_name="sane", description="three bars are zero")


def runs(place: Place) -> datetime:
    """A check that fails in a green run, and a run that fails."""
    begun(place)
    with dg.DagsterInstance.ephemeral() as instance, place.ledger() as ledger:
        for breaks in (False, True):
            config = dg.RunConfig(ops={"bars": Fate(breaks=breaks)})
            dg.materialize([bars], instance=instance, run_config=config, raise_on_error=False)
        seen = look(instance, Cursor(datetime(2020, 1, 1, tzinfo=UTC)))
        found = [check_alert(item, {BOOK}, NOON.date()) for item in seen.checks]
        put_alerts(ledger, found + [run_alert(item) for item in seen.runs])
    return NOON


def alerting_itself(place: Place) -> datetime:
    """The canary, a channel that goes on failing, and an outside watch that does not answer."""
    clock = begun(place)
    with Ledger.open(place.ledger_url, clock=clock) as ledger, web_server() as web:
        web.status = {"/slack": 500, "/ping": 500}
        put_canary(ledger, clock)
        for minutes in (0, 1, 2, 4):
            clock.advance(timedelta(minutes=minutes))
            deliver(ledger, [SlackChannel(f"{web.url}/slack")], clock)

        def ended(writer: Writer) -> None:
            writer.put_outcome(
                OutcomeRecord(BOOK, MONDAY, SessionOutcome.SKIPPED, "NO_BARS", "no bars")
            )

        ledger.write(None, ended)
        tell_deadman(ledger, Deadman(f"{web.url}/ping"))
    return clock.now() + timedelta(hours=1)


Life = Callable[[Place], datetime]

LIVES: Mapping[Life, frozenset[str]] = {
    answers: frozenset({"order_refused", "order_unknown"}),
    differences: frozenset(
        {
            *("break_broker_only", "break_cash", "break_ledger_only", "break_orphan_order"),
            *("break_quantity", "foreign_activity", "ghost_fill", "reconciliation"),
        }
    ),
    forgotten_order: frozenset({"break_stale_order"}),
    late: frozenset({"late_fill"}),
    limited: frozenset({"limit_gate", "limit_sizing"}),
    a_persons_words: frozenset({"drill_failed", "flatten", "killed", "reduce_only"}),
    skipped_session: frozenset({"integrity"}),
    tampered: frozenset({"audit_fault"}),
    undecided_order: frozenset({"orders_left", "orders_without_targets", "unfilled_orders"}),
    idle: frozenset({"idle_targets"}),
    swinging: frozenset({"concentration", "target_drift", "volatility_spike"}),
    worthless: frozenset({"daily_loss", "drawdown", "monitor_not_judged"}),
    without_bars: frozenset({"monitor_failed", "stale_data"}),
    runs: frozenset({"check_failed", "run_failed"}),
    alerting_itself: frozenset({"alert_channel_failing", "canary", "deadman_ping_failed"}),
}
"""What happens → the codes that must come of it; others may come too."""


def lived(
    life: Life, template: Path, folder: Path, patch: pytest.MonkeyPatch
) -> tuple[Path, datetime]:
    """Live it once; the ledger that it leaves, and when that was."""
    folder.mkdir()
    place = Place(template, folder, patch)
    shutil.copy(template, folder / "ledger.db")
    return folder / "ledger.db", life(place)
