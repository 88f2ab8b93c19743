"""The contestants as processes: started on a bars file, asked for one run at a time."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.environments import HERE, python_of

STOCKER = "Stocker"
DETAIL = "Stocker, every symbol's numbers kept"
PEERS = ("vectorbt", "bt", "backtrader", "zipline")


@dataclass
class Contestant:
    """One process and its answers so far.

    Attributes:
        name: How the table calls it.
        first: Its answer to the first run, see ``peers/protocol.py``.
        turns: Its answers to the runs after that, one list for each turn.
    """

    name: str
    process: subprocess.Popen[str]
    first: dict[str, Any] = field(default_factory=dict)
    turns: list[list[dict[str, Any]]] = field(default_factory=list)

    def turn(self, runs: int) -> None:
        """Ask for some runs, one after the other."""
        self.turns.append([self.run() for _ in range(runs)])

    def run(self) -> dict[str, Any]:
        """Ask for one more run and wait for it."""
        assert self.process.stdin is not None
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return self._answer()

    def stop(self) -> None:
        """End the process."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("@@"):
                answer: dict[str, Any] = json.loads(line[2:])
                return answer
        raise RuntimeError(
            f"{self.name}: its process ended with exit code {self.process.wait()} before it "
            "answered; its own message is above."
        )


def start(name: str, bars_file: Path) -> Contestant:
    """Start a contestant on a bars file and wait for its first, cold run."""
    environment = dict(os.environ)
    if name in (STOCKER, DETAIL):
        command = [sys.executable, str(HERE / "stocker_trend.py"), str(bars_file)]
        if name == DETAIL:
            command.append("--detail")
        environment["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), str(HERE / "peers")])
    else:
        command = [str(python_of(name)), str(HERE / "peers" / f"{name}_trend.py"), str(bars_file)]
        environment.pop("PYTHONPATH", None)
    print(f"{name}: first run on {bars_file.stem} ...", file=sys.stderr, flush=True)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    contestant = Contestant(name, process)
    contestant.first = contestant._answer()
    return contestant
