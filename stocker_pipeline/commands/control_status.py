"""Control as ``stocker status`` shows it: every scope that spoke, and the kill file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stocker_pipeline.commands.output import err
from stocker_pipeline.domain.errors import StockerError

if TYPE_CHECKING:
    from stocker_pipeline.ledger import Reader


def control_of(reader: "Reader", portfolio: str, kill_file: Path) -> dict[str, Any]:
    """Each scope with its state, since when, by whom, why and its epoch; and the kill file.

    Where the file is there, the state is KILLED whatever the scopes say.
    """
    from stocker_pipeline.stages.kill_file import kill_file_reason

    stopped = kill_file_reason(kill_file)
    rows = [
        {
            "scope": found.name,
            "state": found.state.value,
            "since": found.at,
            "by": found.author,
            "reason": found.reason,
            "epoch": found.epoch,
        }
        for found in reader.scopes(portfolio)
    ]
    return {"control": rows, "kill_file": stopped} | ({"state": "KILLED"} if stopped else {})


@contextmanager
def killed_where_unreadable(portfolio: str) -> Iterator[None]:
    """Say that a state that cannot be read is a kill, before the error says why it cannot."""
    try:
        yield
    except StockerError:
        err.print(f"[bold red]{portfolio} is KILLED[/]: what cannot be read sends nothing")
        raise
