"""What becomes of the database, the disk and the settings in a day."""

import resource
import signal
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from stocker_pipeline.domain.errors import BookRefused, ConfigurationRefused, StockerError
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.engines import ledger_url
from stocker_pipeline.stages.day import open_session
from stocker_pipeline_tests.killing import in_a_process
from stocker_pipeline_tests.postgres import create_database, drop_database
from stocker_pipeline_tests.stages.faults.conftest import Arranged
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, SECOND, Day
from stocker_pipeline_tests.stages.faults.matrix import Cell, cells
from stocker_pipeline_tests.stages.faults.places import AFTER, ALL, BEFORE, finished, up_to
from stocker_pipeline_tests.stages.paper_day import PaperHome
from stocker_pipeline_tests.stages.paper_scripts import MARKET


@cells("F15", *ALL, quick=("S8",))
def test_database_busy(day: Day, undisturbed: str, at: Arranged, cell: Cell):
    places = BEFORE | {"S5": "decide.commit.before", "S9": AFTER["S9"], "S13": BEFORE["S12"]}
    taken = threading.Event()

    def hold() -> None:
        path = ledger_url(day.home.ledger_url).database
        with sqlite3.connect(str(path), isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            taken.set()
            # Longer than a statement of ours needs to meet it.
            threading.Event().wait(0.15)
            other.execute("ROLLBACK")

    def meet() -> None:
        thread = threading.Thread(target=hold)
        thread.start()
        assert taken.wait(10)

    stage = up_to(day, cell.step)
    came = at(places[cell.step], meet)
    assert not stage().waits
    assert came
    finished(day, cell.step)
    assert day.digest() == undisturbed


@cells("F16", *(step for step in ALL if step != "S13"), quick=("S8",))
def test_disk_full(day: Day, undisturbed: str, at: Arranged, cell: Cell):
    # Not a byte more than is there; Python ignores the signal, so that a write fails.
    places = BEFORE | {"S9": AFTER["S9"]}
    sent = len(day.home.truth().orders)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    stage = up_to(day, cell.step)

    def live() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        at(places[cell.step], fill)
        with pytest.raises(StockerError):
            stage()

    assert not in_a_process(live).killed
    if cell.step in ("S0", "S5", "S6", "S7"):
        assert len(day.home.truth().orders) == sent == 0
    finished(day, cell.step)
    assert day.digest() == undisturbed


@cells("F14", *(step for step in ALL if step != "S13"), quick=("S8",))
def test_connection_lost(
    tmp_path: Path, request: pytest.FixtureRequest, undisturbed: str, at: Arranged, cell: Cell
):
    server, template = request.getfixturevalue("postgres_template")
    url = create_database(server, template)
    try:
        day = Day.begin(PaperHome(MARKET, url, tmp_path))
        places = BEFORE | {"S9": AFTER["S9"]} | {"S8": AFTER["S8"]}
        stage = up_to(day, cell.step)
        came = at(places[cell.step], lambda: _cut(server, url))
        try:
            stage()
        except StockerError:
            assert cell.step == "S8"
        assert came
        finished(day, cell.step)
        assert day.digest() == undisturbed
    finally:
        drop_database(url, server)


def _cut(server: str, url: str) -> None:
    """End every connection to a database, as a restart of its server does."""
    engine = create_engine(ledger_url(server), isolation_level="AUTOCOMMIT")
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
    try:
        with engine.connect() as connection:
            connection.execute(text(query), {"name": ledger_url(url).database})
    finally:
        engine.dispose()


@cells("F29", "S0", "S5", "S7", "S8", quick=("S0",))
def test_wrong_configuration(day: Day, cell: Cell):
    day.trade(FIRST)
    rows, truth = day.rows(), day.home.truth()
    wrong = {"S0": {"environment": "paper"}, "S5": {"account": "SIM-other"}}
    with day.desk() as desk:
        other = replace(desk, **wrong.get(cell.step, {"account": "LIVE-1"}))  # type: ignore[arg-type]
        with pytest.raises(BookRefused, match="a book of dev, simulated"):
            open_session(other, SECOND)
    with pytest.raises(ConfigurationRefused, match="environment"):
        Ledger.open(day.home.ledger_url, clock=day.clock, environment="live")
    assert day.rows() == rows
    assert day.home.truth() == truth


@cells("F32", "S0", "S7", "S8", quick=("S8",))
def test_another_program_has_migrated(day: Day, cell: Cell):
    if cell.step != "S0":
        day.open(FIRST)
    engine = create_engine(ledger_url(day.home.ledger_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    engine.dispose()
    sent = day.home.truth().orders
    with pytest.raises(ConfigurationRefused, match="revision later"):
        day.open(FIRST)
    assert day.home.truth().orders == sent
