"""Pictures for places that show no HTML page: Dagster's metadata and the README.

Drawn with matplotlib's Agg canvas through its objects; pyplot's global state is not touched, so
that pictures may be made in any thread.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.benchmarks import Benchmark
from stocker_pipeline.analytics.charts import equity_scale
from stocker_pipeline.analytics.record import days_of, floats_of, require_columns
from stocker_pipeline.analytics.returns import drawdowns, time_weighted_returns, wealth_index

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

_SIZE_INCHES = (9.0, 5.0)
_DOTS_PER_INCH = 100
_PORTFOLIO_COLOUR = "#0b62b0"
_BENCHMARK_STYLES = (("#c55a11", "-"), ("#7d8793", ":"))
_NAMED_SYMBOLS = 60
"""Above it, names would cover each other and the points."""
_INK, _GRID = "#1d232b", "#e9ecf0"


def equity_picture(snapshots: pa.Table, benchmarks: Sequence[Benchmark] = ()) -> bytes:
    """The equity curve, and the drawdown below it, as a PNG of 900 × 500 pixels.

    The curve is what the initial capital became, without later deposits and withdrawals. The same
    input gives the same bytes with the same matplotlib.

    Args:
        snapshots: The book from its first session on; may be empty.
        benchmarks: Up to two series over the same sessions, drawn beside it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    require_columns(snapshots, ("session", "nav", "initial_capital", "flows"), "snapshots")
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    if snapshots.num_rows:
        _draw(figure, snapshots, benchmarks)
    else:
        figure.text(0.5, 0.5, "No sessions yet", ha="center", va="center", color=_INK, fontsize=14)
    return _png(canvas)


def signals_picture(signals: pa.Table) -> bytes:
    """Momentum over volatility of each symbol with a signal, as a PNG of 900 × 500 pixels.

    Args:
        signals: Rows of one session with ``symbol``, ``momentum``, ``vol`` and ``weight``.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    require_columns(signals, ("symbol", "momentum", "vol", "weight"), "signals")
    rows = [row for row in signals.to_pylist() if None not in (row["momentum"], row["vol"])]
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.085, 0.11, 0.895, 0.84))
    _bare(axes)
    axes.margins(0.08)
    axes.grid(axis="both", color=_GRID, lw=0.8)
    axes.axhline(0.0, color=_INK, lw=0.8)
    weights = np.array([row["weight"] or 0.0 for row in rows])
    colours = np.where(weights > 0, _PORTFOLIO_COLOUR, _BENCHMARK_STYLES[0][0])
    colours[weights == 0] = _BENCHMARK_STYLES[1][0]
    axes.scatter(
        [row["vol"] for row in rows],
        [row["momentum"] for row in rows],
        # The area is the weight; a symbol without one is a dot.
        s=30.0 + 900.0 * np.abs(weights),
        c=colours.tolist(),
        alpha=0.75,
        linewidths=0,
    )
    for row in rows if len(rows) <= _NAMED_SYMBOLS else ():
        axes.annotate(
            row["symbol"],
            (row["vol"], row["momentum"]),
            (6, 6),
            textcoords="offset points",
            fontsize=9,
            color=_INK,
        )
    if not rows:
        figure.text(0.5, 0.5, "No signals", ha="center", va="center", color=_INK, fontsize=14)
    axes.set_xlabel("Volatility a year", color=_INK)
    axes.set_ylabel("Momentum", color=_INK)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return _png(canvas)


def _bare(axes: "Axes") -> None:
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.tick_params(colors=_INK, labelsize=9, length=0)


def _draw(figure: "Figure", snapshots: pa.Table, benchmarks: Sequence[Benchmark]) -> None:
    days = days_of(snapshots)
    capital = floats_of(snapshots, "initial_capital")[0]
    flows = floats_of(snapshots, "flows")
    returns = time_weighted_returns(floats_of(snapshots, "nav"), flows, capital)
    growth = capital * wealth_index(returns)[1:]
    grid = figure.add_gridspec(
        2, 1, height_ratios=(3, 1), hspace=0.08, left=0.085, right=0.98, top=0.93, bottom=0.07
    )
    upper = figure.add_subplot(grid[0])
    lower = figure.add_subplot(grid[1], sharex=upper)
    for benchmark, (colour, style) in zip(benchmarks, _BENCHMARK_STYLES, strict=False):
        upper.plot(days, benchmark.nav, style, color=colour, lw=1.1, label=benchmark.name)
        loss = -drawdowns(benchmark.returns)
        lower.plot(days, loss, style, color=colour, lw=0.9)
    mark = "o" if len(days) < 3 else None
    upper.plot(days, growth, color=_PORTFOLIO_COLOUR, lw=1.6, label="Portfolio", marker=mark)
    loss = -drawdowns(returns)
    lower.fill_between(days, loss, 0.0, color=_PORTFOLIO_COLOUR, alpha=0.18, lw=0)
    lower.plot(days, loss, color=_PORTFOLIO_COLOUR, lw=1.2, marker=mark)
    lower.set_ylim(min(-0.01, 1.08 * lower.dataLim.y0), 0.0)
    upper.set_yscale(
        equity_scale([growth, *(benchmark.nav for benchmark in benchmarks)]) or "linear"
    )
    _dress(upper, lower)


def _dress(upper: "Axes", lower: "Axes") -> None:
    from matplotlib import dates
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter

    for axes in (upper, lower):
        _bare(axes)
        axes.grid(axis="y", color=_GRID, lw=0.8)
        axes.margins(x=0.01)
    upper.tick_params(labelbottom=False)
    if upper.get_yscale() == "log":
        upper.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        upper.yaxis.set_minor_locator(NullLocator())
    upper.yaxis.set_major_formatter(FuncFormatter(_dollars))
    lower.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    # matplotlib's dates are not annotated.
    locator = dates.AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    lower.xaxis.set_major_locator(locator)
    lower.xaxis.set_major_formatter(
        dates.ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    )
    handles, labels = upper.get_legend_handles_labels()
    upper.legend(
        handles[-1:] + handles[:-1],
        labels[-1:] + labels[:-1],
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=3,
        frameon=False,
        fontsize=10,
        labelcolor=_INK,
    )


def _png(canvas: "FigureCanvasAgg") -> bytes:
    """The canvas as PNG without metadata, in 256 colours: a third of the bytes."""
    from PIL import Image

    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    picture = Image.fromarray(pixels).convert("RGB")
    out = io.BytesIO()
    few_colours = picture.quantize(64, dither=Image.Dither.NONE)
    few_colours.save(out, format="PNG", optimize=True)
    return out.getvalue()


def _dollars(value: float, _: int) -> str:
    """A short dollar amount for an axis."""
    for bound, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= bound:
            return f"${value / bound:,.3g}{suffix}"
    return f"${value:,.3g}"
