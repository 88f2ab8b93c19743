"""The file ``KILL`` in STOCKER_HOME: the last resort, which needs neither ledger nor program.

While it exists nothing is sent, whatever is in it; what cannot be read counts as there. Its text is
the reason. It is looked at before each attempt, and what it says goes into the ledger at the next
start of anything; taking it away arms nothing. Stays out: the control state itself (``control``).
"""

import os
import tempfile
from pathlib import Path

from stocker_pipeline.domain.errors import StockerError
from stocker_pipeline.ledger import Ledger, Reader, Writer
from stocker_pipeline.ledger.control_records import (
    KILL_FILE_AUTHOR,
    Alert,
    ControlState,
    Severity,
)
from stocker_pipeline.ledger.tables.account_control import ALL_ACCOUNTS

KILL_FILE = "KILL"
_MOST = 1000


def kill_file_reason(path: Path | None) -> str | None:
    """Why the file forbids to send; None where there is none, or nowhere to look for it.

    A folder that is not there, or a file that cannot be read, forbids too.
    """
    if path is None:
        return None
    where = f"kill file {path.name}"
    try:
        path.lstat()
    except FileNotFoundError:
        # Only a folder that can be looked into says that the file is not there.
        return None if path.parent.is_dir() else f"{where}: its folder is not there"
    except OSError as error:
        return f"{where}: cannot be looked for ({error.strerror})"
    try:
        said = path.read_bytes()[:_MOST].decode("utf-8", "replace").strip()
    except OSError as error:
        return f"{where}: cannot be read ({error.strerror})"
    return f"{where}: {said or 'it is empty'}"


def write_kill_file(path: Path, reason: str) -> None:
    """Put the file there, whole or not at all; one that is there stays as it is.

    Raises:
        OSError: The folder cannot be written.
    """
    if kill_file_reason(path) is not None and path.parent.is_dir():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".kill-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(reason + "\n")
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def note_kill_file(ledger: Ledger, path: Path | None) -> None:
    """Write into the ledger what the file says; without effect where that cannot be done.

    The file itself still forbids every attempt, so a command that only shows things need not fail.
    """
    said = kill_file_reason(path)
    if said is None:
        return
    try:
        if not ledger.read(_noted):
            ledger.write(None, lambda w: _note(w, said))
    except StockerError:
        return


def _noted(reader: Reader) -> bool:
    found = reader.account_control(ALL_ACCOUNTS)
    return found is not None and found.state is ControlState.KILLED


def _note(writer: Writer, said: str) -> None:
    if _noted(writer):
        return
    writer.set_account_control(
        ALL_ACCOUNTS, ControlState.KILLED, author=KILL_FILE_AUTHOR, reason=said
    )
    writer.put_alert(
        Alert(Severity.CRITICAL, "killed", f"every account, by the {said}", subject="every account")
    )
