"""One HTTP request with a time-out for the whole of it; an answer or a sentence, never a surprise.

The standard library alone: whoever stops trading because a package is broken must still be told.
"""

import http.client
import json
import socket
import time
from collections.abc import Mapping
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from stocker_pipeline.domain.errors import ConfigurationRefused

TIMEOUT_S = 10.0
_BODY_MOST = 2000
_LOCAL = ("127.0.0.1", "::1", "localhost")


class _NoRedirect(HTTPRedirectHandler):
    """A webhook that moved is not followed: the secret is in the URL, and POST would become GET."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def checked_url(url: str, *, variable: str) -> str:
    """The URL of a channel.

    Raises:
        ConfigurationRefused: Neither https nor this machine. The URL, a secret, is not shown.
    """
    parts = parsed_url(url)
    local = parts.scheme == "http" and parts.hostname in _LOCAL
    if parts.hostname and (parts.scheme == "https" or local):
        return url.strip()
    raise ConfigurationRefused(
        "a URL that begins with https://",
        f"one of scheme {parts.scheme!r}",
        where=f"environment variable {variable}",
        remedy="Correct it, or unset it to go without this channel.",
    )


def parsed_url(url: str) -> SplitResult:
    """The parts of a URL; of one that cannot be read, none."""
    try:
        return urlsplit(url.strip())
    except ValueError:
        return urlsplit("")


def post_json(
    url: str, content: Mapping[str, object], *, timeout_s: float = TIMEOUT_S
) -> tuple[int, str]:
    """Status and beginning of the body; status 0 and a sentence where no answer came."""
    body = json.dumps(content, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "stocker"}
    return _answer(Request(url, body, headers, method="POST"), timeout_s)


def get(url: str, *, timeout_s: float = TIMEOUT_S) -> tuple[int, str]:
    """The same for a GET."""
    return _answer(Request(url, headers={"User-Agent": "stocker"}), timeout_s)


def _answer(request: Request, timeout_s: float) -> tuple[int, str]:
    until = time.monotonic() + timeout_s
    try:
        with _opener(request).open(request, timeout=timeout_s) as response:
            return response.status, _beginning(response, until)
    except HTTPError as error:
        with error:
            return error.code, _beginning(error, until)
    except URLError as error:
        return 0, _sentence(error.reason)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return 0, _sentence(error)


def _opener(request: Request) -> OpenerDirector:
    handlers: list[ProxyHandler | _NoRedirect] = [_NoRedirect()]
    if urlsplit(request.full_url).hostname in _LOCAL:
        handlers.append(ProxyHandler({}))
    return build_opener(*handlers)


def _beginning(response: object, until: float) -> str:
    parts, read = [], 0
    try:
        while read < _BODY_MOST and time.monotonic() < until:
            part = response.read1(_BODY_MOST - read)  # type: ignore[attr-defined]
            if not part:
                break
            parts.append(part)
            read += len(part)
    except (OSError, http.client.HTTPException):
        parts.append(b" (the answer broke off)")
    return " ".join(b"".join(parts).decode("utf-8", errors="replace").split())[:200]


def _sentence(reason: object) -> str:
    """What went wrong, by kind; the text of some errors holds the URL, which is a secret."""
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    if isinstance(reason, ConnectionRefusedError):
        return "connection refused"
    if isinstance(reason, socket.gaierror):
        return "the host's name is not known"
    if isinstance(reason, OSError) and reason.strerror:
        return f"no connection: {reason.strerror}"
    return f"no answer: {type(reason).__name__}"
