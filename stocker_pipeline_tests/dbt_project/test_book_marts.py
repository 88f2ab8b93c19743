"""The marts of books: the ledger's rows and the lake's, by the same models, to the last digit."""

import json
from datetime import date
from decimal import Decimal

import pytest

from stocker_pipeline_tests.dbt_project.conftest import TWIN
from stocker_pipeline_tests.ledger.builders import BOOK, MONDAY, TUESDAY

EACH = pytest.mark.parametrize(
    ("environment", "portfolio"), [("paper", BOOK), ("backtest", TWIN)], ids=["ledger", "lake"]
)


def asked(rows, query: str, environment: str, portfolio: str) -> list[tuple[object, ...]]:
    where = f"where environment = '{environment}' and portfolio = '{portfolio}'"
    return rows(query.replace("WHERE", where))


@EACH
def test_a_deposit_is_no_profit_and_a_split_is_no_loss(rows, environment, portfolio):
    found = asked(
        rows,
        "select session, profit_usd, flow_usd, commission_usd, traded_notional_usd"
        " from fct_daily_performance WHERE order by session",
        environment,
        portfolio,
    )
    # 100 bought at 101.25 and held at 102; then 200 at 51, of which 50 go, and 0.50 for each
    assert found == [
        (MONDAY, Decimal("74.0000"), 0, 1, 10_125),
        (TUESDAY, Decimal("174.0000"), 1_000, 1, 2_550),
    ]


@EACH
def test_a_round_trip_is_counted_in_the_shares_of_its_last_day(rows, environment, portfolio):
    found = asked(
        rows,
        "select symbol, side, quantity, entry_session, exit_session, sessions_held,"
        " entry_value_usd, exit_value_usd, profit_usd from fct_trades WHERE",
        environment,
        portfolio,
    )
    money = [Decimal(text) for text in ("2531.2500", "2550.0000", "18.7500")]
    assert found == [("AAPL", "long", 50, MONDAY, TUESDAY, 1, *money)]


@EACH
def test_profit_is_the_longs_and_nothing_is_short(rows, environment, portfolio):
    found = asked(
        rows,
        "select session, side, profit_usd, market_value_usd, action_cash_usd"
        " from fct_side_performance WHERE order by session",
        environment,
        portfolio,
    )
    assert found == [(MONDAY, "long", 74, 10_200, 0), (TUESDAY, "long", 174, 7_725, 100)]


@EACH
def test_delay_and_execution_cost_what_they_cost(rows, environment, portfolio):
    found = asked(
        rows,
        "select session, delay_cost_usd, slippage_usd from fct_execution_costs WHERE"
        " order by session",
        environment,
        portfolio,
    )
    # decided at 100.25: bought at an open of 101 for 101.25, sold at the open itself
    assert found == [(MONDAY, 75.0, 25.0), (TUESDAY, -50 * (51 - 100.25), 0.0)]


@EACH
def test_every_order_and_session_has_its_outcome(rows, environment, portfolio):
    orders = asked(
        rows,
        "select session, quantity, filled_quantity, outcome, reason_code"
        " from fct_order_outcomes WHERE order by session",
        environment,
        portfolio,
    )
    assert orders == [
        (MONDAY, 100, 100, "filled", "filled"),
        (TUESDAY, -50, -50, "filled", "filled"),
    ]
    sessions = asked(
        rows,
        "select session, outcome, filled_orders_count from fct_session_outcomes WHERE"
        " order by session",
        environment,
        portfolio,
    )
    assert sessions == [(MONDAY, "TRADED", 1), (TUESDAY, "TRADED", 1)]


@EACH
def test_a_forecast_is_held_against_what_the_symbol_earned(rows, environment, portfolio):
    found = asked(
        rows,
        "select horizon_sessions, forecasts_count, pending_count, right_count"
        " from fct_signal_quality WHERE order by horizon_sessions",
        environment,
        portfolio,
    )
    assert found == [(1, 2, 0, 2), (5, 0, 2, 0), (21, 0, 2, 0)]


def test_only_what_a_person_moved_is_a_flow(rows):
    found = rows(
        "select environment, session, kind, amount_usd, author from int_cash_flows order by all"
    )
    assert found == [
        ("backtest", TUESDAY, "deposit", 1_000, None),
        ("paper", TUESDAY, "deposit", 1_000, "anna"),
    ]


def test_every_book_says_where_it_lives(rows):
    found = rows(
        "select environment, portfolio, broker, book_start, sessions_count, is_configured"
        " from dim_portfolios order by all"
    )
    assert found == [
        ("backtest", TWIN, None, MONDAY, 2, False),
        ("paper", BOOK, "simulated", date(2010, 1, 4), 2, True),
    ]


def test_money_stays_money(rows):
    """No float on the way from either store: a sum is exact however many there are."""
    kinds = rows(
        "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'main'"
        " and column_name in ('nav_usd', 'cash_usd', 'profit_usd', 'flow_usd', 'market_value_usd',"
        " 'commission_usd', 'notional_usd', 'cost_usd', 'gap_usd')"
    )
    assert len(kinds) > 20
    assert {kind[:7] for _, _, kind in kinds} == {"DECIMAL"}
    assert all(kind.endswith(",4)") for _, _, kind in kinds)


@pytest.mark.slow
def test_the_documentation_has_every_mart_with_its_types(rows, dbt, books):
    target = dbt(books, "docs", "generate")
    assert (target / "index.html").exists()
    catalog = json.loads((target / "catalog.json").read_text())["nodes"]
    columns = catalog["model.stocker.fct_trades"]["columns"]
    assert columns["profit_usd"]["type"] == "DECIMAL(18,4)"
    built = {name for (name,) in rows("select table_name from duckdb_tables()")}
    assert {key.split(".")[-1] for key in catalog} >= {name for name in built if "fct_" in name}
