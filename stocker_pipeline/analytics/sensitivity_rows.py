"""The tables of the section on sensitivity, as text."""

from stocker_pipeline.analytics.metrics import ReturnMetrics
from stocker_pipeline.analytics.sensitivity import Sensitivity, spread
from stocker_pipeline.analytics.wording import metric_text, percent_text

Row = dict[str, str | float]


def cost_rows(found: Sensitivity) -> list[Row]:
    """One row for each multiple of the costs."""
    return [
        {
            "label": run.label,
            "nav": float(run.nav[-1]),
            "commissions": run.commissions_usd,
            **_texts(run.metrics),
        }
        for run in found.costs
    ]


def start_rows(found: Sensitivity) -> list[Row]:
    """One row for each first day, over the sessions that all have."""
    return [{"label": label, **_texts(metrics)} for label, metrics in found.common()]


def start_spreads(found: Sensitivity) -> list[tuple[str, str, str, str]]:
    """Name of a metric, its lowest, median and highest value over the first days."""
    common = [metrics for _, metrics in found.common()]
    rows = []
    for name, label in (
        ("cagr", "return a year"),
        ("sharpe", "Sharpe ratio"),
        ("max_drawdown", "maximum drawdown"),
    ):
        among = spread([getattr(metrics, name) for metrics in common])
        if among is not None:
            low, middle, high = (_text(name, value) for value in among)
            rows.append((label, low, middle, high))
    return rows


def _texts(metrics: ReturnMetrics) -> Row:
    return {name: metric_text(metrics, name) for name in ("cagr", "sharpe", "max_drawdown")}


def _text(name: str, value: float) -> str:
    return f"{value:.2f}" if name == "sharpe" else percent_text(value)
