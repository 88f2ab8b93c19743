import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

import pytest

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.session import FixedClock, SystemClock
from stocker_pipeline.ledger import LeaseHeld, LeaseLost, Ledger
from stocker_pipeline.ledger.processes import Holder, is_dead, started, this_process
from stocker_pipeline_tests.ledger.builders import BOOK, MONDAY, decide, intent, open_book

# Forked from a process that has imported this module and nothing else: no connection is inherited,
# and no starter imports for a second.
_FORK = multiprocessing.get_context("forkserver")
_FORK.set_forkserver_preload([__name__])


def test_a_second_starter_is_refused_and_told_who_is_at_work(ledger: Ledger) -> None:
    open_book(ledger)
    who = f"stage open of 2010-01-04 by process {os.getpid()}"
    with ledger.lease(BOOK, MONDAY, "open"), pytest.raises(LeaseHeld, match=who):
        ledger.lease(BOOK, MONDAY, "open").__enter__()
    with ledger.lease(BOOK, MONDAY, "close") as again:
        assert again.token == 2


def test_each_portfolio_has_a_lease_of_its_own(ledger: Ledger) -> None:
    open_book(ledger)
    open_book(ledger, "another", account="SIM-2")
    with ledger.lease(BOOK, MONDAY, "open"), ledger.lease("another", MONDAY, "open") as other:
        assert other.token == 1


def test_a_portfolio_that_is_not_there_has_no_lease(ledger: Ledger) -> None:
    with pytest.raises(BookRefused, match="a portfolio that was opened"):
        ledger.lease("nobody", MONDAY, "open").__enter__()


def test_a_lease_of_another_host_is_taken_over_when_it_expires(
    ledger: Ledger, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_book(ledger)
    with _as_host(monkeypatch, "elsewhere"):
        held = ledger.lease(BOOK, MONDAY, "open")
        old = held.__enter__()
    with pytest.raises(LeaseHeld, match="on elsewhere"):
        ledger.lease(BOOK, MONDAY, "open").__enter__()

    clock.advance(timedelta(minutes=15))
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        assert lease.token == old.token + 1
        with pytest.raises(LeaseLost, match="token 1"):
            decide(ledger, old, [intent("AAPL", 100)])
        assert ledger.read(lambda reader: reader.orders(BOOK)) == []
    # The late holder comes back, and finds nothing to end.
    held.__exit__(None, None, None)


@contextmanager
def _as_host(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    holder = Holder(name, 1, "then")
    with monkeypatch.context() as patch:
        patch.setattr("stocker_pipeline.ledger.leases.this_process", lambda: holder)
        yield


def _hold(url: str, ready: Connection) -> None:
    with Ledger.open(url, clock=SystemClock()) as ledger, ledger.lease(BOOK, MONDAY, "open"):
        ready.send("held")
        signal.pause()


def test_the_lease_of_a_killed_process_is_taken_over_at_once(
    ledger: Ledger, ledger_url: str
) -> None:
    open_book(ledger)
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(target=_hold, args=(ledger_url, theirs))
    process.start()
    assert ours.recv() == "held"
    with pytest.raises(LeaseHeld, match=f"process {process.pid}"):
        ledger.lease(BOOK, MONDAY, "open").__enter__()

    process.kill()
    process.join()

    with ledger.lease(BOOK, MONDAY, "open") as lease:
        assert lease.token == 2


def _start(
    url: str,
    barrier: Barrier,
    answers: "Queue[tuple[str, int]]",
) -> None:
    with Ledger.open(url, clock=SystemClock()) as ledger:
        for _ in range(5):
            barrier.wait()
            try:
                with ledger.lease(BOOK, MONDAY, "open") as lease:
                    answers.put(("won", lease.token))
                    barrier.wait()
            except LeaseHeld:
                answers.put(("held", 0))
                barrier.wait()
            barrier.wait()


def test_of_several_processes_that_start_at_once_one_wins(ledger: Ledger, ledger_url: str) -> None:
    open_book(ledger)
    starters, rounds = 4, 5
    barrier, answers = _FORK.Barrier(starters), _FORK.Queue()
    processes = [
        _FORK.Process(target=_start, args=(ledger_url, barrier, answers)) for _ in range(starters)
    ]
    for process in processes:
        process.start()
    told = [answers.get(timeout=120) for _ in range(starters * rounds)]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    tokens = [token for answer, token in told if answer == "won"]
    assert tokens == list(range(1, rounds + 1))


def test_a_process_is_told_apart_from_a_later_one_with_its_number() -> None:
    me = this_process()
    assert not is_dead(me)
    assert is_dead(Holder(me.host, me.pid, "another boot:1"))
    assert not is_dead(Holder("elsewhere", me.pid, "another boot:1"))
    assert not is_dead(Holder(me.host, me.pid, ""))


def test_a_process_that_ended_is_dead() -> None:
    process = _FORK.Process(target=int)
    process.start()
    holder = Holder(
        this_process().host, int(process.pid or 0), started(int(process.pid or 0)) or ""
    )
    process.join()
    assert is_dead(holder)
