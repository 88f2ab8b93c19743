"""What a report of a session reads of the market: findings about its bars, and its opens.

Stays out: the book (``report_day``, ``report_backtest``).
"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from stocker_pipeline.analytics.day_values import DayFinding
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import FINDINGS, JUDGEMENTS


def findings_of(
    lake: Lake, symbols: Sequence[str], first: date, last: date
) -> tuple[list[DayFinding], str]:
    """What the quality gate says of the bars of a range, and why nothing where nobody judged."""
    if lake.read(JUDGEMENTS).num_rows == 0:
        return [], "The bars of this lake were not judged yet: run stocker ingest."
    rows = lake.read(FINDINGS, symbols=symbols, first=first, last=last).to_pylist()
    names = ("symbol", "session", "rule", "severity", "evidence", "treatment")
    found = [DayFinding(**{name: row[name] for name in names}) for row in rows]
    order = {"quarantined": 0, "flagged": 1}
    return sorted(found, key=lambda f: (order.get(f.treatment, 2), f.symbol, f.rule)), ""


def opens_on(panel: Panel | None, session: date) -> Mapping[str, float]:
    """The open of each symbol on a session, in the basis of its fills; a symbol without a bar
    is left out.
    """
    if panel is None or np.datetime64(session, "D") not in panel.sessions:
        return {}
    opens = panel.market.open[panel.row_of(session)]
    return {
        symbol: float(opens[j]) for j, symbol in enumerate(panel.symbols) if not np.isnan(opens[j])
    }
