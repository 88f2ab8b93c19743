"""What the ledger refuses, named by what the caller should do about it.

::

    BookRefused
    ├── LedgerConflict    the same key is there with other content
    ├── LedgerRefused     a rule of the database broke; ``code`` says which
    ├── LeaseHeld         another process is at work on the portfolio
    └── LeaseLost         this process was, and another one took over
    StockerError
    ├── LedgerBusy        others held the database for too long: run again
    ├── LedgerUnavailable the database cannot be reached or written
    └── CommitUnclear     the answer to a commit was lost: read by key, or run again
"""

import re

from sqlalchemy.exc import DBAPIError, StatementError

from stocker_pipeline.domain.errors import BookRefused, StockerError

_RULE = re.compile(r"stocker:(\w+): ([^\n]*)")
_SQLITE_BUSY = {5, 6}
_SQLITE_CONSTRAINT = {18, 19, 20}
_POSTGRES_BUSY = {"40001", "40P01", "55P03"}


class LedgerConflict(BookRefused):
    """A fact that is known already, told differently. Nothing was written."""


class LedgerRefused(BookRefused):
    """A write that breaks a rule which the database keeps. Nothing was written."""

    @property
    def code(self) -> str:
        """Which rule of ``triggers``: ``fence``, ``control``, ``edge``, ``overfill`` and so on."""
        return self.received.partition(" ")[0]


class LeaseHeld(BookRefused):
    """Another process is at work on the portfolio."""


class LeaseLost(LedgerRefused):
    """The lease ended, or was taken over, while its holder was still at work."""


class LedgerBusy(StockerError):
    """Others held the database longer than was waited for. Nothing was written; run again."""


class LedgerUnavailable(StockerError):
    """The database cannot be reached, read or written."""


class CommitUnclear(StockerError):
    """The connection broke while committing: the transaction may be there. Run again."""


def is_busy(error: DBAPIError) -> bool:
    """Whether the same transaction may well succeed a moment later."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_BUSY
    return getattr(error.orig, "sqlstate", None) in _POSTGRES_BUSY


def is_disconnected(error: DBAPIError) -> bool:
    """Whether the server went away."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or state.startswith(("08", "57P"))


def of_rule(error: DBAPIError, where: str) -> LedgerRefused | None:
    """What a trigger said, as an error; None where it was no trigger of ours."""
    found = _RULE.search(str(error.orig))
    if found is None:
        return None
    code, message = found.groups()
    kind = LeaseLost if code == "fence" else LedgerRefused
    return kind(
        message,
        f"{code} broken by {_statement(error)}",
        where=where,
        remedy=_REMEDIES.get(code, _ASK),
    )


def of_database(error: DBAPIError, where: str) -> StockerError:
    """Any other trouble of the database."""
    if is_busy(error):
        return LedgerBusy(
            "the database within the time it was waited for",
            _first_line(error),
            where=where,
            remedy="Run it again; nothing was written.",
        )
    return LedgerUnavailable(
        "a ledger that can be read and written",
        f"{type(error.orig).__name__}: {_first_line(error)}",
        where=where,
        remedy="Check the disk, its permissions and the server, then run it again.",
    )


def is_integrity(error: DBAPIError) -> bool:
    """Whether a constraint was broken, rather than the database in trouble."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_CONSTRAINT
    return (getattr(error.orig, "sqlstate", None) or "").startswith(("22", "23"))


def of_constraint(error: DBAPIError, where: str) -> LedgerRefused:
    """A broken constraint as an error."""
    return LedgerRefused(
        "a row within the constraints of its table",
        f"constraint broken by {_statement(error)}: {_first_line(error)}",
        where=where,
        remedy="Correct the value that the constraint names.",
    )


def of_value(error: StatementError, where: str) -> LedgerRefused:
    """A value that its column's type cannot hold exactly, as an error."""
    return LedgerRefused(
        "a value that its column can hold exactly",
        f"value broken by {_statement(error)}: {error.orig}",
        where=where,
        remedy="Correct the value.",
    )


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]


def _statement(error: StatementError) -> str:
    words = (error.statement or "a statement").split()
    return " ".join(words[:3])


_ASK = "Read the rows that are there; `stocker doctor` lists what does not fit."
_REMEDIES = {
    "fence": "Stop: another process took over this portfolio and goes on from what is written.",
    "control": "Nothing is sent until the portfolio is armed again: stocker arm.",
    "sticky": "A person lifts it: stocker arm.",
    "append_only": "Write a correction as a new row.",
    "environment": "Use the database of this environment.",
    "overfill": "Put the execution into suspense for a person to judge.",
    "foreign": "Put the execution into suspense for a person to judge.",
}
