"""What every provider of market data must do, whatever is behind it.

A provider's test subclasses ``ProviderContract`` and gives the provider and a range in which at
least two of its symbols have bars and something happens to one of them.
"""

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stocker_pipeline.domain.bars import (
    ACTIONS_SCHEMA,
    BARS_SCHEMA,
    validated_actions,
    validated_bars,
)
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.gateways.market_data.provider import MarketData, MarketDataProvider

UNKNOWN = "QQQQQQQQQ9"


class ProviderContract:
    """Tests over the fixtures ``provider`` and ``span``."""

    @pytest.fixture
    def provider(self) -> MarketDataProvider:
        """The provider under test."""
        raise NotImplementedError

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        """A range with bars and at least one action."""
        raise NotImplementedError

    @pytest.fixture
    def answer(self, provider, span) -> MarketData:
        """Everything that the provider has in the range."""
        return provider.fetch(provider.symbols(), *span)

    def test_it_has_a_name_and_sorted_symbols(self, provider):
        assert provider.name
        assert len(provider.symbols()) >= 2
        assert list(provider.symbols()) == sorted(set(provider.symbols()))

    def test_bars_and_actions_pass_the_rules_unchanged(self, answer):
        assert answer.bars.schema.equals(BARS_SCHEMA)
        assert answer.actions.schema.equals(ACTIONS_SCHEMA)
        assert validated_bars(answer.bars, where="bars").equals(answer.bars)
        assert validated_actions(answer.actions, where="actions").equals(answer.actions)

    def test_the_range_has_bars_and_actions(self, answer):
        assert len(pc.unique(answer.bars["symbol"])) >= 2
        assert answer.actions.num_rows >= 1

    def test_nothing_is_dated_outside_the_range(self, answer, span):
        for table in (answer.bars, answer.actions):
            dates = pc.min_max(table["session"]).as_py()
            assert span[0] <= dates["min"] <= dates["max"] <= span[1]

    def test_the_ends_of_the_range_are_included(self, provider, answer):
        dates = pc.min_max(answer.bars["session"]).as_py()
        again = provider.fetch(provider.symbols(), dates["min"], dates["max"])
        assert again.bars.equals(answer.bars)

    def test_the_same_question_has_the_same_answer(self, provider, answer, span):
        assert_same(provider.fetch(provider.symbols(), *span), answer)

    def test_order_and_repetition_of_symbols_do_not_matter(self, provider, answer, span):
        symbols = provider.symbols()
        assert_same(provider.fetch([*symbols[::-1], symbols[0]], *span), answer)

    def test_two_adjoining_ranges_are_the_whole_range(self, provider, answer, span):
        first, last = span
        middle = first + (last - first) / 2
        parts = [
            provider.fetch(provider.symbols(), first, middle),
            provider.fetch(provider.symbols(), middle + timedelta(days=1), last),
        ]
        order = [("symbol", "ascending"), ("session", "ascending")]
        bars = pa.concat_tables([part.bars for part in parts]).sort_by(order)
        actions = pa.concat_tables([part.actions for part in parts]).sort_by(order)
        assert bars.equals(answer.bars)
        assert actions.equals(answer.actions)

    def test_one_symbol_is_its_part_of_the_whole(self, provider, answer, span):
        symbol = answer.actions["symbol"][0].as_py()
        alone = provider.fetch([symbol], *span)
        assert alone.bars.equals(answer.bars.filter(pc.equal(answer.bars["symbol"], symbol)))
        assert alone.actions.equals(
            answer.actions.filter(pc.equal(answer.actions["symbol"], symbol))
        )

    def test_every_symbol_has_bars_or_a_reason_and_never_both(self, provider, span):
        asked = {*provider.symbols(), UNKNOWN}
        answer = provider.fetch(sorted(asked), *span)
        found = set(pc.unique(answer.bars["symbol"]).to_pylist())
        assert found | set(answer.missing) == asked
        assert found & set(answer.missing) == set()
        assert all(answer.missing.values())

    def test_only_unknown_symbols_are_an_empty_answer_with_a_reason(self, provider, span):
        answer = provider.fetch([UNKNOWN], *span)
        assert answer.bars.equals(BARS_SCHEMA.empty_table())
        assert answer.actions.equals(ACTIONS_SCHEMA.empty_table())
        assert "does not have" in answer.missing[UNKNOWN]

    def test_no_symbols_or_a_range_backwards_are_refused(self, provider, span):
        first, last = span
        with pytest.raises(InputRefused, match="at least one symbol"):
            provider.fetch([], first, last)
        with pytest.raises(InputRefused, match=f"{last} to {first}"):
            provider.fetch(provider.symbols(), last, first)


def assert_same(left: MarketData, right: MarketData) -> None:
    """Two answers with equal rows and reasons."""
    assert left.bars.equals(right.bars)
    assert left.actions.equals(right.actions)
    assert dict(left.missing) == dict(right.missing)
