"""The server behind ``stocker open``: reports and dbt's documentation, for this machine alone."""

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from stocker_pipeline.domain.errors import StockerError
from stocker_pipeline.stages.report_files import OPEN_HOST
from stocker_pipeline.stages.report_index import DOCS_AT, KINDS, file_at, index_page
from stocker_pipeline.stages.warehouse_docs import WarehouseDocs

_NAMES = {OPEN_HOST, "localhost"}
_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""A report needs nothing but itself, so nothing else is let in or out."""
_DOCS_POLICY = (
    "default-src 'self' data: 'unsafe-inline' 'unsafe-eval'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class ReportServer(ThreadingHTTPServer):
    """Answers with the index, reports and dbt's documentation; nothing else is reachable.

    Raises:
        OSError: The port is taken.
    """

    daemon_threads = True

    def __init__(self, reports: Path, docs: WarehouseDocs, port: int) -> None:
        super().__init__((OPEN_HOST, port), _Handler)
        self.reports, self.docs = reports, docs

    @property
    def url(self) -> str:
        """Where the index is."""
        return f"http://{OPEN_HOST}:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: ReportServer
    server_version, sys_version = "stocker", ""

    def do_GET(self) -> None:
        """Answer with a page."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """The same without its content."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        # A page of another site whose name was pointed at this machine has another host.
        if (self.headers.get("Host") or "").rsplit(":", 1)[0] not in _NAMES:
            self._refuse(HTTPStatus.FORBIDDEN, with_body)
            return
        docs = self.server.docs
        if self.path.split("?", 1)[0] == "/":
            text = index_page(self.server.reports, docs)
            self._send(text.encode(), KINDS[".html"], _PAGE_POLICY, with_body)
            return
        try:
            found = file_at(self.path, self.server.reports, docs)
        except StockerError as error:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, with_body, f"{error}\n")
            return
        if found is None:
            self._refuse(HTTPStatus.NOT_FOUND, with_body)
            return
        policy = _DOCS_POLICY if self.path.startswith(DOCS_AT) else _PAGE_POLICY
        self._send(found.read_bytes(), KINDS[found.suffix], policy, with_body)

    def _send(
        self,
        body: bytes,
        kind: str,
        policy: str,
        with_body: bool,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, with_body: bool, why: str = "") -> None:
        text = f"{status.value} {status.phrase}\n{why}".encode()
        self._send(text, "text/plain; charset=utf-8", _PAGE_POLICY, with_body, status)

    def log_message(self, *_: object) -> None:
        """Say nothing: a request is no news."""
