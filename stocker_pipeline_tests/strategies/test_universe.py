"""A universe with dates or a filter: what the YAML may say, and what every strategy makes of it."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from jsonschema import Draft202012Validator

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.strategies.base import Strategy
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from
from stocker_pipeline.strategies.registry import strategies
from stocker_pipeline.strategies.universe import UniverseFilter
from stocker_pipeline_tests.engine.builders import history, market, sessions_from
from stocker_pipeline_tests.strategies.test_registry import FIRST, ROWS, portfolio_of, world


def with_universe(universe: object, strategy: str = "trend", **others: object) -> Portfolio:
    return portfolio_from({"strategy": strategy, "universe": universe, **others}, where="mine.yaml")


CHANGED = {
    "symbols": ["SPY", "TLT", "IYR"],
    "changes": [
        {"from": "2010-01-04", "add": ["GLD"], "remove": ["IYR"]},
        {"from": date(2012, 1, 3), "add": ["IYR"]},
    ],
}
WRONG = [
    ("SPY", "universe: a list of symbols, or a mapping", "is not of type"),
    ({}, "universe.symbols: Field required", "'symbols' is a required property"),
    ({"symbols": []}, "universe.symbols: List should have at least 1 item", "non-empty"),
    ({"symbols": ["spy"]}, "universe.symbols.0: String should match", r"symbols[0]"),
    ({"symbols": ["SPY"], "chnges": []}, "one of symbols, changes, filter", "'chnges' was"),
    (
        {"symbols": ["SPY"], "changes": [{"from": "2010-01-04", "adds": ["GLD"]}]},
        "universe.changes.0.adds: one of from, add, remove",
        "'adds' was unexpected",
    ),
    (
        {"symbols": ["SPY"], "changes": [{"from": "4 January 2010", "add": ["GLD"]}]},
        "universe.changes.0.from: a date as YYYY-MM-DD",
        "changes[0].from",
    ),
    (
        {"symbols": ["SPY"], "filter": {"price_min": 5}},
        "universe.filter.price_min: one of price_min_usd",
        "'price_min' was unexpected",
    ),
    (
        {"symbols": ["SPY"], "filter": {"price_min_usd": -1}},
        "universe.filter.price_min_usd: Input should be greater than or equal to 0",
        "filter.price_min_usd -1 is less than the minimum of 0",
    ),
    (
        {"symbols": ["SPY"], "filter": {"price_min_usd": float("nan")}},
        "filter.price_min_usd: Input should be a finite number",
        "filter.price_min_usd nan",
    ),
    (
        {"symbols": ["SPY"], "filter": {"dollar_volume_min_usd": 1e13}},
        "filter.dollar_volume_min_usd: Input should be less than or equal to 1000000000000",
        "is greater than the maximum of 1000000000000",
    ),
    (
        {"symbols": ["SPY"], "filter": {"dollar_volume_sessions": 0}},
        "filter.dollar_volume_sessions: Input should be greater than or equal to 1",
        "is less than the minimum of 1",
    ),
    (
        {"symbols": ["SPY"], "filter": {"history_min_sessions": 2.5}},
        "filter.history_min_sessions",
        "2.5 is not of type 'integer'",
    ),
    (
        {"symbols": ["SPY"], "filter": {"bar_age_max_sessions": 5000}},
        "less than or equal to 1260",
        "maximum of 1260",
    ),
    (
        {"symbols": ["SPY"], "filter": {"review": "weekly"}},
        "universe.filter.review: Input should be 'daily' or 'monthly'",
        "'weekly' is not one of",
    ),
]


@pytest.mark.parametrize(("universe", "message", "by_schema"), WRONG)
def test_what_is_wrong_is_refused_by_model_and_schema_with_key_and_bound(
    universe, message, by_schema
):
    with pytest.raises(ConfigurationRefused) as refused:
        with_universe(universe)
    assert message in str(refused.value)
    validator = Draft202012Validator(Portfolio.model_json_schema())
    data = {"strategy": "trend", "universe": universe}
    found = [f"{error.json_path} {error.message}" for error in validator.iter_errors(data)]
    assert any(by_schema in text for text in found), found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([{"from": "2010-01-04", "add": ["SPY"]}], "2010-01-04 adds, though listed already, SPY"),
        ([{"from": "2010-01-04", "remove": ["GLD"]}], "removes, though not listed, GLD"),
        ([{"from": "2010-01-04"}], "neither adds nor removes"),
        ([{"from": "2010-01-04", "add": ["GLD"], "remove": ["GLD"]}], "adds and removes GLD"),
        (
            [{"from": "2010-01-04", "add": ["A"]}, {"from": "2009-01-05", "add": ["B"]}],
            "2009-01-05 follows the one from 2010-01-04: write the oldest first",
        ),
        (
            [{"from": "2010-01-04", "add": ["A"]}, {"from": "2010-01-04", "add": ["B"]}],
            "write the oldest first",
        ),
        ([{"from": "2010-01-04", "add": ["GLD", "GLD"]}], "names GLD more than once"),
    ],
)
def test_changes_that_contradict_what_is_listed_are_refused(changes, message):
    with pytest.raises(ConfigurationRefused, match=message):
        with_universe({"symbols": ["SPY"], "changes": changes})


def test_a_key_in_the_wrong_place_is_named_with_the_keys_of_that_place():
    with pytest.raises(ConfigurationRefused, match="filter: one of mode, strategy, universe"):
        with_universe(["SPY"], filter={"price_min_usd": 5})


def test_the_universe_of_a_portfolio_is_every_symbol_it_may_ever_hold():
    assert with_universe(CHANGED).universe == ["GLD", "IYR", "SPY", "TLT"]
    assert with_universe(["TLT", "SPY"]).universe == ["SPY", "TLT"]


def test_a_mapping_that_says_no_more_than_a_list_is_the_same_portfolio_as_the_list():
    plain, mapped = with_universe(["TLT", "SPY"]), with_universe({"symbols": ["SPY", "TLT"]})
    assert plain == mapped
    assert plain.model_dump()["universe"] == mapped.model_dump()["universe"] == ["SPY", "TLT"]


@pytest.mark.parametrize(
    "universe", [CHANGED, {"symbols": ["SPY"], "filter": {"dollar_volume_min_usd": "1e6"}}]
)
def test_overrides_keep_the_universe(universe):
    portfolio = with_universe(universe)
    changed = portfolio.with_overrides({"lookback": 63}, where="x")
    assert changed.membership == portfolio.membership
    assert changed.parameters.lookback == 63


def test_dates_and_large_numbers_may_be_written_as_yaml_readers_give_them():
    first, second = with_universe(CHANGED).membership.changes
    assert (first.since, second.since) == (date(2010, 1, 4), date(2012, 1, 3))
    written = {"price_min_usd": 5, "dollar_volume_min_usd": "1e6"}
    found = with_universe({"symbols": ["SPY"], "filter": written}).membership.filter
    assert (found.price_min_usd, found.dollar_volume_min_usd) == (5.0, 1_000_000.0)


def test_weights_may_name_a_symbol_that_joins_later():
    weights = {"weights": {"SPY": 0.5, "GLD": 0.5}}
    assert with_universe(CHANGED, "sixty_forty", parameters=weights).universe
    with pytest.raises(ConfigurationRefused, match="IEF, not in the universe"):
        with_universe(CHANGED, "sixty_forty")


def bars_of(panel) -> pa.Table:
    rows, columns = np.nonzero(~np.isnan(panel.market.close))
    return pa.table(
        {
            "symbol": np.array(panel.symbols)[columns],
            "session": panel.sessions[rows],
            "close": panel.market.close[rows, columns],
            "volume": panel.market.volume[rows, columns],
        }
    )


def test_a_plain_universe_is_one_row_and_symbols_it_does_not_name_are_never_members():
    panel = market("A B\n1 1\n1 1")
    member = with_universe(["B"]).membership.member(panel.symbols, panel.sessions, bars_of(panel))
    assert member.tolist() == [[False, True]]


def test_a_symbol_is_a_member_where_it_is_listed_and_keeps_the_filter():
    panel = market("A B\n9 1\n1 9\n9 9\n9 9\n9 9")
    universe = {
        "symbols": ["A"],
        "changes": [{"from": str(panel.sessions[3]), "add": ["B"]}],
        "filter": {"price_min_usd": 5, "review": "daily"},
    }
    chosen = with_universe(universe).membership
    member = chosen.member(panel.symbols, panel.sessions, bars_of(panel))
    assert member.astype(int).tolist() == [[0, 0], [1, 0], [0, 0], [1, 1], [1, 1]]


def test_with_a_monthly_review_a_fall_in_mid_month_counts_from_the_next_month_on():
    sessions = sessions_from(date(2020, 1, 30), 24)
    close = np.where(sessions < np.datetime64("2020-02-10"), 9.0, 1.0)
    bars = pa.table(
        {"symbol": ["A"] * 24, "session": sessions, "close": close, "volume": [1.0] * 24}
    )
    chosen = with_universe({"symbols": ["A"], "filter": {"price_min_usd": 5}}).membership
    member = chosen.member(("A",), sessions, bars)[:, 0]
    inside = sessions[member].astype(str)
    assert (inside[0], inside[-1]) == ("2020-02-03", "2020-02-28")
    assert member.sum() == len(inside) == 19


# What every strategy makes of membership that changes.


@pytest.fixture(params=sorted(strategies()))
def portfolio(request: pytest.FixtureRequest) -> Portfolio:
    return portfolio_of(request.param)


def dated_world(*, gaps: bool = True):
    """A market in which symbols join and leave at random, and nobody is listed for a while."""
    panel = world(gaps=gaps)
    blocks = np.random.default_rng(7).random((ROWS // 10, len(panel.symbols))) > 0.3
    member = np.repeat(blocks, 10, axis=0)
    member[240:250] = False
    return replace(panel, market=panel.market._replace(member=member))


def test_a_range_at_once_equals_window_by_window_whoever_is_a_member(portfolio):
    past, rule = history(dated_world(), FIRST, ROWS - 1), portfolio.rule()
    at_once = rule.forecast_range(past).weights
    slow = Strategy.forecast_range(rule, past).weights
    assert np.allclose(at_once, slow, rtol=1e-9, atol=1e-15, equal_nan=True)
    assert np.array_equal(np.isnan(at_once), np.isnan(slow))


@pytest.mark.parametrize("gaps", [True, False])
def test_weights_alone_are_the_weights_of_the_forecast_whoever_is_a_member(portfolio, gaps):
    past, rule = history(dated_world(gaps=gaps), FIRST, ROWS - 1), portfolio.rule()
    assert np.array_equal(
        rule.weights_range(past), rule.forecast_range(past).weights, equal_nan=True
    )


def test_only_members_have_a_weight_and_every_member_with_bars_has_one(portfolio):
    panel = dated_world(gaps=False)
    weights = portfolio.rule().forecast_range(history(panel, FIRST, ROWS - 1)).weights[FIRST:]
    assert np.array_equal(~np.isnan(weights), panel.market.member[FIRST:])


def test_a_forecast_is_the_same_whatever_range_it_is_made_in(portfolio):
    panel, rule = dated_world(), portfolio.rule()
    whole = rule.forecast_range(history(panel, FIRST, ROWS - 1)).weights
    alone = rule.forecast_range(history(panel, 222, 222, FIRST)).weights
    assert np.array_equal(whole[222], alone[222], equal_nan=True)


def test_members_on_every_row_are_as_good_as_one_row_of_members(portfolio):
    panel, rule = world(), portfolio.rule()
    everyone = np.ones(panel.index.shape, bool)
    dated = replace(panel, market=panel.market._replace(member=everyone))
    for chosen in (history(panel, FIRST, ROWS - 1), history(panel, FIRST, ROWS - 1, FIRST - 9)):
        other = replace(chosen, member=dated.market.member)
        assert np.allclose(
            rule.weights_range(chosen), rule.weights_range(other), rtol=1e-12, equal_nan=True
        )


def test_buy_and_hold_keeps_a_leavers_dollars_in_cash_and_leaves_the_others_alone():
    panel = market("A B\n10 10\n20 10\n20 20\n80 20\n80 20")
    member = np.array([[1, 1], [1, 0], [1, 0], [0, 1], [1, 1]], bool)
    past = replace(history(panel, 1, 4), member=member)
    growth = [past.window(row, 1).growth.tolist() for row in range(1, 5)]
    assert growth == [[1.0, 1.0], [2.0, 1.0], [2.0, 1.0], [2.0, 1.0]]
    weights = portfolio_of("buy_and_hold").rule().forecast_range(past).weights[1:]
    expected = [[1 / 2, np.nan], [2 / 3, np.nan], [np.nan, 1 / 3], [2 / 3, 1 / 3]]
    assert weights == pytest.approx(np.array(expected), nan_ok=True)


def test_the_examples_of_the_documentation_are_portfolios():
    page = Path(__file__).resolve().parents[2] / "docs" / "universes.md"
    text = page.read_text()
    sources = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    validator = Draft202012Validator(Portfolio.model_json_schema())
    found = []
    for source in sources:
        as_text = yaml.load(source, yaml.BaseLoader)["universe"]
        read = yaml.safe_load(source)
        found.append(portfolio_from(read, where="docs").membership)
        if "changes" in read["universe"]:
            # Dagster's reader leaves dates as text; that is what its schema is for.
            read["universe"]["changes"] = as_text["changes"]
        assert list(validator.iter_errors(read)) == []
    assert [bool(universe.changes) for universe in found] == [False, True, False]
    assert [universe.filter is not None for universe in found] == [False, False, True]


def test_the_documentation_names_every_key_of_a_filter_with_its_default():
    page = Path(__file__).resolve().parents[2] / "docs" / "universes.md"
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.*?) \|$", page.read_text(), re.MULTILINE))
    defaults = {
        name: "none" if field.default is None else str(field.default)
        for name, field in UniverseFilter.model_fields.items()
    }
    assert {name: text.strip("`") for name, text in rows.items()} == defaults
