"""The bars of all symbols as aligned arrays, and each bar's neighbours on its own share basis.

One symbol after another, oldest first, so that a rule is a few vectorised lines over every symbol
at once. Stays out: any judgement.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

_FIELDS = ("code", "session", "open", "high", "low", "close", "volume", "adj_close")


@dataclass(frozen=True, eq=False)
class Events:
    """Corporate actions, sorted by symbol and session.

    Attributes:
        code: Symbol, as its place in ``Series.names``.
        session: Row of the calendar on which it takes effect.
        split: New shares per old share, 1 = none.
        dividend: Dollars per post-split share, 0 = none.
    """

    code: np.ndarray
    session: np.ndarray
    split: np.ndarray
    dividend: np.ndarray


@dataclass(frozen=True, eq=False)
class Series:
    """Bars of every symbol, sorted by symbol and session, unique.

    Attributes:
        names: Symbols, sorted.
        calendar: Sessions, datetime64[D]; ``session`` holds its row numbers.
        code: Symbol of each bar, as its place in ``names``.
        session: Session of each bar, as its row of ``calendar``.
        open, high, low, close: Dollars as traded; NaN = null. In ``kept`` series possibly cleaner.
        volume: Shares as traded; NaN = null.
        adj_close: Adjusted close in dollars; NaN = null.
        events: Corporate actions.
        hole_sessions_long: From this many sessions without a bar on, the bar before a hole is no
            neighbour any more: it may be of another security.
    """

    names: tuple[str, ...]
    calendar: np.ndarray
    code: np.ndarray
    session: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    adj_close: np.ndarray
    events: Events
    hole_sessions_long: int

    def __len__(self) -> int:
        return len(self.code)

    def kept(self, rows: np.ndarray) -> Self:
        """The same series without the rows whose mask is False; neighbours close up."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _FIELDS})

    @cached_property
    def days(self) -> np.ndarray:
        """Session of each bar, datetime64[D]."""
        return self.calendar[self.session]

    @cached_property
    def first_of_symbol(self) -> np.ndarray:
        """Whether a bar is its symbol's first."""
        first = np.ones(len(self), dtype=bool)
        first[1:] = self.code[1:] != self.code[:-1]
        return first

    @cached_property
    def hole(self) -> np.ndarray:
        """Sessions without a bar just before each bar; 0 at a symbol's first bar."""
        missing = np.zeros(len(self), dtype=np.int64)
        missing[1:] = self.session[1:] - self.session[:-1] - 1
        return np.where(self.first_of_symbol, 0, missing)

    @cached_property
    def starts(self) -> np.ndarray:
        """Whether no bar before belongs to the same security, as far as the file shows."""
        return self.first_of_symbol | (self.hole >= self.hole_sessions_long)

    @cached_property
    def start_row(self) -> np.ndarray:
        """Row of the first bar of each bar's security."""
        rows = np.where(self.starts, np.arange(len(self)), 0)
        return np.maximum.accumulate(rows) if len(self) else rows

    @cached_property
    def last_of_symbol(self) -> np.ndarray:
        """Whether a bar is its symbol's last."""
        last = np.ones(len(self), dtype=bool)
        last[:-1] = self.code[1:] != self.code[:-1]
        return last

    @cached_property
    def _actions(self) -> tuple[np.ndarray, np.ndarray]:
        """Split and dividend since the bar before, on each bar's share basis (ENGINE E4)."""
        split, dividend = np.ones(len(self)), np.zeros(len(self))
        if len(self) == 0 or len(self.events.code) == 0:
            return split, dividend
        width = len(self.calendar) + 1
        keys = self.code * width + self.session
        at = np.searchsorted(keys, self.events.code * width + self.events.session)
        inside = at < len(self)
        inside[inside] = self.code[at[inside]] == self.events.code[inside]
        for bar, new, cash in zip(
            at[inside].tolist(),
            self.events.split[inside].tolist(),
            self.events.dividend[inside].tolist(),
            strict=True,
        ):
            split[bar] *= new
            dividend[bar] = dividend[bar] / new + cash
        # What happened before a security's first bar is in its price already.
        return np.where(self.starts, 1.0, split), np.where(self.starts, 0.0, dividend)

    @property
    def split(self) -> np.ndarray:
        """New shares per old share since the bar before."""
        return self._actions[0]

    @property
    def dividend(self) -> np.ndarray:
        """Dollars per share of this bar's basis since the bar before."""
        return self._actions[1]

    def before(self, values: np.ndarray) -> np.ndarray:
        """Each bar's value of the bar before, as it is; NaN where there is none."""
        shifted = np.full(len(self), np.nan)
        shifted[1:] = values[:-1]
        return np.where(self.starts, np.nan, shifted)

    def after(self, values: np.ndarray) -> np.ndarray:
        """Each bar's value of the bar after, as it is; NaN where there is none."""
        shifted = np.full(len(self), np.nan)
        ends = np.ones(len(self), dtype=bool)
        shifted[:-1], ends[:-1] = values[1:], self.starts[1:]
        return np.where(ends, np.nan, shifted)

    def log_before(self, prices: np.ndarray) -> np.ndarray:
        """Log of the price of the bar before, on this bar's basis and without its dividend."""
        return _log(self.before(prices) / self.split - self.dividend)

    def log_after(self, prices: np.ndarray) -> np.ndarray:
        """Log of the price of the bar after, with its dividend, on this bar's basis."""
        return _log((self.after(prices) + self.after(self.dividend)) * self.after(self.split))

    @cached_property
    def log_close(self) -> np.ndarray:
        """Log of the close."""
        return _log(self.close)

    @cached_property
    def log_open(self) -> np.ndarray:
        """Log of the open."""
        return _log(self.open)

    @cached_property
    def log_close_before(self) -> np.ndarray:
        """Log of the close before, on this bar's basis; NaN where there is none."""
        return self.log_before(self.close)

    @cached_property
    def log_open_after(self) -> np.ndarray:
        """Log of the next open, on this bar's basis; NaN where there is none."""
        return self.log_after(self.open)

    @cached_property
    def log_close_after(self) -> np.ndarray:
        """Log of the next close, on this bar's basis; NaN where there is none."""
        return self.log_after(self.close)


def _log(prices: np.ndarray) -> np.ndarray:
    logs = np.full(len(prices), np.nan)
    np.log(prices, out=logs, where=prices > 0)
    return logs
