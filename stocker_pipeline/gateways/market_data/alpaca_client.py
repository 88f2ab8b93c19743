"""Reading Alpaca's APIs through its SDK: GET only, bounded in time, failures in words.

The SDK (0.44) has no time-out, retries 429 and 504 by itself with a fixed pause, collects pages
itself and throws all away if one fails, and its models refuse a whole list for one new word. So its
clients are used for addresses and authentication, with raw answers, and the rest is here. Stays
out: what the rows mean, and everything that changes something at Alpaca.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self, TypeVar, cast

import requests
from alpaca.common.exceptions import APIError
from alpaca.common.rest import RESTClient
from requests.adapters import HTTPAdapter

from stocker_pipeline.domain.session import Clock
from stocker_pipeline.gateways.market_data.asking import (
    Conversation,
    Lasting,
    Passing,
    Rejected,
    Unanswered,
)
from stocker_pipeline.gateways.market_data.transport import (
    Timeouts,
    message_in,
    required_secret,
    wait_asked_s,
)

T = TypeVar("T")

KEY_VARIABLES = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")
SIP_TOO_RECENT = (
    "this Alpaca subscription may not read SIP data of the last 15 minutes: ask again later, or "
    "take a subscription with real-time SIP (the keys are not the cause)"
)
_SYMBOLS_PER_REQUEST = 100
"""A year of daily bars of 100 symbols is three pages, and the URL stays short."""
_PAGES_MAX = 100_000
_CHUNK_BYTES = 65_536
_REJECTED_SYMBOL = re.compile(r"invalid symbol:?\s*([^\s\"',;]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Credentials:
    """A key pair; neither part is ever shown."""

    key_id: str = field(repr=False)
    secret_key: str = field(repr=False)

    @classmethod
    def required(cls, key_id: str | None, secret_key: str | None) -> "Credentials":
        """The pair, if it is one.

        Raises:
            ConfigurationRefused: A part is not set; names its environment variable.
        """
        parts = (
            required_secret(value, variable=variable, source="Alpaca")
            for value, variable in zip((key_id, secret_key), KEY_VARIABLES, strict=True)
        )
        return cls(*parts)

    @property
    def parts(self) -> tuple[str, str]:
        """Both, to be kept out of messages."""
        return self.key_id, self.secret_key


class AlpacaReader:
    """One of Alpaca's APIs, for the length of one conversation.

    Args:
        client: Any client of the SDK with ``raw_data=True``; it is changed to be bounded in time.
        conversation: Whose patience is used.
        clock: For how long to wait until a rate limit is reset.
    """

    def __init__(
        self,
        client: RESTClient,
        conversation: Conversation,
        clock: Clock,
        *,
        credentials: Credentials,
        timeouts: Timeouts,
    ) -> None:
        self._client = _bounded(client, timeouts)
        self._conversation, self._clock = conversation, clock
        self._credentials, self._timeouts = credentials, timeouts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client._session.close()

    def rows(self, path: str, params: Mapping[str, Any]) -> list[Any]:
        """An answer that is one list.

        Raises:
            Unanswered: There is no such answer.
        """

        def question() -> list[Any]:
            body = self._get(path, params)
            if not isinstance(body, list):
                raise Passing(f"not a list in the answer, but {_kind(body)}")
            return body

        return self._conversation.ask(question)

    def pages(self, path: str, params: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
        """What is under ``key`` on each page. Only a page without a token for the next is the last.

        Raises:
            Unanswered: A page is not there; those before it are no answer on their own.
        """
        token, seen = None, set[str]()
        while True:
            page, token = self._conversation.ask(partial(self._page, path, params, key, token))
            yield page
            if token is None:
                return
            if token in seen or len(seen) >= _PAGES_MAX:
                raise Rejected(f"the pages go in a circle after {len(seen) + 1}")
            seen.add(token)

    def _page(
        self, path: str, params: Mapping[str, Any], key: str, token: str | None
    ) -> tuple[dict[str, Any], str | None]:
        body = self._get(path, params if token is None else {**params, "page_token": token})
        if not isinstance(body, dict) or key not in body or "next_page_token" not in body:
            raise Passing(f"no {key} or no next_page_token in the answer, but {_kind(body)}")
        # Without any row, some endpoints send null.
        content, following = body[key] if body[key] is not None else {}, body["next_page_token"]
        if not isinstance(content, dict):
            raise Passing(f"{key} is no table by name, but {_kind(content)}")
        return content, str(following) if following else None

    def _get(self, path: str, params: Mapping[str, Any]) -> object:
        try:
            return cast(object, self._client.get(path, dict(params)))
        except APIError as error:
            raise self._refusal(error) from None
        # What these say is left out: a header that cannot be sent is quoted, key and all.
        except requests.exceptions.JSONDecodeError:
            raise Passing("an answer that is not JSON") from None
        except requests.exceptions.Timeout:
            limits = self._timeouts
            raise Passing(
                f"timed out (limits: {limits.connect_s:g} s to connect, {limits.read_s:g} s "
                f"between pieces, {limits.whole_s:g} s in all)"
            ) from None
        except requests.exceptions.RequestException as error:
            raise Passing(f"the connection failed ({type(error).__name__})") from None

    def _refusal(self, error: APIError) -> Unanswered:
        status, message = error.status_code, message_in(str(error), self._credentials.parts)
        said = f"HTTP {status}: {message}"
        if status == requests.codes.forbidden and "recent sip data" in message.lower():
            return Lasting(SIP_TOO_RECENT)
        if status in (requests.codes.unauthorized, requests.codes.forbidden):
            return Lasting(
                f"Alpaca refused the keys ({said}): set {' and '.join(KEY_VARIABLES)} to a pair "
                "that is in force"
            )
        if status is None or status in (408, 429) or status >= 500:
            headers = error.response.headers if status is not None else {}
            return Passing(said, wait_asked_s(headers, self._clock.now()))
        return Rejected(said)


def in_groups(
    symbols: Sequence[str], ask: Callable[[Sequence[str]], T]
) -> tuple[list[tuple[Sequence[str], T]], dict[str, str]]:
    """Answers about groups of symbols, and symbol → reason where there is none.

    One symbol that Alpaca calls invalid fails the whole request, so it is left out and the others
    are asked about again; where the message does not name it, halves are.
    """
    starts = range(0, len(symbols), _SYMBOLS_PER_REQUEST)
    groups = [symbols[start : start + _SYMBOLS_PER_REQUEST] for start in reversed(starts)]
    answers: list[tuple[Sequence[str], T]] = []
    failed: dict[str, str] = {}
    while groups:
        group = groups.pop()
        try:
            answers.append((group, ask(group)))
        except Rejected as error:
            named = _REJECTED_SYMBOL.search(error.reason)
            culprit = named.group(1) if named else ""
            if culprit in group:
                failed[culprit] = error.reason
                rest = [symbol for symbol in group if symbol != culprit]
                groups += [rest] if rest else []
            elif "symbol" in error.reason.lower() and len(group) > 1:
                middle = len(group) // 2
                groups += [group[middle:], group[:middle]]
            else:
                failed.update(dict.fromkeys(group, error.reason))
        except Unanswered as error:
            failed.update(dict.fromkeys(group, error.reason))
    return answers, failed


def _kind(body: object) -> str:
    if body is None:
        return "nothing"
    keys = f" with {', '.join(map(str, sorted(body)[:5]))}" if isinstance(body, dict) else ""
    return f"a {type(body).__name__}{keys}"


def _bounded(client: RESTClient, timeouts: Timeouts) -> RESTClient:
    """The client without retries of its own and with time-outs; the SDK offers neither by name."""
    client._retry = 0
    for scheme in ("https://", "http://"):
        client._session.mount(scheme, _TimedAdapter(timeouts))
    return client


class _TimedAdapter(HTTPAdapter):
    """Sends each request with time-outs, whether the caller thought of them or not."""

    def __init__(self, timeouts: Timeouts) -> None:
        super().__init__()
        self._timeouts = timeouts

    def send(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> requests.Response:
        limits = self._timeouts
        options["timeout"] = (limits.connect_s, limits.read_s)
        until_s = time.monotonic() + limits.whole_s
        response = super().send(request, *args, **options)
        response.raw = _TimedBody(response.raw, until_s)
        return response


class _TimedBody:
    """The body of an answer, as far as it arrives in time."""

    def __init__(self, raw: Any, until_s: float) -> None:
        self._raw, self._until_s = raw, until_s

    def stream(self, amount: int, decode_content: bool | None = None) -> Iterator[bytes]:
        """The body in pieces as they arrive; urllib3's own waits until a piece is full."""
        while piece := self._raw.read1(_CHUNK_BYTES, decode_content=decode_content):
            yield piece
            if time.monotonic() > self._until_s:
                self._raw.close()
                raise requests.exceptions.ReadTimeout("the answer is not complete in time")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
