"""What holds for every market, wrong or right."""

import math
import warnings
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA
from stocker_pipeline.quality.findings import FINDINGS_SCHEMA
from stocker_pipeline.quality.gate import LOOK_AHEAD_RULES, judge
from stocker_pipeline_tests.effort import examples
from stocker_pipeline_tests.quality.builders import quiet
from stocker_pipeline_tests.quality.clean_market import clean_market
from stocker_pipeline_tests.quality.injection import KINDS, injected
from stocker_pipeline_tests.quality.real_sets import up_to
from stocker_pipeline_tests.quality.verdicts import judged

ANY = st.floats(allow_nan=True, allow_infinity=True) | st.none()
PRICE = st.sampled_from([100.0, 100.0, 101.0, 99.5, 0.0, -1.0, 1e300, 1e-300, math.nan, math.inf])
DAY = st.dates(date(2023, 12, 20), date(2024, 3, 1)) | st.dates(date(1960, 1, 1), date(2120, 1, 1))
SYMBOL = st.sampled_from(["AAA", "BBB", "C.C"])


def bars_of(number):
    row = st.fixed_dictionaries(
        {"symbol": SYMBOL, "session": DAY}
        | dict.fromkeys(("open", "high", "low", "close", "volume", "adj_close"), number)
    )
    return st.lists(row, max_size=40).map(
        lambda rows: pa.Table.from_pylist(rows, schema=BARS_SCHEMA)
    )


ACTIONS = st.lists(
    st.fixed_dictionaries({"symbol": SYMBOL, "session": DAY, "split": ANY, "dividend": ANY}),
    max_size=6,
).map(lambda rows: pa.Table.from_pylist(rows, schema=ACTIONS_SCHEMA))


@settings(max_examples=examples(50, 150))
@given(
    bars=bars_of(ANY) | bars_of(PRICE),
    actions=ACTIONS,
    reference=st.none() | bars_of(PRICE),
    last=st.dates(date(2024, 1, 2), date(2024, 3, 15)),
)
def test_no_number_whatever_crashes_the_gate_or_is_worth_a_warning(bars, actions, reference, last):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        findings = judge(bars, actions, calendar_last=last, reference=reference)
    assert findings.schema == FINDINGS_SCHEMA
    for row in findings.to_pylist():
        assert row["evidence"]
        assert row["rule"]


WILD = ANY | st.sampled_from([0.0, -1.0, 5e-324, 1e-300, 1e-4, 0.01, 1e9, 1e300, 1.7e308])
CELLS = st.lists(
    st.tuples(
        st.integers(0, 269),
        st.sampled_from(["open", "high", "low", "close", "volume", "adj_close"]),
        WILD | st.floats(0.0001, 1e6),
    ),
    max_size=12,
)
CALM = quiet("AAA", "BBB", "C.C", bars=90)
COLUMNS = {name: CALM.bars[name].to_pylist() for name in BARS_SCHEMA.names}


def with_cells(cells):
    columns = {name: list(values) for name, values in COLUMNS.items()}
    for row, name, value in cells:
        columns[name][row] = value
    return pa.table(columns, schema=BARS_SCHEMA)


@settings(max_examples=examples(50, 150))
@given(cells=CELLS, others=st.none() | CELLS, actions=ACTIONS)
def test_a_calm_market_with_wild_cells_is_judged_without_a_crash_or_warning(cells, others, actions):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        findings = judge(
            with_cells(cells),
            actions,
            calendar_last=CALM.calendar_last,
            reference=None if others is None else with_cells(others),
        )
    assert findings.schema == FINDINGS_SCHEMA


@pytest.fixture(scope="module")
def spoilt_markets():
    """Markets with a few defects each, so that there is something to find."""
    markets = []
    for seed in range(3):
        market = clean_market(seed + 70, symbols=7, sessions=330)
        for number, kind in enumerate(list(KINDS)[seed::3]):
            market, _, _ = injected(market, kind, number)
        markets.append(market)
    return markets


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), which=st.integers(0, 2))
def test_the_order_of_rows_and_of_symbols_changes_nothing(spoilt_markets, seed, which):
    market = spoilt_markets[which]
    random = np.random.default_rng(seed)
    shuffled = replace(
        market,
        bars=market.bars.take(random.permutation(market.bars.num_rows)),
        actions=market.actions.take(random.permutation(market.actions.num_rows)),
    )
    assert judged(shuffled).equals(judged(market))


@settings(max_examples=12)
@given(back=st.integers(1, 60), which=st.integers(0, 2))
def test_later_bars_refuse_an_older_one_only_by_the_rules_that_say_so(spoilt_markets, back, which):
    market = spoilt_markets[which]
    last = market.calendar_last - timedelta(days=back)
    earlier = {
        (row["symbol"], row["session"])
        for row in judged(up_to(market, last)).to_pylist()
        if row["treatment"] == "quarantined"
    }
    for row in judged(market).to_pylist():
        old = row["session"] is not None and row["session"] <= last
        if old and row["treatment"] == "quarantined":
            bar = (row["symbol"], row["session"])
            assert bar in earlier or row["rule"] in LOOK_AHEAD_RULES


@settings(max_examples=8)
@given(which=st.integers(0, 2), which_symbol=st.integers(0, 6))
def test_a_symbol_s_own_numbers_are_judged_alike_with_and_without_the_others(
    spoilt_markets, which, which_symbol
):
    """The market widens bounds; what no bound decides is the symbol's alone."""
    market = spoilt_markets[which]
    symbol = f"S{which_symbol:02d}"
    alone = replace(
        market, bars=market.bars.filter(pa.compute.equal(market.bars["symbol"], symbol))
    )
    certain = ("no_price", "impossible_price", "high_below_low", "missing_session", "zero_volume")
    together = [row for row in judged(market).to_pylist() if row["symbol"] == symbol]
    for rule in certain:
        one = [row for row in judged(alone).to_pylist() if row["rule"] == rule]
        assert one == [row for row in together if row["rule"] == rule]


def test_the_same_question_has_the_same_answer(spoilt_markets):
    assert judged(spoilt_markets[0]).equals(judged(spoilt_markets[0]))
