"""Slack, PagerDuty, a dead man's watch and a mail server on this machine, for the tests."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

ROUTING_KEY = "routing-key-0123456789"


@dataclass
class Web:
    """What came in, by path; what is answered, by path."""

    url: str = ""
    received: list[tuple[str, Any, float]] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)
    hang_s: float = 0.0

    def bodies(self, path: str) -> list[Any]:
        return [body for at, body, _ in self.received if at == path]


@dataclass
class Post:
    """Mails that were taken; ``refuses`` = the answer to DATA, where it is no 250."""

    port: int = 0
    received: list[tuple[Mail, float]] = field(default_factory=list)
    refuses: str = ""

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}/?from=stocker@example.com&to=anna@example.com"

    async def handle_DATA(self, server, session, envelope) -> str:
        if self.refuses:
            return self.refuses
        self.received.append((message_from_bytes(envelope.content), time.monotonic()))
        return "250 taken"


@contextmanager
def web_server() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            self._answer(None)

        def _answer(self, body: Any) -> None:
            if web.hang_s:
                released.wait(web.hang_s)
                return
            status = web.status.get(self.path, 202 if self.path == "/pagerduty" else 200)
            if status < 300:
                web.received.append((self.path, body, time.monotonic()))
            self.send_response(status)
            if status in {301, 302, 307}:
                self.send_header("Location", f"{web.url}/elsewhere")
            self.end_headers()
            self.wfile.write(f"key {ROUTING_KEY}: {status}".encode())

        def log_message(self, *_: object) -> None:
            pass

    released = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _AnyPort(Controller):
    """Port 0 lets the system choose; the first connection must go to what it chose."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(**options: Any) -> Iterator[Post]:
    post = Post()
    controller = _AnyPort(post, hostname="127.0.0.1", port=0, **options)
    controller.start()
    post.port = controller.port
    try:
        yield post
    finally:
        controller.stop()
