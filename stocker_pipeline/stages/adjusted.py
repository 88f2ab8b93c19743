"""The adjusted closes of one symbol on one basis, however many retrievals they came in.

A vendor divides by every split and dividend up to the day on which it answers. So an adjusted
close that was fetched before a dividend and one that was fetched after it do not compare: between
them the dividend is missing, or a split is a fall of the price. Inside one retrieval the vendor's
word is taken; from one to the next the series grows by the close and our own corporate actions.
The earliest retrieval keeps its numbers, so that nothing a book was traded on moves when bars are
added. This comes before verdicts: what a person replaces follows the bar it replaces. Stays out:
what the gate thinks of an adjusted series (``quality.adjusted``).
"""

import numpy as np
import pyarrow as pa

from stocker_pipeline.lake.versions import row_keys

BASIS_TOLERANCE = 1e-5
"""Relative. Two retrievals that differ by less at their seam are on the same basis: vendors print
six digits and more, and a dividend below a thousandth of a percent is none."""


def on_one_basis(bars: pa.Table, actions: pa.Table) -> pa.Table:
    """The bars, with those of later retrievals scaled to the basis of the first one.

    Args:
        bars: Columns of the table ``bars``, sorted by (symbol, session), none withdrawn.
        actions: Columns of the table ``corporate_actions``.
    """
    if bars.num_rows == 0 or bars["adj_close"].null_count == bars.num_rows:
        return bars
    bar_rows, retrievals = _codes(bars), row_keys([bars], ("source", "known_at"))[0]
    again = np.diff(bar_rows, prepend=-1) == 0
    seam = again & (np.diff(retrievals, prepend=retrievals[0]) != 0)
    if not seam.any():
        return bars
    close, adjusted = bars["close"].to_numpy(), bars["adj_close"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = adjusted / close
        step = factor[1:] / factor[:-1]
        # By CRSP: S/(1 − D/close before), S new shares per old, D dollars per new share.
        link = np.append(1.0, _due(bars, actions, close)[1:] / step)
    off = seam & np.isfinite(link) & (link > 0) & (np.abs(link - 1) > BASIS_TOLERANCE)
    if not off.any():
        return bars
    links = np.where(off, link, 1.0)
    starts = np.flatnonzero(~again)
    scale = np.concatenate([np.cumprod(part) for part in np.split(links, starts[1:])])
    place = bars.schema.get_field_index("adj_close")
    scaled = pa.array(adjusted * scale, pa.float64(), from_pandas=True)
    return bars.set_column(place, bars.schema.field(place), scaled)


def _codes(bars: pa.Table) -> np.ndarray:
    """A number per symbol, in the order of the rows."""
    return bars["symbol"].combine_chunks().dictionary_encode().indices.to_numpy()


def _due(bars: pa.Table, actions: pa.Table, close: np.ndarray) -> np.ndarray:
    """By what the factor adjusted/raw close steps on each bar because of actions since the last."""
    due = np.ones(bars.num_rows)
    shares = np.ones(bars.num_rows)
    names, days = (
        bars["symbol"].combine_chunks(),
        bars["session"].to_numpy().astype("datetime64[D]"),
    )
    codes = names.dictionary_encode()
    place = {name: code for code, name in enumerate(codes.dictionary.to_pylist())}
    starts = np.searchsorted(codes.indices.to_numpy(), np.arange(len(place) + 1))
    for action in actions.select(["symbol", "session", "split", "dividend"]).to_pylist():
        code = place.get(action["symbol"])
        if code is None:
            continue
        first, end = starts[code], starts[code + 1]
        row = first + int(np.searchsorted(days[first:end], np.datetime64(action["session"])))
        if first < row < end:
            shares[row] *= action["split"]
            paid = action["dividend"] * shares[row] / close[row - 1]
            if paid < 1:
                due[row] *= action["split"] / (1 - paid)
    return due
