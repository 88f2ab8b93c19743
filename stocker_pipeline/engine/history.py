"""Past prices as a strategy may see them: own bars up to the previous session, read-only.

``PriceHistory`` serves a whole range of sessions, ``PriceWindow`` one of them. Both end before the
session they decide for; there is no way from here to a later bar.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit

from stocker_pipeline.engine.signals import bar_counts, compress, is_dense


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


@njit(cache=True, error_model="numpy")
def _growth_while_member(index: np.ndarray, member: np.ndarray, book_start: int) -> np.ndarray:
    """Value before each row of a dollar that is in a symbol on the sessions of its membership."""
    sessions, symbols = index.shape
    growth = np.ones((sessions, symbols))
    newest = np.full(symbols, np.nan)
    for t in range(sessions - 1):
        for j in range(symbols):
            growth[t + 1, j] = growth[t, j]
            if np.isnan(index[t, j]):
                continue
            if t >= book_start and member[t, j] and not np.isnan(newest[j]):
                growth[t + 1, j] *= index[t, j] / newest[j]
            newest[j] = index[t, j]
    return growth


@dataclass(frozen=True)
class PriceWindow:
    """What a strategy knows when it decides one session.

    Attributes:
        symbols: Column names.
        values: The signal series (total return, or adjusted close on the adjusted basis) on own
            bars, ``[window, symbols]``, newest last, NaN in front where a symbol is younger.
        bars: Own bars in the window per symbol; 0 = no signal is possible (no bar at the previous
            session, or not in the universe).
        growth: Value today of one dollar put into each symbol at the portfolio's first session, or
            at the symbol's first bar if that came later; 1.0 before its first bar. Where the
            universe has dates, the dollar is in the symbol while that is a member, else in cash.
    """

    symbols: tuple[str, ...]
    values: np.ndarray
    bars: np.ndarray
    growth: np.ndarray


@dataclass(frozen=True)
class PriceHistory:
    """The signal series of a market, ``[sessions, symbols]``, for sessions ``first`` … ``last``.

    Attributes:
        symbols: Column names.
        index: The signal series on session rows, NaN = no bar. A row is known after its close.
        member: Whether a symbol is in the universe; one row for ever or one per session.
        first, last: Rows to decide for.
        book_start: Row of the portfolio's first session.
    """

    symbols: tuple[str, ...]
    index: np.ndarray
    member: np.ndarray
    first: int
    last: int
    book_start: int

    @cached_property
    def dense(self) -> bool:
        """Whether own rows and session rows are the same."""
        return is_dense(self.index)

    @cached_property
    def own(self) -> np.ndarray:
        """The series on own rows."""
        return self.index if self.dense else compress(self.index)

    @cached_property
    def counts(self) -> np.ndarray:
        """Own bars up to and including each session."""
        return bar_counts(self.index)

    def eligible(self, session: int) -> np.ndarray:
        """Symbols of the universe with a bar at the session before ``session``."""
        if session == 0:
            return np.zeros(len(self.symbols), dtype=bool)
        member = self.member[session if len(self.member) > 1 else 0]
        return member & ~np.isnan(self.index[session - 1])

    @cached_property
    def _anchor(self) -> np.ndarray:
        """Series value that counts as one dollar: at the close before the book starts, or first."""
        before = self.counts[self.book_start - 1] if self.book_start else 0 * self.counts[0]
        return self.own[np.maximum(before - 1, 0), np.arange(len(self.symbols))]

    @cached_property
    def _growth_by_row(self) -> np.ndarray:
        return _growth_while_member(self.index, self.member, self.book_start)

    def _growth(self, session: int, counts: np.ndarray) -> np.ndarray:
        if len(self.member) > 1:
            return self._growth_by_row[session]
        latest = self.own[np.maximum(counts - 1, 0), np.arange(len(self.symbols))]
        return np.where(counts > 0, latest / self._anchor, 1.0)

    def window(self, session: int, length: int) -> PriceWindow:
        """The window for deciding ``session``: at most ``length`` own bars of each symbol."""
        symbols = len(self.symbols)
        counts = self.counts[session - 1] if session else np.zeros(symbols, np.int32)
        bars = np.where(self.eligible(session), np.minimum(counts, length), 0)
        offset = np.arange(length)[:, None] - length
        rows = counts[None, :] + offset
        seen = (offset >= -bars[None, :]) & (rows >= 0)
        values = self.own[np.where(seen, rows, 0), np.arange(symbols)[None, :]]
        return PriceWindow(
            self.symbols,
            _read_only(np.where(seen, values, np.nan)),
            _read_only(bars),
            _read_only(self._growth(session, counts)),
        )
