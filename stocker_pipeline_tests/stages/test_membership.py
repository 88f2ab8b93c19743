"""A universe with dates from the YAML to the fills: nothing after the open decides who is in it."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from stocker_pipeline.analytics.benchmarks import benchmarks_of
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import DECISIONS, SIGNALS
from stocker_pipeline.stages.books import opening_of
from stocker_pipeline.stages.forecast import forecast, parameters_hash, signal_parameters
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.market import members_on, panel_of
from stocker_pipeline.stages.report import record_of
from stocker_pipeline.stages.simulate import Request, simulate_files
from stocker_pipeline.stages.trade import trade
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from
from stocker_pipeline_tests.stages.market_day import (
    CALENDAR,
    FIRST,
    LAST,
    SYMBOLS,
    TwoSymbolMarket,
    two_symbol_tables,
)

LEAVES = date(2020, 4, 1)
DATED = {"symbols": list(SYMBOLS), "changes": [{"from": LEAVES, "remove": ["BBB"]}]}
FILTERED = {
    "symbols": list(SYMBOLS),
    "filter": {
        "price_min_usd": 40,
        "dollar_volume_min_usd": "4e7",
        "dollar_volume_sessions": 5,
        "history_min_sessions": 20,
        "review": "daily",
    },
}


def portfolio_with(universe: object, **parameters: object) -> Portfolio:
    data = {"strategy": "trend", "universe": universe}
    given = {"lookback": 10, "window": 30, "min_notional": 0.0, **parameters}
    return portfolio_from({**data, "parameters": given}, where="test")


def panel_with(universe: object, bars: pa.Table, **parameters: object):
    _, actions = two_symbol_tables()
    return panel_of(bars, actions, portfolio_with(universe, **parameters), LAST, where="test")


@pytest.mark.parametrize("session", CALENDAR.sessions(FIRST, LAST)[[19, 20, 60, 61, 100]].tolist())
@pytest.mark.parametrize("review", ["daily", "monthly"])
def test_membership_of_a_session_is_decided_without_its_bars_and_later_ones(session, review):
    bars, _ = two_symbol_tables()
    universe = {**FILTERED, "filter": {**FILTERED["filter"], "review": review}}
    late = pc.greater_equal(bars["session"], pa.scalar(session))
    poison = {"close": 0.01, "volume": 1.0}
    poisoned = bars
    for name, value in poison.items():
        column = pc.if_else(late, pa.scalar(value), bars[name])
        poisoned = poisoned.set_column(bars.schema.get_field_index(name), name, column)
    honest = panel_with(universe, bars)
    row = honest.row_of(session) + 1
    member = panel_with(universe, poisoned).market.member
    assert np.array_equal(honest.market.member[:row], member[:row])
    if review == "daily":
        assert not member[row:].any()
        assert honest.market.member[row:].any()


def test_a_filter_judges_prices_as_traded_whatever_the_basis_of_the_money():
    bars, _ = two_symbol_tables()
    tenth = pc.multiply(bars["close"], 0.1)
    bars = bars.set_column(bars.schema.get_field_index("adj_close"), "adj_close", tenth)
    raw, adjusted = (
        panel_with(FILTERED, bars, price_basis=basis).market for basis in ("raw", "adjusted")
    )
    assert raw.member.any()
    assert np.array_equal(raw.member, adjusted.member)


def test_a_split_that_takes_the_price_below_the_bound_takes_the_symbol_out():
    bars, _ = two_symbol_tables()
    panel = panel_with(FILTERED, bars)
    member = panel.market.member[:, panel.symbols.index("AAA")]
    assert member[60], "on the session of the split, for its close is known from the next one on"
    assert not member[61:].any()


def test_a_plain_list_is_one_row_and_symbols_that_are_only_held_are_not_in_it():
    bars, actions = two_symbol_tables()
    panel = panel_of(bars, actions, portfolio_with(["AAA"]), LAST, where="test", also=["BBB"])
    assert panel.market.member.tolist() == [[True, False]]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    bars, actions = two_symbol_tables()
    paths = {"bars": tmp_path / "bars.parquet", "actions": tmp_path / "actions.parquet"}
    pq.write_table(bars, paths["bars"])
    pq.write_table(actions, paths["actions"])
    return paths


def simulated(files: dict[str, Path], written: object, tmp_path: Path, **request: object):
    path = tmp_path / "mine.yaml"
    data = {"strategy": "trend", "universe": written, "parameters": {"lookback": 10, "window": 30}}
    path.write_text(yaml.safe_dump(data))
    return simulate_files(Request(**files, portfolio=str(path), **request))


def rows_of(table: pa.Table, symbol: str) -> list[dict]:
    return [row for row in table.to_pylist() if row["symbol"] == symbol]


def test_a_simulation_closes_the_symbol_that_leaves_and_does_not_trade_it_again(files, tmp_path):
    tables = simulated(files, DATED, tmp_path).tables
    closing = [row for row in rows_of(tables["orders"], "BBB") if row["session"] >= LEAVES]
    assert [(row["session"], row["decision"]) for row in closing] == [(LEAVES, "LEFT_UNIVERSE")]
    held = [row["session"] for row in rows_of(tables["positions"], "BBB")]
    assert max(held) == CALENDAR.previous_session(LEAVES)
    assert max(row["session"] for row in rows_of(tables["positions"], "AAA")) == LAST


def test_a_filter_in_the_yaml_is_kept_and_its_candidates_are_the_symbols(files, tmp_path):
    found = simulated(files, {**FILTERED, "symbols": ["BBB"]}, tmp_path)
    assert found.portfolio.universe == ["BBB"]
    assert found.portfolio.membership.filter is not None
    decisions = {row["decision"] for row in found.tables["decisions"].to_pylist()}
    assert "NOT_IN_UNIVERSE" in decisions


def test_the_benchmark_of_a_simulation_holds_the_members_of_its_day(files, tmp_path):
    found = simulated(files, DATED, tmp_path)
    record = record_of(found.portfolio, found.tables, found.bars, found.actions)
    benchmark = benchmarks_of(record)[0]
    row = int(np.searchsorted(record.sessions, np.datetime64(LEAVES)))
    aaa = {bar["session"]: bar["close"] for bar in rows_of(found.bars, "AAA")}
    sessions = record.sessions[row:].tolist()
    alone = [aaa[session] / aaa[sessions[0]] for session in sessions]
    assert benchmark.nav[row:] / benchmark.nav[row] == pytest.approx(alone)
    assert (benchmark.gross_exposure == 1.0).all()


def test_members_of_a_book_are_those_of_its_panel_wherever_the_book_begins():
    bars, _ = two_symbol_tables()
    for universe in (DATED, FILTERED):
        panel = panel_with(universe, bars)
        found = members_on(portfolio_with(universe), bars, panel.sessions[50:])
        assert np.array_equal(found, panel.market.member[50:])
    assert members_on(portfolio_with(["AAA"]), bars, panel.sessions).tolist() == [[True]]


def test_the_command_line_replaces_a_universe_with_dates_by_a_plain_list(files, tmp_path):
    found = simulated(files, DATED, tmp_path, universe=("BBB",))
    assert found.portfolio.membership.is_plain
    assert found.portfolio.universe == ["BBB"]
    assert max(row["session"] for row in rows_of(found.tables["positions"], "BBB")) == LAST


def test_a_plain_list_in_the_yaml_still_gives_way_to_the_symbols_of_the_bars(files, tmp_path):
    assert simulated(files, ["AAA"], tmp_path).portfolio.universe == list(SYMBOLS)


def test_a_book_in_the_lake_is_traded_on_the_same_membership_in_any_number_of_ranges(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    ingest(TwoSymbolMarket(), lake, SYMBOLS, FIRST, LAST)
    portfolio = portfolio_with(DATED)
    cut = date(2020, 3, 31)
    for name, ranges in (
        ("one", [(FIRST, LAST)]),
        ("two", [(FIRST, cut), (CALENDAR.next_session(cut), LAST)]),
    ):
        for first, last in ranges:
            opening = opening_of(lake, name, CALENDAR, first, restart=False)
            forecast(lake, name, portfolio, opening, first, last)
            trade(lake, name, portfolio, opening, first, last)
    one, two = (
        lake.read(DECISIONS, portfolio=name).drop_columns("portfolio") for name in ("one", "two")
    )
    assert one.equals(two)
    decisions = [row["decision"] for row in rows_of(one, "BBB") if row["session"] >= LEAVES]
    assert decisions[0] == "LEFT_UNIVERSE"
    assert set(decisions[1:]) == {"NOT_IN_UNIVERSE"}
    reasons = lake.read(SIGNALS, portfolio="one", first=LEAVES)
    assert {row["reason"] for row in rows_of(reasons, "BBB")} == {"NOT_IN_UNIVERSE"}


def test_signals_of_another_membership_are_signals_of_other_parameters():
    hashes = {
        parameters_hash(signal_parameters(portfolio_with(universe)))
        for universe in (list(SYMBOLS), DATED, FILTERED)
    }
    assert len(hashes) == 3
    plain = signal_parameters(portfolio_with(list(SYMBOLS)))
    assert plain["universe"] == list(SYMBOLS), "as before there were dates: books go on"
