"""``stocker kill|reduce|arm|flatten`` as a person or a script types them."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from stocker_pipeline.commands import control as commands
from stocker_pipeline.commands.control import LEFT_EXIT_CODE
from stocker_pipeline.ledger import Ledger, engines
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.stages import control, kill_file
from stocker_pipeline.stages.kill_file import KILL_FILE, write_kill_file
from stocker_pipeline_tests.commands.conftest import Stocker
from stocker_pipeline_tests.commands.paper import BOOK, NEXT

WHY = ("--author", "anna", "--reason", "fire in the house")
ACCOUNT = f"SIM-{BOOK}"


def state(ledger: Ledger) -> ControlState:
    return ledger.read(lambda r: r.control(BOOK)).state


def test_a_kill_and_the_way_back(paper: Stocker, ledger: Ledger) -> None:
    code, out, _ = paper("kill", BOOK, *WHY)
    assert code == 0, out
    assert "KILLED" in out
    assert state(ledger) is ControlState.KILLED
    code, out, _ = paper("day", BOOK, "--session", NEXT)
    assert (code, "HALTED" in out) == (0, True)
    code, _, said = paper("arm", BOOK, "--confirm", "SIM-other", *WHY)
    assert (code, ACCOUNT in said) == (3, True)
    assert state(ledger) is ControlState.KILLED
    code, out, _ = paper("arm", BOOK, "--confirm", ACCOUNT, *WHY, "--json")
    assert code == 0
    assert json.loads(out)["portfolios"][0]["state"] == "ARMED"
    told = [entry for entry in ledger.read(lambda r: r.audit()) if entry.action == "control"]
    assert [(entry.actor, entry.content["state"]) for entry in told[-2:]] == [
        ("anna", "KILLED"),
        ("anna", "ARMED"),
    ]


def test_status_names_every_scope_that_spoke(paper: Stocker) -> None:
    paper("kill", "--all", *WHY)
    paper("reduce", BOOK, *WHY)
    _, out, _ = paper("status", BOOK, "--json")
    found = json.loads(out)
    assert found["state"] == "KILLED"
    rows = [(row["scope"], row["state"], row["by"], row["epoch"]) for row in found["control"]]
    assert rows == [
        (f"portfolio {BOOK}", "REDUCE_ONLY", "anna", 2),
        ("all accounts", "KILLED", "anna", 1),
    ]
    _, out, _ = paper("status", BOOK)
    assert "all accounts" in out
    code, out, _ = paper("arm", BOOK, "--confirm", ACCOUNT, *WHY)
    assert (code, "stays KILLED" in out) == (0, True)


def test_a_reason_and_one_target_are_required(paper: Stocker, ledger: Ledger) -> None:
    assert paper("kill", BOOK)[0] == 2
    assert paper("kill", BOOK, "--reason", " ")[0] == 3
    assert paper("kill", *WHY)[0] == 3
    assert paper("kill", BOOK, "--all", *WHY)[0] == 3
    assert paper("kill", "nobody", *WHY)[0] == 5
    code, _, said = paper("kill", "--account", "SIM-nobody", *WHY)
    assert (code, ACCOUNT in said) == (5, True)
    assert state(ledger) is ControlState.ARMED


def test_a_dead_broker_leaves_the_state_set_and_the_code_says_what_is_left(
    paper: Stocker, ledger: Ledger, book_home: Path
) -> None:
    account = book_home / "accounts" / f"{BOOK}.sqlite"
    account.write_bytes(b"no database")
    code, out, _ = paper("kill", BOOK, *WHY, "--json")
    assert code == LEFT_EXIT_CODE
    assert json.loads(out)["left"]
    assert state(ledger) is ControlState.KILLED


def test_a_ledger_that_cannot_be_written_is_replaced_by_the_file(
    paper: Stocker, book_home: Path
) -> None:
    file = book_home / "ledger.sqlite"
    kept = file.read_bytes()
    file.write_bytes(b"\0" * len(kept))
    code, _, said = paper("kill", BOOK, *WHY)
    assert (code, KILL_FILE in said) == (LEFT_EXIT_CODE, True)
    assert "fire in the house" in (book_home / KILL_FILE).read_text()
    code, _, said = paper("status", BOOK)
    assert code != 0
    assert "KILLED" in said
    # The ledger comes back: the file still stops everything, and is written into it.
    file.write_bytes(kept)
    code, out, _ = paper("status", BOOK, "--json")
    found = json.loads(out)
    assert found["state"] == "KILLED"
    assert "fire in the house" in found["control"][-1]["reason"]
    code, _, said = paper("arm", "--all", "--confirm", "ALL", *WHY)
    assert (code, "Take the file away" in said) == (5, True)
    (book_home / KILL_FILE).unlink()
    assert paper("arm", "--all", "--confirm", "ALL", *WHY)[0] == 0


def test_a_ledger_that_another_process_holds_is_replaced_by_the_file(
    paper: Stocker, book_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_SQLITE_PRAGMAS", ("PRAGMA busy_timeout = 50",))
    with closing(sqlite3.connect(book_home / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        code, _, said = paper("kill", BOOK, *WHY)
    assert (code, "is locked" in said) == (LEFT_EXIT_CODE, True)
    assert "fire in the house" in (book_home / KILL_FILE).read_text()


def test_while_the_ledger_is_held_the_file_stops_everything_already(
    paper: Stocker, ledger: Ledger, book_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "PATIENCE_S", 0.05)
    wrote, real = threading.Event(), control.kill

    def held(*arguments: object, **named: object) -> object:
        # As long as the file is not there, the ledger does not answer.
        assert wrote.wait(30)
        return real(*arguments, **named)  # type: ignore[arg-type]

    def write(path: Path, reason: str) -> None:
        write_kill_file(path, reason)
        wrote.set()

    monkeypatch.setattr(control, "kill", held)
    monkeypatch.setattr(kill_file, "write_kill_file", write)
    code, _, said = paper("kill", BOOK, *WHY)
    assert (code, "until you remove it" in said) == (0, True)
    assert "fire in the house" in (book_home / KILL_FILE).read_text()
    assert state(ledger) is ControlState.KILLED


def test_a_database_that_is_out_of_reach_is_replaced_by_the_file(
    paper: Stocker, book_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKER_LEDGER_URL", "postgresql://stocker:hunter-22@127.0.0.1:1/book")
    code, _, said = paper("kill", BOOK, *WHY)
    assert (code, "Connection refused" in said) == (LEFT_EXIT_CODE, True)
    assert "hunter-22" not in said
    assert "fire in the house" in (book_home / KILL_FILE).read_text()
    code, _, said = paper("status", BOOK)
    assert (code != 0, f"{BOOK} is KILLED" in said) == (True, True)


WITHOUT_DAGSTER = """
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].startswith("dagster"):
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Absent())
from stocker_pipeline.cli import main

for command in json.loads(sys.argv[1]):
    sys.argv = ["stocker", *command]
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    print(json.dumps([command[0], code]), file=sys.stderr)
"""


def test_what_stops_watches_and_tells_needs_no_dagster(book_home: Path) -> None:
    why = ["--reason", "because"]
    commands = [
        ["kill", BOOK, *why],
        ["status", BOOK],
        ["arm", BOOK, "--confirm", ACCOUNT, *why],
        ["reduce", "--all", *why],
        ["monitor", BOOK],
        ["alerts", "deliver"],
        ["alerts", "list"],
        ["metrics"],
        ["audit", "verify"],
        ["flatten", BOOK, "--yes", *why],
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DAGSTER, json.dumps(commands)],
        env={**os.environ, "STOCKER_HOME": str(book_home)},
        capture_output=True,
        text=True,
        check=False,
    )
    ended = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("[")]
    assert ended == [[command[0], 0] for command in commands], done.stderr


def test_flatten_shows_what_it_does_asks_and_closes(paper: Stocker, ledger: Ledger) -> None:
    assert paper("kill", BOOK, *WHY)[0] == 0
    code, out, _ = paper("flatten", BOOK, *WHY, "--json")
    assert code == 3
    code, out, _ = paper("flatten", BOOK, *WHY, "--yes", "--json")
    assert code == 0, out
    found = json.loads(out)
    assert found["orders"]
    assert found["not_closed"] == []
    assert paper("day", BOOK, "--session", NEXT, "--stage", "close")[0] == 0
    last = ledger.read(lambda r: r.latest_snapshot(BOOK))
    assert last is not None
    assert (last.session, last.positions_count) == (NEXT, 0)


@pytest.mark.parametrize("author", ["stocker", "stocker drill"])
def test_nobody_arms_in_the_name_of_the_program(paper: Stocker, author: str) -> None:
    paper("kill", BOOK, *WHY)
    code, _, said = paper(
        "arm", BOOK, "--confirm", ACCOUNT, "--author", author, "--reason", "because"
    )
    assert (code, "person" in said) == (3, True)


@pytest.mark.slow
def test_the_launchpad_kills_and_the_drill_arms_only_its_own(
    paper: Stocker, ledger: Ledger
) -> None:
    from stocker_pipeline.definitions import build_definitions

    definitions = build_definitions()
    drill = definitions.resolve_job_def("kill_drill")
    assert drill.execute_in_process(partition_key=str(NEXT)).success
    assert state(ledger) is ControlState.ARMED
    config = {"ops": {"stop": {"config": {"portfolio": BOOK, "reason": "fire"}}}}
    assert definitions.resolve_job_def("kill").execute_in_process(run_config=config).success
    assert state(ledger) is ControlState.KILLED
    assert not drill.execute_in_process(partition_key=str(NEXT), raise_on_error=False).success
    assert state(ledger) is ControlState.KILLED


def test_the_file_in_the_home_stops_the_day(
    paper: Stocker, ledger: Ledger, book_home: Path
) -> None:
    (book_home / KILL_FILE).touch()
    code, out, _ = paper("day", BOOK, "--session", NEXT)
    assert (code, "HALTED" in out) == (0, True)
    assert ledger.read(lambda r: r.orders(BOOK, session=NEXT)) == []
    assert state(ledger) is ControlState.KILLED
