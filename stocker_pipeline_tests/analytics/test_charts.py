"""Figures: what is drawn, and that Plotly accepts it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from stocker_pipeline.analytics import charts
from stocker_pipeline.analytics.benchmarks import benchmarks_of
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline_tests.analytics.builders import (
    bars_from_text,
    record_from_text,
    record_of_navs,
)

HELD = """
session     symbol  quantity  cost  market_value
2024-01-02  AAA     1         20    25
2024-01-03  AAA     1         20    40
2024-01-03  BBB     -1        -30   -30
"""
TRADED = """
session     symbol  quantity  price  commission
2024-01-02  AAA     1         20.5   1
2024-01-03  BBB     -1        29     1
"""
BARS = """
symbol  session     open  close
AAA     2024-01-02  20    25
AAA     2024-01-03  25    40
BBB     2024-01-03  30    30
"""


@pytest.fixture
def record() -> TrackRecord:
    """Two sessions, one long and one short, the breaker on at the second."""
    return record_from_text(
        """
        session     nav  gross_exposure  net_exposure  commissions  tripped
        2024-01-02  100  0.25            0.25          1            no
        2024-01-03  80   0.875           0.125         2            yes
        """,
        fills=TRADED,
        positions=HELD,
        bars=bars_from_text(BARS),
    )


def _lines(chart: charts.Chart) -> dict[str, list[float | None]]:
    assert chart.figure is not None
    return {trace["name"]: trace["y"] for trace in chart.figure["data"]}


def test_equity_and_drawdown_carry_both_benchmarks(record: TrackRecord) -> None:
    others = benchmarks_of(record)
    equity = _lines(charts.equity_chart(record, others))
    assert equity["Portfolio"] == [100.0, 80.0]
    assert equity["Buy and hold"] == [112.5, 150.0]
    assert equity["Cash"] == [100.0, 100.0]
    drawdown = _lines(charts.drawdown_chart(record, others))
    assert drawdown == {"Portfolio": [0.0, -0.2], "Buy and hold": [0.0, 0.0], "Cash": [0.0, 0.0]}


def test_exposure_is_gross_and_net_and_shades_the_breaker(record: TrackRecord) -> None:
    chart = charts.exposure_chart(record, benchmarks_of(record))
    lines = _lines(chart)
    assert (lines["Gross"], lines["Net"]) == ([0.25, 0.875], [0.25, 0.125])
    assert lines["Buy and hold"] == [0.5556, 1.0]
    assert chart.figure is not None
    (shade,) = chart.figure["layout"]["shapes"]
    assert (shade["x0"], shade["x1"]) == ("2024-01-03", "2024-01-03")


def test_weights_are_of_nav_and_signed(record: TrackRecord) -> None:
    names, weights = charts.symbol_weights(record)
    assert names == ["AAA", "BBB"]
    assert weights == pytest.approx(np.array([[0.25, 0.5], [0.0, -0.375]]))


def test_weights_of_a_book_without_value_are_not_numbers() -> None:
    record = record_from_text(
        "session nav\n2024-01-02 -5",
        fills="session symbol quantity price\n2024-01-02 AAA 1 9",
        positions="session symbol quantity cost market_value\n2024-01-02 AAA 1 9 4",
    )
    assert np.isnan(charts.symbol_weights(record)[1]).all()
    assert charts.weights_chart(record).figure is not None


def test_weights_after_the_twentieth_symbol_are_summed_by_side() -> None:
    rows = [f"2024-01-02 S{i:02d} 1 0 {100 - i}" for i in range(21)]
    rows += ["2024-01-02 ZZ1 1 0 2", "2024-01-02 ZZ2 -1 0 -3"]
    record = record_from_text(
        "session nav\n2024-01-02 100",
        positions="session symbol quantity cost market_value\n" + "\n".join(rows),
    )
    names, weights = charts.symbol_weights(record)
    assert len(names) == 22
    assert names[-2:] == ["3 others, long", "3 others, short"]
    assert weights[-2:, 0] == pytest.approx([0.82, -0.03])


def test_costs_add_up_over_time(record: TrackRecord) -> None:
    lines = _lines(charts.costs_chart(record))
    assert lines == {"Both": [1.5, 3.5], "Commissions": [1.0, 2.0], "Slippage": [0.5, 1.5]}


def test_unknown_slippage_is_said_and_not_drawn() -> None:
    record = record_from_text(
        "session nav commissions\n2024-01-02 100 1",
        fills="session symbol quantity price\n2024-01-02 AAA 1 9",
    )
    chart = charts.costs_chart(record)
    assert list(_lines(chart)) == ["Commissions"]
    assert "Slippage is not known" in chart.caption


def test_volatility_waits_for_a_year_of_sessions_and_shows_the_target() -> None:
    short = record_of_navs(np.linspace(100, 110, 251))
    chart = charts.volatility_chart(short, ())
    assert chart.figure is None
    assert chart.nothing == "Needs 252 sessions; the record has 251."
    long = record_of_navs(100 + np.sin(np.arange(253.0)), target_vol=0.1)
    lines = _lines(charts.volatility_chart(long, benchmarks_of(long)))
    assert [value is None for value in lines["Portfolio"]] == [True] * 251 + [False] * 2
    assert lines["Target"] == [0.1] * 253


@pytest.mark.parametrize(
    ("navs", "scale"),
    [([100.0, 499.0], "linear"), ([100.0, 501.0], "log"), ([100.0, 0.0], ""), ([], "")],
)
def test_a_wide_range_opens_on_a_logarithmic_axis(navs: list[float], scale: str) -> None:
    assert charts.equity_scale([np.array(navs)]) == scale


def test_a_name_with_markup_is_shown_as_it_is() -> None:
    record = record_from_text(
        "session nav\n2024-01-02 100",
        positions="session symbol quantity cost market_value\n2024-01-02 <b>&A</b> 1 1 1",
    )
    chart = charts.weights_chart(record)
    assert chart.figure is not None
    assert chart.figure["data"][0]["y"] == ["&lt;b&gt;&amp;A&lt;/b&gt;"]


DRAWN: list[Callable[[TrackRecord], charts.Chart]] = [
    lambda record: charts.equity_chart(record, benchmarks_of(record)),
    lambda record: charts.drawdown_chart(record, benchmarks_of(record)),
    lambda record: charts.exposure_chart(record, benchmarks_of(record)),
    charts.weights_chart,
    charts.costs_chart,
]


@pytest.mark.parametrize("draw", DRAWN)
def test_plotly_accepts_every_figure(
    record: TrackRecord, draw: Callable[[TrackRecord], charts.Chart]
) -> None:
    chart = draw(record)
    assert chart.figure is not None
    go.Figure(_filled(chart.figure, record))


def _filled(part: Any, record: TrackRecord) -> Any:
    """The figure with what the page fills in."""
    if part == "@sessions":
        return [str(day) for day in record.sessions]
    if part == "@diverging":
        return [[0, "red"], [1, "blue"]]
    if isinstance(part, str) and part.startswith("@"):
        return "black"
    if isinstance(part, dict):
        return {key: _filled(value, record) for key, value in part.items()}
    return [_filled(value, record) for value in part] if isinstance(part, list) else part
