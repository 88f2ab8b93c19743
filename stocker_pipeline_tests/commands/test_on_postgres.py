"""A book is begun, traded, looked at and put right with its ledger on PostgreSQL.

The same commands are given with a ledger on SQLite, and every answer must be the same.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stocker_pipeline.commands.paper import venue_of
from stocker_pipeline.domain.session import FixedClock, SessionCalendar
from stocker_pipeline.domain.trading_day import TradingDay
from stocker_pipeline_tests.commands.paper import BOOK, FIRST
from stocker_pipeline_tests.postgres import create_database, drop_database, start_postgres

LAST, NEXT = date(2010, 1, 7), date(2010, 1, 8)
WHY = ("--reason", "because", "--author", "operator")
_WHEN_AND_WHERE = {
    *("at", "since", "state_since", "entered_at", "ended", "ledger", "path", "audit_head")
}
"""What may differ between two runs of one command: the wall's hour, where a ledger is, and the
hash of its log, which has the hour in it."""

Ask = Callable[..., Any]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> str:
    return start_postgres(request.config)


@pytest.fixture
def new_database(server: str) -> Iterator[Callable[[], str]]:
    """Give a maker of empty databases, which are gone after the test."""
    made: list[str] = []

    def new() -> str:
        made.append(create_database(server))
        return made[-1]

    yield new
    for url in made:
        drop_database(url, server)


@pytest.fixture
def ask(stocker) -> Ask:
    """Run ``stocker … --json``; the answer, without the hour and the place."""

    def answer(*arguments: object, code: int = 0) -> Any:
        found, text, error = stocker(*arguments, "--json")
        assert found == code, error or text
        return without_places(json.loads(text))

    return answer


def without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_places(v) for k, v in value.items() if k not in _WHEN_AND_WHERE}
    return [without_places(item) for item in value] if isinstance(value, list) else value


def trade(ask: Ask, _: Path) -> Iterator[Any]:
    for stage in ("open", "fills"):
        yield ask("day", BOOK, "--session", FIRST, "--stage", stage)
    yield ask("reconcile", BOOK, code=6)
    yield ask("replay", BOOK, "--from", FIRST, "--to", LAST, "--no-record")


def look(ask: Ask, _: Path) -> Iterator[Any]:
    yield ask("status", BOOK)
    yield ask("ticket", BOOK)
    yield ask("explain", BOOK, FIRST, "AAPL")
    yield ask("positions", BOOK)
    yield ask("orders", BOOK, "--from", FIRST)
    yield ask("fills", BOOK, "--to", LAST)
    yield ask("db", "check")


def put_right(ask: Ask, home: Path) -> Iterator[Any]:
    """A hundred free shares: a break, a jump of value, and money on the way."""
    venue, chosen, lake = venue_of(BOOK)
    evening = TradingDay.of(LAST, SessionCalendar.between(LAST, LAST)).close_stage_at
    with venue.desk(BOOK, chosen, lake, FixedClock(evening), NEXT) as desk:
        assert desk.ledger.dialect in venue.ledger_url
        desk.broker.control.trade_by_hand("AAPL", 100, 0)
        (made, *_) = reversed(desk.broker.control.truth().executions)
    yield ask("reconcile", BOOK, code=7)
    yield ask("reconcile", BOOK, "--adopt", made.execution_id, *WHY)
    yield ask("status", BOOK)
    yield ask("confirm", BOOK, "--session", LAST, *WHY)
    yield ask("cash", "deposit", BOOK, "2500", "--session", NEXT, "--reference", "w1", *WHY)
    yield ask("override", "add", BOOK, "close_only", "--symbol", "IBM", *WHY)
    yield ask("override", "add", BOOK, "no_trade", "--symbol", "GOOG", *WHY)
    yield ask("override", "end", 2, *WHY)
    yield ask("day", BOOK, "--session", NEXT)
    yield ask("cash", "list", BOOK)
    yield ask("override", "list", BOOK)
    yield ask("reconcile", BOOK, "--explain")
    yield ask("doctor")


def copied(ask: Ask, home: Path) -> Iterator[Any]:
    made = ask("db", "backup", home / "copy.sqlite")
    assert made["hashes"] == {BOOK: ask("db", "hash", BOOK)["hash"]}
    yield made


CHAPTERS = (trade, look, put_right, copied)


def told(ask: Ask, home: Path) -> list[Any]:
    return [answer for chapter in CHAPTERS for answer in chapter(ask, home)]


@pytest.fixture
def home_with_bars(traded_home: Path, home: Path, monkeypatch) -> Callable[[str], Path]:
    """Give a mover into a home of its own with bars, and with no book."""
    for name in ("STOCKER_LAKE_URI", "STOCKER_ENV", "STOCKER_LEDGER_URL"):
        monkeypatch.delenv(name, raising=False)

    def move(name: str) -> Path:
        made = home.with_name(name)
        shutil.copytree(traded_home / "lake", made / "lake")
        monkeypatch.setenv("STOCKER_HOME", str(made))
        return made

    return move


def test_every_command_answers_on_postgresql_as_on_sqlite(
    ask, home_with_bars, new_database, monkeypatch
):
    on_sqlite = told(ask, home_with_bars("sqlite"))
    at = home_with_bars("postgresql")
    monkeypatch.setenv("STOCKER_LEDGER_URL", new_database())
    ask("db", "check", code=7)
    ask("db", "upgrade")
    on_postgres = told(ask, at)
    assert not (at / "ledger.sqlite").exists()
    for one, other in zip(on_sqlite, on_postgres, strict=True):
        assert one == other
    # And a copy becomes a ledger on PostgreSQL again.
    monkeypatch.setenv("STOCKER_LEDGER_URL", new_database())
    assert ask("db", "restore", at / "copy.sqlite")["hashes"] == on_sqlite[-1]["hashes"]
    assert ask("db", "hash", BOOK)["hash"] == on_sqlite[-1]["hashes"][BOOK]
    assert all(check["ok"] for check in ask("doctor")["checks"])
    assert ask("status", BOOK)["last_session"] == str(NEXT)
