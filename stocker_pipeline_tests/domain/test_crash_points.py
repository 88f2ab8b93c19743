"""A crash point kills where it is told to, and nowhere else."""

import os
import signal
import subprocess
import sys

import pytest

from stocker_pipeline.domain.crash_points import ALLOWED, VARIABLE

PROGRAM = """
from stocker_pipeline.domain.crash_points import crash_point
for turn in range(3):
    crash_point("place")
    print(turn, flush=True)
"""


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in {ALLOWED, VARIABLE}}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=clean | environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("wanted", "printed"),
    [("place", ""), ("place#1", ""), ("place#2", "0\n"), ("place#3", "0\n1\n")],
)
def test_the_process_dies_at_the_turn_that_is_named(wanted, printed):
    done = run(**{VARIABLE: wanted, ALLOWED: "1"})
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, printed)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {VARIABLE: "place"},
        {VARIABLE: "other", ALLOWED: "1"},
        {VARIABLE: "place#4", ALLOWED: "1"},
    ],
)
def test_one_stray_variable_never_kills(environment):
    done = run(**environment)
    assert (done.returncode, done.stdout) == (0, "0\n1\n2\n")
