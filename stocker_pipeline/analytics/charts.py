"""The charts of the tear sheet as Plotly figures in plain dictionaries.

Plain dictionaries because building Plotly's own objects for ten charts costs more than all the
arithmetic. Two kinds of text stand for values that the page fills in: ``@sessions`` for the common
time axis, so that it is stored once, and ``@ink`` and the like for colours, which differ between
light, dark and print. What is drawn is decided here; how the page looks, in the template.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stocker_pipeline.analytics.benchmarks import BUY_AND_HOLD, CASH, Benchmark
from stocker_pipeline.analytics.costs import slippage_of_fills, total_by_session
from stocker_pipeline.analytics.record import (
    TrackRecord,
    coded_symbols,
    floats_of,
)
from stocker_pipeline.analytics.returns import (
    SESSIONS_PER_YEAR,
    drawdowns,
    rolling_volatility,
)

SYMBOLS_SHOWN = 20
"""Symbols with a line of their own; the rest is folded into one."""

_LINEAR_RANGE = 5.0
_BENCHMARK_LINES = {
    BUY_AND_HOLD: {"color": "@second", "width": 1.4},
    CASH: {"color": "@third", "width": 1.4, "dash": "dot"},
}
_SECOND_LINE = _BENCHMARK_LINES[BUY_AND_HOLD]
PORTFOLIO_LINE = {"color": "@first", "width": 2}


@dataclass(frozen=True)
class Chart:
    """One chart, or the reason why there is none.

    Attributes:
        identity: Id of the element on the page.
        title, caption: Heading and the sentence below it.
        figure: Plotly ``data`` and ``layout``; None where there is nothing to draw.
        nothing: What to say instead.
        scale: The axis it opens with where the page offers both, ``linear`` or ``log``; else "".
        height_px: Height of the drawing.
    """

    identity: str
    title: str
    caption: str
    figure: dict[str, Any] | None
    nothing: str = "No sessions yet."
    scale: str = ""
    height_px: int = 280


def equity_chart(record: TrackRecord, benchmarks: Sequence[Benchmark]) -> Chart:
    """Net asset value of the portfolio and its benchmarks."""
    growth = record.grown_capital
    traces = [line_of("Portfolio", rounded_values(growth, 2), PORTFOLIO_LINE, "$,.0f")]
    for benchmark in benchmarks:
        traces.append(benchmark_line(benchmark, benchmark.nav, 2, "$,.0f"))
    caption = "Dollars at each close."
    if np.any(record.flows != 0):
        caption = "What the initial capital became, without later deposits and withdrawals."
    return Chart(
        "equity",
        "Net asset value",
        caption,
        figure_of(traces, {"tickformat": "$~s"}, "$,.0f"),
        scale=equity_scale([growth, *(benchmark.nav for benchmark in benchmarks)]),
        height_px=380,
    )


def equity_scale(series: Sequence[np.ndarray]) -> str:
    """``log`` where the highest value is over five times the lowest, so that the lower ones show.

    Empty where a logarithm does not exist: no sessions, or a value at or below zero.
    """
    values = np.concatenate(series)
    if not len(values) or values.min() <= 0:
        return ""
    return "log" if values.max() / values.min() > _LINEAR_RANGE else "linear"


def drawdown_chart(record: TrackRecord, benchmarks: Sequence[Benchmark]) -> Chart:
    """Loss from the highest value so far."""
    fill = {"fill": "tozeroy", "fillcolor": "@firstwash"}
    loss = drawdowns(record.returns)
    traces = [line_of("Portfolio", rounded_values(-loss, 5), PORTFOLIO_LINE, ".1%") | fill]
    for benchmark in benchmarks:
        traces.append(benchmark_line(benchmark, -drawdowns(benchmark.returns), 5, ".1%"))
    axis: dict[str, Any] = {"tickformat": ".0%", "rangemode": "tozero"}
    if not any(any(trace["y"]) for trace in traces):
        axis["range"] = [-0.1, 0.0]
    return Chart(
        "drawdown",
        "Below the highest value so far",
        "Loss from the last high, in percent of that high.",
        figure_of(traces, axis, ".1%"),
        height_px=240,
    )


def volatility_chart(record: TrackRecord, benchmarks: Sequence[Benchmark]) -> Chart:
    """Volatility of the last 252 sessions against the target."""
    title, caption = "Volatility, last 252 sessions", "Annual standard deviation of returns."
    if len(record.nav) < SESSIONS_PER_YEAR:
        nothing = f"Needs {SESSIONS_PER_YEAR} sessions; the record has {len(record.nav)}."
        return Chart("volatility", title, caption, None, nothing)
    traces = [
        line_of(
            "Portfolio",
            rounded_values(rolling_volatility(record.returns), 5),
            PORTFOLIO_LINE,
            ".1%",
        )
    ]
    for benchmark in benchmarks:
        values = rolling_volatility(benchmark.returns)
        traces.append(benchmark_line(benchmark, values, 5, ".1%"))
    if record.target_vol is not None:
        target: list[float | None] = [record.target_vol] * len(record.nav)
        style = {"color": "@ink", "width": 1, "dash": "dash"}
        traces.append(line_of("Target", target, style, ".1%"))
    axis = {"tickformat": ".0%", "rangemode": "tozero"}
    return Chart("volatility", title, caption, figure_of(traces, axis, ".1%"))


def exposure_chart(record: TrackRecord, benchmarks: Sequence[Benchmark]) -> Chart:
    """Gross and net exposure, shaded where the drawdown breaker was on."""
    gross = floats_of(record.snapshots, "gross_exposure")
    net = floats_of(record.snapshots, "net_exposure")
    traces = [
        line_of("Gross", rounded_values(gross, 4), PORTFOLIO_LINE, ".0%"),
        line_of("Net", rounded_values(net, 4), {"color": "@fourth", "width": 1.4}, ".0%"),
    ]
    for benchmark in benchmarks:
        traces.append(benchmark_line(benchmark, benchmark.gross_exposure, 4, ".0%"))
    figure = figure_of(traces, {"tickformat": ".0%", "rangemode": "tozero"}, ".0%")
    figure["layout"]["shapes"] = shades = _breaker_shades(record)
    return Chart(
        "exposure",
        "Exposure",
        "Positions as a percentage of net asset value; gross counts shorts as positive, net as"
        " negative." + (" Shaded: the drawdown breaker was on." if shades else ""),
        figure,
    )


def weights_chart(record: TrackRecord) -> Chart:
    """Weight of each symbol over time, the largest first."""
    title = "Positions"
    caption = "Market value as a percentage of net asset value. Blue is long, orange is short."
    names, weights = symbol_weights(record)
    if not names:
        return Chart("weights", title, caption, None, "No positions were held.")
    # The sums of the folded symbols would leave every single one pale.
    bound = float(np.nan_to_num(np.abs(weights[:SYMBOLS_SHOWN])).max()) or 1.0
    heatmap = {
        "type": "heatmap",
        "x": "@sessions",
        "y": [plotly_text(name) for name in names],
        "z": [rounded_values(row, 4) for row in weights],
        "zmin": -bound,
        "zmax": bound,
        "colorscale": "@diverging",
        "colorbar": {"tickformat": ".0%", "thickness": 10, "outlinewidth": 0},
        "hovertemplate": "%{y} %{x}: %{z:.1%}<extra></extra>",
    }
    figure = figure_of([heatmap], {"type": "category", "autorange": "reversed"}, "")
    figure["layout"] |= {"hovermode": "closest", "showlegend": False}
    figure["layout"]["yaxis"] |= {"showgrid": False, "automargin": True}
    return Chart("weights", title, caption, figure, height_px=90 + 26 * max(len(names), 3))


def costs_chart(record: TrackRecord) -> Chart:
    """Commissions and slippage since the start."""
    title = "Costs so far"
    commissions = floats_of(record.snapshots, "commissions")
    if not record.fills.num_rows and not commissions.any():
        return Chart("costs", title, "Commissions and slippage.", None, "Nothing was paid.")
    traces = [line_of("Commissions", rounded_values(commissions, 2), _SECOND_LINE, "$,.2f")]
    slipped = slippage_of_fills(record)
    missing = " Slippage is not known: bars of some fills are missing."
    if slipped is not None:
        missing = ""
        slippage = np.cumsum(total_by_session(record, slipped))
        fourth = {"color": "@fourth", "width": 1.4}
        traces.append(line_of("Slippage", rounded_values(slippage, 2), fourth, "$,.2f"))
        both = rounded_values(commissions + slippage, 2)
        traces.insert(0, line_of("Both", both, PORTFOLIO_LINE, "$,.2f"))
    return Chart(
        "costs",
        title,
        f"Dollars since the start, already inside all returns.{missing} The benchmarks have none.",
        figure_of(traces, {"tickformat": "$~s", "rangemode": "tozero"}, "$,.2f"),
    )


def symbol_weights(record: TrackRecord) -> tuple[list[str], np.ndarray]:
    """Weights ``[symbols, sessions]`` as fractions of nav, the largest mean holding first.

    Symbols after the first 20 become two rows, the sum of their longs and of their shorts. NaN on
    sessions whose nav is not above zero.
    """
    codes, names = coded_symbols(record.positions)
    weights = np.zeros((len(names), len(record.nav)))
    if not names:
        return [], weights
    rows = record.session_rows(record.positions)
    weights[codes, rows] = floats_of(record.positions, "market_value")
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(record.nav > 0, weights / record.nav, np.nan)
    held = np.nan_to_num(np.abs(weights)).mean(axis=1)
    order = np.argsort(-held, kind="stable")
    shown, folded = order[:SYMBOLS_SHOWN], order[SYMBOLS_SHOWN:]
    labels = [names[i] for i in shown]
    parts = [weights[shown]]
    for side, sign in (("long", 1.0), ("short", -1.0)):
        summed = sign * np.maximum(sign * weights[folded], 0).sum(axis=0, keepdims=True)
        if np.any(summed != 0):
            labels.append(f"{len(folded)} others, {side}")
            parts.append(summed)
    return labels, np.concatenate(parts)


def _breaker_shades(record: TrackRecord) -> list[dict[str, Any]]:
    """One rectangle for each run of sessions on which the breaker was tripped."""
    if "tripped" not in record.snapshots.column_names or not len(record.sessions):
        return []
    tripped = record.snapshots["tripped"].to_numpy(zero_copy_only=False).astype(bool)
    edges = np.diff(np.concatenate(([0], tripped.astype(np.int8), [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": str(record.sessions[start]),
            "x1": str(record.sessions[end]),
            "y0": 0,
            "y1": 1,
            "fillcolor": "@shade",
            "line": {"width": 0},
            "layer": "below",
        }
        for start, end in zip(starts, ends, strict=True)
    ]


def figure_of(
    traces: list[dict[str, Any]], vertical: dict[str, Any], hover_format: str
) -> dict[str, Any]:
    """Data and layout of a chart over sessions; ``vertical`` is its value axis."""
    layout = {
        "margin": {"l": 56, "r": 12, "t": 8, "b": 32},
        "hovermode": "x unified",
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        "xaxis": {"type": "date", "hoverformat": "%Y-%m-%d"},
        "yaxis": {**vertical, "hoverformat": hover_format},
    }
    return {"data": traces, "layout": layout}


def line_of(
    name: str, values: list[float | None], style: dict[str, Any], number_format: str
) -> dict[str, Any]:
    """A line over all sessions."""
    return {
        "type": "scatter",
        # A line through one or two points is invisible or misleading without its points.
        "mode": "lines" if len(values) > 2 else "lines+markers",
        "name": plotly_text(name),
        "x": "@sessions",
        "y": values,
        "line": style,
        "hovertemplate": f"%{{y:{number_format}}}",
    }


def benchmark_line(
    benchmark: Benchmark, values: np.ndarray, decimals: int, number_format: str
) -> dict[str, Any]:
    """The line of a benchmark in its own style."""
    style = _BENCHMARK_LINES.get(benchmark.name, _SECOND_LINE)
    return line_of(benchmark.name, rounded_values(values, decimals), style, number_format)


def plotly_text(text: str) -> str:
    """Text that Plotly shows as it is: it reads labels as a small HTML of its own."""
    return html.escape(text, quote=False)


def rounded_values(values: np.ndarray, decimals: int) -> list[float | None]:
    """Plain numbers for JSON, short enough for a page; None where there is no number."""
    rounded = np.round(values, decimals) + 0.0
    return [value if np.isfinite(value) else None for value in rounded.tolist()]
