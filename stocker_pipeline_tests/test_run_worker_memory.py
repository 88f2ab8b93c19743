"""What the process of a Dagster run holds at most, launched as the UI launches it."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_run_worker_over_ten_years_stays_below_its_budget_and_loads_what_it_uses():
    command = [sys.executable, "-m", "benchmarks.backfill"]
    command += ["--storages", "batched", "--databases", "sqlite"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
