"""Several sources as one."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.gateways.market_data.fallback import FallbackMarket
from stocker_pipeline.gateways.market_data.provider import (
    RECEIVED_ACTIONS_SCHEMA,
    RECEIVED_BARS_SCHEMA,
    REFUSED_ROWS_SCHEMA,
    MarketData,
    refuse_empty_request,
)
from stocker_pipeline_tests.gateways.market_data.contract import ProviderContract

DAY = date(2024, 1, 3)
SPAN = date(2024, 1, 2), date(2024, 1, 12)
KNOWN_AT = datetime(2024, 2, 1, tzinfo=UTC)


class ScriptedMarket:
    """Says of each symbol what it was told to: ``bars``, ``missing``, ``failed`` or ``silent``."""

    def __init__(self, name: str, script: Mapping[str, str], days=(DAY,), listed=()) -> None:
        self.name, self._script, self._days, self._listed = name, dict(script), days, listed
        self._acting = {symbol for symbol, says in script.items() if says != "failed"}
        self.asked: list[list[str]] = []

    def symbols(self):
        return tuple(self._listed)

    def fetch(self, symbols, first, last):
        refuse_empty_request(symbols, first, last)
        self.asked.append(list(symbols))
        says = {symbol: self._script.get(symbol, "missing") for symbol in sorted(set(symbols))}
        days = [day for day in self._days if first <= day <= last]
        bars = [self._bar(s, day) for s in says if says[s] == "bars" for day in days]
        return MarketData(
            pa.Table.from_pylist(bars, schema=RECEIVED_BARS_SCHEMA),
            pa.Table.from_pylist(
                [self._action(s) for s in says if s in self._acting and first <= DAY <= last],
                schema=RECEIVED_ACTIONS_SCHEMA,
            ),
            {s: f"{s} is not there" for s in says if says[s] == "missing"},
            {s: f"{s} timed out" for s in says if says[s] == "failed"},
            pa.Table.from_pylist(
                [
                    {"symbol": s, "session": None, "reason": "unreadable", "evidence": f"{s}?"}
                    for s in says
                ],
                schema=REFUSED_ROWS_SCHEMA,
            ),
        )

    def _bar(self, symbol, day):
        return {"symbol": symbol, "session": day, "close": 1.0, **self._origin()}

    def _action(self, symbol):
        return {"symbol": symbol, "session": DAY, "split": 2.0, "dividend": 0.0, **self._origin()}

    def _origin(self):
        return {"source": self.name, "known_at": KNOWN_AT}


def chain(*scripts):
    return [ScriptedMarket(name, script) for name, script in zip("abc", scripts, strict=False)]


def sources(table):
    return dict(zip(table["symbol"].to_pylist(), table["source"].to_pylist(), strict=True))


class TestFallbackMarketAsProvider(ProviderContract):
    @pytest.fixture
    def provider(self):
        days = [SPAN[0] + timedelta(days=i) for i in (0, 1, 2, 3, 6, 10)]
        return FallbackMarket(
            [
                ScriptedMarket("a", {"AAA": "bars"}, days, ["AAA"]),
                ScriptedMarket("b", {"AAA": "bars", "BBB": "bars"}, days, ["AAA", "BBB"]),
            ]
        )

    @pytest.fixture
    def span(self):
        return SPAN

    def test_every_row_says_who_said_so_and_since_when_it_is_known(self, provider, answer):
        for table in (answer.bars, answer.actions):
            assert sources(table) == {"AAA": "a", "BBB": "b"}
            assert table["known_at"].null_count == 0


def test_the_next_source_is_asked_only_about_what_the_one_before_did_not_have():
    a, b, c = chain(
        {"X": "bars", "Y": "missing", "Z": "failed"}, {"Y": "bars", "Z": "failed"}, {"Z": "bars"}
    )
    answer = FallbackMarket([a, b, c]).fetch(["Z", "Y", "X", "X"], *SPAN)
    assert (a.asked, b.asked, c.asked) == ([["X", "Y", "Z"]], [["Y", "Z"]], [["Z"]])
    assert sources(answer.bars) == {"X": "a", "Y": "b", "Z": "c"}
    assert sources(answer.actions) == {"X": "a", "Y": "b", "Z": "c"}
    assert (dict(answer.missing), dict(answer.failed)) == ({}, {})


def test_a_source_is_not_asked_when_nothing_is_left():
    a, b = chain({"X": "bars"}, {})
    FallbackMarket([a, b]).fetch(["X"], *SPAN)
    assert b.asked == []


def test_missing_everywhere_is_missing_with_all_reasons():
    answer = FallbackMarket(chain({}, {}, {})).fetch(["X"], *SPAN)
    assert answer.missing == {"X": "a: X is not there; b: X is not there; c: X is not there"}
    assert dict(answer.failed) == {}


@pytest.mark.parametrize("order", [("failed", "missing"), ("missing", "failed")])
def test_one_failure_among_sources_that_have_nothing_is_a_failure(order):
    answer = FallbackMarket(chain(*[{"X": says} for says in order])).fetch(["X"], *SPAN)
    assert dict(answer.missing) == {}
    assert "X timed out" in answer.failed["X"]
    assert "X is not there" in answer.failed["X"]


def test_a_symbol_about_which_a_source_says_nothing_has_failed():
    answer = FallbackMarket(chain({"X": "silent"}, {})).fetch(["X"], *SPAN)
    assert "a: it was asked, and said nothing" in answer.failed["X"]


def test_actions_come_with_the_bars_and_alone_only_where_nobody_has_a_bar():
    answer = FallbackMarket(chain({"X": "missing"}, {"X": "bars"})).fetch(["X"], *SPAN)
    assert sources(answer.actions) == {"X": "b"}
    answer = FallbackMarket(chain({"X": "missing"}, {"X": "missing"})).fetch(["X"], *SPAN)
    assert sources(answer.actions) == {"X": "a"}
    answer = FallbackMarket(chain({"X": "missing"}, {"X": "failed"})).fetch(["X"], *SPAN)
    assert answer.actions.num_rows == 0


def test_refused_rows_of_all_sources_are_kept_and_say_whose_they_are():
    answer = FallbackMarket(chain({"X": "failed"}, {"X": "bars"})).fetch(["X"], *SPAN)
    assert answer.refused_rows["evidence"].to_pylist() == ["a: X?", "b: X?"]


def test_a_source_that_is_not_configured_is_not_passed_over():
    class Unconfigured(ScriptedMarket):
        def fetch(self, symbols, first, last):
            raise ConfigurationRefused("a key", "none", where="KEY", remedy="Set KEY.")

    with pytest.raises(ConfigurationRefused):
        FallbackMarket([Unconfigured("u", {}), *chain({"X": "bars"})]).fetch(["X"], *SPAN)


def test_the_name_is_the_names_in_order():
    assert FallbackMarket(chain({}, {})).name == "a, b"


@pytest.mark.parametrize(
    ("lists", "expected"),
    [([["X"], ["Z", "Y"]], ("X", "Y", "Z")), ([["X"], []], ()), ([[]], ())],
)
def test_it_lists_what_all_list_and_nothing_if_one_has_them_all(lists, expected):
    providers = [
        ScriptedMarket(name, {}, listed=listed) for name, listed in zip("ab", lists, strict=False)
    ]
    assert FallbackMarket(providers).symbols() == expected


@pytest.mark.parametrize("names", ["", "aa"])
def test_no_source_and_one_source_twice_are_refused(names):
    with pytest.raises(ConfigurationRefused, match="once"):
        FallbackMarket([ScriptedMarket(name, {}) for name in names])


SCRIPTS = st.lists(
    st.dictionaries(
        st.sampled_from("UVWXYZ"), st.sampled_from(["bars", "missing", "failed", "silent"])
    ),
    min_size=1,
    max_size=3,
)
ASKED = st.sets(st.sampled_from("UVWXYZ"), min_size=1)


@given(SCRIPTS, ASKED)
def test_every_symbol_is_answered_by_the_first_source_that_has_it_or_has_a_reason(scripts, asked):
    answer = FallbackMarket(chain(*scripts)).fetch(asked, *SPAN)
    names = "abc"[: len(scripts)]
    for symbol in asked:
        says = [script.get(symbol, "missing") for script in scripts]
        if "bars" in says:
            assert sources(answer.bars)[symbol] == names[says.index("bars")]
            assert symbol not in answer.missing.keys() | answer.failed.keys()
        else:
            everywhere = all(word == "missing" for word in says)
            sentence = (answer.missing if everywhere else answer.failed)[symbol]
            assert symbol not in (answer.failed if everywhere else answer.missing)
            assert [part[:2] for part in sentence.split("; ")] == [f"{name}:" for name in names]
            assert symbol not in sources(answer.bars)
    assert set(sources(answer.bars)) | answer.missing.keys() | answer.failed.keys() == asked


@given(SCRIPTS, ASKED)
def test_one_more_source_never_takes_an_answer_away(scripts, asked):
    alone = FallbackMarket(chain(*scripts[:1])).fetch(asked, *SPAN)
    more = FallbackMarket(chain(*scripts)).fetch(asked, *SPAN)
    assert sources(alone.bars).items() <= sources(more.bars).items()
