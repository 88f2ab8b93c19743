"""Charts of returns alone: rolling Sharpe ratio, distribution, bootstrap band.

The same plain dictionaries as in ``charts``, whose helpers draw them.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from stocker_pipeline.analytics.benchmarks import Benchmark
from stocker_pipeline.analytics.bootstrap import QUANTILES, SESSIONS_MIN, Band
from stocker_pipeline.analytics.charts import (
    PORTFOLIO_LINE,
    Chart,
    benchmark_line,
    equity_scale,
    figure_of,
    line_of,
    rounded_values,
)
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.analytics.returns import SESSIONS_PER_YEAR, rolling_sharpe

_MEDIAN_LINE = {"color": "@third", "width": 1.2, "dash": "dot"}
_BINS = 41
_DISTRIBUTION_MIN = 30


def sharpe_chart(record: TrackRecord, benchmarks: Sequence[Benchmark]) -> Chart:
    """Sharpe ratio of the last 252 sessions."""
    title = f"Sharpe ratio, last {SESSIONS_PER_YEAR} sessions"
    caption = "Mean return over its standard deviation, per year; the risk-free rate is 0."
    if len(record.nav) < SESSIONS_PER_YEAR:
        nothing = f"Needs {SESSIONS_PER_YEAR} sessions; the record has {len(record.nav)}."
        return Chart("sharpe", title, caption, None, nothing)
    lines = [
        line_of(
            "Portfolio", rounded_values(rolling_sharpe(record.returns), 3), PORTFOLIO_LINE, ".2f"
        )
    ]
    for other in benchmarks:
        values = rolling_sharpe(other.returns)
        if np.isfinite(values).any():
            lines.append(benchmark_line(other, values, 3, ".2f"))
    return Chart("sharpe", title, caption, figure_of(lines, {"tickformat": ".1f"}, ".2f"))


def distribution_chart(record: TrackRecord) -> Chart:
    """How often which return of a session, beside a normal distribution of the same spread."""
    title, returns = "Returns of single sessions", record.returns
    if len(returns) < _DISTRIBUTION_MIN or not returns.any():
        nothing = f"Needs {_DISTRIBUTION_MIN} sessions with a return; the record has too few."
        return Chart("distribution", title, "", None, nothing)
    counts, edges = np.histogram(returns, bins=_BINS)
    centres, width = (edges[1:] + edges[:-1]) / 2, float(edges[1] - edges[0])
    mean, deviation = float(returns.mean()), float(returns.std(ddof=1))
    scaled = (centres - mean) / deviation
    normal = len(returns) * width / (deviation * math.sqrt(2 * math.pi)) * np.exp(-(scaled**2) / 2)
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "name": "Sessions",
            "x": rounded_values(centres, 6),
            "y": counts.tolist(),
            "marker": {"color": "@first"},
            "hovertemplate": "%{x:.2%}: %{y}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "Normal distribution",
            "x": rounded_values(centres, 6),
            "y": rounded_values(normal, 2),
            "line": {"color": "@second", "width": 1.4},
            "hoverinfo": "skip",
        },
    ]
    figure = figure_of(traces, {"rangemode": "tozero"}, "")
    figure["layout"]["xaxis"] = {"type": "linear", "tickformat": ".0%"}
    figure["layout"] |= {"hovermode": "closest", "bargap": 0.05}
    centred = (returns - mean) / returns.std()
    caption = (
        f"Worst {_percent(returns.min())}, best {_percent(returns.max())}; one in twenty was below "
        f"{_percent(np.quantile(returns, 0.05))}. Skewness {np.mean(centred**3):.2f}, excess "
        f"kurtosis {np.mean(centred**4) - 3:.2f}; a normal distribution has 0 of both."
    )
    return Chart("distribution", title, caption.replace("-", "−"), figure)


def bootstrap_chart(record: TrackRecord, band: Band | None) -> Chart:
    """The equity curve within the quantiles of the paths that its own returns could have made."""
    title = "How else it could have come"
    if band is None:
        nothing = f"Needs {SESSIONS_MIN} sessions; the record has {len(record.nav)}."
        return Chart("bootstrap", title, "", None, nothing)
    days = [str(record.sessions[row]) for row in band.rows]
    grown = record.initial_capital * band.growth
    traces = []
    for low, high, name in ((0, 4, "5% to 95%"), (1, 3, "25% to 75%")):
        for at in (low, high):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "x": days,
                    "y": rounded_values(grown[at], 0),
                    "line": {"width": 0, "color": "@first"},
                    "showlegend": at == high,
                    "hovertemplate": f"{QUANTILES[at]:.0%}: %{{y:$,.0f}}<extra></extra>",
                    **({"fill": "tonexty", "fillcolor": "@firstwash"} if at == high else {}),
                }
            )
    median = line_of("Median", rounded_values(grown[2], 0), _MEDIAN_LINE, "$,.0f")
    own = rounded_values(record.grown_capital[band.rows], 0)
    traces += [
        median | {"x": days},
        line_of("Portfolio", own, PORTFOLIO_LINE, "$,.0f") | {"x": days},
    ]
    lowest, middle, highest = (_percent(band.cagr[i]) for i in (0, 2, 4))
    deep, deeper = _percent(band.max_drawdown[2]), _percent(band.max_drawdown[4])
    caption = (
        f"{band.paths:,} paths of the record's own returns in blocks of {band.mean_block_sessions} "
        f"sessions on average (stationary bootstrap, Politis and Romano 1994; seed {band.seed}). "
        f"Return a year: 5% below {lowest}, median {middle}, 5% above {highest}; maximum drawdown: "
        f"median {deep}, one in twenty beyond {deeper}; {_percent(band.losing_frac)} of the paths "
        "end with a loss. It knows no market that the record has not seen."
    ).replace("-", "−")
    figure = figure_of(traces, {"tickformat": "$~s"}, "$,.0f")
    if equity_scale([grown.ravel()]) == "log":
        figure["layout"]["yaxis"]["type"] = "log"
    return Chart("bootstrap", title, caption, figure, height_px=340)


def _percent(value: float) -> str:
    return f"{value:.2%}"
