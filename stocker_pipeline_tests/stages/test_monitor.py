"""A paper book in a market that falls, watched: the loss tightens the book, tells, and recovers."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pytest

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger.control_records import Alert, ControlState, Severity
from stocker_pipeline.risk.monitors.verdict import Action, Finding, Verdict
from stocker_pipeline.stages import monitor_facts
from stocker_pipeline.stages.cancel import Left, Swept
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.monitor import Judged, book_time, monitor, watch
from stocker_pipeline.stages.monitor_facts import GROUPS, MONITORS
from stocker_pipeline.stages.trading import Stage, Venue, run_stages
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from
from stocker_pipeline_tests.ledger.conftest import (  # noqa: F401
    ledger_url,
    postgres_template,
    sqlite_template,
)
from stocker_pipeline_tests.stages.falling_market import FALL_AT, FALL_ON, SESSIONS, FallingMarket
from stocker_pipeline_tests.stages.market_day import FIRST, LAST, SYMBOLS, small_portfolio
from stocker_pipeline_tests.stages.paper_homes import dialect  # noqa: F401

BOOK = "p"


class World:
    """A book in a market, and what watches it."""

    def __init__(self, ledger_url: str, folder: Path) -> None:  # noqa: F811
        self.lake = Lake(str(folder / "lake"))
        self.venue = Venue("dev", ledger_url, folder / "accounts")
        self.portfolio = small_portfolio()

    @classmethod
    def new(cls, ledger_url: str, folder: Path, fall: float) -> "World":  # noqa: F811
        """A market in the lake, and no book yet."""
        made = cls(ledger_url, folder)
        clock = FixedClock(datetime(2020, 7, 1, tzinfo=UTC))
        ingest(FallingMarket(fall), made.lake, SYMBOLS, FIRST, LAST, clock=clock)
        return made

    @classmethod
    def on_sqlite(cls, folder: Path) -> "World":
        """What is in a folder."""
        return cls(f"sqlite:///{folder / 'ledger.db'}", folder)

    def live(self, first: date, last: date) -> None:
        days = [day for day in SESSIONS if first <= day <= last]
        stages = {Stage.OPEN, Stage.CLOSE}
        list(run_stages(self.venue, BOOK, self.portfolio, self.lake, days, stages))

    def watch(self, *monitors: str, portfolio: Portfolio | None = None) -> dict[str, Judged]:
        with self.ledger() as ledger:
            now = book_time(self.venue, ledger, BOOK)
            found = monitor(
                ledger,
                self.lake,
                BOOK,
                portfolio or self.portfolio,
                now,
                monitors=monitors or tuple(MONITORS),
            )
        return {item.monitor: item for item in found}

    def ledger(self):
        return self.venue.ledger()

    def alerts(self, code: str = "") -> list[Alert]:
        with self.ledger() as ledger:
            found = ledger.read(lambda r: r.alerts(BOOK))
        return [alert for alert in found if code in ("", alert.code)]

    def state(self) -> ControlState:
        with self.ledger() as ledger:
            return ledger.read(lambda r: r.control(BOOK)).state

    def set_state(self, state: ControlState, author: str = "anna") -> None:
        with self.ledger() as ledger:
            ledger.write(None, lambda w: w.set_control(BOOK, state, author=author, reason="mine"))


Markets = Callable[[float], Path]
Lives = Callable[[float], World]


@pytest.fixture(scope="module")
def markets(
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: Path,  # noqa: F811
) -> Markets:
    """Give a folder with a market that falls by so much and an empty ledger, made once."""

    @cache
    def market(fall: float) -> Path:
        folder = tmp_path_factory.mktemp("market")
        World.new(f"sqlite:///{folder / 'ledger.db'}", folder, fall)
        shutil.copy(sqlite_template, folder / "ledger.db")
        return folder

    return market


@pytest.fixture(scope="module")
def lives(markets: Markets, tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Path]:
    """Give a folder with the book that lived up to the fall, made once; to be copied."""

    @cache
    def life(fall: float) -> Path:
        folder = tmp_path_factory.mktemp("life")
        shutil.copytree(markets(fall), folder, dirs_exist_ok=True)
        World.on_sqlite(folder).live(SESSIONS[FALL_AT - 5], FALL_ON)
        return folder

    return life


@pytest.fixture
def fresh(markets: Markets, tmp_path: Path) -> Lives:
    """Give a market on SQLite in which no book has begun."""
    return lambda fall: World.on_sqlite(shutil.copytree(markets(fall), tmp_path / f"fresh-{fall}"))


@pytest.fixture
def world(
    dialect: str,  # noqa: F811
    lives: Callable[[float], Path],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> World:
    """A book that lost about five percent in the last session it lived."""
    if dialect == "sqlite":
        return World.on_sqlite(shutil.copytree(lives(0.08), tmp_path / "falling"))
    made = World.new(request.getfixturevalue("ledger_url"), tmp_path, fall=0.08)
    made.live(SESSIONS[FALL_AT - 5], FALL_ON)
    return made


@pytest.fixture
def small(lives: Callable[[float], Path], tmp_path: Path) -> World:
    """The same book in a quiet market, on SQLite alone."""
    return World.on_sqlite(shutil.copytree(lives(0.0), tmp_path / "quiet"))


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_book_that_loses_reduces_from_the_next_session_on_and_a_person_is_told(world):
    found = world.watch()
    loss = found["daily_loss"]
    assert loss.raised
    assert loss.session == FALL_ON
    assert -0.10 < loss.verdict.measured < -0.03
    assert loss.done == "the portfolio is REDUCE_ONLY until a person arms it"
    assert {name for name, item in found.items() if item.raised} == {"daily_loss"}
    assert world.state() is ControlState.REDUCE_ONLY
    (alert,) = world.alerts("daily_loss")
    assert (alert.severity, alert.session) == (Severity.ERROR, FALL_ON)
    assert loss.verdict.sentence in alert.text
    with world.ledger() as ledger:
        assert ledger.read(lambda r: r.audit())[-1].actor == "stocker"
    after = SESSIONS[FALL_AT + 1]
    world.live(after, after)
    with world.ledger() as ledger:
        rows = ledger.read(lambda r: r.decisions(BOOK, after))
    assert rows
    assert all(abs(row.held + row.ordered) <= abs(row.held) for row in rows)


def test_watching_again_does_nothing_more_and_a_person_who_arms_is_heard(world):
    world.watch()
    before = world.alerts()
    assert all(item.done == "" for item in world.watch().values())
    world.set_state(ControlState.ARMED)
    assert world.watch()["daily_loss"].raised
    assert world.state() is ControlState.ARMED
    assert world.alerts() == before


def test_the_next_session_without_a_loss_recovers_and_loosens_nothing(world):
    world.watch()
    after = SESSIONS[FALL_AT + 1]
    world.live(after, after)
    assert world.watch()["daily_loss"].done == "recovered"
    told = world.alerts("daily_loss")
    assert [alert.recovers for alert in told] == [False, True]
    assert "the portfolio stays REDUCE_ONLY" in told[-1].text
    assert world.state() is ControlState.REDUCE_ONLY
    world.watch()
    assert world.alerts("daily_loss") == told


def test_a_kill_by_a_person_is_not_made_weaker(world):
    world.set_state(ControlState.KILLED)
    loss = world.watch()["daily_loss"]
    assert loss.done == "the portfolio is KILLED already, by anna"
    with world.ledger() as ledger:
        control = ledger.read(lambda r: r.control(BOOK))
    assert (control.state, control.author) == (ControlState.KILLED, "anna")
    assert len(world.alerts("daily_loss")) == 1


def test_more_than_was_done_in_a_session_is_done_and_less_is_not(world):
    strict = {"drawdown_reduce": 0.01, "drawdown_kill": 0.02}
    reducing = with_monitors(world.portfolio, drawdown_reduce=0.01, drawdown_kill=0.5)
    assert world.watch("drawdown", portfolio=reducing)["drawdown"].done
    assert world.state() is ControlState.REDUCE_ONLY
    killing = with_monitors(world.portfolio, **strict)
    assert world.watch("drawdown", portfolio=killing)["drawdown"].done
    assert world.state() is ControlState.KILLED
    assert [a.severity for a in world.alerts("drawdown")] == [Severity.ERROR, Severity.CRITICAL]
    assert world.watch("drawdown", portfolio=reducing)["drawdown"].done == ""
    assert world.state() is ControlState.KILLED


def test_a_loss_that_nobody_looked_at_on_its_day_is_found_later(fresh):
    falling = fresh(0.08)
    falling.live(SESSIONS[FALL_AT - 5], SESSIONS[FALL_AT - 1])
    assert not falling.watch("daily_loss")["daily_loss"].raised
    falling.live(FALL_ON, SESSIONS[FALL_AT + 2])
    falling.watch("daily_loss")
    assert falling.state() is ControlState.REDUCE_ONLY
    assert [alert.session for alert in falling.alerts("daily_loss")] == [
        FALL_ON,
        SESSIONS[FALL_AT + 1],
    ]


def with_monitors(portfolio: Portfolio, **bounds: float | None) -> Portfolio:
    return portfolio_from({**portfolio.model_dump(), "monitors": bounds}, where="test")


def test_a_quiet_book_is_clear_all_round_and_nobody_is_told(small):
    found = small.watch()
    assert set(found) == set(MONITORS)
    assert {name for name, item in found.items() if item.raised} == set()
    assert small.alerts() == []
    assert small.state() is ControlState.ARMED


@pytest.mark.parametrize(
    ("broken", "state"),
    [("drawdown", ControlState.REDUCE_ONLY), ("target_drift", ControlState.ARMED)],
)
def test_a_monitor_that_breaks_is_told_of_and_the_others_go_on(small, monkeypatch, broken, state):
    def breaks(look: monitor_facts.Look) -> monitor_facts.Judgements:
        raise ZeroDivisionError("no peak")

    monkeypatch.setitem(MONITORS, broken, breaks)  # type: ignore[arg-type]
    found = small.watch()
    assert set(found) == set(MONITORS)
    assert found[broken].failed == "ZeroDivisionError: no peak"
    assert [name for name, item in found.items() if item.raised] == [broken]
    (alert,) = small.alerts()
    assert (alert.code, alert.subject, alert.severity) == (
        "monitor_failed",
        broken,
        Severity.ERROR,
    )
    assert small.state() is state
    small.watch()
    assert small.alerts() == [alert]
    monkeypatch.undo()
    assert small.watch()[broken].done == "recovered"
    assert [a.recovers for a in small.alerts("monitor_failed")] == [False, True]


def test_every_monitor_is_in_one_group():
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(MONITORS)


def test_a_book_that_has_not_begun_is_refused(fresh):
    world = fresh(0.0)
    with world.ledger() as ledger, pytest.raises(BookRefused, match="begun"):
        monitor(ledger, world.lake, BOOK, world.portfolio, datetime(2020, 3, 2, tzinfo=UTC))


def test_a_book_that_has_only_decided_has_no_loss_to_judge(fresh):
    world = fresh(0.0)
    list(run_stages(world.venue, BOOK, world.portfolio, world.lake, [FALL_ON], {Stage.OPEN}))
    found = world.watch()
    assert {name for name, item in found.items() if item.session is None} == {
        "daily_loss",
        "drawdown",
        "idle_targets",
        "concentration",
        "target_drift",
        "volatility_spike",
    }
    assert not any(item.raised for item in found.values())


def test_a_book_that_swings_more_than_its_target_is_told_of_and_goes_on(world):
    few = with_monitors(world.portfolio, volatility_sessions=5)
    spike = world.watch("volatility_spike", portfolio=few)["volatility_spike"]
    assert spike.verdict.measured > spike.verdict.bound == 0.2
    assert [a.severity for a in world.alerts()] == [Severity.WARNING]
    assert world.state() is ControlState.ARMED


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("2020-07-01T12:00", "clear"),  # 08:00 in New York; bars of the last session are there
        ("2020-07-02T11:59", "not_judged"),
        ("2020-07-02T12:00", "raised"),
    ],
)
def test_bars_are_looked_at_from_the_hour_of_the_decision_on(small, at, found):
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    with small.ledger() as ledger:
        (stale,) = monitor(ledger, small.lake, BOOK, small.portfolio, now, monitors=("stale_data",))
    assert stale.word == found
    assert len(small.alerts("stale_data")) == (found == "raised")


def test_a_kill_takes_back_the_open_orders(fresh, monkeypatch):
    world = fresh(0.0)
    world.live(SESSIONS[FALL_AT - 5], SESSIONS[FALL_AT - 1])
    asked: list[tuple[list[str], str]] = []

    def take_back(venue: Venue, lake: Lake, names: list[str], why: str) -> dict[str, Swept]:
        asked.append((names, why))
        return {BOOK: Swept(left=[Left(BOOK, "AAA", 5, "no answer")])}

    monkeypatch.setattr("stocker_pipeline.stages.monitor.take_back", take_back)
    broken = [Verdict(Finding.RAISED, "the book is wrong", action=Action.KILLED)]
    monkeypatch.setitem(
        MONITORS,  # type: ignore[arg-type]
        "integrity",
        lambda look: [(look.today, verdict) for verdict in broken],
    )
    for _ in range(2):
        watch(world.venue, world.lake, BOOK, world.portfolio)
    ((names, why),) = asked
    assert names == [BOOK]
    assert "the book is wrong" in why
    assert [a.code for a in world.alerts()] == ["integrity", "orders_left"]
    assert "+5 AAA: no answer" in world.alerts()[-1].text
