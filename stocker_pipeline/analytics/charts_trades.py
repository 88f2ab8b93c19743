"""Fills on the prices they were made at, one symbol at a time.

The same plain dictionaries as in ``charts``, whose helpers draw them.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.charts import (
    PORTFOLIO_LINE,
    Chart,
    figure_of,
    line_of,
    plotly_text,
    rounded_values,
)
from stocker_pipeline.analytics.costs import traded_notional
from stocker_pipeline.analytics.record import (
    TrackRecord,
    coded_symbols,
    days_of,
    floats_of,
    integers_of,
    symbols_of,
)

PRICED_SYMBOLS = 12
"""Symbols whose trades are drawn on their prices: the most traded ones."""


def prices_chart(record: TrackRecord) -> Chart:
    """Fills on the price of each of the most traded symbols, one symbol at a time."""
    title = "Trades on prices"
    codes, names = coded_symbols(record.fills)
    if not names:
        return Chart("prices", title, "", None, "Nothing was traded.")
    if record.bars is None or not record.bars.num_rows:
        return Chart("prices", title, "", None, "The bars of this book are not known.")
    worth = np.bincount(codes, weights=traded_notional(record), minlength=len(names))
    chosen = [names[i] for i in np.argsort(-worth, kind="stable")[:PRICED_SYMBOLS]]
    traces: list[dict[str, Any]] = []
    for number, symbol in enumerate(chosen):
        traces += [trace | {"visible": number == 0} for trace in _symbol_traces(record, symbol)]
    per_symbol = len(traces) // len(chosen)
    buttons = [
        {
            "label": plotly_text(symbol),
            "method": "update",
            "args": [{"visible": [i // per_symbol == number for i in range(len(traces))]}],
        }
        for number, symbol in enumerate(chosen)
    ]
    figure = figure_of(traces, {"tickformat": "$,.6~g"}, "$,.2f")
    figure["layout"] |= {
        "hovermode": "closest",
        "updatemenus": [
            {
                "buttons": buttons,
                "x": 1,
                "xanchor": "right",
                "y": 1.02,
                "yanchor": "bottom",
                "bgcolor": "@paper",
                "bordercolor": "@grid",
                "font": {"color": "@ink"},
            }
        ],
    }
    figure["layout"]["margin"]["t"] = 44
    rest = len(names) - len(chosen)
    which = (
        f"The {len(chosen)} most traded of {len(names)} symbols." if rest else "Choose a symbol."
    )
    basis = (
        "Adjusted closes."
        if record.price_basis == "adjusted"
        else "Closes in the last share basis."
    )
    return Chart("prices", title, f"{basis} {which}", figure, height_px=340)


def _symbol_traces(record: TrackRecord, symbol: str) -> list[dict[str, Any]]:
    """The line of closes, buys and sells: always three, in the share basis of the last session."""
    assert record.bars is not None
    bars = record.bars.filter(pa.array(symbols_of(record.bars) == symbol))
    column = "adj_close" if record.price_basis == "adjusted" else "close"
    closes = np.full(len(record.sessions), np.nan)
    at = np.searchsorted(record.sessions, days_of(bars))
    inside = at < len(record.sessions)
    inside[inside] = record.sessions[at[inside]] == days_of(bars)[inside]
    closes[at[inside]] = floats_of(bars, column)[inside]
    shares = shares_later(record, symbol)
    mine = symbols_of(record.fills) == symbol
    rows = record.session_rows(record.fills)[mine]
    quantity = integers_of(record.fills, "quantity")[mine] * shares[rows]
    price = floats_of(record.fills, "price")[mine] / shares[rows]
    name = plotly_text(symbol)
    traces = [line_of(name, rounded_values(closes / shares, 4), PORTFOLIO_LINE, "$,.2f")]
    for label, side, colour, shape in (
        ("Bought", 1, "@fourth", "triangle-up"),
        ("Sold", -1, "@second", "triangle-down"),
    ):
        these = quantity * side > 0
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": label,
                "x": [str(record.sessions[row]) for row in rows[these]],
                "y": rounded_values(price[these], 4),
                "customdata": rounded_values(quantity[these], 2),
                "marker": {"color": colour, "symbol": shape, "size": 7},
                "hovertemplate": "%{x}: %{customdata:+,} at %{y:$,.2f}<extra></extra>",
            }
        )
    return traces


def shares_later(record: TrackRecord, symbol: str) -> np.ndarray:
    """Shares at the last session that one share of each session became by later splits."""
    shares = np.ones(len(record.sessions))
    table = record.split_table
    if table is None or not table.num_rows:
        return shares
    mine = symbols_of(table) == symbol
    for day, ratio in zip(days_of(table)[mine], floats_of(table, "split")[mine], strict=True):
        if day <= record.sessions[-1]:
            shares[record.sessions < day] *= ratio
    return shares
