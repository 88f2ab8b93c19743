"""The page of a symbol's bars: what is drawn where, and that data stays data."""

import json
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pyarrow as pa
import pytest

from stocker_pipeline.analytics import bars_chart as module
from stocker_pipeline.analytics.bars_chart import COLOURS, bars_chart, bars_page
from stocker_pipeline.analytics.charts import Chart

TEMPLATES = Path(module.__file__).parent / "templates"
AT = datetime(2024, 1, 15, 12, tzinfo=UTC)
DAYS = [date(2024, 1, day) for day in (2, 3, 4, 5, 8, 9)]


def bar(day: date, close: float | None = 100.0, state: str = "seen", **others: Any) -> dict:
    still = dict.fromkeys(("open", "high", "low", "close", "adj_close"), close)
    volume = None if close is None else 1_000.0
    origin = {"source": "vendor", "known_at": AT, "versions": 1, "state": state}
    return {"symbol": "AAA", "session": day, **still, "volume": volume, **origin, **others}


def finding(day: date | None, treatment: str = "quarantined", **others: Any) -> dict:
    said = {"rule": "close_spike", "severity": "error", "evidence": "close 5,000.00 is odd"}
    row = {"symbol": "AAA", "session": day, **said, "threshold": "at most 4 sigmas"}
    return row | {"treatment": treatment} | others


def action(day: date, split: float = 1.0, dividend: float = 0.0) -> dict:
    return {"session": day, "split": split, "dividend": dividend, "source": "vendor"}


def verdict(day: date, kind: str = "accept", **others: Any) -> dict:
    row = {"session": day, "verdict": kind, "author": "ann", "reason": "checked", "decided_at": AT}
    return row | others


BARS = [
    bar(DAYS[0]),
    bar(DAYS[1], 101.0, "accepted"),
    bar(DAYS[2], 5_000.0, "quarantined"),
    bar(DAYS[3], None, "withdrawn", versions=2),
    bar(DAYS[4], 99.0, "held"),
    bar(DAYS[5], 102.0, "replaced", versions=3),
]


def drawn(
    bars=BARS, actions=(), findings=(), verdicts=()
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Traces by name, the one that answers the pointer as ``""``, and the layout."""
    figure = bars_chart(bars, actions, findings, verdicts).figure
    assert figure is not None
    return {trace["name"]: trace for trace in figure["data"]}, figure["layout"]


def hover(traces: dict[str, dict[str, Any]], day: date) -> list[str]:
    told = dict(zip(traces[""]["x"], traces[""]["text"], strict=True))
    return told[str(day)].split("<br>")


def test_bars_left_out_are_drawn_apart_from_those_traded_on():
    traces, _ = drawn()
    assert traces["Traded on"]["x"] == [str(DAYS[at]) for at in (0, 1, 5)]
    assert traces["Traded on"]["close"] == [100.0, 101.0, 102.0]
    assert traces["Left out"]["x"] == [str(DAYS[2]), str(DAYS[4])]
    assert traces["Left out"]["high"] == [5_000.0, 99.0]
    assert traces["Withdrawn"]["x"] == [str(DAYS[3])]
    assert traces["Volume"]["x"] == [str(day) for day in DAYS if day != DAYS[3]]


def test_the_axis_spans_what_is_traded_on_and_the_rest_is_marked_at_its_edge():
    traces, layout = drawn(findings=[finding(DAYS[2]), finding(DAYS[5], "flagged")])
    low, high = layout["yaxis"]["range"]
    assert 99.5 < low < 100.0 and 102.0 < high < 102.5
    assert 102.0 < traces["Quarantined"]["y"][0] < high
    assert 102.0 < traces["Flagged"]["y"][0] < high
    caption = bars_chart(BARS, [], [], []).caption
    assert caption.endswith(
        "2 bars left out reach beyond the axis; a double click shows everything."
    )
    assert "beyond" not in bars_chart(BARS[:2], [], [], []).caption


def test_a_wide_range_of_prices_is_logarithmic_and_marks_stay_inside():
    bars = [bar(DAYS[0], 10.0), bar(DAYS[1], 100.0), bar(DAYS[2], 0.0, "quarantined")]
    traces, layout = drawn(bars, findings=[finding(DAYS[2])])
    low, high = layout["yaxis"]["range"]
    assert layout["yaxis"]["type"] == "log"
    assert low < 1.0 and high > 2.0
    assert 10**low < traces["Quarantined"]["y"][0] < 10**high


def test_a_session_has_one_mark_by_its_gravest_finding():
    findings = [finding(DAYS[2], "flagged"), finding(DAYS[2]), finding(DAYS[0], "flagged")]
    traces, _ = drawn(findings=findings)
    assert traces["Quarantined"]["x"] == [str(DAYS[2])]
    assert traces["Flagged"]["x"] == [str(DAYS[0])]


def test_the_pointer_is_told_everything_about_a_session_and_only_about_it():
    traces, _ = drawn(
        actions=[action(DAYS[2], split=2.0), action(DAYS[2], dividend=0.25)],
        findings=[finding(DAYS[2]), finding(None)],
        verdicts=[verdict(DAYS[1])],
    )
    assert hover(traces, DAYS[2]) == [
        "open 5,000, high 5,000, low 5,000, close 5,000",
        "volume 1,000",
        "quarantined, vendor",
        "split: 2 new for 1 old",
        "dividend: $0.25",
        "close_spike (error, quarantined): close 5,000.00 is odd",
        "bound: at most 4 sigmas",
    ]
    assert hover(traces, DAYS[1])[-1] == "accept, ann, 2024-01-15: checked"
    assert hover(traces, DAYS[3]) == ["withdrawn, 2 versions, vendor"]
    assert hover(traces, DAYS[5])[-1] == "replaced, 3 versions, vendor"
    others = [trace for name, trace in traces.items() if name]
    assert {trace["hoverinfo"] for trace in others} == {"skip"}


def test_a_finding_on_a_session_without_a_bar_is_marked_beside_the_bar_before():
    hole, before = date(2024, 1, 10), date(2023, 12, 29)
    traces, _ = drawn(findings=[finding(hole, "flagged"), finding(before, "flagged")])
    assert traces["Flagged"]["x"] == [str(before), str(hole)]
    assert traces["Flagged"]["y"][1] > 102.0
    assert str(hole) in traces[""]["x"]


def test_actions_stand_in_a_strip_of_their_own():
    traces, _ = drawn(actions=[action(DAYS[0], 2.0, 0.5), action(DAYS[1], dividend=0.1)])
    assert traces["Split"]["x"] == [str(DAYS[0])]
    assert traces["Dividend"]["x"] == [str(DAYS[0]), str(DAYS[1])]
    assert traces["Split"]["yaxis"] == traces["Dividend"]["yaxis"] == "y3"


def test_days_on_which_the_exchange_is_closed_leave_no_gap():
    bars = [bar(date(2024, 1, 12)), bar(date(2024, 1, 16))]
    _, layout = drawn(bars)
    weekends, holidays = layout["xaxis"]["rangebreaks"]
    assert weekends == {"bounds": ["sat", "mon"]}
    assert holidays == {"values": ["2024-01-15"]}


@pytest.mark.parametrize("bars", [[], [bar(DAYS[0], None, "withdrawn")]])
def test_without_a_price_there_is_a_sentence_instead(bars):
    chart = bars_chart(bars, [], [finding(DAYS[0])], [])
    assert (chart.figure, chart.nothing) == (None, "There is no bar with a price in this range.")
    assert "There is no bar with a price" in _Page(page(bars)).text


def test_a_range_in_which_everything_is_left_out_still_shows_its_bars():
    traces, layout = drawn([bar(DAYS[0], 50.0, "held")])
    assert traces["Left out"]["close"] == [50.0]
    low, high = layout["yaxis"]["range"]
    assert low < 50.0 < high


def test_numbers_that_are_not_there_are_not_drawn():
    broken = bar(DAYS[2], None, "quarantined", open=99.0, high=None, volume=None)
    traces, _ = drawn([bar(DAYS[0]), broken], findings=[finding(DAYS[2])])
    assert traces["Left out"]["high"] == [None]
    assert hover(traces, DAYS[2])[:2] == [
        "open 99, high unknown, low unknown, close unknown",
        "volume unknown",
    ]


def test_plotly_accepts_the_figure():
    chart = bars_chart(BARS, [action(DAYS[0], 2.0)], [finding(DAYS[2])], [verdict(DAYS[1])])
    text = re.sub(r'"@[a-z]+"', '"black"', json.dumps(chart.figure, allow_nan=False))
    go.Figure(json.loads(text))


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(word for word in self.words if word)


def page(bars=BARS, actions=(), findings=(), verdicts=(), **others) -> str:
    def table(rows, columns: dict[str, pa.DataType]) -> pa.Table:
        return pa.Table.from_pylist(list(rows), schema=pa.schema(columns.items()))

    text, day, number = pa.string(), pa.date32(), pa.float64()
    instant = pa.timestamp("us", "UTC")
    numbers = dict.fromkeys(("open", "high", "low", "close", "volume", "adj_close"), number)
    known = {"source": text, "known_at": instant, "versions": pa.int64(), "state": text}
    said = dict.fromkeys(("rule", "severity", "evidence", "threshold", "treatment"), text)
    decided = {**dict.fromkeys(("verdict", "author", "reason"), text), "decided_at": instant}
    return bars_page(
        others.pop("symbol", "AAA"),
        bars=table(bars, {"symbol": text, "session": day, **numbers, **known}),
        actions=table(
            actions, {"session": day, "split": number, "dividend": number, "source": text}
        ),
        findings=table(findings, {"symbol": text, "session": day, **said}),
        verdicts=table(verdicts, {"session": day, **decided}),
        **others,
    )


def test_the_page_needs_no_network_and_holds_plotly_once():
    parsed = _Page(page())
    assert {"link", "img", "iframe"} & set(parsed.tags) == set()
    assert {"src", "href", "action"} & set(parsed.attributes) == set()
    assert [text.count("* plotly.js v") for text in parsed.scripts] == [0, 1, 0]
    assert "http" not in parsed.scripts[0] + parsed.scripts[2]


def test_the_page_says_in_words_what_the_chart_shows():
    text = _Page(
        page(
            actions=[action(DAYS[0], 0.5, 0.25)],
            findings=[finding(DAYS[2]), finding(None, "flagged", rule="refused_row")],
            verdicts=[verdict(DAYS[1])],
            as_of=AT,
        )
    ).text
    assert "2024-01-02 to 2024-01-09 · 6 sessions · as known at 2024-01-15 12:00:00 UTC" in text
    assert (
        "3 bars are traded on; 1 accepted, 1 quarantined, 1 withdrawn, 1 held, 1 replaced." in text
    )
    assert "2024-01-04 close_spike error quarantined close 5,000.00 is odd" in text
    assert "no date refused_row" in text
    assert "2024-01-04 5,000 5,000 5,000 5,000 1,000 quarantined 1 vendor" in text
    assert "2024-01-05 – – – – – withdrawn 2 vendor" in text
    assert "2024-01-03 accept ann 2024-01-15 12:00 checked" in text
    assert "2024-01-02 0.5 new for 1 old $0.25 vendor" in text


def test_every_colour_has_its_value_in_both_schemes():
    named = set(re.findall(r'"@([a-z]+)"', _Page(page(findings=[finding(DAYS[2])])).scripts[0]))
    assert named <= set(COLOURS)
    css = (TEMPLATES / "tearsheet.css").read_text().split("@media")
    own = (TEMPLATES / "bars.html.j2").read_text().split("@media")
    for colour in COLOURS:
        for block in range(2):
            assert f"--{colour}:" in css[block] + own[block], colour


HOSTILE = "</script><script>alert('1')</script>\"'><img src=x onerror=y>{{ 7 * 7 }}&<b>"


def test_nothing_from_data_becomes_markup():
    plain, hostile = (
        _Page(
            page(
                [bar(DAYS[0], source=text)],
                findings=[finding(DAYS[0], evidence=text, threshold=text, rule=text)],
                verdicts=[verdict(DAYS[0], reason=text, author=text)],
                symbol=text,
            )
        )
        for text in ("AAA", HOSTILE)
    )
    assert hostile.tags == plain.tags
    assert hostile.attributes == plain.attributes
    assert len(hostile.scripts) == len(plain.scripts)
    (told,) = [
        trace["text"][0]
        for trace in json.loads(hostile.scripts[0])["figures"]["bars"]["data"]
        if trace["name"] == ""
    ]
    assert "<img" not in told and "&lt;img" in told


def test_the_same_input_gives_the_same_bytes():
    assert page(findings=[finding(DAYS[2])]) == page(findings=[finding(DAYS[2])])


def test_the_chart_is_a_chart_of_the_tear_sheet():
    assert isinstance(bars_chart(BARS, [], [], []), Chart)
