"""The account's file under kill -9, under two processes, and where it does not answer."""

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from stocker_pipeline.domain import crash_points
from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.gateways.brokers.broker import OutcomeUnclear, ReadFailed
from stocker_pipeline.gateways.brokers.simulated_control import Truth
from stocker_pipeline.gateways.brokers.simulated_market import Costs
from stocker_pipeline.gateways.brokers.simulated_store import TRANSACTIONS, AccountFile
from stocker_pipeline_tests.engine.builders import market
from stocker_pipeline_tests.gateways.brokers.desk import NUMBER, Desk, all_fills

# A child that was forked needs no second to import its way to the account.
FORK = multiprocessing.get_context("fork")
TEXT = "A B C\n10 20 5\n10 20 -\n6 21 5\n7 22 5\n8 23 5"
ACTIONS = "2 A 3:2 0.25\n3 B 1 0.1"
ORDERS = {
    1: (("A", 7), ("B", -10), ("C", 3)),
    2: (("A", 4), ("B", 10)),
    3: (("A", -10), ("C", 5)),
    4: (("B", 2),),
}


@cache
def panel() -> Panel:
    """Built once, before any fork: a forked child must not meet the threads of Arrow."""
    return market(TEXT, ACTIONS)


def opened(path: Path) -> Desk:
    return Desk(path, panel=panel(), costs=Costs(5.0, 1.0, 0.005))


def live(path: Path) -> Truth:
    """Four sessions; what was done before a kill is looked up, and not done again."""
    desk = opened(path)
    control = desk.control
    for row, orders in ORDERS.items():
        if control.truth().last_session >= desk.sessions[row]:
            continue
        desk.morning(row)
        for symbol, quantity in orders:
            name = f"{row}-{symbol}"
            if desk.broker.order(name) is None:
                control.fill_in_parts(name, [1, abs(quantity) - 1])
                desk.send(row, symbol, quantity, name)
        canceled = desk.broker.order("3-C")
        if row == 3 and canceled is not None and canceled.status.open:
            desk.broker.cancel("3-C")
        desk.simulated.move_cash(row * 1_000, desk.sessions[row], f"flow {row}")
        desk.evening(row)
        desk.broker.account()
    desk.at(4, 18)
    truth = control.truth()
    desk.simulated.close()
    return truth


def live_until(path: Path, place: str) -> None:
    os.environ |= {crash_points.VARIABLE: place, crash_points.ALLOWED: "1"}
    live(path)


def exit_code_of(path: Path, place: str) -> int | None:
    panel()
    child = FORK.Process(target=live_until, args=(path, place))
    child.start()
    child.join(60)
    return child.exitcode


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Truth:
    return live(tmp_path_factory.mktemp("twin") / "account.db")


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> list[str]:
    """Every crash point, as often as a life reaches it."""
    path = tmp_path_factory.mktemp("count") / "account.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(crash_points.VARIABLE, "nowhere")
        patch.setenv(crash_points.ALLOWED, "1")
        patch.setattr(crash_points, "_reached", {})
        live(path)
        reached = dict(crash_points._reached)
    return [f"{name}#{n}" for name, times in reached.items() for n in range(1, times + 1)]


def test_a_life_reaches_both_sides_of_every_transaction(places):
    names = {place.partition("#")[0] for place in places}
    assert names == {
        f"broker.{name}.{side}_commit" for name in TRANSACTIONS for side in ("before", "after")
    }


def test_killed_anywhere_and_taken_up_again_it_is_the_same_account(tmp_path, places, undisturbed):
    assert len(places) >= 40
    assert len(undisturbed.executions) == 12
    for number, place in enumerate(places):
        path = tmp_path / f"{number}.db"
        assert exit_code_of(path, place) == -signal.SIGKILL, place
        assert live(path) == undisturbed, place


def test_killed_twice_it_is_the_same_account(tmp_path, undisturbed):
    path = tmp_path / "account.db"
    for place in (
        "broker.accept.after_commit#2",
        "broker.session.before_commit#1",
        "broker.session.before_commit#1",
        "broker.session.after_commit#2",
        "broker.cash.before_commit#1",
    ):
        assert exit_code_of(path, place) == -signal.SIGKILL, place
    assert live(path) == undisturbed


def test_a_session_is_in_the_file_whole_or_not_at_all(tmp_path):
    path = tmp_path / "account.db"
    assert exit_code_of(path, "broker.session.before_commit#2") == -signal.SIGKILL
    half = AccountFile(path)
    assert str(half.account().last_session) == "2020-01-03"
    assert {str(fill.session) for _, fill in half.executions(0)} == {"2020-01-03"}
    assert all(order.status.open for order in half.open_orders())
    half.close()


def trade_at_once(path: Path, start, results) -> None:
    """The four sessions in step with the other processes; says which orders it was that sent."""
    sent = []
    try:
        start.wait()
        desk = opened(path)
        for row, orders in ORDERS.items():
            desk.morning(row)
            for symbol, quantity in orders:
                try:
                    desk.send(row, symbol, quantity, f"{row}-{symbol}")
                    sent.append(f"{row}-{symbol}")
                except OutcomeUnclear as error:
                    assert error.status == 422
            start.wait()
            desk.evening(row)
            desk.broker.account()
            start.wait()
    except BaseException as error:
        start.abort()
        sent.append(repr(error))
    results.put(sent)


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_that_open_and_trade_at_once_see_one_account(tmp_path, processes):
    path = tmp_path / "account.db"
    live(tmp_path / "before.db")
    start, results = FORK.Barrier(processes, timeout=120), FORK.Queue()
    children = [
        FORK.Process(target=trade_at_once, args=(path, start, results)) for _ in range(processes)
    ]
    for child in children:
        child.start()
    outcomes = [outcome for _ in children for outcome in results.get(timeout=240)]
    for child in children:
        child.join(60)
    sent = [f"{row}-{symbol}" for row, orders in ORDERS.items() for symbol, _ in orders]
    assert sorted(outcomes) == sorted(sent)
    alone = opened(tmp_path / "alone.db")
    for row, orders in ORDERS.items():
        for symbol, quantity in orders:
            alone.send(row, symbol, quantity, f"{row}-{symbol}")
        alone.evening(row)
        alone.broker.account()
    together = opened(path).control.truth()
    expected = alone.control.truth()
    assert together.positions == expected.positions
    assert together.cash_e4 == expected.cash_e4
    assert {fill.execution_id for fill in together.executions} == {
        fill.execution_id for fill in expected.executions
    }


def test_two_open_accounts_of_one_file_see_each_other_at_once(tmp_path):
    desk = opened(tmp_path / "account.db")
    other = desk.another()
    desk.send(1, "A", 5, "one")
    assert other.order("one") is not None
    with pytest.raises(OutcomeUnclear, match="must be unique"):
        other.submit(desk.request(1, "A", 5, "one"))
    desk.evening(1)
    assert dict(other.holdings().quantities) == {"A": 5}
    assert other.control.truth() == desk.control.truth()
    assert len(all_fills(desk.broker)) == 1


def test_an_order_is_refused_where_another_process_has_passed_its_open(tmp_path):
    """Its clock is behind: what it may still believe to be open has been filled already."""
    desk, ahead = opened(tmp_path / "account.db"), opened(tmp_path / "account.db")
    ahead.evening(1)
    ahead.broker.account()
    with pytest.raises(Exception, match="before 9:28am"):
        desk.send(1, "A", 5)


def test_a_file_that_does_not_answer_is_a_broker_that_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr("stocker_pipeline.gateways.brokers.simulated_store._BUSY_S", 0.0)
    desk = opened(tmp_path / "account.db")
    desk.morning(1)
    blocker = sqlite3.connect(desk.path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OutcomeUnclear, match="locked") as unclear:
        desk.send(1, "A", 5, "one")
    assert unclear.value.status == 503
    with pytest.raises(OutcomeUnclear, match="locked"):
        desk.broker.cancel("one")
    with pytest.raises(OutcomeUnclear, match="locked"):
        desk.simulated.move_cash(1, desk.sessions[1], "one")
    desk.evening(1)
    for read in (
        desk.broker.account,
        desk.broker.holdings,
        desk.broker.open_orders,
        lambda: desk.broker.order("one"),
        lambda: desk.broker.executions(""),
    ):
        with pytest.raises(ReadFailed, match="locked") as failed:
            read()
        assert failed.value.status == 503
    blocker.close()
    assert desk.broker.order("one") is None


def test_a_file_that_is_something_else_is_refused_and_left_alone(tmp_path):
    text, database = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("not a database, but long enough to look at " * 20)
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE account (number)")
    connection.close()
    for path in (text, database):
        before = path.read_bytes()
        with pytest.raises(ConfigurationRefused, match=path.name):
            opened(path)
        assert path.read_bytes() == before


def test_the_file_of_another_version_is_refused(tmp_path):
    path = tmp_path / "account.db"
    opened(path).simulated.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigurationRefused, match="version 99"):
        opened(path)


def test_money_and_shares_are_integers_in_the_file(tmp_path, undisturbed):
    path = tmp_path / "account.db"
    live(path)
    connection = sqlite3.connect(path)
    for table, columns in {
        "account": ("initial_cash_e4", "cash_e4"),
        "orders": ("quantity", "filled_quantity"),
        "executions": ("quantity", "price_e4", "commission_e4", "cumulative_quantity"),
        "positions": ("quantity",),
        "cash_moves": ("amount_e4",),
    }.items():
        for column in columns:
            kinds = connection.execute(f"SELECT DISTINCT typeof({column}) FROM {table}").fetchall()
            assert kinds == [("integer",)], (table, column)
    connection.close()


def test_another_process_reads_what_this_one_wrote(tmp_path, undisturbed):
    """A process of its own, not a fork: nothing is handed on but the file."""
    path = tmp_path / "account.db"
    live(path)
    script = f"""
import json
from pathlib import Path
from stocker_pipeline_tests.gateways.brokers.test_simulated_store import NUMBER, opened
truth = opened(Path({str(path)!r})).control.truth()
print(json.dumps([truth.number, truth.cash_e4, [fill.execution_id for fill in truth.executions]]))
"""
    said = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    names = [fill.execution_id for fill in undisturbed.executions]
    assert json.loads(said.stdout) == [NUMBER, undisturbed.cash_e4, names]
