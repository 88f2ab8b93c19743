"""Stocker's own commands as processes of their own: ``stocker`` once, ``dagster dev`` for a while.

Both work on one throw-away STOCKER_HOME, as `make ui` and the command line share a real one.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
START_TIMEOUT_SECONDS = 180
STOP_TIMEOUT_SECONDS = 30


def environment_of(home: Path) -> dict[str, str]:
    """This process's environment with another home and none of its owner's settings."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("STOCKER_", "DAGSTER_"))}
    return inherited | {"STOCKER_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}


def stocker(home: Path, *arguments: object) -> str:
    """Run the command; returns its standard output."""
    done = subprocess.run(
        [_beside_this_python("stocker"), *map(str, arguments)],
        cwd=REPOSITORY,
        env=environment_of(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def dagster_dev(home: Path) -> Iterator[str]:
    """Webserver and daemon, as `make ui` starts them; gives the address of the UI."""
    port = _free_port()
    serving, said = threading.Event(), deque[str](maxlen=50)
    process = subprocess.Popen(
        [
            _beside_this_python("dagster"),
            *("dev", "-w", "workspace.yaml", "--host", "127.0.0.1", "--port", str(port)),
        ],
        cwd=REPOSITORY,
        env=environment_of(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A process of its own group, so that what does not stop can be stopped as a whole; and a
        # shell that runs the tests in the background has told them to ignore Ctrl-C.
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if f"Serving dagster-webserver on http://127.0.0.1:{port}" in line:
                serving.set()
        serving.set()  # or it ended without

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        serving.wait(START_TIMEOUT_SECONDS)
        assert process.poll() is None, "".join(said)
        yield f"http://127.0.0.1:{port}"
    finally:
        _stop(process)
        listener.join(STOP_TIMEOUT_SECONDS)


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The address of the reports, as `stocker open` serves them."""
    process = subprocess.Popen(
        [_beside_this_python("stocker"), "open", "--no-browser", "--port", "0", "--json"],
        cwd=REPOSITORY,
        env=environment_of(home),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    try:
        yield str(json.loads(_document(process.stdout))["url"])
    finally:
        _stop(process)


def _document(lines: Iterable[str]) -> str:
    """The first JSON document, whose last line is a closing brace alone."""
    read = []
    for line in lines:
        read.append(line)
        if line.rstrip() == "}" or (line.startswith("{") and line.rstrip().endswith("}")):
            break
    return "".join(read)


def _stop(process: subprocess.Popen[str]) -> None:
    """Ctrl-C, to which it stops webserver, daemon and code server; by force what then remains."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _beside_this_python(command: str) -> str:
    return str(Path(sys.executable).with_name(command))
