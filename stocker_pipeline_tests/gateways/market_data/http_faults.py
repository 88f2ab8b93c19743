"""A local HTTP server that answers like a vendor, or fails in the ways vendors do."""

import contextlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from stocker_pipeline.gateways.market_data.transport import Timeouts

_DRIPS = 300


@dataclass(frozen=True)
class Request:
    """What was asked; names of headers in small letters."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    target: str


@dataclass(frozen=True)
class Reply:
    """What is answered; ``body`` is sent as it is, or as JSON if it is no text."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body)


class Hang:
    """Accepts the request and says nothing."""


class Drop:
    """Closes the connection without a word."""


class Cut:
    """Closes the connection in the middle of the body."""


class Drip:
    """Sends the answer a byte at a time, over three seconds."""


def timeouts_for(*faults: object) -> Timeouts:
    """Short ones where a test waits for them, else long enough for a machine that is busy."""
    if any(isinstance(fault, (Hang, Drip)) for fault in faults):
        return Timeouts(connect_s=5, read_s=0.3, whole_s=0.6)
    return Timeouts(connect_s=5, read_s=10, whole_s=20)


class FaultyServer:
    """Answers with ``reply``, except where a fault was ordered."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._faults: list[list] = []
        self._closing = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                with contextlib.suppress(OSError):  # The client gave up.
                    server._handle(self)

            def log_message(self, *args):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def fault(self, fault, *, times: int = 1, where: Callable[[Request], bool] | str = "") -> None:
        """Fail the next ``times`` requests that match, in the order of the calls."""
        if isinstance(where, str):
            part = where
            where = lambda request: part in request.target  # noqa: E731
        self._faults.append([fault, times, where])

    def reply(self, request: Request) -> Reply:
        raise NotImplementedError

    def asked(self, part: str = "") -> list[Request]:
        """The requests whose target contains ``part``."""
        return [request for request in self.requests if part in request.target]

    def close(self) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        split = urlsplit(handler.path)
        request = Request(
            split.path,
            dict(parse_qsl(split.query)),
            {name.lower(): value for name, value in handler.headers.items()},
            handler.path,
        )
        self.requests.append(request)
        fault = self._next_fault(request)
        handler.close_connection = True
        if isinstance(fault, Hang):
            self._closing.wait(10)
            return
        if isinstance(fault, Drop):
            return
        reply = fault if isinstance(fault, Reply) else self.reply(request)
        body = reply.text.encode()
        handler.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            handler.send_header(name, value)
        if isinstance(fault, Drip):
            body = b" " * _DRIPS + body  # White space before JSON says nothing.
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if isinstance(fault, Drip):
            body = body[self._drip(handler) :]
        handler.wfile.write(body[: len(body) // 2] if isinstance(fault, Cut) else body)

    def _drip(self, handler: BaseHTTPRequestHandler) -> int:
        for sent in range(_DRIPS):
            if self._closing.wait(0.01):
                return sent
            handler.wfile.write(b" ")
            handler.wfile.flush()
        return _DRIPS

    def _next_fault(self, request: Request):
        for order in self._faults:
            if order[1] > 0 and order[2](request):
                order[1] -= 1
                return order[0]
        return None
