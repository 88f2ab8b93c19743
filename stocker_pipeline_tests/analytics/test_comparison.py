"""Books side by side: over the sessions that all have, with what differs marked."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from stocker_pipeline.analytics.comparison import (
    BOOKS_MAX,
    ComparedBook,
    Comparison,
    comparison_page,
)
from stocker_pipeline.analytics.metrics import performance_metrics
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.analytics.tearsheet import COLOURS
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline_tests.analytics.builders import record_of_navs


def compared(label: str, navs: np.ndarray, *, first: int = 0, **facts: object) -> ComparedBook:
    whole = record_of_navs(navs)
    empty = {"fills": whole.fills, "positions": whole.positions}
    record = TrackRecord(whole.snapshots.slice(first), **empty)
    return ComparedBook(label, "backtest", facts, record, performance_metrics(record))


def wandering(seed: int, count: int = 300) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, count)))


@pytest.fixture
def pair() -> Comparison:
    one = compared("one", wandering(1), strategy="trend", buffer=0.1, window=252)
    other = compared("other", wandering(2, 200), strategy="trend", buffer=0.3)
    return Comparison([one, other])


def test_metrics_are_over_the_sessions_that_all_have(pair: Comparison) -> None:
    assert len(pair.sessions) == 200
    assert [metrics.sessions for metrics in pair.metrics] == [200, 200]
    assert pair.metrics[0].total_return == pytest.approx(pair.books[0].record.nav[199] / 100 - 1)
    assert pair.books[0].own.sessions == 300


def test_a_book_that_began_later_is_compared_from_there_on() -> None:
    early, late = compared("a", wandering(1)), compared("b", wandering(1), first=100)
    found = Comparison([early, late])
    assert len(found.sessions) == 200
    # The first return of the later book is from its capital, the others are the same book's.
    assert np.array_equal(found.returns[0][1:], found.returns[1][1:])


def test_what_differs_comes_first_and_is_marked(pair: Comparison) -> None:
    facts = [(row.name, list(row.values), row.differs) for row in pair.facts()]
    assert facts == [
        ("buffer", ["0.1", "0.3"], True),
        ("window", ["252", "n/a"], True),
        ("strategy", ["trend", "trend"], False),
    ]
    page = comparison_page(pair)
    assert page.count('<tr class="differs">') == 2


def test_correlations_are_of_returns_and_a_book_that_never_moves_has_none() -> None:
    one = compared("one", wandering(1))
    same, still = compared("same", wandering(1)), compared("still", np.full(300, 100.0))
    matrix = Comparison([one, same, still]).correlations()
    assert matrix[0][1] == pytest.approx(1.0)
    assert matrix[2] == [None, None, None]


def test_the_page_is_whole_and_every_figure_has_its_place(pair: Comparison) -> None:
    page = comparison_page(pair)
    assert "http" not in page.split("<script>")[0]
    data = json.loads(re.search(r'id="tear-sheet-data">(.*?)</script>', page).group(1))
    assert set(data["figures"]) == {"growth", "drawdown"}
    lines = data["figures"]["growth"]["data"]
    assert [line["name"] for line in lines] == ["one", "other"]
    assert {len(line["y"]) for line in lines} == {len(data["sessions"])} == {200}
    used = set(re.findall(r'"@([a-z]+)"', json.dumps(data["figures"]))) - {"sessions"}
    assert used <= set(COLOURS)
    assert comparison_page(pair) == page


def test_eight_books_have_eight_lines_that_can_be_told_apart() -> None:
    books = [compared(f"b{i}", wandering(i, 50)) for i in range(BOOKS_MAX)]
    page = comparison_page(Comparison(books))
    data = json.loads(re.search(r'id="tear-sheet-data">(.*?)</script>', page).group(1))
    lines = data["figures"]["growth"]["data"]
    styles = {(line["line"]["color"], line["line"].get("dash")) for line in lines}
    assert len(styles) == BOOKS_MAX


@pytest.mark.parametrize(
    ("labels", "words"),
    [([], "none"), (["a"], "a"), (["a", "a"], "a, a"), ([f"b{i}" for i in range(9)], "b8")],
)
def test_other_numbers_of_books_are_refused(labels, words) -> None:
    with pytest.raises(InputRefused, match="2 to 8 different books") as refused:
        Comparison([compared(label, wandering(1, 5)) for label in labels])
    assert words in str(refused.value)


def test_books_without_a_common_session_are_refused_with_their_spans() -> None:
    early, late = compared("a", wandering(1, 10)), compared("b", wandering(1, 30), first=20)
    with pytest.raises(InputRefused, match="a 2020-01-01 to 2020-01-14; b 2020-01-29"):
        Comparison([early, late])
    with pytest.raises(InputRefused, match="b has none"):
        Comparison([early, compared("b", np.empty(0))])


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def test_nothing_from_data_becomes_markup() -> None:
    bad = "</script><script>alert(1)</script>\"'><img src=x>{{ 7 * 7 }}"

    def page(text: str) -> str:
        one = compared(text, wandering(1, 40), **{text: text, "universe": [text]})
        return comparison_page(Comparison([one, compared("b", wandering(2, 40))]))

    assert _Tags(page(bad)).tags == _Tags(page("plain")).tags
    assert "<script>alert" not in page(bad)
