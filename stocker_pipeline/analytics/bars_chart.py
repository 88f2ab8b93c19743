"""A symbol's bars as an offline page: candles, volume, actions, findings and verdicts.

Prices are drawn as they were traded, so a split is a step. The axis spans the bars that are traded
on: a print of a hundred times the price would leave nothing else to see, so what lies beyond is
marked at the edge. Stays out: which bars are left out, and why; the tables given say so.
"""

import html
import textwrap
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.charts import Chart, equity_scale
from stocker_pipeline.analytics.page import page_data, plotly_script, rendered
from stocker_pipeline.domain.bars import PRICES
from stocker_pipeline.domain.session import SessionCalendar

COLOURS = ("ink", "grid", "paper", "first", "second", "third", "fourth", "alert")
"""Colours that the figure names as ``@ink`` and the page defines as ``--ink``."""

TRADED_STATES = ("seen", "accepted", "replaced")
_LEFT_OUT_STATES = ("quarantined", "held")
_PADDING = 0.08
_MARK_DISTANCE = 0.03
_HOVER_CHARACTERS = 64

Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Axis:
    """The price axis.

    Attributes:
        log: Whether it is logarithmic.
        low, high: Its ends, as logarithms where it is.
    """

    log: bool
    low: float
    high: float

    def mark(self, price: float | None, side: int) -> float:
        """Where a mark beside a price goes: above it (1), below it (−1), or at the nearest edge."""
        distance = side * _MARK_DISTANCE * (self.high - self.low)
        edge = self.high if side > 0 else self.low
        at = edge - distance
        if price is not None and (price > 0 or not self.log):
            at = (np.log10(price) if self.log else price) + distance
        at = float(np.clip(at, self.low + abs(distance) / 2, self.high - abs(distance) / 2))
        return round(10**at if self.log else at, 6)

    def beyond(self, price: float | None) -> bool:
        """Whether a price is not on the axis."""
        if price is None:
            return False
        if self.log:
            return price <= 0 or not self.low <= np.log10(price) <= self.high
        return not self.low <= price <= self.high


def bars_page(
    symbol: str,
    *,
    bars: pa.Table,
    actions: pa.Table,
    findings: pa.Table,
    verdicts: pa.Table,
    as_of: datetime | None = None,
) -> str:
    """The page as text.

    Args:
        bars: Of this symbol alone, by session: the columns of ``BARS_SCHEMA`` with source,
            known_at, versions and state (seen, accepted, replaced, held, quarantined, withdrawn).
            Any number may be null or wrong.
        actions: Columns session, split, dividend, source.
        findings: ``FINDINGS_SCHEMA``.
        verdicts: Columns session, verdict, author, reason, decided_at, and perhaps more.
        as_of: The instant of which this is the knowledge; None = now.
    """
    rows = bars.to_pylist()
    chart = bars_chart(rows, actions.to_pylist(), findings.to_pylist(), verdicts.to_pylist())
    return rendered(
        "bars.html.j2",
        symbol=symbol,
        subtitle=_subtitle(rows, as_of),
        sentence=_sentence(rows),
        chart=chart,
        apart=[row for row in rows if row["state"] != "seen"],
        numbers=(*PRICES, "volume"),
        actions=actions.to_pylist(),
        findings=findings.to_pylist(),
        verdicts=verdicts.to_pylist(),
        page_data=page_data([str(row["session"]) for row in rows], COLOURS, [chart]),
        plotly_script=plotly_script(),
    )


def bars_chart(
    bars: Sequence[Row], actions: Sequence[Row], findings: Sequence[Row], verdicts: Sequence[Row]
) -> Chart:
    """Candles above, corporate actions between, volume below; see ``bars_page``."""
    title, caption = "Prices as traded", "Dollars, and shares below; a split is a step."
    axis = _price_axis(bars)
    if axis is None:
        return Chart("bars", title, caption, None, "There is no bar with a price in this range.")
    beyond = sum(
        row["state"] in _LEFT_OUT_STATES and any(axis.beyond(row[name]) for name in PRICES)
        for row in bars
    )
    if beyond:
        which = "1 bar that is left out reaches" if beyond == 1 else f"{beyond} bars left out reach"
        caption += f" {which} beyond the axis; a double click shows everything."
    gone = [row["session"] for row in bars if row["state"] == "withdrawn"]
    told = _told(bars, actions, findings, verdicts)
    spots = _Spots(axis, bars)
    traces = [
        _candles("Traded on", [row for row in bars if row["state"] in TRADED_STATES], "@first"),
        _candles("Left out", [row for row in bars if row["state"] in _LEFT_OUT_STATES], "@alert"),
        *_finding_marks(findings, spots),
        _marks("Verdict", [row["session"] for row in verdicts], spots, -1, "triangle-up", "@ink"),
        _marks("Withdrawn", gone, spots, -1, "line-ew-open", "@ink"),
        _adjusted(bars),
        _volumes(bars),
        *_action_marks(actions),
        _hover_points(told, spots),
    ]
    drawn = [trace for trace in traces if trace["x"]]
    days = sorted(str(x) for trace in drawn for x in trace["x"])
    layout = _layout(axis, date.fromisoformat(days[0]), date.fromisoformat(days[-1]))
    return Chart("bars", title, caption, {"data": drawn, "layout": layout}, height_px=620)


def _price_axis(bars: Sequence[Row]) -> _Axis | None:
    """Around the bars that are traded on; around all where none is. None without a price."""
    for states in (TRADED_STATES, _LEFT_OUT_STATES):
        rows = [row for row in bars if row["state"] in states]
        prices = np.array([row[name] for row in rows for name in PRICES], float)
        prices = prices[prices > 0]
        if len(prices):
            break
    else:
        return None
    log = equity_scale([prices]) == "log"
    ends = np.array([prices.min(), prices.max()])
    low, high = np.log10(ends) if log else ends
    padding = _PADDING * ((high - low) or (0.1 if log else abs(low) * 0.1))
    return _Axis(log, float(low - padding), float(high + padding))


@dataclass(frozen=True)
class _Spots:
    """Where marks go: beside the bar of their session, or the last one before it."""

    axis: _Axis
    bars: Sequence[Row]

    @cached_property
    def _days(self) -> list[date]:
        return [row["session"] for row in self.bars]

    def beside(self, day: date, side: int) -> float:
        """Above (1) the highest price of the bar, or below (−1) the lowest."""
        for at in range(bisect_right(self._days, day) - 1, -1, -1):
            row = self.bars[at]
            found = [row[name] for name in PRICES if row[name] is not None]
            if found:
                return self.axis.mark(max(found) if side > 0 else min(found), side)
        return self.axis.mark(None, side)


def _candles(name: str, rows: Sequence[Row], colour: str) -> dict[str, Any]:
    falling = "@second" if colour == "@first" else colour
    return {
        "type": "candlestick",
        "name": name,
        "x": [str(row["session"]) for row in rows],
        **{price: [_short(row[price]) for row in rows] for price in PRICES},
        "increasing": {"line": {"color": colour, "width": 1.2}, "fillcolor": "rgba(0,0,0,0)"},
        "decreasing": {"line": {"color": falling, "width": 1.2}, "fillcolor": falling},
        "hoverinfo": "skip",
    }


def _finding_marks(findings: Sequence[Row], spots: _Spots) -> list[dict[str, Any]]:
    """A mark per session, by the graver treatment."""
    dated = [row for row in findings if row["session"] is not None]
    grave = {row["session"] for row in dated if row["treatment"] == "quarantined"}
    others = {row["session"] for row in dated} - grave
    return [
        _marks("Quarantined", sorted(grave), spots, 1, "x", "@alert"),
        _marks("Flagged", sorted(others), spots, 1, "diamond-open", "@fourth"),
    ]


def _marks(
    name: str, days: Sequence[date], spots: _Spots | None, side: int, symbol: str, colour: str
) -> dict[str, Any]:
    """Marks beside bars, or without spots in the strip between prices and volumes."""
    places = [spots.beside(day, side) if spots else 0.5 for day in days]
    width = 1.5 if symbol.endswith("open") else 0
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [str(day) for day in days],
        "y": places,
        "marker": {
            "symbol": symbol,
            "size": 9,
            "color": colour,
            "line": {"width": width, "color": colour},
        },
        "hoverinfo": "skip",
        "yaxis": "y" if spots else "y3",
    }


def _adjusted(bars: Sequence[Row]) -> dict[str, Any]:
    rows = [row for row in bars if row["adj_close"] is not None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "Adjusted close",
        "x": [str(row["session"]) for row in rows],
        "y": [_short(row["adj_close"]) for row in rows],
        "line": {"color": "@third", "width": 1.2, "dash": "dot"},
        "hoverinfo": "skip",
        "visible": "legendonly",
    }


def _volumes(bars: Sequence[Row]) -> dict[str, Any]:
    rows = [row for row in bars if row["volume"] is not None]
    return {
        "type": "bar",
        "name": "Volume",
        "x": [str(row["session"]) for row in rows],
        "y": [_short(row["volume"]) for row in rows],
        "yaxis": "y2",
        "marker": {"color": "@third", "line": {"width": 0}},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _action_marks(actions: Sequence[Row]) -> list[dict[str, Any]]:
    dividends = [row["session"] for row in actions if row["dividend"] != 0]
    splits = [row["session"] for row in actions if row["split"] != 1]
    return [
        _marks("Dividend", dividends, None, 0, "circle", "@fourth"),
        _marks("Split", splits, None, 0, "square", "@ink"),
    ]


def _told(
    bars: Sequence[Row], actions: Sequence[Row], findings: Sequence[Row], verdicts: Sequence[Row]
) -> dict[date, list[str]]:
    """Session → everything that is known about it, in lines."""
    told: dict[date, list[str]] = {}

    def tell(row: Row, *texts: str) -> None:
        if row["session"] is not None:
            told.setdefault(row["session"], []).extend(_hover(text) for text in texts)

    for row in bars:
        prices = ", ".join(f"{name} {_number(row[name])}" for name in PRICES)
        versions = f", {row['versions']} versions" if row["versions"] > 1 else ""
        texts = [f"{row['state']}{versions}, {row['source']}"]
        if row["state"] != "withdrawn":
            texts = [prices, f"volume {_number(row['volume'])}", *texts]
        tell(row, *texts)
    for row in actions:
        split = f"split: {row['split']:g} new for 1 old" if row["split"] != 1 else ""
        dividend = f"dividend: ${_number(row['dividend'])}" if row["dividend"] != 0 else ""
        tell(row, *(text for text in (split, dividend) if text))
    for row in findings:
        text = f"{row['rule']} ({row['severity']}, {row['treatment']}): {row['evidence']}"
        tell(row, text, f"bound: {row['threshold']}")
    for row in verdicts:
        tell(
            row,
            f"{row['verdict']}, {row['author']}, {row['decided_at']:%Y-%m-%d}: {row['reason']}",
        )
    return dict(sorted(told.items()))


def _hover_points(told: Mapping[date, Sequence[str]], spots: _Spots) -> dict[str, Any]:
    """One invisible point per session that answers for every trace.

    Left to themselves, traces with a mark here and there answer for the sessions around it too.
    """
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "",
        "x": [str(day) for day in told],
        "y": [spots.beside(day, 1) for day in told],
        "text": ["<br>".join(lines) for lines in told.values()],
        "marker": {"color": "rgba(0,0,0,0)"},
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }


def _layout(axis: _Axis, first: date, last: date) -> dict[str, Any]:
    closed = SessionCalendar.between(first, last).holidays(first, last)
    below = {"gridcolor": "@grid", "linecolor": "@grid", "zerolinecolor": "@grid"}
    kind = "log" if axis.log else "linear"
    return {
        "margin": {"l": 56, "r": 12, "t": 8, "b": 32},
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        "xaxis": {
            "type": "date",
            "hoverformat": "%Y-%m-%d",
            "rangeslider": {"visible": False},
            # So that a gap is a session without a bar.
            "rangebreaks": [
                {"bounds": ["sat", "mon"]},
                *([{"values": [str(day) for day in closed]}] if closed else []),
            ],
            "anchor": "y2",
        },
        "yaxis": {
            "domain": [0.27, 1.0],
            "type": kind,
            "range": [axis.low, axis.high],
            "tickformat": "$,~f",
        },
        "yaxis2": {**below, "domain": [0.0, 0.18], "tickformat": "~s", "rangemode": "tozero"},
        "yaxis3": {
            **below,
            "domain": [0.19, 0.25],
            "range": [0, 1],
            "visible": False,
            "fixedrange": True,
        },
        "bargap": 0.25,
    }


def _subtitle(bars: Sequence[Row], as_of: datetime | None) -> list[str]:
    parts = []
    if bars:
        plural = "" if len(bars) == 1 else "s"
        parts.append(f"{bars[0]['session']} to {bars[-1]['session']}")
        parts.append(f"{len(bars):,} session{plural}")
    if as_of is not None:
        parts.append(f"as known at {as_of:%Y-%m-%d %H:%M:%S} UTC")
    return parts


def _sentence(bars: Sequence[Row]) -> str:
    """How many bars are traded on, and what became of the others."""
    states = [row["state"] for row in bars]
    traded = sum(state in TRADED_STATES for state in states)
    counts = {state: states.count(state) for state in dict.fromkeys(states) if state != "seen"}
    told = ", ".join(f"{number:,} {state}" for state, number in counts.items())
    plural = "bar is" if traded == 1 else "bars are"
    return f"{traded:,} {plural} traded on" + (f"; {told}." if told else ".")


def _short(value: float | None) -> float | None:
    """A number for JSON; None where there is none."""
    return round(value, 6) if value is not None and np.isfinite(value) else None


def _number(value: float | None) -> str:
    """A number with as few as possible of six decimals."""
    if value is None:
        return "unknown"
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _hover(text: str) -> str:
    """Text in lines that fit a hover label; Plotly reads it as a small HTML of its own."""
    lines = textwrap.wrap(text, _HOVER_CHARACTERS) or [""]
    return "<br>".join(html.escape(line, quote=False) for line in lines)
