"""``stocker open``: what is served, to whom, and how it ends."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stocker_pipeline.commands.report_server import ReportServer
from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.stages.report_index import index_page, shelves_of
from stocker_pipeline.stages.warehouse_docs import DOCS_FILES, WarehouseDocs

COMMAND = "from stocker_pipeline.cli import main; main()"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "state" / "reports"
    for name in (
        "trend.html",
        "trend.json",
        "daily/trend/2024-03-04.html",
        "daily/trend/2024-03-05.html",
        "weekly/trend/2024-W10.html",
        "compare/a__b.html",
        "daily/trend/secret.sqlite",
        "daily/trend/2024-03-05.html.partial",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<p>{name}</p>")
    (tmp_path / "state" / "ledger.html").write_text("the ledger")
    return folder


class MadeDocs(WarehouseDocs):
    """Three files that are there already, or a sentence that says why they are not."""

    amiss: str = ""

    @property
    def possible(self) -> bool:
        return True

    def file(self, name: str) -> Path | None:
        if self.amiss:
            raise ConfigurationRefused("a site", self.amiss, where="there", remedy="Read the log.")
        return self.folder / name if name in DOCS_FILES else None


@pytest.fixture
def docs(tmp_path: Path) -> MadeDocs:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in (*DOCS_FILES, "run_results.json"):
        (folder / name).write_text(name)
    return MadeDocs(tmp_path / "warehouse.duckdb", folder, "lake")


@pytest.fixture
def no_docs(tmp_path: Path) -> WarehouseDocs:
    return WarehouseDocs(tmp_path / "none.duckdb", tmp_path / "dbt-docs", "lake")


@pytest.fixture
def server(reports: Path, docs: MadeDocs) -> Iterator[ReportServer]:
    with ReportServer(reports, docs, 0) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def asked(
    server: ReportServer, path: str, method: str = "GET", host: str = "127.0.0.1"
) -> tuple[int, str, http.client.HTTPResponse]:
    """The path is sent as it is: no client cleans it on the way."""
    port = server.server_address[1]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", f"{host}:{port}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer
    finally:
        connection.close()


def test_only_this_machine_can_reach_it(server: ReportServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url.startswith("http://127.0.0.1:")


def test_the_index_lists_pages_by_kind_and_the_newest_session_first(server: ReportServer) -> None:
    status, text, _ = asked(server, "/")
    assert status == 200
    order = [
        "Tear sheets",
        "Daily reports: trend",
        "2024-03-05<",
        "2024-03-04<",
        "2024-W10<",
        "a · b<",
    ]
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)
    assert 'href="/reports/daily/trend/2024-03-05.html"' in text
    assert 'href="/dbt/"' in text
    for absent in ("secret", "partial", "ledger", "trend.json"):
        assert absent not in text


def test_every_address_of_the_index_is_answered(server: ReportServer, reports: Path) -> None:
    links = [link for shelf in shelves_of(reports) for link in shelf.links]
    assert len(links) == 5
    for link in links:
        status, text, answer = asked(server, link.address)
        assert (status, text) == (200, f"<p>{link.address.removeprefix('/reports/')}</p>")
        assert "default-src 'none'" in (answer.getheader("Content-Security-Policy") or "")
        assert answer.getheader("X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize("name", ["", *DOCS_FILES])
def test_the_documentation_of_the_tables_is_its_three_files(server, name) -> None:
    assert asked(server, f"/dbt/{name}")[:2] == (200, name or "index.html")


def test_documentation_that_cannot_be_made_says_why(
    server: ReportServer, docs: MadeDocs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MadeDocs, "amiss", "a file that process 4711 has open")
    status, text, _ = asked(server, "/dbt/")
    assert status == 503
    assert "process 4711" in text
    assert asked(server, "/")[0] == 200


def test_before_the_first_marts_there_is_no_documentation(
    reports: Path, no_docs: WarehouseDocs
) -> None:
    assert 'href="/dbt/"' not in index_page(reports, no_docs)


@pytest.mark.parametrize(
    "path",
    [
        "/reports/../ledger.html",
        "/reports/%2e%2e/ledger.html",
        "/reports/..%2fledger.html",
        "/reports/%2e%2e%2fledger.html",
        "/reports/daily/../../ledger.html",
        "/reports/..\\ledger.html",
        "/reports//etc/hostname.html",
        "/reports/%00.html",
        "/reports/daily/trend/secret.sqlite",
        "/reports/daily/trend",
        "/reports/",
        "/reports/nothing.html",
        "/reports/" + "a" * 5_000 + ".html",
        "/dbt/run_results.json",
        "/dbt/../trend.html",
        "/dbt/%2e%2e/state/ledger.html",
        "/ledger.html",
        "trend.html",
    ],
)
def test_nothing_outside_is_answered(server: ReportServer, path: str) -> None:
    status, text, _ = asked(server, path)
    assert status == 404
    assert "ledger" not in text


def test_a_link_that_leads_out_is_not_followed(server: ReportServer, reports: Path) -> None:
    (reports / "out.html").symlink_to(reports.parent / "ledger.html")
    assert asked(server, "/reports/out.html")[0] == 404


def test_a_page_of_another_site_may_not_ask_under_its_own_name(server: ReportServer) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        assert asked(server, "/", host=host)[0] == 403
    assert asked(server, "/", host="localhost")[0] == 200


def test_there_is_reading_and_nothing_else(server: ReportServer) -> None:
    status, text, answer = asked(server, "/reports/trend.html", "HEAD")
    assert (status, text, answer.getheader("Content-Length")) == (200, "", "17")
    assert asked(server, "/reports/trend.html", "POST")[0] == 501
    assert asked(server, "/reports/trend.html", "DELETE")[0] == 501


def test_names_from_disk_are_text_and_addresses(tmp_path: Path, no_docs: WarehouseDocs) -> None:
    bad = tmp_path / 'a"><script>x.html'
    bad.write_text("x")
    text = index_page(tmp_path, no_docs)
    assert "<script>" not in text
    assert "%3Cscript%3E" in text


def test_an_empty_home_says_what_writes_reports(tmp_path: Path, no_docs: WarehouseDocs) -> None:
    text = index_page(tmp_path / "none", no_docs)
    assert "There is no report yet" in text
    assert "once the marts are built" in text


def test_a_port_that_is_taken_is_refused_by_name_and_avoided_without_one(
    stocker, no_docs: WarehouseDocs
) -> None:
    from stocker_pipeline.commands.open import _server

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, error = stocker("open", "--port", port, "--no-browser")
        assert code == 4
        assert str(port) in error
    with _server(Path("none"), no_docs, None) as one, _server(Path("none"), no_docs, None) as other:
        assert one.server_address[1] != other.server_address[1]


def test_ctrl_c_ends_it_cleanly(reports: Path, monkeypatch) -> None:
    monkeypatch.setenv("STOCKER_HOME", str(reports.parent))
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "open", "--no-browser", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    host, port = line.split("http://")[1].split("/")[0].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    connection.request("GET", "/reports/trend.html")
    assert connection.getresponse().status == 200
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 0
    assert error.strip() == "stopped"


def test_a_script_reads_the_address_as_json(reports: Path, stocker, monkeypatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ReportServer, "serve_forever", interrupted)
    code, text, _ = stocker("open", "--no-browser", "--json", "--port", "0")
    assert code == 0
    assert json.loads(text)["url"].startswith("http://127.0.0.1:")
