"""Charts of returns alone, and fills on prices: what is drawn, and that Plotly accepts it."""

import numpy as np
import plotly.graph_objects as go
import pytest

from stocker_pipeline.analytics.benchmarks import benchmarks_of
from stocker_pipeline.analytics.bootstrap import bootstrap_band
from stocker_pipeline.analytics.charts import Chart
from stocker_pipeline.analytics.charts_returns import (
    bootstrap_chart,
    distribution_chart,
    sharpe_chart,
)
from stocker_pipeline.analytics.charts_trades import PRICED_SYMBOLS, prices_chart, shares_later
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.analytics.returns import rolling_sharpe
from stocker_pipeline_tests.analytics.builders import (
    actions_from_text,
    bars_from_text,
    record_from_text,
    record_of_navs,
)


def wandering(count: int) -> TrackRecord:
    moves = np.random.default_rng(2).normal(0.0003, 0.01, count)
    return record_of_navs(100 * np.exp(np.cumsum(moves)))


def accepted(chart: Chart) -> list[dict[str, object]]:
    """The traces, after Plotly has looked at every one (placeholders filled)."""
    assert chart.figure is not None
    for trace in chart.figure["data"]:
        kind = {"scatter": go.Scatter, "bar": go.Bar}[trace["type"]]
        plain = {key: value for key, value in trace.items() if key not in ("x", "line", "marker")}
        kind(**{key: value for key, value in plain.items() if key != "fillcolor"})
    return chart.figure["data"]


def test_the_rolling_sharpe_ratio_is_that_of_each_window() -> None:
    returns = wandering(300).returns
    rolling = rolling_sharpe(returns, 50)
    assert np.isnan(rolling[:49]).all()
    window = returns[100:150]
    assert rolling[149] == pytest.approx(window.mean() / window.std(ddof=1) * np.sqrt(252))
    assert np.isnan(rolling_sharpe(np.zeros(60), 50)).all()
    assert len(rolling_sharpe(returns[:10], 50)) == 10


def test_the_sharpe_chart_leaves_out_what_has_no_spread() -> None:
    record = wandering(300)
    names = [trace["name"] for trace in accepted(sharpe_chart(record, benchmarks_of(record)))]
    assert names == ["Portfolio"]
    assert "the record has 251" in sharpe_chart(wandering(251), ()).nothing


def test_the_distribution_counts_every_session() -> None:
    bars, normal = accepted(distribution_chart(wandering(400)))
    assert sum(bars["y"]) == 400
    assert sum(normal["y"]) == pytest.approx(400, rel=0.02)
    for short in (record_of_navs(np.full(100, 100.0)), wandering(29), wandering(0)):
        assert distribution_chart(short).figure is None


def test_the_band_ends_at_the_last_session_and_starts_from_the_capital() -> None:
    record = wandering(400)
    chart = bootstrap_chart(record, bootstrap_band(record.returns))
    traces = accepted(chart)
    assert [trace["name"] for trace in traces][-2:] == ["Median", "Portfolio"]
    assert {trace["x"][-1] for trace in traces} == {str(record.sessions[-1])}
    assert traces[-1]["y"][-1] == round(record.nav[-1], 0)
    assert "Politis and Romano 1994" in chart.caption
    assert bootstrap_chart(wandering(10), None).figure is None


FILLS = """
session     symbol  quantity  price  commission
2024-01-02  AAA     10        20     1
2024-01-03  BBB     -5        30     1
2024-01-04  AAA     -20       11     1
"""
BARS = """
symbol  session     open  close  adj_close
AAA     2023-12-29  19    19     9.5
AAA     2024-01-02  20    22     11
AAA     2024-01-04  11    12     12
BBB     2024-01-03  30    31     31
"""


def traded(**changes: object) -> TrackRecord:
    return record_from_text(
        "session nav\n2024-01-02 100\n2024-01-03 100\n2024-01-04 100",
        fills=FILLS,
        positions="session symbol quantity cost market_value\n2024-01-04 BBB -5 -150 -155",
        bars=bars_from_text(BARS),
        corporate_actions=actions_from_text("symbol session split\nAAA 2024-01-03 2"),
        **changes,
    )


def test_fills_and_prices_stand_in_the_share_basis_of_the_last_session() -> None:
    record = traded()
    assert shares_later(record, "AAA").tolist() == [2.0, 1.0, 1.0]
    line, bought, sold = accepted(prices_chart(record))[:3]
    assert line["y"] == [11.0, None, 12.0]
    assert (bought["x"], bought["y"], bought["customdata"]) == (["2024-01-02"], [10.0], [20.0])
    assert (sold["x"], sold["y"], sold["customdata"]) == (["2024-01-04"], [11.0], [-20.0])


def test_adjusted_books_are_drawn_on_adjusted_closes() -> None:
    record = traded(price_basis="adjusted")
    assert accepted(prices_chart(record))[0]["y"] == [11.0, None, 12.0]
    assert shares_later(record, "AAA").tolist() == [1.0, 1.0, 1.0]


def test_each_symbol_has_its_button_and_the_most_traded_is_shown_first() -> None:
    chart = prices_chart(traded())
    (menu,) = chart.figure["layout"]["updatemenus"]
    assert [button["label"] for button in menu["buttons"]] == ["AAA", "BBB"]
    assert [trace["visible"] for trace in chart.figure["data"]] == [True] * 3 + [False] * 3
    assert menu["buttons"][1]["args"] == [{"visible": [False] * 3 + [True] * 3}]


def test_of_many_symbols_the_most_traded_are_drawn_and_the_page_says_how_many() -> None:
    names = [f"S{i:02d}" for i in range(30)]
    rows = "\n".join(f"2024-01-02 {name} 1 {i + 1}" for i, name in enumerate(names))
    held = "\n".join(f"2024-01-02 {name} 1" for name in names)
    record = record_from_text(
        "session nav\n2024-01-02 100",
        fills=f"session symbol quantity price\n{rows}",
        positions=f"session symbol quantity\n{held}",
        bars=bars_from_text("symbol session open close\nS29 2024-01-02 30 31"),
    )
    chart = prices_chart(record)
    assert f"The {PRICED_SYMBOLS} most traded of 30 symbols" in chart.caption
    assert len(chart.figure["data"]) == 3 * PRICED_SYMBOLS
    assert chart.figure["data"][0]["name"] == "S29"


def test_without_trades_or_bars_the_chart_says_so() -> None:
    assert prices_chart(wandering(3)).nothing == "Nothing was traded."
    bare = TrackRecord(traded().snapshots, traded().fills, traded().positions)
    assert prices_chart(bare).nothing == "The bars of this book are not known."
