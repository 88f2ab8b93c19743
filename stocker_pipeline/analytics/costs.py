"""What trading cost: commissions and slippage, and how much was traded.

Costs that the book does not know (borrowing, interest, taxes) stay out; so do forecasts of costs.
"""

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.record import (
    TrackRecord,
    coded_symbols,
    days_of,
    floats_of,
    integers_of,
)


def traded_notional(record: TrackRecord) -> np.ndarray:
    """Dollars bought plus dollars sold, one value per fill."""
    return np.abs(integers_of(record.fills, "quantity") * floats_of(record.fills, "price"))


def slippage_of_fills(record: TrackRecord) -> np.ndarray | None:
    """Dollars lost against the open of the session, one value per fill; positive is a loss.

    ``quantity · (price − open)`` with the quantity signed. On the adjusted basis the open is
    ``open · (adj_close/close)`` (ENGINE E21).

    Returns:
        None where bars were not given, or a fill has no bar on its session: part of the slippage
        would pass for all of it.
    """
    if not record.fills.num_rows:
        return np.empty(0)
    if record.bars is None or not record.bars.num_rows:
        return None
    at_open = _opens_at_fills(record, record.bars)
    if not np.isfinite(at_open).all():
        return None
    price = floats_of(record.fills, "price")
    return integers_of(record.fills, "quantity") * (price - at_open)


def total_by_session(record: TrackRecord, of_fills: np.ndarray) -> np.ndarray:
    """Sum of a number per fill on each session of the record."""
    rows = record.session_rows(record.fills)
    return np.bincount(rows, weights=of_fills, minlength=len(record.sessions))


def _opens_at_fills(record: TrackRecord, bars: pa.Table) -> np.ndarray:
    """The open that each fill is measured against; NaN where its session has no bar."""
    opens = floats_of(bars, "open")
    if record.price_basis == "adjusted":
        opens = opens * (floats_of(bars, "adj_close") / floats_of(bars, "close"))
    bar_codes, names = coded_symbols(bars)
    code_of = {name: code for code, name in enumerate(names)}
    fill_codes, traded = coded_symbols(record.fills)
    # -1 for a symbol without any bar: such a key is found nowhere.
    fill_codes = np.array([code_of.get(name, -1) for name in traded], np.int64)[fill_codes]
    bar_keys = _keys(bar_codes, days_of(bars))
    fill_keys = _keys(fill_codes, days_of(record.fills))
    order = np.argsort(bar_keys, kind="stable")
    at = order[np.minimum(np.searchsorted(bar_keys, fill_keys, sorter=order), len(order) - 1)]
    return np.where(bar_keys[at] == fill_keys, opens[at], np.nan)


def _keys(codes: np.ndarray, days: np.ndarray) -> np.ndarray:
    """One integer per (symbol, day); a day number fits in 31 bits."""
    return codes * 2**32 + days.astype(np.int64) + 2**31
