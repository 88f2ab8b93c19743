"""The page of a session: what is wrong first, whole without a network, and nothing from data in it
as markup."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.analytics import day_page as module
from stocker_pipeline.analytics.day_page import chain_text, day_page, e4_text, sparkline
from stocker_pipeline.analytics.day_values import DayAlert, DayReport, DayTicket, Traded
from stocker_pipeline.analytics.week_page import week_page
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline_tests.analytics.days import (
    EARLIER,
    NEXT,
    SESSION,
    busy_day,
    decided,
    empty_day,
    hostile_day,
)

CSS = (Path(module.__file__).parent / "templates" / "day.css").read_text()
VOID = {"meta", "img"}


class Page(HTMLParser):
    """Tags, attributes and words; every tag must be closed in the order in which it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], "tags that were never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def rows_of(page: Page) -> int:
    return page.tags.count("tr")


@pytest.mark.parametrize("page_of", [day_page, lambda day: week_page([day])])
@pytest.mark.parametrize("day", [empty_day(), busy_day(1), busy_day(2), busy_day(100)])
def test_every_book_has_a_page_that_needs_no_script_and_no_network(day: DayReport, page_of) -> None:
    text = page_of(day)
    page = Page(text)
    assert "script" not in page.tags
    assert "http" not in text
    assert ("meta", "content", "width=device-width, initial-scale=1") in page.attributes
    links = [value for _, name, value in page.attributes if name in ("src", "href", "action")]
    assert all((link or "").startswith("../../daily/") for link in links)
    assert "None" not in page.text
    assert not re.search(r"\bnan\b", page.text.lower())
    assert len(text) < 300_000


def test_print_and_phone_have_rules_of_their_own() -> None:
    text = day_page(busy_day(1))
    assert CSS.strip() in text
    assert "@media print" in CSS
    assert "max-width: 760px" in CSS
    wide = re.findall(r"<table[^>]*>", text)
    assert all(table == '<table class="cards">' or table == "<table>" for table in wide)
    assert text.count("<table") == text.count('<div class="scroll" tabindex="0"><table')


def test_bad_news_comes_before_everything_else() -> None:
    day = replace(
        busy_day(2),
        outcome="HALTED",
        outcome_reason="breaks",
        alerts=[DayAlert("critical", "orders_left", "an order may still trade", SESSION)],
    )
    text = Page(day_page(day)).text
    order = [
        "Look at this first",
        "The session ended HALTED: breaks",
        "an order may still trade",
        "It made",
        "Profit by symbol",
        "Risk and limits",
        "What traded, and why",
        "Ticket of the next session",
        "Costs and slippage",
        "What this page stands on",
    ]
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)
    assert "Nothing to attend to" not in text


def test_a_day_without_bad_news_says_so() -> None:
    assert "Nothing to attend to" in Page(day_page(busy_day(3))).text


def test_an_empty_book_says_what_is_not_there() -> None:
    text = Page(day_page(empty_day())).text
    for words in (
        "Its value did not change. Nothing was traded.",
        "The book holds nothing and traded nothing.",
        "Nothing was ordered and nothing was filled.",
        "No bound is written for this book.",
        "No finding about the bars of this session.",
    ):
        assert words in text, words


def test_a_hundred_symbols_are_all_there_and_most_are_folded_away() -> None:
    day = busy_day(100)
    text = day_page(day)
    page = Page(text)
    for number in range(100):
        assert text.count(f'title="S{number:03d}"') == 4, number
    assert page.tags.count("details") == 5
    assert "80 more symbols" in page.text
    assert "80 more orders" in page.text


def test_a_long_short_book_shows_both_sides() -> None:
    text = Page(day_page(busy_day(2))).text
    assert "Long +$9.00, short +$9.00: together +$18.00" in text
    assert "S001 +$9.00 short 0 −10 −10 −$90.00" in text


def test_the_reason_of_a_trade_is_its_chain() -> None:
    chain = chain_text(decided("AAA", 5))
    assert chain == (
        "momentum +5.00% → volatility 20.00% → weight +0.1000 → forecast volatility of the book "
        "8.00% → scaled ×1.250 → capped to the bound of one symbol → gross cap ×0.900 → target "
        "+11.00% of NAV"
    )
    assert chain in Page(day_page(busy_day(1))).text
    assert chain_text(decided("AAA", signal_reason="few bars")) == "no signal: few bars"


def test_a_session_without_a_fill_shows_the_last_fills_and_their_reasons() -> None:
    busy = busy_day(2)
    text = Page(day_page(empty_day(traded_before=Traded(EARLIER, busy.fills, busy.decisions)))).text
    assert "Nothing was ordered and nothing was filled. The last fills before were those of" in text
    after = text.partition(f"those of {EARLIER}:")[2]
    for words in ("S000 +10", "S001 −10", "a new position: momentum +5.00%"):
        assert words in after, words
    assert "IDLE" not in text


def test_a_ticket_that_cannot_be_had_says_why() -> None:
    text = Page(day_page(empty_day(ticket=DayTicket(NEXT, missing="there are no bars")))).text
    assert "Ticket of the next session, 2024-03-05 there are no bars" in text


def test_the_same_values_give_the_same_bytes() -> None:
    assert day_page(busy_day(7)) == day_page(busy_day(7))


@pytest.mark.parametrize("page_of", [day_page, lambda day: week_page([day, day])])
def test_nothing_from_data_becomes_markup(page_of) -> None:
    plain = Page(page_of(hostile_day("AAA")))
    bad = "</title><script>alert('1')</script>\"'><img src=x onerror=y>{{ 7 * 7 }}"
    text = page_of(hostile_day(bad))
    hostile = Page(text)
    assert hostile.tags == plain.tags
    assert {(tag, name) for tag, name, _ in hostile.attributes} == {
        (tag, name) for tag, name, _ in plain.attributes
    }
    assert "<script" not in text
    assert "&lt;script&gt;alert" in text
    assert "49" not in hostile.text


@settings(max_examples=15)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
def test_any_name_leaves_the_page_whole(name: str) -> None:
    assert Page(day_page(hostile_day(name))).tags == Page(day_page(hostile_day("AAA"))).tags


def test_the_line_of_nav_has_a_point_for_each_close() -> None:
    assert sparkline([]) == sparkline([1]) == ""
    assert str(sparkline([1, 2, 3])).count(",") == 3
    assert "nan" not in str(sparkline([5, 5, 5]))


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (-1, "$0.00"), (-12_345_600, "−$1,234.56"), (12_345_600, "$1,234.56")],
)
def test_money_is_written_with_its_sign_before_the_dollar(amount: int, text: str) -> None:
    assert e4_text(amount) == text


def test_a_week_is_the_sum_of_its_sessions() -> None:
    first, then = busy_day(2), replace(busy_day(2), session=NEXT)
    text = Page(week_page([first, then])).text
    assert "together +$36.00" in text
    assert "S000 +$18.00 long 0 +20 +10" in text
    assert "OPEN 4 a new position" in text
    assert "2024-03-04 +$18.00" in text
    with pytest.raises(InputRefused, match="at least one session"):
        week_page([])


def test_a_week_names_the_session_of_each_bad_news() -> None:
    bad = replace(busy_day(1), outcome="HALTED", outcome_reason="breaks")
    text = Page(week_page([busy_day(1), bad])).text
    assert "2024-03-04: The session ended HALTED: breaks" in text
