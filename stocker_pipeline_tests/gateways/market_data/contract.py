"""What every provider of market data must do, whatever is behind it.

A provider's test subclasses ``ProviderContract`` and gives the provider, a range in which at least
two of its symbols have bars and something happens to one of them, and, where the provider lists no
symbols itself, the symbols to ask for. Prices may be wrong: judging them is no provider's work.
"""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.gateways.market_data.provider import (
    RECEIVED_ACTIONS_SCHEMA,
    RECEIVED_BARS_SCHEMA,
    REFUSAL_REASONS,
    REFUSED_ROWS_SCHEMA,
    MarketData,
    MarketDataProvider,
)

UNKNOWN = "QQQQQQQQQ9"
_KEY = [("symbol", "ascending"), ("session", "ascending")]
_NUMBERS = [
    field.name
    for schema in (RECEIVED_BARS_SCHEMA, RECEIVED_ACTIONS_SCHEMA)
    for field in schema
    if pa.types.is_floating(field.type)
]


class ProviderContract:
    """Tests over the fixtures ``provider``, ``span`` and ``symbols``."""

    @pytest.fixture
    def provider(self) -> MarketDataProvider:
        """The provider under test."""
        raise NotImplementedError

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        """A range with bars and at least one action."""
        raise NotImplementedError

    @pytest.fixture
    def symbols(self, provider) -> Sequence[str]:
        """At least two symbols with bars in the range; its own list, if the provider has one."""
        return provider.symbols()

    @pytest.fixture
    def answer(self, provider, symbols, span) -> MarketData:
        """What the provider says about the symbols in the range."""
        return provider.fetch(symbols, *span)

    def test_it_has_a_name_and_the_symbols_it_lists_are_sorted(self, provider):
        assert provider.name
        assert list(provider.symbols()) == sorted(set(provider.symbols()))

    def test_the_answer_has_the_shapes_of_the_interface(self, answer):
        assert answer.bars.schema.equals(RECEIVED_BARS_SCHEMA)
        assert answer.actions.schema.equals(RECEIVED_ACTIONS_SCHEMA)
        assert answer.refused_rows.schema.equals(REFUSED_ROWS_SCHEMA)

    def test_the_range_has_bars_and_actions(self, answer):
        assert len(pc.unique(answer.bars["symbol"])) >= 2
        assert answer.actions.num_rows >= 1

    def test_rows_are_sorted_and_unique_by_symbol_and_session(self, answer):
        for table in (answer.bars, answer.actions):
            keys = _keys(table)
            assert keys == sorted(set(keys))

    def test_every_bar_is_on_a_session(self, answer, span):
        calendar = SessionCalendar.between(*span)
        days = set(answer.bars["session"].to_pylist())
        assert [day for day in sorted(days) if not calendar.is_session(day)] == []

    def test_only_the_symbols_asked_for_are_answered(self, answer, symbols):
        for table in (answer.bars, answer.actions):
            assert set(table["symbol"].to_pylist()) <= set(symbols)

    def test_numbers_are_finite_or_unknown(self, answer):
        for table in (answer.bars, answer.actions):
            for name in set(_NUMBERS) & set(table.column_names):
                assert all(math.isfinite(value) for value in table[name].drop_null().to_pylist())

    def test_every_action_is_a_split_or_a_dividend_with_its_numbers(self, answer):
        for row in answer.actions.to_pylist():
            assert row["split"] > 0
            assert row["dividend"] >= 0
            assert (row["split"], row["dividend"]) != (1.0, 0.0)

    def test_every_row_says_who_said_so_and_since_when_it_is_known(self, provider, answer):
        for table in (answer.bars, answer.actions):
            assert set(table["source"].to_pylist()) == {provider.name}
            assert table["known_at"].null_count == 0
            known = pc.min_max(table["known_at"]).as_py()
            assert datetime(2000, 1, 1, tzinfo=UTC) < known["min"]

    def test_every_refused_row_has_a_reason_and_evidence(self, answer):
        for row in answer.refused_rows.to_pylist():
            assert row["symbol"]
            assert row["reason"] in REFUSAL_REASONS
            assert row["evidence"]

    def test_nothing_is_dated_outside_the_range(self, answer, span):
        for table in (answer.bars, answer.actions):
            dates = pc.min_max(table["session"]).as_py()
            assert span[0] <= dates["min"] <= dates["max"] <= span[1]

    def test_the_ends_of_the_range_are_included(self, provider, answer, symbols):
        dates = pc.min_max(answer.bars["session"]).as_py()
        again = provider.fetch(symbols, dates["min"], dates["max"])
        assert_same_rows(again.bars, answer.bars)

    def test_the_same_question_has_the_same_answer(self, provider, answer, symbols, span):
        assert_same(provider.fetch(symbols, *span), answer)

    def test_order_and_repetition_of_symbols_do_not_matter(self, provider, answer, symbols, span):
        assert_same(provider.fetch([*symbols[::-1], symbols[0]], *span), answer)

    def test_two_adjoining_ranges_are_the_whole_range(self, provider, answer, symbols, span):
        first, last = span
        middle = first + (last - first) / 2
        parts = [
            provider.fetch(symbols, first, middle),
            provider.fetch(symbols, middle + timedelta(days=1), last),
        ]
        bars = pa.concat_tables([part.bars for part in parts]).sort_by(_KEY)
        actions = pa.concat_tables([part.actions for part in parts]).sort_by(_KEY)
        assert_same_rows(bars, answer.bars)
        assert_same_rows(actions, answer.actions)

    def test_one_symbol_is_its_part_of_the_whole(self, provider, answer, span):
        symbol = answer.actions["symbol"][0].as_py()
        alone = provider.fetch([symbol], *span)
        assert_same_rows(alone.bars, _of(answer.bars, symbol))
        assert_same_rows(alone.actions, _of(answer.actions, symbol))

    def test_every_symbol_is_in_exactly_one_of_bars_missing_and_failed(
        self, provider, symbols, span
    ):
        asked = {*symbols, UNKNOWN}
        answer = provider.fetch(sorted(asked), *span)
        parts = [set(answer.bars["symbol"].to_pylist()), set(answer.missing), set(answer.failed)]
        assert set().union(*parts) == asked
        assert sum(len(part) for part in parts) == len(asked)
        assert all([*answer.missing.values(), *answer.failed.values()])

    def test_only_unknown_symbols_are_an_empty_answer_with_a_reason(self, provider, span):
        answer = provider.fetch([UNKNOWN], *span)
        assert answer.bars.equals(RECEIVED_BARS_SCHEMA.empty_table())
        assert answer.actions.equals(RECEIVED_ACTIONS_SCHEMA.empty_table())
        assert set(answer.missing) == {UNKNOWN}
        assert answer.missing[UNKNOWN]
        assert dict(answer.failed) == {}

    def test_no_symbols_or_a_range_backwards_are_refused(self, provider, symbols, span):
        first, last = span
        with pytest.raises(InputRefused, match="at least one symbol"):
            provider.fetch([], first, last)
        with pytest.raises(InputRefused, match=f"{last} to {first}"):
            provider.fetch(symbols, last, first)


def assert_same(left: MarketData, right: MarketData) -> None:
    """Two answers with equal rows and reasons, whenever they were given."""
    assert_same_rows(left.bars, right.bars)
    assert_same_rows(left.actions, right.actions)
    assert dict(left.missing) == dict(right.missing)
    assert dict(left.failed) == dict(right.failed)
    assert left.refused_rows.equals(right.refused_rows)


def assert_same_rows(left: pa.Table, right: pa.Table) -> None:
    """Two tables that say the same; when they were received may differ."""
    assert _undated(left).equals(_undated(right))


def _undated(table: pa.Table) -> pa.Table:
    return table.drop_columns(["known_at"])


def _of(table: pa.Table, symbol: str) -> pa.Table:
    return table.filter(pc.equal(table["symbol"], symbol))


def _keys(table: pa.Table) -> list[tuple[str, date]]:
    return list(zip(table["symbol"].to_pylist(), table["session"].to_pylist(), strict=True))
