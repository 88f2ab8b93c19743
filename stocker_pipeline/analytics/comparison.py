"""Several books side by side: what is different about them, and what came of it.

Curves and their metrics are over the sessions that all books have, so that a longer record is no
advantage; what a book is beside that (costs, trades, exposure) is over its own record.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from stocker_pipeline.analytics.charts import (
    PORTFOLIO_LINE,
    Chart,
    equity_scale,
    figure_of,
    line_of,
    rounded_values,
)
from stocker_pipeline.analytics.metrics import Metrics, ReturnMetrics, return_metrics
from stocker_pipeline.analytics.page import page_data, plotly_script, rendered
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.analytics.returns import as_date, drawdowns, wealth_index
from stocker_pipeline.analytics.sections import facts_of
from stocker_pipeline.analytics.tearsheet import COLOURS
from stocker_pipeline.analytics.wording import ABSENT, metric_text
from stocker_pipeline.domain.errors import InputRefused

BOOKS_MAX = 8
_LINES: tuple[dict[str, Any], ...] = (
    PORTFOLIO_LINE,
    *({"color": f"@{name}", "width": 1.6} for name in ("second", "fourth", "ink")),
    *({"color": f"@{name}", "width": 1.6, "dash": "dash"} for name in ("first", "second")),
    *({"color": f"@{name}", "width": 1.6, "dash": "dash"} for name in ("fourth", "ink")),
)
_BASE = 100.0


@dataclass(frozen=True, eq=False)
class ComparedBook:
    """One of the books.

    Attributes:
        label: Unique among those compared.
        kind: backtest, paper book, run or folder.
        facts: What it was: strategy, universe, parameters and so on, flat, as text or numbers.
        own: Metrics over its own record.
    """

    label: str
    kind: str
    facts: Mapping[str, Any]
    record: TrackRecord
    own: Metrics


@dataclass(frozen=True)
class FactRow:
    """One fact over all books; ``differs`` where not all say the same."""

    name: str
    values: Sequence[str]
    differs: bool


@dataclass(frozen=True, eq=False)
class Comparison:
    """The books over their common sessions.

    Raises:
        InputRefused: Fewer than two books or more than eight, a label twice, or no session that
            all have.
    """

    books: Sequence[ComparedBook]

    def __post_init__(self) -> None:
        labels = [book.label for book in self.books]
        if not 2 <= len(labels) <= BOOKS_MAX or len(set(labels)) < len(labels):
            raise InputRefused(
                f"2 to {BOOKS_MAX} different books",
                ", ".join(labels) or "none",
                where="the comparison",
                remedy="Name other portfolios, runs or folders.",
            )
        if not len(self.sessions):
            spans = [
                f"{book.label} {book.record.sessions[0]} to {book.record.sessions[-1]}"
                if len(book.record.sessions)
                else f"{book.label} has none"
                for book in self.books
            ]
            raise InputRefused(
                "at least one session that all books have",
                "; ".join(spans),
                where="the comparison",
                remedy="Run them over the same sessions.",
            )

    @cached_property
    def sessions(self) -> np.ndarray:
        """Sessions that all books have, datetime64[D]."""
        common = self.books[0].record.sessions
        for book in self.books[1:]:
            common = np.intersect1d(common, book.record.sessions)
        return common

    @cached_property
    def returns(self) -> list[np.ndarray]:
        """Time-weighted returns of each book over the common sessions."""
        return [
            book.record.returns[np.isin(book.record.sessions, self.sessions)] for book in self.books
        ]

    @cached_property
    def metrics(self) -> list[ReturnMetrics]:
        """Of each book over the common sessions."""
        return [return_metrics(self.sessions, returns) for returns in self.returns]

    @property
    def first(self) -> date:
        """The first common session."""
        return as_date(self.sessions[0])

    @property
    def last(self) -> date:
        """The last common session."""
        return as_date(self.sessions[-1])

    def facts(self) -> list[FactRow]:
        """What each book was, those that differ first, otherwise in the order of the first book."""
        names = dict.fromkeys(itertools.chain.from_iterable(book.facts for book in self.books))
        rows = []
        for name in names:
            values = [
                facts_of({name: book.facts[name]})[0].text if name in book.facts else ABSENT
                for book in self.books
            ]
            rows.append(FactRow(name.replace("_", " "), values, len(set(values)) > 1))
        return sorted(rows, key=lambda row: not row.differs)

    def correlations(self) -> list[list[float | None]]:
        """Of the returns of each pair; None where a book never moved."""
        moves = [returns.std() > 0 and len(returns) > 1 for returns in self.returns]
        return [
            [
                float(np.corrcoef(self.returns[i], self.returns[j])[0, 1])
                if moves[i] and moves[j]
                else None
                for j in range(len(self.books))
            ]
            for i in range(len(self.books))
        ]


def comparison_page(found: Comparison) -> str:
    """The page as text; the same books give the same bytes."""
    charts = [_growth_chart(found), _drawdown_chart(found)]
    return rendered(
        "comparison.html.j2",
        {"signed": _true_minus, "ratio": _ratio},
        found=found,
        labels=[book.label for book in found.books],
        title=" · ".join(book.label for book in found.books),
        facts=found.facts(),
        common=metric_rows(found.metrics),
        own=metric_rows([book.own for book in found.books], without=ReturnMetrics),
        spans=[f"{book.record.sessions[0]} to {book.record.sessions[-1]}" for book in found.books],
        correlations=found.correlations(),
        charts={chart.identity: chart for chart in charts},
        page_data=page_data([str(day) for day in found.sessions], COLOURS, charts),
        plotly_script=plotly_script(),
    )


def metric_rows(
    metrics: Sequence[ReturnMetrics], *, without: type[ReturnMetrics] | None = None
) -> list[tuple[str, list[str]]]:
    """Label and text of each metric, one text per book.

    Args:
        without: Leave out the metrics that this class has.
    """
    left_out = set(without.model_fields) if without else set()
    return [
        (field.title or name, [metric_text(one, name) for one in metrics])
        for name, field in type(metrics[0]).model_fields.items()
        if name not in left_out
    ]


def _growth_chart(found: Comparison) -> Chart:
    grown = [_BASE * wealth_index(returns)[1:] for returns in found.returns]
    traces = [
        line_of(book.label, rounded_values(values, 3), style, ",.2f")
        for book, values, style in zip(found.books, grown, _LINES, strict=False)
    ]
    return Chart(
        "growth",
        "What 100 dollars became",
        "Deposits and withdrawals taken out; every book begins at 100 before the first session.",
        figure_of(traces, {"tickformat": ",.6~g"}, ",.2f"),
        scale=equity_scale(grown),
        height_px=380,
    )


def _drawdown_chart(found: Comparison) -> Chart:
    traces = [
        line_of(book.label, rounded_values(-drawdowns(returns), 5), style, ".1%")
        for book, returns, style in zip(found.books, found.returns, _LINES, strict=False)
    ]
    return Chart(
        "drawdown",
        "Below the highest value so far",
        "Loss from the last high since the first common session.",
        figure_of(traces, {"tickformat": ".0%", "rangemode": "tozero"}, ".1%"),
        height_px=260,
    )


def _ratio(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f}".replace("-", "−")


def _true_minus(text: str) -> str:
    return text.replace("-", "−", 1) if text.startswith("-") else text
