"""What every connection to a vendor must have: time-outs, an encrypted URL, errors without secrets.

Stays out: retries (``asking``) and what a vendor's answers mean.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from stocker_pipeline.domain.errors import ConfigurationRefused

_HOSTS_OF_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
_WORDS_MAX = 200
_NO_SECRET_LENGTH = 4
"""A text this short is not worth hiding, and hiding it would garble every message."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds until a request is given up.

    Attributes:
        connect_s: For the connection.
        read_s: Between two pieces of the answer.
        whole_s: For the whole answer; a server that drips a byte at a time never breaks ``read_s``.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    whole_s: float = 120.0


def required_secret(value: str | None, *, variable: str, source: str) -> str:
    """A key without the white space that files and shells put around it.

    Raises:
        ConfigurationRefused: There is none; names the environment variable.
    """
    secret = (value or "").strip()
    if not secret:
        raise ConfigurationRefused(
            f"a key for {source}",
            "none" if value is None else "an empty text",
            where=f"environment variable {variable}",
            remedy=f"Set {variable}, or take another provider.",
        )
    return secret


def encrypted_url(url: str, *, source: str) -> str:
    """The URL without a slash at its end.

    Raises:
        ConfigurationRefused: It is not https and not this machine: keys would be sent in the clear.
    """
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in _HOSTS_OF_THIS_MACHINE
    if not parts.hostname or not (parts.scheme == "https" or local):
        raise ConfigurationRefused(
            "a URL that begins with https://, because keys are sent to it",
            repr(url),
            where=f"URL of {source}",
            remedy="Correct the URL.",
        )
    return url.rstrip("/")


def message_in(body: str, secrets: Collection[str]) -> str:
    """The sentence in the body of an error, at most 200 characters, without secrets."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if isinstance(content, dict):
        body = str(content.get("message") or content.get("detail") or body)
    words = " ".join(body.split()) or "no text"
    for secret in secrets:
        if len(secret) > _NO_SECRET_LENGTH:
            words = words.replace(secret, "***")
    return words if len(words) <= _WORDS_MAX else f"{words[:_WORDS_MAX]}…"


def wait_asked_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a source asks to wait (Retry-After, X-RateLimit-Reset); None = not said."""
    asked = headers.get("Retry-After", "").strip()
    reset = headers.get("X-RateLimit-Reset", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked) if asked else datetime.fromtimestamp(float(reset), UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max((until - now).total_seconds(), 0.0)
