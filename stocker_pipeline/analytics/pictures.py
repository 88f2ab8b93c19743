"""Small pictures of a track record, as PNG bytes: the same record gives the same bytes."""

import io

from stocker_pipeline.analytics.benchmarks import benchmarks_of
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.analytics.returns import drawdowns

_INK, _MUTED, _LOSS = "#1b4f72", "#9aa5ad", "#b03a2e"


def equity_picture(record: TrackRecord) -> bytes:
    """NAV with its benchmarks above, drawdown below; about 900 × 500 pixels.

    Raises:
        ValueError: The record has no session.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not len(record.sessions):
        raise ValueError("a picture needs at least one session; the record has none")
    figure = Figure(figsize=(9, 5), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    styles = iter(((_MUTED, "-"), (_MUTED, ":")))
    for benchmark, (colour, line) in zip(benchmarks_of(record), styles, strict=False):
        style = {"color": colour, "ls": line, "lw": 1}
        above.plot(record.sessions, benchmark.nav, label=benchmark.name, **style)
    above.plot(record.sessions, record.nav, color=_INK, lw=1.4, label="portfolio")
    above.yaxis.set_major_formatter("${x:,.0f}")
    above.set_ylabel("NAV")
    above.legend(frameon=False, fontsize=8, loc="upper left")
    fall = -100 * drawdowns(record.returns)
    below.fill_between(record.sessions, fall, 0, color=_LOSS, alpha=0.6, lw=0)
    below.yaxis.set_major_formatter("{x:.0f}%")
    below.set_ylabel("drawdown")
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    canvas.print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()
