"""Rows of the tear sheet's tables."""

from datetime import date

import numpy as np
import pytest

from stocker_pipeline.analytics.benchmarks import benchmarks_of
from stocker_pipeline.analytics.sections import (
    Fact,
    MonthCell,
    facts_of,
    months_by_year,
    symbol_results,
)
from stocker_pipeline_tests.analytics.builders import record_from_text, record_of_navs


def test_months_stand_by_year_the_latest_first() -> None:
    record = record_from_text(
        """
        session     nav
        2023-12-29  110
        2024-01-02  99
        2024-03-01  108.9
        """
    )
    latest, first = months_by_year(record, benchmarks_of(record))
    assert (latest.year, first.year) == (2024, 2023)
    assert first.months[11] == MonthCell("10.0%", "gain4")
    assert latest.months[:4] == (
        MonthCell("-10.0%", "loss4"),
        None,
        MonthCell("10.0%", "gain4"),
        None,
    )
    assert latest.total == MonthCell("-1.0%", "loss1")
    assert latest.compared == ("0.0%",)


@pytest.mark.parametrize(
    ("nav", "shade"),
    [(100.04, ""), (101.0, "gain1"), (102.0, "gain1"), (102.1, "gain2"), (94.5, "loss3")],
)
def test_a_month_is_a_shade_darker_for_every_two_percent(nav: float, shade: str) -> None:
    (row,) = months_by_year(record_of_navs(np.array([nav])), ())
    assert row.months[0] is not None and row.months[0].shade == shade


def test_results_by_symbol_add_up() -> None:
    record = record_from_text(
        "session nav\n2024-01-02 100\n2024-01-03 100",
        fills="""
        session     symbol  quantity  price  commission
        2024-01-02  AAA     10        5      1
        2024-01-03  AAA     -4        6      1
        2024-01-02  BBB     -5        2      0.5
        """,
        positions="""
        session     symbol  quantity  cost   market_value
        2024-01-02  AAA     10        50     50
        2024-01-03  AAA     6         30     36
        2024-01-03  BBB     -5        -10    -25
        """,
    )
    table = symbol_results(record)
    by_name = {result.symbol: result for result in table.shown}
    aaa, bbb = by_name["AAA"], by_name["BBB"]
    assert (aaa.trades, aaa.wins, aaa.sessions_held) == (1, 1, 1.0)
    assert (aaa.realised, aaa.unrealised, aaa.commissions, aaa.total) == (4, 6, 2, 8)
    assert (bbb.trades, bbb.sessions_held, bbb.total) == (0, None, -15.5)
    assert [result.symbol for result in table.shown] == ["BBB", "AAA"]
    assert table.total.total == pytest.approx(-7.5)
    assert table.others is None


def test_symbols_after_the_twentieth_are_folded_and_still_counted() -> None:
    names = [f"S{number:02d}" for number in range(23)]
    rows = "\n".join(f"2024-01-02 {name} 1 0 {i + 1}" for i, name in enumerate(names))
    fills = "\n".join(f"2024-01-02 {name} 1 0" for name in names)
    record = record_from_text(
        "session nav\n2024-01-02 100",
        fills=f"session symbol quantity price\n{fills}",
        positions=f"session symbol quantity cost market_value\n{rows}",
    )
    table = symbol_results(record)
    assert [result.symbol for result in table.shown] == names[:2:-1]
    assert [result.symbol for result in table.folded] == ["S02", "S01", "S00"]
    assert table.others is not None
    assert (table.others.symbol, table.others.unrealised) == ("3 others", 6.0)
    assert table.total.unrealised == sum(range(1, 24))


def test_facts_keep_their_order_and_nest() -> None:
    facts = facts_of(
        {
            "strategy": "trend",
            "parameters": {"target_vol": 0.1, "max_participation": None},
            "universe": ["B", "A"],
            "start": date(2024, 1, 2),
            "overrides": {},
            "capital": 100_000,
            "armed": True,
        }
    )
    assert facts == [
        Fact("strategy", "trend"),
        Fact("parameters", "", (Fact("target vol", "0.1"), Fact("max participation", "none"))),
        Fact("universe", "B, A"),
        Fact("start", "2024-01-02"),
        Fact("overrides", "none"),
        Fact("capital", "100,000"),
        Fact("armed", "yes"),
    ]
