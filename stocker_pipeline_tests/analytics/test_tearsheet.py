"""The page: complete, escaped, the same bytes every time."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.analytics import tearsheet
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.analytics.tearsheet import COLOURS, tear_sheet
from stocker_pipeline_tests.analytics.builders import (
    bars_from_text,
    record_from_text,
    record_of_navs,
)
from stocker_pipeline_tests.analytics.random_books import books

TEMPLATES = Path(tearsheet.__file__).parent / "templates"
FACTS = {"portfolio": "trend_backtest", "strategy": "trend", "parameters": {"lookback": 126}}


class _Page(HTMLParser):
    """Elements, attributes and text of a page, with scripts kept apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        """All words of the page."""
        return " ".join(word for word in self.words if word)


@pytest.fixture(scope="module")
def record() -> TrackRecord:
    """Two years of a wandering nav, with a position, a cost and both benchmarks."""
    random = np.random.default_rng(11)
    navs = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.01, 520))), 2)
    empty = record_of_navs(navs)
    first = str(empty.sessions[0])
    last = str(empty.sessions[-1])
    traded = record_from_text(
        f"session nav\n{first} 100\n{last} 100",
        fills=f"session symbol quantity price commission\n{first} AAA 3 10 1",
        positions=f"session symbol quantity cost market_value\n{last} AAA 3 30 33",
    )
    return TrackRecord(
        empty.snapshots,
        traded.fills,
        traded.positions,
        bars=bars_from_text(f"symbol session open close\nAAA {first} 9 10\nAAA {last} 11 11"),
        target_vol=0.1,
    )


@pytest.fixture(scope="module")
def page(record: TrackRecord) -> str:
    """The tear sheet of ``record``."""
    return tear_sheet(record, FACTS)


def test_the_page_needs_no_network(page: str) -> None:
    parsed = _Page(page)
    assert {"link", "img", "iframe"} & set(parsed.tags) == set()
    assert [name for _, name, _ in parsed.attributes if name in ("src", "href", "action")] == []
    own = "".join(parsed.scripts[:1] + parsed.scripts[2:])
    assert "http" not in own


def test_plotly_is_embedded_once(page: str) -> None:
    scripts = _Page(page).scripts
    assert [text.count("* plotly.js v") for text in scripts] == [0, 1, 0]


def test_the_page_fits_a_phone(page: str) -> None:
    assert ("meta", "content", "width=device-width, initial-scale=1") in _Page(page).attributes


def test_every_section_is_there(page: str) -> None:
    text = _Page(page).text
    for heading in (
        "trend_backtest",
        "Net asset value",
        "Below the highest value so far",
        "Worst drawdowns",
        "Months",
        "All metrics",
        "Volatility, last 252 sessions",
        "Sharpe ratio, last 252 sessions",
        "Returns of single sessions",
        "Exposure",
        "Positions",
        "Results by symbol",
        "Trades on prices",
        "Costs so far",
        "What it hangs on",
        "The backtest was not run again for this page.",
        "How else it could have come",
        "What this run was",
    ):
        assert heading in text, heading
    assert "lookback 126" in text
    assert "without any costs" in text


def test_the_loss_comes_before_the_gain(page: str) -> None:
    text = _Page(page).text
    assert text.index("At its worst, on") < text.index("$100.00 became")
    assert text.index("Maximum drawdown") < text.index("Sharpe ratio")


def test_every_chart_has_its_place_and_every_colour_its_value(page: str) -> None:
    parsed = _Page(page)
    data = json.loads(parsed.scripts[0])
    places = {value for tag, name, value in parsed.attributes if tag == "div" and name == "id"}
    assert set(data["figures"]) == places
    assert len(places) == 10
    named = set(re.findall(r'"@([a-z]+)"', parsed.scripts[0])) - {"sessions", "diverging"}
    assert named <= set(COLOURS)
    css = (TEMPLATES / "tearsheet.css").read_text()
    for block in css.split("@media")[:2]:
        for colour in COLOURS:
            assert f"--{colour}:" in block, colour


def test_metrics_stand_beside_those_of_the_benchmarks(page: str) -> None:
    assert "Metric Portfolio Buy and hold Cash Record Sessions 520 520 520" in _Page(page).text


def test_page_stays_below_six_megabytes_with_thirteen_years() -> None:
    navs = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, 3_270)))
    assert len(tear_sheet(record_of_navs(navs), {}).encode()) < 6_000_000


@pytest.mark.parametrize("navs", [[], [101.0], [101.0, 99.0], [50.0, -10.0, 20.0]])
def test_short_and_ruined_books_have_a_page_too(navs: list[float]) -> None:
    text = _Page(tear_sheet(record_of_navs(np.array(navs)), {})).text
    assert "Nothing was traded." in text
    assert "nan" not in re.findall(r"\w+", text.lower())


def test_a_book_without_sessions_says_so() -> None:
    parsed = _Page(tear_sheet(record_of_navs(np.empty(0)), {}))
    assert "This book has no session yet." in parsed.text
    assert json.loads(parsed.scripts[0])["figures"] == {}


def test_a_ruined_book_says_so_first() -> None:
    parsed = _Page(tear_sheet(record_of_navs(np.array([50.0, -10.0])), {}))
    assert "On 2020-01-02 everything was lost; returns end there." in parsed.text


def test_deposits_are_told_apart_from_gains() -> None:
    record = record_of_navs(np.array([110.0, 160.0]), np.array([0.0, 50.0]))
    text = _Page(tear_sheet(record, {})).text
    assert "$100.00 became $160.00, with $50.00 added on the way: 10.00% in all." in text


def _hostile(name: str) -> str:
    record = record_from_text(
        "session nav\n2024-01-02 100",
        fills="session symbol quantity price\n2024-01-02 XXX 1 9",
        positions="session symbol quantity cost market_value\n2024-01-02 XXX 1 9 9",
    )
    names = pa.array([name], pa.string())
    at = record.fills.column_names.index("symbol")
    renamed = TrackRecord(
        record.snapshots,
        record.fills.set_column(at, "symbol", names),
        record.positions.set_column(at, "symbol", names),
    )
    facts: dict[str, Any] = {"portfolio": name, "strategy": name, name: {name: [name]}}
    return tear_sheet(renamed, facts)


@settings(max_examples=15, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_nothing_from_data_becomes_markup(tail: str) -> None:
    plain = _Page(_hostile("AAA"))
    name = f"</script><script>alert('1')</script>\"'><img src=x onerror=y>{{{{ 7 * 7 }}}}{tail}"
    hostile = _Page(_hostile(name))
    assert hostile.tags == plain.tags
    assert hostile.attributes == plain.attributes
    assert len(hostile.scripts) == len(plain.scripts)
    assert json.loads(hostile.scripts[0]).keys() == json.loads(plain.scripts[0]).keys()


def test_no_script_of_a_name_is_in_the_page_as_it_is() -> None:
    text = _hostile("<script>alert(7)</script>")
    assert "<script>alert(7)" not in text
    assert "&lt;script&gt;alert(7)" in text


@settings(max_examples=10, deadline=None)
@given(books(max_sessions=8))
def test_the_same_input_gives_the_same_bytes(book: TrackRecord) -> None:
    again = TrackRecord(
        book.snapshots, book.fills, book.positions, bars=book.bars, target_vol=book.target_vol
    )
    assert tear_sheet(book, FACTS) == tear_sheet(again, FACTS)


_IN_ANOTHER_PROCESS = """
import hashlib
import numpy as np
from stocker_pipeline.analytics.metrics import performance_metrics
from stocker_pipeline.analytics.tearsheet import tear_sheet
from stocker_pipeline.analytics.wording import metrics_json
from stocker_pipeline_tests.analytics.builders import record_of_navs
record = record_of_navs(np.array([101.0, 99.0, 104.0]))
text = tear_sheet(record, {"a": {"b", "c", "d", "e"}}) + metrics_json(performance_metrics(record))
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_hash_seed_time_zone_and_locale_do_not_show() -> None:
    digests = set()
    for seed, zone, language in (("1", "UTC", "C"), ("2", "Asia/Tokyo", "de_DE.UTF-8")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": language}
        command = [sys.executable, "-c", _IN_ANOTHER_PROCESS]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        digests.add(done.stdout)
    assert len(digests) == 1


def test_reading_metrics_does_not_load_what_only_drawing_needs() -> None:
    code = (
        "import sys, stocker_pipeline.analytics.tearsheet, stocker_pipeline.analytics.pictures;"
        "print([n for n in ('plotly', 'matplotlib', 'jinja2', 'numba', 'PIL') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
