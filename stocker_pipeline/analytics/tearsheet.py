"""The tear sheet: one HTML page about one track record, complete in itself.

The page works without a network: Plotly's script is inside. It holds nothing of the moment it was
made, so the same record gives the same bytes. Every word that comes from data passes through
Jinja's escaping or, in the figures, through JSON with ``<``, ``>`` and ``&`` as escapes. Charts are
described in ``charts``; this module chooses the tables and the words around them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stocker_pipeline.analytics.benchmarks import Benchmark, benchmarks_of
from stocker_pipeline.analytics.bootstrap import bootstrap_band
from stocker_pipeline.analytics.charts import (
    Chart,
    costs_chart,
    drawdown_chart,
    equity_chart,
    exposure_chart,
    volatility_chart,
    weights_chart,
)
from stocker_pipeline.analytics.charts_returns import (
    bootstrap_chart,
    distribution_chart,
    sharpe_chart,
)
from stocker_pipeline.analytics.charts_trades import prices_chart
from stocker_pipeline.analytics.metrics import (
    Metrics,
    ReturnMetrics,
    benchmark_metrics,
    performance_metrics,
)
from stocker_pipeline.analytics.page import page_data, plotly_script, rendered
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.analytics.returns import drawdown_episodes
from stocker_pipeline.analytics.sections import (
    MONTH_NAMES,
    facts_of,
    months_by_year,
    symbol_results,
)
from stocker_pipeline.analytics.sensitivity import Sensitivity
from stocker_pipeline.analytics.sensitivity_rows import cost_rows, start_rows, start_spreads
from stocker_pipeline.analytics.wording import (
    ABSENT,
    dollar_text,
    metric_text,
    metrics_table,
    percent_text,
)

COLOURS = ("ink", "grid", "paper", "shade", "first", "firstwash", "second", "third", "fourth")
"""Colours that figures name as ``@ink`` and the template defines as ``--ink``."""

NOT_RUN_AGAIN = Sensitivity(missing="The backtest was not run again for this page.")

_EPISODES_SHOWN = 5
_HEADLINES = (
    "max_drawdown",
    "max_drawdown_sessions",
    "worst_12_months",
    "volatility",
    "cagr",
    "sharpe",
)
_HEADLINE_LABELS = {"max_drawdown_sessions": "Sessions below the high"}
_GROUPS = {
    "sessions": "Record",
    "max_drawdown": "Losses",
    "volatility": "Returns",
    "initial_capital": "Money",
    "target_vol": "Exposure",
    "turnover_annual": "Costs",
    "trades": "Trades",
}
"""Headings of the metrics table, by the metric that each stands above."""


def tear_sheet(
    record: TrackRecord,
    run_facts: Mapping[str, Any],
    *,
    metrics: Metrics | None = None,
    sensitivity: Sensitivity = NOT_RUN_AGAIN,
) -> str:
    """The page as text.

    Args:
        record: The book, with bars where buy and hold and slippage are wanted.
        run_facts: What the run was, in the order to be printed: portfolio (the page's title),
            strategy, parameters, overrides, data versions, engine version. Values are text,
            numbers, dates, lists of these, or mappings of these.
        metrics: Metrics of the same record, where they are known already.
        sensitivity: The same backtest at other costs and begun on other days.

    Raises:
        InputRefused: Fills and positions disagree (see ``round_trips``).
    """
    metrics = metrics or performance_metrics(record)
    benchmarks = benchmarks_of(record)
    compared = [benchmark_metrics(record, benchmark) for benchmark in benchmarks]
    charts = _charts(record, benchmarks)
    compared_groups, own_groups = _metric_groups(metrics, compared)
    return rendered(
        "tearsheet.html.j2",
        {"dollars": dollar_text, "percent": percent_text, "signed": _true_minus},
        title=str(run_facts.get("portfolio") or "Portfolio"),
        subtitle=_subtitle(run_facts, metrics),
        sentences=_sentences(metrics, benchmarks, compared),
        headlines=_headlines(metrics, benchmarks, compared),
        charts={chart.identity: chart for chart in charts},
        benchmarks=benchmarks,
        compared_groups=compared_groups,
        own_groups=own_groups,
        definitions=metrics_table(metrics),
        episodes=_episode_rows(record),
        month_names=MONTH_NAMES,
        years=months_by_year(record, benchmarks),
        symbols=symbol_results(record),
        dividends=_last(record, "dividends"),
        cash_in_lieu=_last(record, "cash_in_lieu"),
        sensitivity=sensitivity,
        cost_rows=cost_rows(sensitivity),
        start_rows=start_rows(sensitivity),
        start_spreads=start_spreads(sensitivity),
        facts=facts_of(run_facts),
        absent=ABSENT,
        page_data=page_data([str(day) for day in record.sessions], COLOURS, charts),
        plotly_script=plotly_script(),
    )


def _charts(record: TrackRecord, benchmarks: Sequence[Benchmark]) -> list[Chart]:
    charts = [
        equity_chart(record, benchmarks),
        drawdown_chart(record, benchmarks),
        volatility_chart(record, benchmarks),
        exposure_chart(record, benchmarks),
        weights_chart(record),
        costs_chart(record),
        sharpe_chart(record, benchmarks),
        distribution_chart(record),
        bootstrap_chart(record, bootstrap_band(record.returns)),
        prices_chart(record),
    ]
    # Axes without a line on them show numbers that mean nothing.
    return charts if len(record.sessions) else [replace(chart, figure=None) for chart in charts]


def _subtitle(run_facts: Mapping[str, Any], metrics: Metrics) -> list[str]:
    parts = [str(run_facts["strategy"])] if run_facts.get("strategy") else []
    if metrics.start and metrics.end:
        plural = "" if metrics.sessions == 1 else "s"
        parts.append(f"{metrics.start.isoformat()} to {metrics.end.isoformat()}")
        parts.append(f"{metrics.sessions:,} session{plural}")
    return parts


def _sentences(
    metrics: Metrics, benchmarks: Sequence[Benchmark], compared: Sequence[ReturnMetrics]
) -> list[str]:
    """The story in two sentences, the loss first."""
    if not metrics.sessions:
        return ["This book has no session yet."]
    sentences = [_loss_sentence(metrics)]
    result = f"{dollar_text(metrics.initial_capital)} became {dollar_text(metrics.final_nav)}"
    if metrics.net_flows_usd:
        moved = "added" if metrics.net_flows_usd > 0 else "taken out"
        result += f", with {dollar_text(abs(metrics.net_flows_usd))} {moved} on the way"
    if metrics.cagr is not None and metrics.sessions >= 252:
        result += f": {_true_minus(percent_text(metrics.cagr))} a year"
        unit = "cagr"
    else:
        result += f": {_true_minus(percent_text(metrics.total_return or 0.0))} in all"
        unit = "total_return"
    others = [
        f"{_true_minus(metric_text(other, unit))} for {benchmark.name.lower()}"
        for benchmark, other in zip(benchmarks, compared, strict=True)
        if benchmark.gross_exposure.any()
    ]
    return [*sentences, result + (f", against {' and '.join(others)}" if others else "") + "."]


def _loss_sentence(metrics: Metrics) -> str:
    if not metrics.max_drawdown:
        return "No close was below an earlier high so far."
    high = metrics.max_drawdown_peak_session
    since = f"its high of {high.isoformat()}" if high else "the capital it began with"
    trough = metrics.max_drawdown_trough_session
    assert trough is not None
    if metrics.max_drawdown == 1.0:
        return f"On {trough.isoformat()} everything was lost; returns end there."
    length = metrics.max_drawdown_sessions
    recovery = metrics.max_drawdown_recovery_session
    after = (
        f"and it took {length:,} sessions from high to high, until {recovery.isoformat()}"
        if recovery
        else f"and after {length:,} sessions it is not back"
    )
    depth = percent_text(metrics.max_drawdown)
    return f"At its worst, on {trough.isoformat()}, it was {depth} below {since}, {after}."


def _headlines(
    metrics: Metrics, benchmarks: Sequence[Benchmark], compared: Sequence[ReturnMetrics]
) -> list[dict[str, Any]]:
    return [
        {
            "label": _HEADLINE_LABELS.get(name) or type(metrics).model_fields[name].title,
            "value": metric_text(metrics, name),
            "compared": [
                (benchmark.name, metric_text(other, name))
                for benchmark, other in zip(benchmarks, compared, strict=True)
                if benchmark.gross_exposure.any()
            ],
        }
        for name in _HEADLINES
    ]


def _metric_groups(
    metrics: Metrics, compared: Sequence[ReturnMetrics]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Groups of metrics that benchmarks have too, and groups that only a portfolio has."""
    shared: list[dict[str, Any]] = []
    own: list[dict[str, Any]] = []
    for name, field in type(metrics).model_fields.items():
        is_shared = name in ReturnMetrics.model_fields
        groups = shared if is_shared else own
        if name in _GROUPS:
            groups.append({"title": _GROUPS[name], "rows": []})
        others = [metric_text(other, name) for other in compared] if is_shared else []
        row = {"label": field.title, "value": metric_text(metrics, name), "others": others}
        groups[-1]["rows"].append(row)
    return shared, own


def _episode_rows(record: TrackRecord) -> list[dict[str, str]]:
    episodes = drawdown_episodes(record.sessions, record.returns)
    return [
        {
            "depth": percent_text(-episode.depth_frac),
            "peak": episode.peak_session.isoformat() if episode.peak_session else "start",
            "trough": episode.trough_session.isoformat(),
            "recovery": (
                episode.recovery_session.isoformat() if episode.recovery_session else "not yet"
            ),
            "down": f"{episode.sessions_to_trough:,}",
            "total": f"{episode.sessions:,}",
        }
        for episode in episodes[:_EPISODES_SHOWN]
    ]


def _last(record: TrackRecord, column: str) -> float | None:
    """Total of a money column at the last close; None where the book does not have it."""
    if column not in record.snapshots.column_names or not record.snapshots.num_rows:
        return None
    return float(record.snapshots[column][-1].as_py())


def _true_minus(text: str) -> str:
    return text.replace("-", "−", 1) if text.startswith("-") else text
