"""Secrets taken out of every text that leaves the process, in whatever spelling they are in it.

Which values are secret is read from the environment by the names of variables, and learnt from the
settings. A record of any logger is cleaned where it is made, so that Dagster's, SQLAlchemy's and a
vendor's own handlers never see more; tracebacks and the command line's streams are cleaned as they
are written. Belongs here: finding and replacing. Stays out: what is done with a secret. Loads
nothing beyond the standard library: ``stocker simulate`` imports it.
"""

import base64
import html
import json
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO, cast
from urllib.parse import quote, quote_plus, unquote, urlsplit

REPLACEMENT = "***"
_SHORTEST = 4
"""A shorter value would be found in everything; a secret that short is none."""
_WORDS = frozenset(
    {"admin", "dagster", "none", "null", "password", "postgres", "postgresql", "root", "secret"}
    | {"stocker", "test", "true", "false"}
)
"""No secret either, but words of every second line; who uses one as a password hides nothing."""
_LONG_PART = re.compile(r"(?=.*\d).{8,}|.{16,}")
"""A part of a path that can be a key: ``services`` is none."""
_SHORTEST_SPELLING = 6

_OWNERS = ("STOCKER_", "APCA_", "TIINGO_", "DAGSTER_", "AWS_", "PG")
_VALUE = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|PASSWD")
_ADDRESS = re.compile(r"_URL$|_URI$")
_TELLING = re.compile(r"(?:^|[?&;])(?:password|passwd|token|key|secret|apikey)=([^&;]+)", re.I)
_WHOLE_ADDRESS = "STOCKER_ALERT_"
"""Who knows such an address can write to the person who is to be woken: all of it is secret."""

_lock = threading.Lock()
_spellings: tuple[str, ...] = ()
_known: frozenset[str] = frozenset()


def learn(values: Iterable[str | None]) -> None:
    """Take values as secret from now on, in every thread. Values of fewer than 4 characters and
    what is known already change nothing.
    """
    global _known, _spellings
    with _lock:
        new = {value for value in values if value and len(value) >= _SHORTEST}
        new -= _known | _WORDS
        if not new:
            return
        _known |= new
        found = {spelling for value in _known for spelling in spellings(value)}
        # The longest first: a password inside an address that is secret as a whole.
        _spellings = tuple(sorted(found, key=lambda item: (-len(item), item)))


def learn_environment(environment: Mapping[str, str] | None = None) -> None:
    """Learn every secret of the environment, by the names of its variables."""
    given = os.environ if environment is None else environment
    for name, value in list(given.items()):
        if name.startswith(_OWNERS):
            learn(secrets_of(name, value))


def secrets_of(name: str, value: str) -> list[str]:
    """What of a variable's value is secret: all of it, or the password of an address."""
    if _ADDRESS.search(name):
        return address_secrets(value, whole=name.startswith(_WHOLE_ADDRESS))
    return [value] if _VALUE.search(name) else []


def address_secrets(address: str, *, whole: bool) -> list[str]:
    """The password and the keys in an address.

    Args:
        whole: Whether the address itself is secret, and each longer part of its path.
    """
    try:
        parts = urlsplit(address)
        password, user = parts.password, parts.username
    except ValueError:
        return [address]
    found = [password, *_TELLING.findall(f"?{parts.query}")]
    if whole:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        pieces = [path, *parts.path.split("/"), user if user and not password else ""]
        found += [address, *(piece for piece in pieces if _LONG_PART.fullmatch(piece))]
    return [spelled for item in found if item for spelled in (item, unquote(item))]


def spellings(secret: str) -> set[str]:
    """A secret as it is, and as URLs, JSON, Python, HTML, base64 and hexadecimal spell it."""
    escaped = json.dumps(secret)[1:-1]
    found = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        escaped,
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(escaped)[1:-1],
        repr(secret)[1:-1],
        html.escape(secret),
        secret.encode().hex(),
    }
    found |= {re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), item) for item in found}
    for offset in range(3):
        # In the middle of more, as in "user:password", every third offset spells it differently;
        # the characters at both ends belong to the neighbours too.
        text = base64.b64encode(b"\0" * offset + secret.encode()).decode()
        inner = text.rstrip("=")[(0, 2, 3)[offset] : -1 if text.endswith("=") else None]
        if len(inner) >= _SHORTEST_SPELLING:
            safe = inner.translate(str.maketrans("+/", "-_"))
            found |= {inner, safe, quote(inner, safe="")}
    return found


def holds_secret(text: str) -> bool:
    """Whether there is a secret in a text."""
    return any(spelling in text for spelling in _spellings)


def redacted(text: str) -> str:
    """The text with ``***`` in the place of every secret."""
    for spelling in _spellings:
        if spelling in text:
            text = text.replace(spelling, REPLACEMENT)
    return text


def redacted_value(value: Any) -> Any:
    """The same for a value of JSON, with every text in it but the names in its objects."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, list):
        return [redacted_value(item) for item in value]
    if isinstance(value, dict):
        # Names are the program's own, and so is what begins with two underscores: a class.
        return {
            name: item if str(name).startswith("__") else redacted_value(item)
            for name, item in value.items()
        }
    return value


def install() -> None:
    """Clean every record of every logger of this process, and the tracebacks that end it.

    May be called again: what is new in the environment is learnt.
    """
    learn_environment()
    if not getattr(logging.getLogRecordFactory(), "redacts", False):
        logging.setLogRecordFactory(_cleaning(logging.getLogRecordFactory()))
    sys.excepthook = _print_cleaned
    threading.excepthook = lambda args: _print_cleaned(
        args.exc_type, cast(BaseException, args.exc_value), args.exc_traceback
    )


def _cleaning(make: Any) -> Any:
    def made(*arguments: Any, **named: Any) -> logging.LogRecord:
        record: logging.LogRecord = make(*arguments, **named)
        _clean(record)
        return record

    made.redacts = True  # type: ignore[attr-defined]
    return made


def _clean(record: logging.LogRecord) -> None:
    if not _spellings:
        return
    try:
        message = record.getMessage()
    except (TypeError, ValueError, KeyError):
        # Handlers report it themselves; what they print of it is words and arguments.
        message = f"{record.msg} {record.args}"
    if holds_secret(message):
        record.msg, record.args = redacted(message), ()
    if record.exc_info and record.exc_info[0] is not None:
        told = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if holds_secret(told):
            # A formatter prints this text, and has nothing of which to make another.
            record.exc_text, record.exc_info = redacted(told), None
    if record.stack_info:
        record.stack_info = redacted(record.stack_info)


def _print_cleaned(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    told = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(redacted(told))


class _CleanStream:
    """A text stream that cleans what is written to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redacted(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def clean_streams() -> Iterator[None]:
    """Clean standard output and error while it lasts; what is learnt meanwhile counts too."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _CleanStream(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
