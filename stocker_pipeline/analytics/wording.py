"""How a metric is written down: as text for a person, as JSON for a program."""

import json
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from stocker_pipeline.analytics.metrics import Metrics, ReturnMetrics

ABSENT = "n/a"
"""Shown where a value is not defined."""

_REASON_FOR_NO_DATE = {
    "max_drawdown_peak_session": "start",
    "max_drawdown_recovery_session": "not yet",
}
_SIGNIFICANT_DIGITS = 12
"""Digits kept in JSON: the last few of a float64 differ between processors' vector units."""


class MetricRow(NamedTuple):
    """One line of a metrics table."""

    label: str
    value: str
    explanation: str


def metrics_table(metrics: ReturnMetrics) -> list[MetricRow]:
    """Metrics as rows for a person, in the order of the model: losses before gains."""
    return [
        MetricRow(field.title or name, metric_text(metrics, name), field.description or "")
        for name, field in type(metrics).model_fields.items()
    ]


def metric_text(metrics: ReturnMetrics, name: str) -> str:
    """One metric as text, by its unit; empty where this kind of metrics does not have it."""
    if name not in type(metrics).model_fields:
        return ""
    value = getattr(metrics, name)
    if value is None:
        return _REASON_FOR_NO_DATE.get(name, ABSENT) if metrics.max_drawdown else ABSENT
    return _TEXT_BY_UNIT[_unit(metrics, name)](value)


def metrics_json(metrics: Metrics) -> str:
    """``metrics.json``: sorted keys, null for what is not defined, and the same text everywhere.

    Dollars have four decimals and other numbers 12 significant digits.
    """
    text = json.dumps(metrics_values(metrics), sort_keys=True, indent=2, allow_nan=False)
    return text + "\n"


def metrics_values(metrics: ReturnMetrics) -> dict[str, float | int | str | None]:
    """Metrics as plain JSON values by name; dates as ISO text."""
    values = metrics.model_dump()
    return {name: _plain(value, _unit(metrics, name)) for name, value in values.items()}


def percent_text(value: float) -> str:
    """A fraction as percent with two decimals."""
    return f"{_settled(value * 100, 2):,.2f}%"


def dollar_text(value: float) -> str:
    """Dollars: cents below 10,000, whole dollars from there on, the sign before the dollar."""
    decimals = 2 if abs(value) < 10_000 else 0
    settled = _settled(value, decimals)
    return f"{'-' if settled < 0 else ''}${abs(settled):,.{decimals}f}"


def _ratio_text(value: float) -> str:
    return f"{_settled(value, 2):,.2f}"


def _count_text(value: float) -> str:
    return f"{value:,d}" if isinstance(value, int) else f"{_settled(value, 1):,.1f}"


def _date_text(value: date) -> str:
    return value.isoformat()


def _settled(value: float, decimals: int) -> float:
    """Rounded, and without the sign of a zero."""
    return round(value, decimals) + 0.0


def _unit(metrics: ReturnMetrics, name: str) -> str:
    extra = type(metrics).model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["unit"])


def _plain(value: object, unit: str) -> float | int | str | None:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        if unit == "usd":
            return _settled(value, 4)
        return float(f"{value:.{_SIGNIFICANT_DIGITS}g}") + 0.0
    assert value is None or isinstance(value, (int, str))
    return value


_TEXT_BY_UNIT: dict[str, Callable[..., str]] = {
    "count": _count_text,
    "sessions": _count_text,
    "date": _date_text,
    "fraction": percent_text,
    "ratio": _ratio_text,
    "usd": dollar_text,
}
