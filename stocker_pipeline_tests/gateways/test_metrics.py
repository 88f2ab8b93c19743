"""Measures as Prometheus reads them: parsed back with its own parser."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.gateways.metrics import Measure, exposition, serve, write_textfile

NAV = Measure("stocker_nav_usd", "Value, dollars.", [({"portfolio": 'a"b\n'}, 100_000.1234)])
ENDED = Measure(
    "stocker_sessions_total",
    "Sessions that ended.",
    [({"outcome": "TRADED"}, 3), ({"outcome": "HALTED"}, 0)],
)
NOTHING = Measure("stocker_open_breaks", "Differences.", [])


def parsed(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample name → label values, the portfolio's first → number."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sorted(sample.labels.items(), key=lambda item: (item[0] != "portfolio", item))
            values = tuple(value for _, value in labels)
            found.setdefault(sample.name, {})[values] = sample.value
    return found


def measures() -> Iterator[Measure]:
    yield from (NAV, ENDED, NOTHING)


def test_every_sample_is_read_back_with_labels_and_number():
    text = exposition(measures)
    assert parsed(text) == {
        "stocker_nav_usd": {('a"b\n',): 100_000.1234},
        "stocker_sessions_total": {("TRADED",): 3.0, ("HALTED",): 0.0},
    }
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["stocker_nav_usd"].documentation == "Value, dollars."
    assert families["stocker_nav_usd"].type == "gauge"
    assert families["stocker_sessions"].type == "counter"


def test_a_file_is_written_whole_and_nothing_else_is_left(tmp_path: Path):
    path = tmp_path / "stocker.prom"
    write_textfile(path, measures)
    first = path.read_text()
    assert parsed(first)["stocker_nav_usd"]
    assert [found.name for found in tmp_path.iterdir()] == ["stocker.prom"]

    def breaks() -> Iterator[Measure]:
        yield NAV
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        write_textfile(path, breaks)
    assert path.read_text() == first


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(InputRefused, match="No such file"):
        write_textfile(tmp_path / "gone" / "stocker.prom", measures)


def test_a_scrape_is_answered_with_the_numbers_of_its_own_moment():
    asked: list[int] = []

    def counting() -> Iterator[Measure]:
        asked.append(1)
        yield Measure("stocker_scrapes", "So far.", [({}, float(len(asked)))])

    server, thread = serve("127.0.0.1", 0, counting)
    try:
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        numbers = []
        for _ in range(2):
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.headers["Content-Type"].startswith("text/plain")
                numbers.append(parsed(answer.read().decode())["stocker_scrapes"][()])
        assert numbers == [1.0, 2.0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_address_in_use_is_refused():
    server, thread = serve("127.0.0.1", 0, measures)
    try:
        with pytest.raises(InputRefused, match="in use"):
            serve("127.0.0.1", server.server_port, measures)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
