"""Secrets in a person's words and in the environment, searched in all that a book leaves behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stocker_pipeline import redaction
from stocker_pipeline_tests.commands.paper import BOOK, NEXT
from stocker_pipeline_tests.test_redaction import CANARIES, environment, leaks

HERE = {name: value for name, value in CANARIES.items() if name != "STOCKER_LEDGER_URL"}
"""The ledger of this test has no password."""
SCRIPT = """
import json, sys
from stocker_pipeline import redaction
if sys.argv[1] == "blind":
    redaction.learn = lambda values: None
from stocker_pipeline.cli import main

for command in json.loads(sys.argv[2]):
    sys.argv = ["stocker", *command]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (command, end.code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["clean", "blind"])
def test_the_report_of_a_session_holds_no_secret(book_home: Path, mode: str) -> None:
    whole = " and ".join(HERE.values())
    page = book_home / "reports" / "page.html"
    commands = [
        ["override", "add", BOOK, "no_trade", "--symbol", "MSFT", "--reason", whole],
        ["kill", BOOK, "--reason", whole],
        ["day", BOOK, "--session", str(NEXT)],
        ["report", BOOK, "--output", str(page)],
        ["audit", "list"],
        ["alerts", "list"],
    ]
    mine = {k: v for k, v in os.environ.items() if not k.startswith(redaction._OWNERS)}
    told = {name: value for name, value in environment().items() if name in HERE}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, mode, json.dumps(commands)],
        env={**mine, **told, "STOCKER_HOME": str(book_home)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, redaction.redacted(done.stderr.decode()[-2000:])
    places = {str(p): p.read_bytes() for p in book_home.rglob("*") if p.is_file()}
    assert str(page) in places
    places |= {"stdout": done.stdout, "stderr": done.stderr}
    found = {place: names for place, content in places.items() if (names := leaks(content))}
    if mode == "clean":
        assert found == {}
    else:
        assert {str(page), "stdout"} <= set(found)
