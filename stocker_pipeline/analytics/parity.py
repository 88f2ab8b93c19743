"""Where a paper book and its backtest twin part, split by cause, in integers.

A net asset value is what every trade has made since: a gap between two books is what the trades
made in which they differ. Each differing trade has a cause; its shares then earn for that cause
until the books hold the same again. Pure. Stays out: where the two books come from.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date


class GapCause(enum.StrEnum):
    """Why the two books differ."""

    DATA = "data"
    TIMING = "timing"
    PRICE = "price"
    OVERRIDES = "overrides"
    MISSED_TRADES = "missed_trades"
    ROUNDING = "rounding"

    @property
    def meaning(self) -> str:
        """One sentence for a reader who has never seen the name."""
        return _MEANING[self]


_MEANING = {
    GapCause.DATA: "bars that are known now were not known, or were others, when it was decided",
    GapCause.TIMING: "a trade happened in another session than the one that decided it",
    GapCause.PRICE: "fills at another price, or with another commission, than the backtest's",
    GapCause.OVERRIDES: "a person's override, a limit or a lock changed or stopped the order",
    GapCause.MISSED_TRADES: "the session was not decided, or its order was not filled",
    GapCause.ROUNDING: "what is left: fractions of dividends and of splits",
}


@dataclass(frozen=True)
class Trade:
    """All fills of a symbol in a session.

    Attributes:
        quantity: Signed shares.
        notional_e4: Sum of signed shares times price, 1/10,000 dollar.
    """

    quantity: int = 0
    notional_e4: int = 0
    commission_e4: int = 0


@dataclass(frozen=True)
class SymbolDay:
    """One symbol in one session, on both sides.

    Attributes:
        mark_e4: The session's mark of both books.
        split_new, split_old: Product of the session's splits.
        dividend_e4: Dollars per post-split share, times 10,000.
        cause: Why the two trades differ, if they do and the books held the same before.
    """

    symbol: str
    mark_e4: int
    paper: Trade
    twin: Trade
    cause: GapCause
    split_new: int = 1
    split_old: int = 1
    dividend_e4: int = 0


@dataclass(frozen=True)
class Gap:
    """The two values of one session and where their difference comes from, 1/10,000 dollar.

    The causes sum to ``nav_e4 − twin_nav_e4`` exactly: rounding is what is left.
    """

    session: date
    nav_e4: int
    twin_nav_e4: int
    causes: Mapping[GapCause, int]

    @property
    def gap_e4(self) -> int:
        """How much more the paper book is worth."""
        return self.nav_e4 - self.twin_nav_e4


@dataclass
class _Difference:
    """Shares of a symbol that one book holds and the other does not, and whose fault that is."""

    cause: GapCause = GapCause.DATA
    shares: int = 0
    mark_e4: int = 0


@dataclass
class Attribution:
    """Walks both books side by side; one call per session, in order."""

    _differences: dict[str, _Difference] = field(default_factory=dict)
    _earned: dict[GapCause, int] = field(
        default_factory=lambda: dict.fromkeys((cause for cause in GapCause), 0)
    )

    def session(
        self, session: date, nav_e4: int, twin_nav_e4: int, symbols: Sequence[SymbolDay]
    ) -> Gap:
        """The gap at the close of the next session."""
        for day in symbols:
            self._carry(day)
            self._trade(day)
        causes: dict[GapCause, int] = {
            cause: earned
            for cause, earned in self._earned.items()
            if cause is not GapCause.ROUNDING
        }
        causes[GapCause.ROUNDING] = nav_e4 - twin_nav_e4 - sum(causes.values())
        return Gap(session, nav_e4, twin_nav_e4, causes)

    def _carry(self, day: SymbolDay) -> None:
        """What the shares held apart earn from the last mark to this one."""
        held = self._differences.get(day.symbol)
        if held is None or held.shares == 0:
            return
        before = held.shares * held.mark_e4
        if day.split_new != day.split_old:
            held.shares = _truncated(held.shares * day.split_new, day.split_old)
        earned = held.shares * (day.mark_e4 + day.dividend_e4) - before
        self._earned[held.cause] += earned
        held.mark_e4 = day.mark_e4

    def _trade(self, day: SymbolDay) -> None:
        paper, twin = day.paper, day.twin
        extra = paper.quantity - twin.quantity
        held = self._differences.setdefault(day.symbol, _Difference())
        if extra:
            if held.shares == 0:
                held.cause = day.cause
            # The shares in which the trades differ, at the price at which they were traded.
            side = paper if twin.quantity == 0 else twin
            cost = _share(side.notional_e4, extra, side.quantity)
            self._earned[held.cause] += extra * day.mark_e4 - cost
            held.shares += extra
            held.mark_e4 = day.mark_e4
            expected = twin.notional_e4 + cost
        else:
            expected = twin.notional_e4
        commission = paper.commission_e4 - twin.commission_e4
        self._earned[GapCause.PRICE] += expected - paper.notional_e4
        missed = extra and (paper.quantity == 0 or twin.quantity == 0)
        self._earned[held.cause if missed else GapCause.PRICE] -= commission


def _truncated(numerator: int, denominator: int) -> int:
    size = abs(numerator) // denominator
    return size if numerator >= 0 else -size


def _share(notional: int, part: int, whole: int) -> int:
    """``notional · part / whole``, rounded to the nearest."""
    numerator = 2 * notional * part + whole
    return numerator // (2 * whole)
